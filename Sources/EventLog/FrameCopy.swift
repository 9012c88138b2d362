import Events

/// A frame's records in memory of one's own, for readers that are asked for rows a few at a time.
public final class FrameCopy {
    private var bytes = PaddedBytes(capacity: 64 << 10)
    private var records: FrameRecords?
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
    public func load(_ frame: borrowing Frame) throws {
        bytes.removeAll()
        bytes.append(frame.payload)
        partition = frame.partition
        receivedAt = frame.header.receivedAt
        end = frame.header.endOffset
        offset = frame.header.baseOffset
        records = FrameRecords(payload: bytes.bytes, header: frame.header, partition: frame.partition)
        while offset < frame.firstOffset { try next { _, _ in } }
    }

    /// Whether all records were handed out.
    public var isAtEnd: Bool { offset == end }

    /// Hands the next record to `body` with its offset; the bytes stay where they are until the next `load`.
    public func next(_ body: (Int64, UnsafeRawBufferPointer) throws -> Void) throws {
        guard let (offset, record) = try records?.next() else { return }
        self.offset = offset + 1
        try body(offset, record)
    }
}
