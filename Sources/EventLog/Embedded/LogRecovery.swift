import Events
import Glibc

/// What opening a folder found: where the log really ends, and what a crash left behind it.
struct LogRecovery {
    let folder: String
    /// The last commit that is whole.
    private(set) var entry: LedgerEntry
    /// Whether an entry behind the last commit says that it is durable.
    private(set) var isConfirmed = true
    /// Whether the ledger has a segment.
    private var hasLedger = false
    /// Where the ledger's good entries end in its newest segment.
    private(set) var ledgerBytes: Int64 = 0
    /// The offset of the next ledger entry.
    private(set) var ledgerOffset: Int64 = 0
    /// For each partition, where the frames of whole commits end in its newest segment.
    private(set) var goodBytes: [Int64] = []
    /// The last sequence of every remembered producer.
    private(set) var producers: [String: Int64] = [:]
    /// What was cut off, for the log line: nothing of it was ever acknowledged.
    private(set) var notes: [String] = []

    /// Reads the ledger and the newest segments, and decides where every partition ends. Changes nothing.
    ///
    /// - Throws: `LogError.missing` or `LogError.damaged` when records that were acknowledged cannot be read.
    init(folder: String, partitions: Int) throws(LogError) {
        self.folder = folder
        entry = .empty(partitions: partitions)
        let ledger = try readLedger(partitions: partitions)
        let tails = try readTails()
        let ends = entry.ends
        for (index, partition) in ends.all.enumerated() where tails[index].baseOffset > ends[partition] {
            throw lostLedger(partition)
        }
        let lacking = ends.all.enumerated().first {
            tails[$0.offset].endOffset(upTo: ends[$0.element]) != ends[$0.element]
        }
        if let (index, partition) = lacking {
            // Only the last commit can have been under way, and only while nothing behind it says it is durable.
            guard !isConfirmed, let undone = ledger.last else {
                throw .missing(
                    partition: partition.description, path: tails[index].path, expected: ends[partition],
                    found: tails[index].end)
            }
            entry = ledger.before ?? .empty(partitions: partitions)
            isConfirmed = true
            ledgerBytes = undone.position
            ledgerOffset = undone.offset
            producers = ledger.producersBefore
            notes.append("commit \(undone.entry.commit) was under way when the process ended and was undone")
        }
        for (index, partition) in entry.ends.all.enumerated() {
            let tail = tails[index]
            guard let bytes = tail.bytes(upTo: entry.ends[partition]) else {
                throw .missing(
                    partition: partition.description, path: tail.path, expected: entry.ends[partition], found: tail.end)
            }
            if tail.size > bytes {
                try checkCut(of: tail, partition, from: entry.ends[partition])
                notes.append("\(partition): cut \(tail.size - bytes) bytes that no commit covers")
            }
            goodBytes.append(bytes)
        }
    }

    /// Whether what no commit covers can have been left behind by a crash: only the commit after the last one can have
    /// been under way.
    private func checkCut(of tail: Tail, _ partition: TopicPartition, from end: Int64) throws(LogError) {
        if tail.scan.hasFrameBehindDamage {
            throw .damaged(path: tail.path, at: tail.scan.goodBytes, what: "unreadable, with whole frames behind it")
        }
        if !hasLedger || tail.frameEnds.contains(where: { $0.offset > end && $0.commit > entry.commit + 1 }) {
            throw lostLedger(partition)
        }
    }

    private func lostLedger(_ partition: TopicPartition) -> LogError {
        .damaged(
            path: folder + "/ledger", at: ledgerBytes, what: "\(partition) holds commits that the ledger does not know")
    }

    // MARK: - The ledger

    private struct Placed {
        var entry: LedgerEntry
        var position: Int64
        var offset: Int64
    }

    /// What the newest segments of the ledger say.
    private struct Ledger {
        /// The last commit.
        var last: Placed?
        /// The commit before it.
        var before: LedgerEntry?
        /// The producers' sequences before the last commit.
        var producersBefore: [String: Int64] = [:]
        /// The last commit that an entry behind it says to be durable.
        var confirmedCommit: Int64 = 0
    }

