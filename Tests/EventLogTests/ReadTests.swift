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
                let batch = AppendBatch((0...commit % 4).map { "\(commit)-\($0)" })
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
        if segmentBytes < 1_000 { #expect(try rolled.segments().count > 3) }
        let expected = try whole.open {
            try $0.everything().map { [$0.text, "\($0.partition)", "\($0.offset)", "\($0.commit)"] }
        }
        let found = try rolled.open(segmentBytes: segmentBytes) {
            try $0.everything().map { [$0.text, "\($0.partition)", "\($0.offset)", "\($0.commit)"] }
        }
        #expect(found == expected)
    }

    @Test(arguments: [64 << 20, 500, 1] as [Int64])
    func aConsumerStartsAtAnyOffset(_ segmentBytes: Int64) throws {
        let folder = try filled(segmentBytes: segmentBytes)
        try folder.open(segmentBytes: segmentBytes) { log throws in
            let all = try log.everything()
            let end = log.cut()
            var random = SeededGenerator(seed: 1)
            for round in 0..<300 {
                var from = LogOffsets(partitions: 2)
                for partition in from.all {
                    // Each partition somewhere else, most often inside a frame.
                    from[partition] = Int64.random(in: 0...end.offsets[partition], using: &random)
                }
                let topics = round % 3 == 0 ? Topic.allCases : Topic.allCases.filter { _ in random.chance(2) }
                let consumer = try log.consumer(of: topics, from: from)
                let expected = all.filter {
                    topics.contains($0.partition.topic) && $0.offset >= from[$0.partition]
                }
                #expect(try consumer.rest(before: end) == expected, "\(topics) from \(from)")
                for partition in from.all {
                    let isWanted = topics.contains(partition.topic)
                    #expect(consumer.offsets[partition] == (isWanted ? end.offsets : from)[partition])
                }
                #expect(consumer.lost == 0)
                #expect(try consumer.next(before: end) { _ in } == false)
            }
        }
    }

    @Test func aConsumerStopsAtItsCut() throws {
        let folder = try LogFolder()
        try folder.open(segmentBytes: 2_000) { log throws in
            var cuts = [log.cut()]
            for i in 0..<30 {
                let batch = AppendBatch((0..<3).map { "\(i)-\($0)" })
                batch.add("\(i)", to: .orders)
                _ = try log.appendAndWait(batch)
                cuts.append(log.cut())
            }
            let all = try log.everything()
            for (index, cut) in cuts.enumerated() {
                #expect(try log.everything(before: cut) == all.filter { $0.commit <= cut.commit })
                for later in cuts[index...] {
                    let consumer = try log.consumer(of: Topic.allCases, from: cut.offsets)
                    let found = try consumer.rest(before: later)
                    #expect(found == all.filter { $0.commit > cut.commit && $0.commit <= later.commit })
                    #expect(consumer.offsets == later.offsets)
                    // An earlier cut has nothing for it, and takes it nowhere.
                    #expect(try consumer.rest(before: cut).isEmpty && consumer.offsets == later.offsets)
                }
            }
        }
    }

    @Test func aFrameWhoseReaderFailedIsHandedOutAgain() throws {
        struct Tired: Error {}
        try LogFolder().open { log throws in
            for i in 0..<5 { _ = try log.appendAndWait(AppendBatch(["\(i)"])) }
            let consumer = try log.consumer(of: [.clicks], from: LogOffsets(partitions: 2))
            var seen: [Int64] = []
            for round in 0..<10 {
                do {
                    _ = try consumer.next(before: log.cut()) { frame in
                        if round % 2 == 0 { throw Tired() }
                        seen.append(frame.header.commit)
                    }
                } catch is Tired {}
            }
            #expect(seen == [1, 2, 3, 4, 5])
        }
    }

    @Test func aCopyOfAFrameOutlivesItAndBeginsWhereTheConsumerDid() throws {
        try LogFolder().open { log throws in
            let batch = AppendBatch(partitions: 2)
            for i in 0..<10 { batch.add(Array("record \(i)".utf8), to: .carts, partition: 1) }
            _ = try log.appendAndWait(batch)
            var from = LogOffsets(partitions: 2)
            from[.carts, 1] = 4
            let consumer = try log.consumer(of: [.carts], from: from)
            let copy = FrameCopy()
            #expect(copy.isAtEnd)
            _ = try consumer.next(before: log.cut()) { try copy.load($0) }
            #expect(copy.partition == TopicPartition(.carts, 1) && copy.receivedAt == log.cut().receivedAt)
            var found: [String] = []
            while !copy.isAtEnd {
                let offset = copy.offset
                try copy.next {
                    #expect($0 == offset)
                    found.append(String(decoding: $1, as: UTF8.self))
                }
            }
            #expect(found == (4..<10).map { "record \($0)" })
        }
    }

    @Test func aTimeIsFoundAsABruteForceAnswerFindsIt() throws {
        let folder = try LogFolder()
        var random = SeededGenerator(seed: 4)
        var clock: Int64 = 1_000
        var cuts: [LogCut] = []
        for _ in 0..<12 {
            clock += Int64.random(in: 0...50, using: &random)
            try folder.open(segmentBytes: 3_000, clock: clock) { log throws in
                if cuts.isEmpty {
                    cuts.append(log.cut())
                    #expect(try log.cut(before: .max) == cuts[0] && log.start() == cuts[0])
                }
                for i in 0..<8 {
                    _ = try log.appendAndWait(AppendBatch(["\(i)"], topic: Topic.events[i % 7]))
                    cuts.append(log.cut())
                }
            }
        }
        try folder.open(segmentBytes: 3_000) { log throws in
            for instant in 900...(clock + 100) {
                let expected = cuts.last { $0.commit == 0 || $0.receivedAt < instant }
                #expect(try log.cut(before: instant) == expected, "\(instant)")
            }
            #expect(try log.cut(before: .max) == cuts.last && log.cut(before: .min) == cuts.first)
        }
    }

    @Test func consumersSeeOneOrderHoweverFarTheyReadAtATime() throws {
        let folder = try LogFolder()
        try folder.open(segmentBytes: 700) { log throws in
            let stepwise = try log.consumer(of: Topic.allCases, from: LogOffsets(partitions: 2))
            var seen: [Stored] = []
            for commit in 0..<40 {
                let batch = AppendBatch((0..<5).map { "\(commit)-\($0)" }, topic: Topic.events[commit % 7])
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
                                let batch = AppendBatch(["\(writer) \(i)"])
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
                    _ = try log.consumer(of: [.clicks], from: LogOffsets(partitions: 3))
                })
            else { throw LogError.closed }
        }
    }
}

/// A flag that one task raises for another.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
