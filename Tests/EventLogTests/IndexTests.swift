import CBytes
import EventLog
import Events
import Foundation
import Testing

/// Finding an offset or a time by a segment's index, and without one.
@Suite struct IndexTests {
    private static let segmentBytes: Int64 = 5 << 20

    /// A log of a few segments of some mebibytes, closed.
    private func filled(seed: UInt64) throws -> LogFolder {
        let folder = try LogFolder()
        var random = SeededGenerator(seed: seed)
        var clock: Int64 = 1_000
        for _ in 0..<6 {
            // The writer's clock stands still, so that times lie close together, then jumps.
            clock += Int64.random(in: 0...2_000, using: &random)
            try folder.open(segmentBytes: Self.segmentBytes, clock: clock) { log throws in
                for i in 0..<25 {
                    let batch = AppendBatch(partitions: 2)
                    for _ in 0..<Int.random(in: 1...4, using: &random) {
                        let text = [UInt8](repeating: UInt8(97 + i), count: Int.random(in: 1...90_000, using: &random))
                        let topic = Topic.events[Int.random(in: 0..<7, using: &random)]
                        batch.add(text, to: topic, partition: Int.random(in: 0..<2, using: &random))
                    }
                    _ = try log.appendAndWait(batch)
                }
            }
        }
        return folder
    }

    /// Holds places and times of a log against the answers of a plain walk.
    private func check(
        _ log: EmbeddedLog, _ all: [Stored], _ cuts: [LogCut], _ random: inout SeededGenerator, rounds: Int = 40
    ) throws {
        for _ in 0..<rounds {
            let cut = try #require(cuts.randomElement(using: &random))
            var from = cut.offsets
            for partition in from.all where random.chance(4) {
                from[partition] = Int64.random(in: 0...log.cut().offsets[partition], using: &random)
            }
            let topics = Topic.events.filter { _ in random.chance(2) }
            let consumer = try log.consumer(of: topics, from: from)
            let first = all.first { topics.contains($0.partition.topic) && $0.offset >= from[$0.partition] }
            var found: Stored?
            let isThere = try consumer.next(before: log.cut()) { frame in
                try frame.forEachRecord { offset, raw in
                    guard found == nil else { return }
                    found = Stored(
                        partition: frame.partition, offset: offset, commit: frame.header.commit,
                        receivedAt: frame.header.receivedAt, text: String(decoding: raw, as: UTF8.self))
                }
            }
            #expect(isThere == (first != nil) && found == first)
            let instant = cut.receivedAt + Int64.random(in: -2...2, using: &random)
            let expected = cuts.last { $0.commit == 0 || $0.receivedAt < instant }
            #expect(try log.cut(before: instant) == expected)
        }
    }

    /// The state after every commit, by the records alone; events are all that these logs hold.
    private func cuts(_ all: [Stored]) -> [LogCut] {
        var cut = LogCut(commit: 0, offsets: LogOffsets(partitions: 2), totals: LogTotals(), receivedAt: 0)
        var cuts = [cut]
        for record in all {
            if record.commit != cut.commit { cuts.append(cut) }
            cut.commit = record.commit
            cut.receivedAt = record.receivedAt
            cut.offsets[record.partition] = record.offset + 1
            cut.totals.accepted += 1
            cut.totals.received += 1
            cuts[cuts.count - 1] = cut
        }
        return cuts
    }

    @Test func placesAndTimesAreFoundAsAWalkFindsThem() throws {
        let folder = try filled(seed: 1)
        try #require(try folder.segments().count > 3)
        var random = SeededGenerator(seed: 2)
        try folder.open(segmentBytes: Self.segmentBytes) { log throws in
            let all = try log.everything()
            try check(log, all, cuts(all), &random, rounds: 150)
        }
    }

