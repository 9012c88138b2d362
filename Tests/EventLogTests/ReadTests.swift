import EventLog
import Events
import Foundation
import Synchronization
import Testing

@Suite struct ReadTests {
    private func filled(segmentBytes: Int64, commits: Int = 30) throws -> LogFolder {
        let folder = try LogFolder()
        try folder.open(segmentBytes: segmentBytes) { log throws in
            for commit in 0..<commits {
                var batch = AppendBatch((0...commit % 4).map { "\(commit)-\($0)" })
                if commit % 3 == 0 { batch.add("bought \(commit)", to: .purchases) }
                _ = try log.appendAndWait(batch)
            }
        }
        return folder
    }

    @Test(arguments: [64 << 20, 500, 1] as [Int64])
    func segmentsRollWithoutATrace(_ segmentBytes: Int64) throws {
        let whole = try filled(segmentBytes: 64 << 20)
        let rolled = try filled(segmentBytes: segmentBytes)
        if segmentBytes < 1_000 { #expect(try rolled.segments("clicks/0").count > 3) }
        let expected = try whole.open {
            try $0.everything().map { [$0.text, "\($0.partition)", "\($0.offset)", "\($0.commit)"] }
        }
        let found = try rolled.open(segmentBytes: segmentBytes) {
            try $0.everything().map { [$0.text, "\($0.partition)", "\($0.offset)", "\($0.commit)"] }
        }
        #expect(found == expected)
    }

    @Test(arguments: [64 << 20, 500] as [Int64])
    func aReaderStartsAtAnyFrame(_ segmentBytes: Int64) throws {
        let folder = try filled(segmentBytes: segmentBytes)
        try folder.open(segmentBytes: segmentBytes) { log throws in
            let all = try log.everything([.clicks])
            let end = log.cut().offsets
            for partition in 0..<2 {
                let mine = all.filter { $0.partition.partition == partition }
                var starts: Set<Int64> = []
                for (index, record) in mine.enumerated() where index == 0 || record.commit != mine[index - 1].commit {
                    starts.insert(record.offset)
                }
                for offset in 0...end[.clicks, partition] {
                    var from = LogOffsets(partitions: 2)
                    from[.clicks, 0] = end[.clicks, 0]
                    from[.clicks, 1] = end[.clicks, 1]
                    from[.clicks, partition] = offset
                    let consumer = try LogConsumer(log, topics: [.clicks], from: from)
                    if starts.contains(offset) || offset == end[.clicks, partition] {
                        #expect(try consumer.rest(before: log.cut()) == mine.filter { $0.offset >= offset })
                        #expect(consumer.offsets == end.onlyClicks)
                    } else {
                        guard case .damaged = try logError({ _ = try consumer.rest(before: log.cut()) }) else {
                            Issue.record("offset \(offset) is inside a frame")
                            return
                        }
                    }
                }
            }
        }
    }

    @Test func consumersSeeOneOrderHoweverFarTheyReadAtATime() throws {
        let folder = try LogFolder()
        try folder.open(segmentBytes: 700) { log throws in
            let stepwise = try LogConsumer(log, topics: Topic.allCases, from: LogOffsets(partitions: 2))
            var seen: [Stored] = []
            for commit in 0..<40 {
                var batch = AppendBatch((0..<5).map { "\(commit)-\($0)" }, topic: Topic.events[commit % 7])
                batch.add("also \(commit)", to: .stock)
                _ = try log.appendAndWait(batch)
                if commit % 3 == 0 { seen += try stepwise.rest(before: log.cut()) }
            }
            seen += try stepwise.rest(before: log.cut())
            let all = try log.everything()
            #expect(seen == all)
            #expect(all.count == 240)
            #expect(
                zip(all, all.dropFirst()).allSatisfy {
                    ($0.commit, $0.partition.topic.rawValue, $0.partition.partition, $0.offset) < (
                        $1.commit, $1.partition.topic.rawValue, $1.partition.partition, $1.offset
                    )
                })
        }
    }

