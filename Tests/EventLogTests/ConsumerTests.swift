import EventLog
import Events
import Foundation
import Testing

@Suite struct ConsumerTests {
    /// What stands at an offset: anybody can tell it from the place alone.
    private static func record(_ partition: TopicPartition, _ offset: Int64) -> [UInt8] {
        let fill = Int(offset &* 7_919 &+ Int64(partition.topic.rawValue)) % 97
        let count = offset % 53 == 0 ? fill * 60 : fill
        return Array("\(partition)#\(offset)".utf8) + [UInt8](repeating: 0x2e, count: count)
    }

    /// The next commit: some records for some partitions, drawn by a seed and the commit's number.
    private static func batch(_ seed: UInt64, after cut: LogCut, partitions: Int) -> AppendBatch {
        var random = SeededGenerator(seed: seed &+ UInt64(cut.commit) &* 1_000_003)
        let batch = AppendBatch(partitions: partitions)
        for topic in Topic.events where random.chance(3) || (batch.isEmpty && topic == .stock) {
            for partition in 0..<partitions where random.chance(2) || (batch.isEmpty && partition == partitions - 1) {
                let first = cut.offsets[topic, partition]
                for offset in first..<(first + Int64.random(in: 1...9, using: &random)) {
                    batch.add(record(TopicPartition(topic, partition), offset), to: topic, partition: partition)
                }
            }
        }
        return batch
    }

    /// Reads from offsets until the log ends at `commits`, and holds every record against its place.
    private static func follow(
        _ log: EmbeddedLog, _ topics: [Topic], from: LogOffsets, until commits: Int64, _ random: inout SeededGenerator
    ) throws {
        let consumer = try log.consumer(of: topics, from: from)
        var next = from
        var last: (Int64, Int) = (-1, -1)
        var read: Int64 = 0
        while true {
            let cut = log.cut()
            while try consumer.next(
                before: cut,
                { frame in
                    let slot = Int(frame.partition.topic.rawValue) * 256 + frame.partition.partition
                    #expect(topics.contains(frame.partition.topic))
                    #expect(last < (frame.header.commit, slot) && frame.header.commit <= cut.commit)
                    last = (frame.header.commit, slot)
                    #expect(frame.firstOffset == next[frame.partition])
                    try frame.forEachRecord { offset, raw in
                        if offset != next[frame.partition] || Array(raw) != record(frame.partition, offset) {
                            Issue.record("\(frame.partition) at \(offset), where \(next[frame.partition]) comes next")
                        }
                        next[frame.partition] = offset + 1
                        read += 1
                    }
                })
            {}
            for partition in next.all where topics.contains(partition.topic) {
                #expect(next[partition] == max(from[partition], cut.offsets[partition]))
            }
            if cut.commit == commits { break }
            // Some follow closely, some fall far behind.
            let behind: Int64 = random.chance(3) ? Int64.random(in: 0...600, using: &random) : 0
            log.waitForCommit(after: min(commits - 1, cut.commit + behind), seconds: 10)
        }
        #expect(read > 0 && consumer.offsets == next)
    }

    @Test(arguments: [(3_000, 1 << 30), (3_000, 60_000), (800, 1)] as [(Int64, Int64)])
    func everyConsumerSeesExactlyWhatIsCommittedWhileItIsWritten(_ commits: Int64, _ segmentBytes: Int64) throws {
        let folder = try LogFolder()
        let partitions = 3
        let log = try EmbeddedLog(folder: folder.path, partitions: partitions, segmentBytes: segmentBytes)
        defer { withExtendedLifetime(folder) { log.close() } }
        let seed = UInt64(segmentBytes)
        // Some of the log is there before the readers come, and they begin inside its frames.
        for _ in 0..<200 { _ = try log.appendAndWait(Self.batch(seed, after: log.cut(), partitions: partitions)) }
        let begun = log.cut().offsets
        var works: [@Sendable () throws -> Void] = [
            {
                while log.cut().commit < commits {
                    _ = try log.appendAndWait(Self.batch(seed, after: log.cut(), partitions: partitions))
                }
            }
        ]
        for reader in 0..<8 {
            works.append {
                var random = SeededGenerator(seed: seed &+ UInt64(reader))
                var from = LogOffsets(partitions: partitions)
                if reader > 1 {
                    for partition in from.all {
                        from[partition] = Int64.random(in: 0...begun[partition], using: &random)
                    }
                }
                let topics = reader % 2 == 0 ? Topic.allCases : [Topic.events[reader % 7], .purchases]
                try Self.follow(log, topics, from: from, until: commits, &random)
            }
        }
        try onThreads(works)
    }

