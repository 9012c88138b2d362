import Events

/// What the ledger keeps of a commit: where every partition ended once it was durable, and the totals.
///
/// A commit counts only if its entry is in the ledger and all its frames are in their partitions, so a crash in the
/// middle leaves either all of it or nothing.
struct LedgerEntry: Equatable {
    var commit: Int64
    var receivedAt: Int64
    var ends: LogOffsets
    var totals: LogTotals
    /// True for an entry that only says that the one before it is durable.
    var isConfirmation = false
    /// The producers whose sequence this entry moves; all known ones in the first entry of a segment.
    var producers: [ProducerStamp] = []

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        func put<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        put(commit)
        put(receivedAt)
        put(UInt8(isConfirmation ? 1 : 0))
        put(totals.received)
        put(totals.accepted)
        put(totals.quarantined)
        put(UInt16(ends.partitions))
        for partition in ends.all { put(ends[partition]) }
        put(UInt32(producers.count))
        for stamp in producers {
            put(UInt16(stamp.producer.utf8.count))
            bytes.append(contentsOf: stamp.producer.utf8)
            put(stamp.sequence)
        }
        return bytes
    }

    /// Reads an entry; nil when the bytes are not one of a log with that many partitions a topic.
    init?(_ bytes: UnsafeRawBufferPointer, partitions: Int) {
        var at = 0
        func take<T: FixedWidthInteger>(_ type: T.Type) -> T? {
            guard at + MemoryLayout<T>.size <= bytes.count else { return nil }
            defer { at += MemoryLayout<T>.size }
            return T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
        }
        guard let commit = take(Int64.self), let receivedAt = take(Int64.self), let flag = take(UInt8.self),
            let received = take(Int64.self), let accepted = take(Int64.self), let quarantined = take(Int64.self),
            let count = take(UInt16.self), Int(count) == partitions
        else { return nil }
        self.init(commit: commit, receivedAt: receivedAt, ends: LogOffsets(partitions: partitions), totals: LogTotals())
        isConfirmation = flag == 1
        totals.received = received
        totals.accepted = accepted
        totals.quarantined = quarantined
        for partition in ends.all {
            guard let end = take(Int64.self) else { return nil }
            ends[partition] = end
        }
        // Numbers that only somebody who made the file by hand can have put there.
        guard (1..<Int64.max).contains(commit), (0..<Int64.max).contains(receivedAt), received >= 0, accepted >= 0,
            quarantined >= 0, ends.all.allSatisfy({ ends[$0] >= 0 }), let producerCount = take(UInt32.self)
        else { return nil }
        for _ in 0..<producerCount {
            guard let length = take(UInt16.self), at + Int(length) <= bytes.count else { return nil }
            let name = String(decoding: bytes[at..<(at + Int(length))], as: UTF8.self)
            at += Int(length)
            guard let sequence = take(Int64.self) else { return nil }
            producers.append(ProducerStamp(producer: name, sequence: sequence))
        }
        guard at == bytes.count else { return nil }
    }

    init(commit: Int64, receivedAt: Int64, ends: LogOffsets, totals: LogTotals) {
        self.commit = commit
        self.receivedAt = receivedAt
        self.ends = ends
        self.totals = totals
    }

    /// The state before any commit.
    static func empty(partitions: Int) -> LedgerEntry {
        LedgerEntry(commit: 0, receivedAt: 0, ends: LogOffsets(partitions: partitions), totals: LogTotals())
    }

    var cut: LogCut { LogCut(commit: commit, offsets: ends, totals: totals, receivedAt: receivedAt) }
}
