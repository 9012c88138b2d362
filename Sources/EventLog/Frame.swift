import CBytes
import Events
import Glibc

/// The 64 bytes before a frame's records: where the frame belongs and what it must sum to. Little-endian.
///
/// ```
///  0 magic "CTG2"   4 crc32c of all that follows   8 payload bytes   12 records
/// 16 base offset   24 received_at (µs)   32 commit   40 topic (u16)   42 partition (u16)   44 kind (u16)   46 zero
/// 48 the log's id   56 zero
/// ```
public struct FrameHeader: Sendable, Equatable {
    /// Bytes of a header.
    public static let size = 64
    /// The most bytes of records in one frame.
    public static let payloadLimit = 64 << 20
    static let magic: UInt32 = 0x3247_5443

    /// What a frame's payload is.
    enum Kind: UInt16 {
        /// Records of a topic's partition.
        case records = 0
        /// The record that closes a commit.
        case commit = 1
        /// The log's state after a commit that is durable.
        case state = 2
        /// Stands where a repair cut something out: the state after it.
        case repair = 3
    }

    /// Bytes of records after the header.
    public var payloadBytes: Int
    /// How many records.
    public var records: Int
    /// The offset of the first record.
    public var baseOffset: Int64
    /// When the commit was made, microseconds since 1970 UTC.
    public var receivedAt: Int64
    /// The commit that the frame belongs to.
    public var commit: Int64
    /// The topic's raw value, or `recordTopic`.
    var topic: UInt16
    /// The partition.
    var partition: UInt16
    /// What the payload is.
    var kind: Kind
    /// The random number of the log that the frame was written for: frames of another log, and bytes that a sender made
    /// to look like a frame, are none of this log's.
    var logID: UInt64

    /// The topic of frames that hold a commit record.
    static let recordTopic: UInt16 = 0xffff

    /// The offset after the last record.
    public var endOffset: Int64 { baseOffset + Int64(records) }

    /// The header's and the payload's bytes.
    var frameBytes: Int { FrameHeader.size + payloadBytes }

    /// Writes the header before a payload that already stands behind it, and its checksum.
    func write(to frame: UnsafeMutableRawPointer) {
        memset(frame, 0, FrameHeader.size)
        frame.storeBytes(of: FrameHeader.magic.littleEndian, as: UInt32.self)
        frame.storeBytes(of: UInt32(payloadBytes).littleEndian, toByteOffset: 8, as: UInt32.self)
        frame.storeBytes(of: UInt32(records).littleEndian, toByteOffset: 12, as: UInt32.self)
        frame.storeBytes(of: baseOffset.littleEndian, toByteOffset: 16, as: Int64.self)
        frame.storeBytes(of: receivedAt.littleEndian, toByteOffset: 24, as: Int64.self)
        frame.storeBytes(of: commit.littleEndian, toByteOffset: 32, as: Int64.self)
        frame.storeBytes(of: topic.littleEndian, toByteOffset: 40, as: UInt16.self)
        frame.storeBytes(of: partition.littleEndian, toByteOffset: 42, as: UInt16.self)
        frame.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: 44, as: UInt16.self)
        frame.storeBytes(of: logID.littleEndian, toByteOffset: 48, as: UInt64.self)
        let crc = cbytes_crc32c(0, frame + 8, FrameHeader.size - 8 + payloadBytes)
        frame.storeBytes(of: crc.littleEndian, toByteOffset: 4, as: UInt32.self)
    }

    /// Reads a header; nil when these 64 bytes are not one of the log's. The checksum is not looked at.
    init?(_ bytes: UnsafeRawPointer, logID: UInt64) {
        func load<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
        }
        guard load(0, UInt32.self) == FrameHeader.magic, load(48, UInt64.self) == logID,
            load(46, UInt16.self) == 0, load(56, UInt64.self) == 0, let kind = Kind(rawValue: load(44, UInt16.self))
        else { return nil }
        payloadBytes = Int(load(8, UInt32.self))
        records = Int(load(12, UInt32.self))
        baseOffset = load(16, Int64.self)
        receivedAt = load(24, Int64.self)
        commit = load(32, Int64.self)
        topic = load(40, UInt16.self)
        partition = load(42, UInt16.self)
        self.kind = kind
        self.logID = logID
        guard payloadBytes <= FrameHeader.payloadLimit, records > 0, records <= payloadBytes, baseOffset >= 0,
            baseOffset <= Int64.max - Int64(records), commit >= 0, commit < Int64.max, receivedAt >= 0,
            receivedAt < Int64.max, (topic == FrameHeader.recordTopic) == (kind != .records)
        else { return nil }
    }

    init(
        payloadBytes: Int, records: Int, baseOffset: Int64, receivedAt: Int64, commit: Int64, topic: UInt16,
        partition: UInt16, kind: Kind, logID: UInt64
    ) {
        self.payloadBytes = payloadBytes
        self.records = records
        self.baseOffset = baseOffset
        self.receivedAt = receivedAt
        self.commit = commit
        self.topic = topic
        self.partition = partition
        self.kind = kind
        self.logID = logID
    }

    /// Whether the frame that starts at `frame` sums to what its header says.
    func checksumHolds(_ frame: UnsafeRawPointer) -> Bool {
        let stored = UInt32(littleEndian: frame.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        return cbytes_crc32c(0, frame + 8, FrameHeader.size - 8 + payloadBytes) == stored
    }
}

