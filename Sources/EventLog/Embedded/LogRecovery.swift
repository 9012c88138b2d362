import Events
import Glibc

/// What opening a folder found: where the log really ends, and what a crash left behind it.
struct LogRecovery {
    let folder: String
    /// The last commit that is whole.
    private(set) var entry: LedgerEntry
    /// Whether an entry behind the last commit says that it is durable.
    private(set) var isConfirmed = true
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
        var entries = try readLedger(partitions: partitions)
        let tails = try readTails()
        let ends = entry.ends
        let lacking = ends.all.enumerated().first { tails[$0.offset].endOffset(upTo: ends[$0.element]) != ends[$0.element] }
        if let (index, partition) = lacking {
            // Only the last commit can have been under way, and only while nothing behind it says it is durable.
            guard !isConfirmed, let undone = entries.popLast() else {
                throw .missing(
                    partition: partition.description, path: tails[index].path, expected: ends[partition],
                    found: tails[index].end)
            }
            entry = entries.last?.entry ?? .empty(partitions: partitions)
            ledgerBytes = undone.position
            ledgerOffset -= 1
            for stamp in undone.entry.producers { producers[stamp.producer] = nil }
            for past in entries { for stamp in past.entry.producers { producers[stamp.producer] = stamp.sequence } }
            notes.append("commit \(undone.entry.commit) was under way when the process ended and was undone")
        }
        for (index, partition) in entry.ends.all.enumerated() {
            let tail = tails[index]
            guard let bytes = tail.bytes(upTo: entry.ends[partition]) else {
                throw .missing(
                    partition: partition.description, path: tail.path, expected: entry.ends[partition], found: tail.end)
            }
            if tail.size > bytes {
                if tail.scan.hasFrameBehindDamage {
                    throw .damaged(
                        path: tail.path, at: tail.scan.goodBytes, what: "unreadable, with whole frames behind it")
                }
                notes.append("\(partition): cut \(tail.size - bytes) bytes that no commit covers")
            }
            goodBytes.append(bytes)
        }
    }

    // MARK: - The ledger

    private struct Placed {
        let entry: LedgerEntry
        let position: Int64
    }

    /// Reads the newest segment of the ledger, and the one before it when that is too young to know the commit before
    /// the last; returns the commits with their positions, oldest first.
    private mutating func readLedger(partitions: Int) throws(LogError) -> [Placed] {
        let path = folder + "/ledger"
        try SystemFolder.create(path)
        let segments = try Segment.list(path)
        guard let last = segments.last else { return [] }
        var confirmedCommit: Int64 = 0
        var placed: [Placed] = []
        let scan = try readEntries(last, partitions, &placed, &confirmedCommit)
        if scan.tailBytes > 0 { notes.append("ledger: cut \(scan.tailBytes) bytes of an unfinished entry") }
        if placed.count < 2, segments.count > 1 {
            var earlier: [Placed] = []
            let newer = producers
            _ = try readEntries(segments[segments.count - 2], partitions, &earlier, &confirmedCommit)
            producers.merge(newer) { max($0, $1) }
            placed.insert(contentsOf: earlier.suffix(1), at: 0)
        }
        ledgerBytes = scan.goodBytes
        ledgerOffset = scan.endOffset
        guard let newest = placed.last else { return [] }
        entry = newest.entry
        isConfirmed = confirmedCommit == newest.entry.commit
        return placed
    }

    private mutating func readEntries(
        _ segment: Segment, _ partitions: Int, _ placed: inout [Placed], _ confirmedCommit: inout Int64
    ) throws(LogError) -> Segment.Scan {
        var position: Int64 = 0
        var found: [Placed] = []
        var confirmed = confirmedCommit
        var known = producers
        let scan = try segment.scan(topic: FrameHeader.ledgerTopic, partition: 0) { header, payload throws(LogError) in
            guard var entry = LedgerEntry(payload, partitions: partitions) else {
                throw .damaged(
                    path: segment.path, at: position, what: "not an entry of a log with \(partitions) partitions")
            }
            for stamp in entry.producers { known[stamp.producer] = stamp.sequence }
            if entry.isConfirmation { confirmed = max(confirmed, entry.commit) }
            // A confirmation at a segment's beginning stands for the commit that it confirms.
            if !entry.isConfirmation || found.isEmpty {
                entry.isConfirmation = false
                found.append(Placed(entry: entry, position: position))
            }
            position += Int64(FrameHeader.size + header.payloadBytes)
        }
        if scan.hasFrameBehindDamage {
            throw .damaged(path: segment.path, at: scan.goodBytes, what: "unreadable, with whole entries behind it")
        }
        placed = found
        confirmedCommit = confirmed
        producers = known
        return scan
    }

    // MARK: - The partitions

    /// The newest segment of a partition.
    private struct Tail {
        let path: String
        let size: Int64
        let scan: Segment.Scan
        /// Where each whole frame ends, in bytes and in offsets.
        let frameEnds: [(bytes: Int64, offset: Int64)]
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
            var ends: [(bytes: Int64, offset: Int64)] = []
            var bytes: Int64 = 0
            let scan = try last.scan(
                topic: UInt16(partition.topic.rawValue), partition: UInt16(partition.partition)
            ) { header, _ throws(LogError) in
                bytes += Int64(FrameHeader.size + header.payloadBytes)
                ends.append((bytes, header.endOffset))
            }
            tails.append(
                Tail(
                    path: last.path, size: scan.goodBytes + scan.tailBytes, scan: scan, frameEnds: ends,
                    baseOffset: last.baseOffset))
        }
        return tails
    }
}
