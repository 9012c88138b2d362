import EventLog
import Events
import Foundation
import Synchronization
import Testing

/// Random work on a log, held against a plain list of what it must contain.
@Suite struct ModelTests {
    /// A commit as the model knows it.
    private struct Commit {
        var receivedAt: Int64
        var received: Int64
        var records: [TopicPartition: [[UInt8]]]
        var stamp: ProducerStamp?
        var cut: LogCut
    }

    private final class Run {
        static let partitions = 3

        var random: SeededGenerator
        var folder: LogFolder
        var log: EmbeddedLog
        var commits: [Commit] = []
        var segmentBytes: Int64 = 1 << 30
        /// Segments that were there when the log was opened.
        var oldSegments: Set<String> = []
        let clock = TestClock()
        var undone = 0
        var repeats = 0

        init(seed: UInt64) throws {
            random = SeededGenerator(seed: seed)
            folder = try LogFolder()
            let clock = clock
            log = try EmbeddedLog(folder: folder.path, partitions: Run.partitions, segmentBytes: segmentBytes) {
                clock.now
            }
        }

        deinit { log.close() }

        var end: LogCut {
            let none = LogOffsets(partitions: Run.partitions)
            return commits.last?.cut ?? LogCut(commit: 0, offsets: none, totals: LogTotals(), receivedAt: 0)
        }

        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        func step() throws {
            // Clocks run, stand still and step back.
            clock.step(Int64(number(-50...200)))
            switch number(0...19) {
            case 0...8: try append()
            case 9: try repeatBatch()
            case 10: try appendTooEarly()
            case 11: try open(after: { self.log.close() })
            case 12, 13: try crash()
            case 14: try roll()
            case 15...17: try readSomewhere()
            default: try findTime()
            }
            #expect(log.cut() == end)
        }

        /// A batch for some of the partitions, and what the model makes of it.
        private func batch(_ stamp: ProducerStamp?) -> (AppendBatch, Commit) {
            let batch = AppendBatch(partitions: Run.partitions)
            batch.stamp = stamp
            var commit = Commit(
                receivedAt: max(clock.now, end.receivedAt + 1), received: 0, records: [:],
                stamp: stamp, cut: end)
            for _ in 0..<number(1...6) {
                // Sizes about a block's and a sector's, now and then a large one.
                let sizes = random.chance(20) ? 0...90_000 : random.chance(3) ? 300...5_000 : 0...60
                let size = number(sizes)
                let bytes = random.bytes(size)
                let topic = Topic.allCases[number(0...7)]
                var place = TopicPartition(topic, number(0...2))
                if topic == .quarantine {
                    place = TopicPartition(.quarantine, 0)
                    batch.quarantine(bytes, reason: "r", source: "s")
                    commit.records[place, default: []].append([1, 0, 0x72, 1, 0, 0x73] + bytes)
                } else {
                    batch.add(bytes, to: topic, partition: place.partition)
                    commit.records[place, default: []].append(bytes)
                }
            }
            batch.received += Int64(number(0...2))
            commit.received = batch.received
            commit.cut.commit += 1
            commit.cut.receivedAt = commit.receivedAt
            commit.cut.totals.received += batch.received
            for (place, records) in commit.records {
                commit.cut.offsets[place] += Int64(records.count)
                if place.topic == .quarantine {
                    commit.cut.totals.quarantined += Int64(records.count)
                } else {
                    commit.cut.totals.accepted += Int64(records.count)
                }
            }
            return (batch, commit)
        }

        private func lastSequence(_ producer: String) -> Int64 {
            commits.last { $0.stamp?.producer == producer }?.stamp?.sequence ?? 0
        }

        private func append() throws {
            let producer = "p\(number(0...4))"
            let stamp = random.chance(2) ? ProducerStamp(producer: producer, sequence: lastSequence(producer) + 1) : nil
            let (batch, commit) = batch(stamp)
            let receipt = try log.appendAndWait(batch)
            commits.append(commit)
            #expect(receipt.commit == commit.cut.commit && !receipt.isRepeat)
        }

        private func repeatBatch() throws {
            guard let stamp = commits.compactMap(\.stamp).randomElement(using: &random) else { return }
            #expect(try log.appendAndWait(batch(stamp).0).isRepeat)
            repeats += 1
        }

        private func appendTooEarly() throws {
            let producer = "p\(number(0...4))"
            let stamp = ProducerStamp(producer: producer, sequence: lastSequence(producer) + 2)
            guard case .outOfOrder = try logError({ _ = try log.appendAndWait(batch(stamp).0) }) else {
                throw LogError.closed
            }
        }

        private func roll() throws {
            segmentBytes = [1, 2_000, 20_000, 1 << 30][number(0...3)]
            try open(after: { self.log.close() })
        }

