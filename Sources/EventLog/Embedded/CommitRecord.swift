import Events

/// The log's state after a commit: where every partition ends, the totals, and the producers' places.
///
/// One closes every commit, so a crash in the middle of a commit leaves either all of it or nothing. Others stand at
/// the beginning of a segment, so that any segment can be read by itself, and behind a commit that is known to be
/// durable.
struct CommitRecord: Equatable {
    var commit: Int64
    var receivedAt: Int64
    var ends: LogOffsets
    var totals: LogTotals
    /// The producers whose sequence the commit moves; all known ones where `namesAllProducers`.
    var producers: [ProducerStamp] = []
    var namesAllProducers = false

    init(commit: Int64, receivedAt: Int64, ends: LogOffsets, totals: LogTotals) {
        self.commit = commit
        self.receivedAt = receivedAt
        self.ends = ends
        self.totals = totals
    }

    /// The state before any commit.
    static func empty(partitions: Int) -> CommitRecord {
        CommitRecord(commit: 0, receivedAt: 0, ends: LogOffsets(partitions: partitions), totals: LogTotals())
    }

    var cut: LogCut { LogCut(commit: commit, offsets: ends, totals: totals, receivedAt: receivedAt) }

    /// Whether both tell the same state, whichever producers they name.
    func isSameState(as other: CommitRecord) -> Bool { cut == other.cut }

    /// The payload of the record's frame. The commit and the time stand in the frame's header.
    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        func put<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        put(totals.received)
        put(totals.accepted)
        put(totals.quarantined)
        put(UInt16(ends.partitions))
        put(UInt16(namesAllProducers ? 1 : 0))
        put(UInt32(producers.count))
        for partition in ends.all { put(ends[partition]) }
        for stamp in producers {
            put(stamp.sequence)
            put(UInt16(stamp.producer.utf8.count))
            bytes.append(contentsOf: stamp.producer.utf8)
        }
        return bytes
    }

    /// Reads a record; nil when the bytes are not one of a log with that many partitions a topic.
    init?(_ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, partitions: Int) {
        var at = 0
        func take<T: FixedWidthInteger>(_ type: T.Type) -> T? {
            guard at + MemoryLayout<T>.size <= bytes.count else { return nil }
            defer { at += MemoryLayout<T>.size }
            return T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
        }
        guard let received = take(Int64.self), let accepted = take(Int64.self), let quarantined = take(Int64.self),
            let count = take(UInt16.self), Int(count) == partitions, let flag = take(UInt16.self), flag <= 1,
            let producerCount = take(UInt32.self), received >= 0, accepted >= 0, quarantined >= 0
        else { return nil }
        self.init(
            commit: header.commit, receivedAt: header.receivedAt, ends: LogOffsets(partitions: partitions),
            totals: LogTotals())
        totals.received = received
        totals.accepted = accepted
        totals.quarantined = quarantined
        namesAllProducers = flag == 1
        for partition in ends.all {
            // Numbers below nothing only somebody who made the file by hand can have put there.
            guard let end = take(Int64.self), end >= 0 else { return nil }
            ends[partition] = end
        }
        for _ in 0..<producerCount {
            guard let sequence = take(Int64.self), let length = take(UInt16.self), at + Int(length) <= bytes.count
            else { return nil }
            let name = String(decoding: bytes[at..<(at + Int(length))], as: UTF8.self)
            at += Int(length)
            producers.append(ProducerStamp(producer: name, sequence: sequence))
        }
        guard at == bytes.count else { return nil }
    }

    /// What a letter of a sender's name becomes when the name is erased: a hyphen, so that the rest stays in its place.
    static let erasedByte: Int32 = 0x2d

    /// Where in a record's payload the producers' names stand.
    static func names(in payload: UnsafeRawBufferPointer, partitions: Int) -> [Range<Int>] {
        let countAt = 3 * 8 + 2 * 2
        var at = countAt + 4 + 8 * LogOffsets(partitions: partitions).all.count
        var names: [Range<Int>] = []
        while at + 10 <= payload.count {
            let length = Int(UInt16(littleEndian: payload.loadUnaligned(fromByteOffset: at + 8, as: UInt16.self)))
            at += 10
            guard at + length <= payload.count else { break }
            names.append(at..<(at + length))
            at += length
        }
        return names
    }
}