    @Test func everyCutIsConsistentWhileWritersWrite() async throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path, segmentBytes: 20_000)
        defer { withExtendedLifetime(folder) { log.close() } }
        let isDone = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withThrowingTaskGroup(of: Void.self) { writers in
                    for writer in 0..<4 {
                        writers.addTask {
                            for i in 0..<100 {
                                var batch = AppendBatch(["\(writer) \(i)"])
                                batch.add("\(writer) \(i)", to: .purchases)
                                _ = try await log.append(batch)
                            }
                        }
                    }
                    try await writers.waitForAll()
                }
                isDone.raise()
            }
            group.addTask {
                var last: Int64 = 0
                repeat {
                    let cut = log.cut()
                    #expect(cut.commit >= last)
                    last = cut.commit
                    let clicks = cut.offsets.records(in: .clicks)
                    #expect(clicks == cut.offsets.records(in: .purchases))
                    #expect(cut.totals.accepted == 2 * clicks && cut.totals.received == 2 * clicks)
                    let read = try log.everything(before: cut)
                    #expect(read.count == Int(2 * clicks))
                    #expect(read.last?.commit ?? 0 == cut.commit)
                    // The writers need one of the few threads that tasks share.
                    await Task.yield()
                } while !isDone.isRaised
            }
            try await group.waitForAll()
        }
        #expect(log.cut().totals.accepted == 800)
    }

    @Test func offsetsSurviveTheirText() throws {
        var offsets = LogOffsets(partitions: 3)
        for (index, partition) in offsets.all.enumerated() { offsets[partition] = Int64(index * index) }
        offsets[.stock, 2] = .max
        #expect(LogOffsets(offsets.description) == offsets)
        #expect(offsets.description.hasPrefix("clicks:0,1,4 searches:9,16,25 "))
        #expect(LogOffsets(LogOffsets(partitions: 1).description) == LogOffsets(partitions: 1))
        let good = LogOffsets(partitions: 2).description
        for bad in [
            "", " ", "clicks", "clicks:", "clicks:1,2", good + " more:1,2", good + " clicks:1,2",
            good.replacingOccurrences(of: "stock:0,0", with: "stock:0"),
            good.replacingOccurrences(of: "stock:0,0", with: "stock:0,-1"),
            good.replacingOccurrences(of: "stock:0,0", with: "stock:0,,0"),
            good.replacingOccurrences(of: "stock:0,0", with: "stock:0,x"),
            good.replacingOccurrences(of: "stock:0,0", with: "stock:0,9223372036854775808"),
            good.replacingOccurrences(of: " stock:0,0", with: ""),
        ] {
            #expect(LogOffsets(bad) == nil, "\(bad)")
        }
        var more = offsets
        more[.clicks, 0] += 1
        #expect(more.covers(offsets) && !offsets.covers(more) && offsets.covers(offsets))
    }

    @Test func offsetsOfAnotherNumberOfPartitionsAreRefused() throws {
        try LogFolder().open { log throws in
            guard
                case .incompatible = try logError({
                    _ = try LogConsumer(log, topics: [.clicks], from: LogOffsets(partitions: 3))
                })
            else { throw LogError.closed }
        }
    }

    @Test func aLockedFolderNamesItsOwner() throws {
        let folder = try LogFolder()
        let lock = try FolderLock(folder: folder.path, owner: "the first")
        guard case .inUse(_, let owner) = try logError({ _ = try FolderLock(folder: folder.path, owner: "b") }) else {
            throw LogError.closed
        }
        #expect(owner == "the first" && lock.path == folder.path + "/LOCK")
        withExtendedLifetime(lock) {}
    }
}

extension LogOffsets {
    /// These offsets with all topics but clicks at 0.
    fileprivate var onlyClicks: LogOffsets {
        var only = LogOffsets(partitions: partitions)
        for partition in all where partition.topic == .clicks { only[partition] = self[partition] }
        return only
    }
}

/// A flag that one task raises for another.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