        private func open(after leave: () throws -> Void) throws {
            try leave()
            oldSegments = Set(try folder.segments())
            let clock = clock
            log = try EmbeddedLog(folder: folder.path, segmentBytes: segmentBytes) { clock.now }
        }

        /// Goes on with a copy of the files as a machine may leave them that stopped during the last write.
        private func crash() throws {
            let copy = try folder.copied()
            let name = try copy.newest()
            let isOld = oldSegments.contains(name)
            let image = SegmentImage(try copy.read(name), headIsDurable: isOld)
            var mayHaveNotes = false
            // The last write is that of a commit, of the note that it is durable, or, of a new log, of a first segment.
            if image.frames.count > 1, !random.chance(4) {
                let fates = image.lastSectors.map { _ in
                    random.chance(2) ? .written : SegmentImage.Fate.allCases.randomElement(using: &random) ?? .old
                }
                let size = random.chance(3) ? number(0...image.written.count) : nil
                let torn = image.torn(fates, size: size, using: &random)
                try copy.write(torn, to: name)
                mayHaveNotes = torn != image.written
                if image.lastWrite.contains(where: { $0.kind == .commit }), !image.isWhole(in: torn) {
                    commits.removeLast()
                    undone += 1
                }
            }
            try open(after: {
                self.log.close()
                self.folder = copy
            })
            // Nothing of an earlier crash is left.
            if !mayHaveNotes { #expect(log.recoveryNotes.isEmpty) }
        }

        private func readSomewhere() throws {
            var from = LogOffsets(partitions: Run.partitions)
            for partition in from.all { from[partition] = Int64(number(0...Int(end.offsets[partition]))) }
            if random.chance(3) { from = commits.randomElement(using: &random)?.cut.offsets ?? from }
            let topics = random.chance(3) ? Topic.allCases : Topic.allCases.filter { _ in random.chance(2) }
            let cut = commits.randomElement(using: &random)?.cut ?? end
            let consumer = try log.consumer(of: topics, from: from)
            // In two steps, of which the first may go anywhere.
            try read(consumer, topics, from, cut)
            try read(consumer, topics, consumer.offsets, end)
        }

        /// Holds what a consumer hands out before a cut against the model.
        private func read(
            _ consumer: any LogConsumer, _ topics: [Topic], _ from: LogOffsets, _ cut: LogCut
        ) throws {
            var expected: [(Int64, TopicPartition, Int64, [[UInt8]])] = []
            var at = LogOffsets(partitions: Run.partitions)
            for commit in commits {
                for partition in at.all {
                    guard let records = commit.records[partition] else { continue }
                    let first = at[partition]
                    at[partition] += Int64(records.count)
                    guard topics.contains(partition.topic), at[partition] > from[partition] else { continue }
                    guard first < cut.offsets[partition] else { continue }
                    let skipped = max(0, from[partition] - first)
                    expected.append(
                        (commit.receivedAt, partition, first + skipped, Array(records.dropFirst(Int(skipped)))))
                }
            }
            var index = 0
            while try consumer.next(
                before: cut,
                { frame in
                    guard index < expected.count else {
                        Issue.record("a frame too many: \(frame.header)")
                        return
                    }
                    var records: [[UInt8]] = []
                    try frame.forEachRecord { records.append(Array($1)) }
                    let (receivedAt, partition, offset, right) = expected[index]
                    #expect(frame.header.receivedAt == receivedAt && frame.partition == partition)
                    #expect(frame.firstOffset == offset && records == right)
                    index += 1
                })
            {}
            #expect(index == expected.count)
        }

        private func findTime() throws {
            let near = commits.randomElement(using: &random)?.receivedAt ?? 0
            let instant = near + Int64(number(-3...3))
            let expected = commits.last { $0.receivedAt < instant }?.cut
            let found = try log.cut(before: instant)
            let start = try log.start()
            #expect(found == expected ?? start)
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func anyWorkLeavesWhatAPlainListHolds(_ seed: UInt64) throws {
        let run = try Run(seed: seed)
        for number in 0..<350 {
            do { try run.step() } catch {
                Issue.record("step \(number) of seed \(seed): \(error)")
                return
            }
        }
        #expect(run.undone > 5 && run.repeats > 3 && run.commits.count > 50)
        // And once more from the beginning, as a whole.
        let whole = try run.log.everything().map { "\($0.partition) \($0.offset) \($0.commit)" }
        #expect(whole.count == run.end.offsets.all.reduce(0) { $0 + Int(run.end.offsets[$1]) })
        #expect(Set(whole).count == whole.count)
    }
}

/// A time of day that a test sets.
private final class TestClock: Sendable {
    private let time = Atomic<Int64>(1_000_000)

    var now: Int64 { time.load(ordering: .relaxed) }
    func step(_ by: Int64) { time.wrappingAdd(by, ordering: .relaxed) }
}
