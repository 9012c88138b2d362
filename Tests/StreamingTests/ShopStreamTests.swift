import EventLog
import Events
import Foundation
import Simulator
import Streaming
import Testing

@Suite struct ShopStreamTests {
    @Test func addsUpToWhatTheSimulatorSaysItSold() throws {
        let fixture = try StreamFixture(events: 60_000, duplicates: 0.02)
        let stream = try fixture.applied()
        var sum = SalesTotals()
        for cell in stream.dailyTotals() { sum += cell.totals }
        #expect(sum.orders == Int64(fixture.totals.orders))
        #expect(sum.units == Int64(fixture.totals.units))
        #expect(sum.revenue == Int128(fixture.totals.revenueCents) * 100)
        #expect(sum.clicks == Int64(fixture.totals[.click]))
        #expect(sum.carts == Int64(fixture.totals[.cart]))
        #expect(fixture.totals.duplicates > 500)
        #expect(stream.counters.duplicates == Int64(fixture.totals.duplicates))
        #expect(stream.counters.conflicts == 0)
    }

    @Test func aStateRestoredFromAnyCheckpointEndsTheSame() throws {
        let fixture = try StreamFixture(events: 30_000, duplicates: 0.05)
        let whole = StreamDigest(try fixture.applied())
        let cut = fixture.log.cut()
        // Stop after every few thousand events, restore, and go on to the end.
        for stop in stride(from: 1_000, to: 30_000, by: 4_000) {
            let first = try fixture.stream()
            let reader = try StreamReader(fixture.log, from: LogOffsets(partitions: 2), commit: 0)
            _ = try reader.read(before: cut, atLeast: stop) { first.apply($0, topic: $1) }
            let position = Checkpoint.Position(
                commit: reader.commit, offsets: reader.offsets, filterOffsets: LogOffsets(partitions: 2))
            try Checkpoint.save(first, position, to: fixture.settings.checkpointPath)
            let (second, restored) = StreamRunner.restore(fixture.log, fixture.settings) { Issue.record("\($0)") }
            #expect(restored == position)
            #expect(StreamDigest(second) == StreamDigest(first))
            let rest = try StreamReader(fixture.log, from: restored.offsets, commit: restored.commit)
            while try rest.read(before: cut, atLeast: 7_000, { second.apply($0, topic: $1) }) {}
            #expect(StreamDigest(second) == whole)
        }
    }

    @Test func aCheckpointAheadOfTheLogIsNotBelieved() throws {
        let fixture = try StreamFixture(events: 1_000)
        var ahead = fixture.log.cut().offsets
        ahead[.clicks, 0] += 1
        let position = Checkpoint.Position(
            commit: 99, offsets: ahead, filterOffsets: LogOffsets(partitions: 2))
        try Checkpoint.save(try fixture.applied(), position, to: fixture.settings.checkpointPath)
        var told: [String] = []
        let (_, start) = StreamRunner.restore(fixture.log, fixture.settings) { told.append($0) }
        #expect(told.first?.contains("ahead of the log") == true)
        #expect(start.commit == 0)
    }
}