    @Test func anIndexThatIsNotWholeOrNotItsOwnIsMadeAgain() throws {
        let folder = try filled(seed: 3)
        let other = try filled(seed: 4)
        let whole = try folder.contents()
        let indexes = whole.keys.filter { $0.hasSuffix(".index") }.sorted()
        try #require(indexes.count > 2)
        var random = SeededGenerator(seed: 5)
        let all = try folder.open(segmentBytes: Self.segmentBytes) { try $0.everything() }
        try folder.restore(whole)
        let foreign = try other.contents()
        for round in 0..<30 {
            for (number, name) in indexes.enumerated() {
                let bytes = whole[name] ?? []
                switch (round + number) % 6 {
                case 0: try? folder.remove(name)
                case 1: try folder.write(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)), to: name)
                case 2: try folder.write(foreign[name] ?? [], to: name)
                case 3: try folder.write(whole[indexes[(number + 1) % indexes.count]] ?? [], to: name)
                case 4: try folder.write(random.bytes(200), to: name)
                default:
                    var flipped = bytes
                    flipped[Int.random(in: 0..<bytes.count, using: &random)] ^= 1
                    try folder.write(flipped, to: name)
                }
            }
            try folder.open(segmentBytes: Self.segmentBytes) { log throws in
                try check(log, all, cuts(all), &random, rounds: 10)
            }
        }
        // Reading made what was missing, as it was written in the first place.
        for partition in [0, 1] {
            try folder.open(segmentBytes: Self.segmentBytes) { log throws in
                for cut in cuts(all) {
                    var from = cut.offsets
                    from[.clicks, partition] = 0
                    _ = try log.consumer(of: [.stock], from: from).next(before: log.cut()) { _ in }
                    _ = try log.cut(before: cut.receivedAt + 1)
                }
            }
        }
        for name in indexes { #expect(try folder.read(name) == whole[name], "\(name)") }
    }

    @Test func anIndexWhoseSumHoldsAndWhosePlacesDoNotMakesNoWrongAnswers() throws {
        let folder = try filled(seed: 6)
        let whole = try folder.contents()
        let all = try folder.open(segmentBytes: Self.segmentBytes) { try $0.everything() }
        let cuts = cuts(all)
        try folder.restore(whole)
        var named = 0
        for name in whole.keys.filter({ $0.hasSuffix(".index") }).sorted() {
            var bytes = whole[name] ?? []
            // The first point's position, behind a header of 32 bytes, lies 100 bytes further on.
            bytes[32] = bytes[32] &+ 100
            let sum = bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.map { cbytes_crc32c(0, $0 + 8, bytes.count - 8) } ?? 0
            }
            withUnsafeBytes(of: sum.littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
            try folder.write(bytes, to: name)
        }
        try folder.open(segmentBytes: Self.segmentBytes) { log throws in
            for cut in cuts {
                do {
                    let found = try log.consumer(of: Topic.events, from: cut.offsets).rest(before: log.cut())
                    #expect(found == all.filter { $0.commit > cut.commit })
                    #expect(try log.cut(before: cut.receivedAt + 1) == cut)
                } catch {
                    #expect(error is LogError)
                    named += 1
                }
            }
        }
        #expect(named > 0)
    }

    @Test(arguments: [true, false]) func whatLiesBeforeAPlaceIsNotReadToFindIt(_ isFinished: Bool) throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path, segmentBytes: isFinished ? 12 << 20 : 1 << 40)
        defer { withExtendedLifetime(folder) { log.close() } }
        var cuts: [LogCut] = []
        for i in 0..<100 {
            _ = try log.appendAndWait(AppendBatch(["\(i)" + String(repeating: "i", count: 150_000)]))
            cuts.append(log.cut())
        }
        let name = "segments/00000000000000000001.log"
        let frames = try folder.frames(name)
        let start = try #require(frames.first { $0.commit == 1 }).start
        let end = try #require(frames.first { $0.commit == 60 }).start
        let file = try #require(FileHandle(forUpdatingAtPath: folder.path + "/" + name))
        try file.seek(toOffset: UInt64(start))
        try file.write(contentsOf: Data(repeating: 0xee, count: end - start))
        try file.close()
        // A point of the index is never more than a mebibyte and a commit away.
        let consumer = try log.consumer(of: [.clicks], from: cuts[69].offsets)
        #expect(try consumer.rest(before: cuts[74]).map(\.commit) == [71, 72, 73, 74, 75])
        #expect(try log.cut(before: cuts[71].receivedAt) == cuts[70])
        let early = try log.consumer(of: [.clicks], from: cuts[10].offsets)
        #expect(throws: LogError.self) { _ = try early.rest(before: cuts[74]) }
    }
}
