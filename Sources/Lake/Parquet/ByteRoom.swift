/// Bytes that grow by doubling and are kept when they are forgotten, since fresh pages cost more than what is written
/// into them. There is always room for `slack` bytes more behind them, so that short copies may run over.
final class ByteRoom {
    /// Bytes that may be written behind `count` without asking for room.
    static let slack = 64

    private(set) var start: UnsafeMutablePointer<UInt8>
    var count = 0
    private var capacity: Int

    init(capacity: Int = 4_096) {
        self.capacity = capacity
        start = .allocate(capacity: capacity + ByteRoom.slack)
    }

    deinit { start.deallocate() }

    /// What is in it. Valid until the next change.
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    /// Where the next byte goes.
    var end: UnsafeMutablePointer<UInt8> { start + count }

    /// Whether that many bytes more fit without a move.
    func hasRoom(_ more: Int) -> Bool { count + more <= capacity }

    /// Makes room for that many bytes more.
    func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger + ByteRoom.slack)
        moved.update(from: start, count: count)
        start.deallocate()
        start = moved
        capacity = larger
    }

    func append(_ bytes: UnsafeRawPointer, _ more: Int) {
        reserve(more)
        UnsafeMutableRawPointer(end).copyMemory(from: bytes, byteCount: more)
        count += more
    }

    func append(_ other: ByteRoom) { append(UnsafeRawPointer(other.start), other.count) }

    func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { if let start = $0.baseAddress { append(start, $0.count) } }
    }

    func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { if let start = $0.baseAddress { append(start, $0.count) } }
    }

    /// Forgets the bytes, and gives back the room of an unusually large run.
    func removeAll(keeping kept: Int = .max) {
        count = 0
        guard capacity > kept else { return }
        start.deallocate()
        capacity = kept
        start = .allocate(capacity: kept + ByteRoom.slack)
    }
}
