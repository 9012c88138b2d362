import CBytes
import Events
import Glibc

/// The 64 bytes before a frame's records: where the frame belongs and what it must sum to. Little-endian.
///
/// ```
///  0 magic "CTG1"   4 crc32c of all that follows   8 payload bytes   12 records
/// 16 base offset   24 received_at (µs)   32 commit   40 topic (u16)   42 partition (u16)   44 kind (u16)   46 zero
/// ```
public struct FrameHeader: Sendable, Equatable {
    /// Bytes of a header.
    public static let size = 64
    /// The most bytes of records in one frame.
    public static let payloadLimit = 64 << 20
    static let magic: UInt32 = 0x3147_5443

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
    /// The topic's raw value, or `ledgerTopic`.
    var topic: UInt16
    /// The partition.
    var partition: UInt16
    /// What the payload is; 0 for records of events.
    var kind: UInt16 = 0

    static let ledgerTopic: UInt16 = 0xffff

    /// The offset after the last record.
    public var endOffset: Int64 { baseOffset + Int64(records) }

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
        frame.storeBytes(of: kind.littleEndian, toByteOffset: 44, as: UInt16.self)
        let crc = cbytes_crc32c(0, frame + 8, FrameHeader.size - 8 + payloadBytes)
        frame.storeBytes(of: crc.littleEndian, toByteOffset: 4, as: UInt32.self)
    }

    /// Reads a header; nil when these 64 bytes are not one. The checksum is not looked at.
    init?(_ bytes: UnsafeRawPointer) {
        func load<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
        }
        guard load(0, UInt32.self) == FrameHeader.magic else { return nil }
        payloadBytes = Int(load(8, UInt32.self))
        records = Int(load(12, UInt32.self))
        baseOffset = load(16, Int64.self)
        receivedAt = load(24, Int64.self)
        commit = load(32, Int64.self)
        topic = load(40, UInt16.self)
        partition = load(42, UInt16.self)
        kind = load(44, UInt16.self)
        guard payloadBytes <= FrameHeader.payloadLimit, records > 0, records <= payloadBytes, baseOffset >= 0,
            baseOffset <= Int64.max - Int64(records), commit > 0
        else { return nil }
    }

    init(
        payloadBytes: Int, records: Int, baseOffset: Int64, receivedAt: Int64, commit: Int64, topic: UInt16,
        partition: UInt16, kind: UInt16 = 0
    ) {
        self.payloadBytes = payloadBytes
        self.records = records
        self.baseOffset = baseOffset
        self.receivedAt = receivedAt
        self.commit = commit
        self.topic = topic
        self.partition = partition
        self.kind = kind
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
    /// The records, each as a length of four bytes and its bytes, followed by the decoder's padding.
    let payload: UnsafeRawBufferPointer

    /// Calls `body` with each record and its offset, in order. The bytes are valid only during the call and are
    /// followed by `EventLimits.padding` readable ones.
    ///
    /// - Throws: `LogError.damaged` when the records do not fill the frame exactly, though its checksum held.
    public borrowing func forEachRecord(_ body: (Int64, UnsafeRawBufferPointer) throws -> Void) throws {
        var at = 0
        var offset = header.baseOffset
        while at < payload.count {
            guard at + 4 <= payload.count else { throw malformed(at) }
            let length = Int(UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            at += 4
            guard length <= payload.count - at, offset < header.endOffset else { throw malformed(at) }
            try body(offset, UnsafeRawBufferPointer(rebasing: payload[at..<(at + length)]))
            at += length
            offset += 1
        }
        guard offset == header.endOffset else { throw malformed(at) }
    }

    private borrowing func malformed(_ at: Int) -> LogError {
        .damaged(path: partition.description, at: Int64(at), what: "the records of a frame do not fill it")
    }
}

/// A frame's records in memory of one's own, for readers that are asked for rows a few at a time.
public final class FrameCopy {
    private var bytes = PaddedBytes(capacity: 64 << 10)
    private var at = 0
    /// The offset of the next record.
    public private(set) var offset: Int64 = 0
    /// The partition that the frame belongs to.
    public private(set) var partition = TopicPartition(.clicks, 0)
    /// When the frame's commit was made, microseconds since 1970 UTC.
    public private(set) var receivedAt: Int64 = 0
    private var end: Int64 = 0

    /// A copy of nothing.
    public init() {}

    /// Takes over a frame's records, in place of those before.
    public func load(_ frame: borrowing Frame) {
        bytes.removeAll()
        bytes.append(frame.payload)
        at = 0
        offset = frame.header.baseOffset
        end = frame.header.endOffset
        partition = frame.partition
        receivedAt = frame.header.receivedAt
    }

    /// Whether all records were handed out.
    public var isAtEnd: Bool { offset == end }

    /// Hands the next record to `body` with its offset; the bytes stay where they are until the next `load`.
    public func next(_ body: (Int64, UnsafeRawBufferPointer) throws -> Void) throws {
        let payload = bytes.bytes
        guard at + 4 <= payload.count else { throw malformed }
        let length = Int(UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
        guard length <= payload.count - at - 4 else { throw malformed }
        let record = UnsafeRawBufferPointer(rebasing: payload[(at + 4)..<(at + 4 + length)])
        at += 4 + length
        offset += 1
        try body(offset - 1, record)
    }

    private var malformed: LogError {
        .damaged(path: partition.description, at: Int64(at), what: "the records of a frame do not fill it")
    }
}
