import Events

/// A frame's records in memory of one's own, for readers that are asked for rows a few at a time. Records of erased persons
/// are passed over.
public final class FrameCopy {
    private var bytes = PaddedBytes(capacity: 64 << 10)
    private var records: FrameRecords?
    private var upcoming: (offset: Int64, record: UnsafeRawBufferPointer)?
    /// The offset of the next record; the frame's end after the last.
    public private(set) var offset: Int64 = 0
    /// The partition that the frame belongs to.
    public private(set) var partition = TopicPartition(.clicks, 0)
    /// When the frame's commit was made, microseconds since 1970 UTC.
    public private(set) var receivedAt: Int64 = 0
    private var end: Int64 = 0

    /// A copy of nothing.
    public init() {}

    /// Takes over a frame's records, in place of those before.
    public func load(_ frame: borrowing Frame) throws {
        bytes.removeAll()
        bytes.append(frame.payload)
        partition = frame.partition
        receivedAt = frame.header.receivedAt
        end = frame.header.endOffset
        offset = frame.header.baseOffset
        records = FrameRecords(payload: bytes.bytes, header: frame.header, partition: frame.partition)
        repeat { try advance() } while offset < frame.firstOffset
    }

    private func advance() throws {
        upcoming = try records?.next()
        offset = upcoming?.offset ?? end
    }

    /// Whether all records were handed out.
    public var isAtEnd: Bool { upcoming == nil }

    /// Hands the next record to `body` with its offset; the bytes stay where they are until the next `load`.
    public func next(_ body: (Int64, UnsafeRawBufferPointer) throws -> Void) throws {
        guard let (offset, record) = upcoming else { return }
        try advance()
        try body(offset, record)
    }
}
