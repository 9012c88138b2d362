import EventLog
import Events
import Foundation
import Testing

/// Records are overwritten for good; nothing else of the log changes, and an interrupted erasure is finished by the next.
struct ErasureTests {
    private static let person = "anna"

    /// A log of several segments in which every fifth event is Anna's.
    private func fill(_ folder: LogFolder, segmentBytes: Int64 = 4_096) throws {
        try folder.open(segmentBytes: segmentBytes) { log in
            for commit in 0..<40 {
                let batch = AppendBatch(partitions: 2)
                for index in 0..<10 {
                    let user = index % 5 == 0 ? Self.person : "user-\(index)"
                    batch.add(
                        "{\"user_id\":\"\(user)\",\"n\":\(commit * 10 + index)}", to: index % 2 == 0 ? .clicks : .carts)
                }
                batch.quarantine(Array("user=\(commit % 8 == 0 ? Self.person : "berta")".utf8))
                _ = try log.appendAndWait(batch)
            }
        }
    }

    private func places(_ log: EmbeddedLog) throws -> LogPlaces {
        let person = try #require(PersonID(Self.person))
        return try log.places { topic, record in
            guard topic == .quarantine else { return person.isIn(accepted: record) }
            return QuarantineRecord.decode(record).map { person.isIn(rejected: $0.raw) } ?? false
        }
    }

    private func mentions(_ folder: LogFolder) throws -> [String] {
        try folder.contents().filter { $0.value.firstRange(of: Array(Self.person.utf8)) != nil }.map(\.key).sorted()
    }

    private func rest(_ log: EmbeddedLog) throws -> [Stored] {
        let consumer = try log.consumer(of: Topic.allCases, from: try log.start().offsets)
        var found: [Stored] = []
        while try consumer.next(
            before: log.cut(),
            { frame in
                let (header, partition) = (frame.header, frame.partition)
                try frame.forEachRecord { offset, raw in
                    found.append(
                        Stored(
                            partition: partition, offset: offset, commit: header.commit, receivedAt: header.receivedAt,
                            text: String(decoding: raw, as: UTF8.self)))
                }
            })
        {}
        return found
    }

    @Test func whatIsErasedIsNowhereAndNothingElseMoves() throws {
        let folder = try LogFolder()
        try fill(folder)
        #expect(try folder.segments().count > 3)
        #expect(try !mentions(folder).isEmpty)
        try folder.open(segmentBytes: 4_096) { log in
            let before = try rest(log)
            let cut = log.cut()
            let found = try places(log)
            #expect(found.count == 85)
            let report = try log.erase(found)
            #expect(report.records == [.clicks: 40, .carts: 40, .quarantine: 5])
            let after = try rest(log)
            #expect(after == before.filter { !$0.text.contains(Self.person) })
            #expect(log.cut() == cut)
            #expect(try log.erase(found) == LogErasureReport(), "a second time there is nothing to do")
            // The log takes events as before, also behind what was in memory.
            _ = try log.appendAndWait(AppendBatch(["{\"user_id\":\"carla\"}"]))
            #expect(try rest(log).last?.text == "{\"user_id\":\"carla\"}")
        }
        #expect(try mentions(folder) == [])
        let check = try LogCheck.run(folder: folder.path)
        #expect(check.isWhole)
        let left = try folder.open(segmentBytes: 4_096) { try rest($0) }
        #expect(left.count == 440 - 85 + 1)
    }

    @Test func aCrashAtAnyStepLeavesALogThatTheNextErasureFinishes() throws {
        let folder = try LogFolder()
        try fill(folder)
        let begin = try folder.contents()
        var stops = 0
        for stop in 0..<1_000 {
            try folder.restore(begin)
            let count = StepCount()
            let ended = try folder.open(segmentBytes: 4_096) { log -> Bool in
                let found = try places(log)
                do {
                    _ = try log.erase(found) { step throws(LogError) in
                        if count.next() == stop {
                            throw .system(operation: step, path: "here", code: 5, reason: "the machine stopped")
                        }
                    }
                    return true
                } catch let error as LogError {
                    guard case .system(_, "here", _, _) = error else { throw error }
                    return false
                }
            }
            // What is on disk now is what a crash leaves: the other process's appends and this one's erasure go on.
            #expect(try LogCheck.run(folder: folder.path).isWhole)
            try folder.open(segmentBytes: 4_096) { log in
                let before = try rest(log).filter { !$0.text.contains(Self.person) }
                _ = try log.erase(try places(log))
                #expect(try rest(log) == before)
                #expect(before.count == 440 - 85)
            }
            #expect(try mentions(folder) == [], "stopped at step \(stop)")
            if ended { break }
            stops += 1
        }
        #expect(stops > 10)
    }