/// One frame that was read and whose checksum held: its records in place.
public struct Frame: ~Copyable {
    /// The header.
    public let header: FrameHeader
    /// The partition that it belongs to.
    public let partition: TopicPartition
    /// The offset of the first record that is handed out: a consumer may begin in the middle of a frame.
    public let firstOffset: Int64
    /// The records, each as a length of four bytes and its bytes, followed by the decoder's padding.
    let payload: UnsafeRawBufferPointer

    /// How many records there are from there on, those of erased persons included.
    public var recordCount: Int { Int(header.endOffset - firstOffset) }

    /// Calls `body` with each record and its offset, in order, and passes over those of erased persons. The bytes are
    /// valid only during the call and are followed by `EventLimits.padding` readable ones.
    ///
    /// - Throws: `LogError.damaged` when the records do not fill the frame exactly, though its checksum held.
    public borrowing func forEachRecord(_ body: (Int64, UnsafeRawBufferPointer) throws -> Void) throws {
        var records = FrameRecords(payload: payload, header: header, partition: partition)
        while let (offset, record) = try records.next() {
            if offset >= firstOffset { try body(offset, record) }
        }
    }
}

/// Steps through the records of a frame's payload.
struct FrameRecords {
    private let payload: UnsafeRawBufferPointer
    private let partition: TopicPartition
    private let end: Int64
    private var at = 0
    private var offset: Int64

    init(payload: UnsafeRawBufferPointer, header: FrameHeader, partition: TopicPartition) {
        self.payload = payload
        self.partition = partition
        end = header.endOffset
        offset = header.baseOffset
    }

    /// The next record that was not erased and its offset; nil after the last.
    @inline(__always)
    mutating func next() throws(LogError) -> (offset: Int64, record: UnsafeRawBufferPointer)? {
        while let next = try nextOfAll() {
            if !ErasedRecord.isOne(next.record) { return next }
        }
        return nil
    }

    /// The next record and its offset, erased or not; nil after the last, which must end where the payload does.
    @inline(__always)
    mutating func nextOfAll() throws(LogError) -> (offset: Int64, record: UnsafeRawBufferPointer)? {
        if at == payload.count {
            guard offset == end else { throw malformed }
            return nil
        }
        guard at + 4 <= payload.count, offset < end else { throw malformed }
        let length = Int(UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
        guard length <= payload.count - at - 4 else { throw malformed }
        let record = UnsafeRawBufferPointer(rebasing: payload[(at + 4)..<(at + 4 + length)])
        at += 4 + length
        offset += 1
        return (offset - 1, record)
    }

    private var malformed: LogError {
        .damaged(path: partition.description, at: Int64(at), what: "the records of a frame do not fill it")
    }
}