    @Test func aConsumerThatReadAReopenedLogToItsEndReadsOn() throws {
        let folder = try LogFolder()
        try folder.open { log throws in
            for i in 0..<10 { _ = try log.appendAndWait(AppendBatch(["\(i)"])) }
        }
        try folder.open { log throws in
            _ = try log.appendAndWait(AppendBatch(["10"]))
            let consumer = try log.consumer(of: [.clicks], from: LogOffsets(partitions: 2))
            #expect(try consumer.rest(before: log.cut()).count == 11)
            for i in 0..<10 {
                // It read the zeros behind the end along, and must not take them for what is there now.
                _ = try log.appendAndWait(AppendBatch(["more \(i)"]))
                #expect(try consumer.rest(before: log.cut()).map(\.text) == ["more \(i)"])
            }
        }
    }

    /// Turns a finished segment's events into noise, its head left as it is.
    private func spoil(_ folder: LogFolder, _ name: String) throws {
        var bytes = try folder.read(name)
        let head = try #require(StoredFrame.all(in: bytes).first)
        for at in head.end..<bytes.count { bytes[at] ^= 0x5a }
        try folder.write(bytes, to: name)
    }

    @Test func aConsumerThatSleptIsSentToItsPlaceAndNotThroughAllBetween() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path, segmentBytes: 20_000)
        defer { withExtendedLifetime(folder) { log.close() } }
        _ = try log.appendAndWait(AppendBatch(["before"], topic: .orders))
        let consumer = try log.consumer(of: [.orders], from: LogOffsets(partitions: 2))
        #expect(try consumer.rest(before: log.cut()).map(\.text) == ["before"])
        for i in 0..<2_500 {
            _ = try log.appendAndWait(AppendBatch(["\(i)"]))
            // It looks, as one that follows the log does, and finds nothing of its own.
            if i % 100 == 0 { #expect(try consumer.next(before: log.cut()) { _ in } == false) }
        }
        #expect(try consumer.next(before: log.cut()) { _ in } == false)
        let names = try folder.segments()
        try #require(names.count > 10)
        // Whoever walked through these would fail.
        for name in names.dropFirst(2).prefix(3) { try spoil(folder, name) }
        _ = try log.appendAndWait(AppendBatch(["after"], topic: .orders))
        #expect(try consumer.rest(before: log.cut()).map(\.text) == ["after"])
        let walker = try log.consumer(of: [.clicks], from: LogOffsets(partitions: 2))
        #expect(throws: LogError.self) { _ = try walker.rest(before: log.cut()) }
    }

    @Test func aSleeperFindsItsPlaceInOneLargeSegment() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path, segmentBytes: 1 << 40)
        defer { withExtendedLifetime(folder) { log.close() } }
        let consumer = try log.consumer(of: [.orders], from: LogOffsets(partitions: 2))
        let fill = String(repeating: "f", count: 2_000)
        for i in 0..<2_500 {
            if i % 1_200 == 1_199 {
                _ = try log.appendAndWait(AppendBatch(["order \(i)"], topic: .orders))
                #expect(try consumer.rest(before: log.cut()).map(\.text) == ["order \(i)"])
            }
            _ = try log.appendAndWait(AppendBatch(["\(i) " + fill]))
        }
        #expect(try consumer.next(before: log.cut()) { _ in } == false)
        #expect(try log.everything([.orders]).count == 2)
    }

    @Test func theLastCommitsAreReadFromMemory() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        let consumer = try log.consumer(of: [.clicks], from: LogOffsets(partitions: 2))
        _ = try log.appendAndWait(AppendBatch(["first"]))
        #expect(try consumer.rest(before: log.cut()).map(\.text) == ["first"])
        let name = folder.path + "/segments/00000000000000000001.log"
        for i in 0..<20 {
            // Several commits behind, too.
            let texts = (0...i).map { "\(i)-\($0)" }
            for text in texts { _ = try log.appendAndWait(AppendBatch([text])) }
            let end = try folder.frames("segments/00000000000000000001.log").last?.end ?? 0
            // Only for the moment of reading: in the file there is nothing.
            let bytes = try folder.read("segments/00000000000000000001.log")
            let file = try #require(FileHandle(forUpdatingAtPath: name))
            try file.write(contentsOf: Data(repeating: 0, count: end))
            #expect(try consumer.rest(before: log.cut()).map(\.text) == texts)
            try file.seek(toOffset: 0)
            try file.write(contentsOf: Data(bytes[..<end]))
            try file.close()
        }
        #expect(try log.everything().count == 211)
    }
}