    @Test func appendsGoOnWhileTheNewestSegmentIsExchanged() throws {
        let folder = try LogFolder()
        try fill(folder, segmentBytes: 64 << 20)
        try folder.open { log in
            let found = try places(log)
            try onThreads([
                { for n in 0..<300 { _ = try log.appendAndWait(AppendBatch(["{\"user_id\":\"dora\",\"n\":\(n)}"])) } },
                { _ = try log.erase(found) },
            ])
            #expect(try rest(log).filter { $0.text.contains("dora") }.count == 300)
        }
        #expect(try mentions(folder) == [])
        #expect(try LogCheck.run(folder: folder.path).isWhole)
    }

    @Test func aReaderThatHasTheNewestSegmentOpenGoesOnInTheNewFile() throws {
        let folder = try LogFolder()
        try fill(folder, segmentBytes: 64 << 20)
        try folder.open { log in
            let consumer = try log.consumer(of: Topic.events, from: log.cut().offsets)
            var seen: [String] = []
            func read() throws {
                while try consumer.next(
                    before: log.cut(), { try $0.forEachRecord { seen.append(String(decoding: $1, as: UTF8.self)) } })
                {}
            }
            func append(_ text: String) throws { _ = try log.appendAndWait(AppendBatch(["{\"user_id\":\"\(text)\"}"])) }
            try append("carla")
            try read()
            _ = try log.erase(try places(log))
            try append("dora")
            try append(Self.person)
            // The second time the newest bytes are no longer in memory either.
            _ = try log.erase(try places(log))
            try append("emma")
            try read()
            #expect(seen == ["carla", "dora", "emma"].map { "{\"user_id\":\"\($0)\"}" })
        }
    }

    @Test func anErasedEventThatComesAgainLeavesAPlaceAndNothingElse() throws {
        let folder = try LogFolder()
        try folder.open { log in
            let batch = AppendBatch(partitions: 2)
            batch.stamp = ProducerStamp(producer: "importer", sequence: 1)
            batch.received = 2
            batch.addErased(to: .clicks, key: KeyHash("a"))
            batch.addErased(to: .quarantine, key: KeyHash("a"))
            _ = try log.appendAndWait(batch)
            #expect(log.cut().totals.received == 2)
            #expect(log.cut().totals.accepted == 1)
            #expect(log.cut().totals.quarantined == 1)
            #expect(try rest(log) == [])
            // The sender's place moved on.
            let next = AppendBatch(["{}"], stamp: ProducerStamp(producer: "importer", sequence: 2))
            let receipt = try log.appendAndWait(next)
            #expect(!receipt.isRepeat)
        }
        #expect(try LogCheck.run(folder: folder.path).isWhole)
    }

    @Test func placesSurviveTheirForm() throws {
        var places = LogPlaces()
        for offset in [1, 2, 3, 9] { places.insert(Int64(offset), of: TopicPartition(.clicks, 1)) }
        places.insert(7, of: TopicPartition(.quarantine, 0))
        #expect(LogPlaces(texts: places.texts) == places)
        for bad in [["nothing/0": "1"], ["clicks": "1"], ["clicks/-1": "1"], ["clicks/0": "2-1"]] {
            #expect(LogPlaces(texts: bad) == nil)
        }
    }
}

/// Counts steps from any thread.
private final class StepCount: Sendable {
    private let lock = NSLock()
    // Guarded by the lock.
    nonisolated(unsafe) private var count = -1

    func next() -> Int {
        lock.withLock {
            count += 1
            return count
        }
    }
}