    /// Reads the newest segment of the ledger, and the one before it when that is too young to know the commit before
    /// the last.
    private mutating func readLedger(partitions: Int) throws(LogError) -> Ledger {
        let path = folder + "/ledger"
        try SystemFolder.create(path)
        let segments = try Segment.list(path)
        guard let newest = segments.last else { return Ledger() }
        hasLedger = true
        var ledger = Ledger()
        var scan = try LogRecovery.read(newest, partitions, into: &ledger)
        var isNewestEmpty = false
        if ledger.before == nil, segments.count > 1 {
            let earlier = segments[segments.count - 2]
            isNewestEmpty = ledger.last == nil
            ledger = Ledger()
            let earlierScan = try LogRecovery.read(earlier, partitions, into: &ledger)
            guard earlierScan.endOffset == newest.baseOffset else {
                throw .damaged(
                    path: earlier.path, at: earlierScan.goodBytes,
                    what:
                        "entries up to \(newest.baseOffset) were expected, those up to \(earlierScan.endOffset) can be read"
                )
            }
            scan = try LogRecovery.read(newest, partitions, into: &ledger)
        }
        if scan.tailBytes > 0 { notes.append("ledger: cut \(scan.tailBytes) bytes of an unfinished entry") }
        ledgerBytes = scan.goodBytes
        ledgerOffset = scan.endOffset
        guard let last = ledger.last else { return ledger }
        entry = last.entry
        producers = ledger.producersBefore
        for stamp in entry.producers { producers[stamp.producer] = stamp.sequence }
        // A segment is begun only after the commits in the one before it were durable.
        isConfirmed = isNewestEmpty || ledger.confirmedCommit == entry.commit
        return ledger
    }

    private static func read(
        _ segment: Segment, _ partitions: Int, into ledger: inout Ledger
    ) throws(LogError) -> Segment.Scan {
        var position: Int64 = 0
        var found = ledger
        let scan = try segment.scan(topic: FrameHeader.ledgerTopic, partition: 0) { header, payload throws(LogError) in
            guard var entry = LedgerEntry(payload, partitions: partitions) else {
                throw .damaged(
                    path: segment.path, at: position, what: "not an entry of a log with \(partitions) partitions")
            }
            if entry.isConfirmation { found.confirmedCommit = max(found.confirmedCommit, entry.commit) }
            if !entry.isConfirmation || position == 0 {
                // A confirmation at a segment's beginning stands for the commit that it confirms.
                entry.isConfirmation = false
                if let last = found.last, last.entry.commit != entry.commit {
                    guard entry.commit == last.entry.commit + 1 else {
                        throw .damaged(
                            path: segment.path, at: position,
                            what: "commit \(entry.commit) follows commit \(last.entry.commit)")
                    }
                    for stamp in last.entry.producers { found.producersBefore[stamp.producer] = stamp.sequence }
                    found.before = last.entry
                }
                found.last = Placed(entry: entry, position: position, offset: header.baseOffset)
            }
            position += Int64(FrameHeader.size + header.payloadBytes)
        }
        if scan.hasFrameBehindDamage {
            throw .damaged(path: segment.path, at: scan.goodBytes, what: "unreadable, with whole entries behind it")
        }
        ledger = found
        return scan
    }

    // MARK: - The partitions

    /// The newest segment of a partition.
    private struct Tail {
        let path: String
        let size: Int64
        let scan: Segment.Scan
        /// Where each whole frame ends, in bytes and in offsets, and its commit.
        let frameEnds: [(bytes: Int64, offset: Int64, commit: Int64)]
        let baseOffset: Int64

        var end: Int64 { scan.endOffset }

        /// The last frame's end that is at or before an offset.
        func endOffset(upTo offset: Int64) -> Int64 {
            frameEnds.last { $0.offset <= offset }?.offset ?? baseOffset
        }

        func bytes(upTo offset: Int64) -> Int64? {
            if offset == baseOffset { return 0 }
            return frameEnds.last { $0.offset == offset }?.bytes
        }
    }

    private func readTails() throws(LogError) -> [Tail] {
        var tails: [Tail] = []
        for partition in entry.ends.all {
            let path = folder + "/" + partition.description
            try SystemFolder.create(path)
            guard let last = try Segment.list(path).last else {
                tails.append(
                    Tail(path: path, size: 0, scan: Segment.Scan(endOffset: 0), frameEnds: [], baseOffset: 0))
                continue
            }
            var ends: [(bytes: Int64, offset: Int64, commit: Int64)] = []
            var bytes: Int64 = 0
            let scan = try last.scan(
                topic: UInt16(partition.topic.rawValue), partition: UInt16(partition.partition)
            ) { header, _ throws(LogError) in
                bytes += Int64(FrameHeader.size + header.payloadBytes)
                ends.append((bytes, header.endOffset, header.commit))
            }
            tails.append(
                Tail(
                    path: last.path, size: scan.goodBytes + scan.tailBytes, scan: scan, frameEnds: ends,
                    baseOffset: last.baseOffset))
        }
        return tails
    }
}
