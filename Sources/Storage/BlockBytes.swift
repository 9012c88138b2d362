/// Bytes that grow in memory from which a disk takes them as they stand: a large file is written without a copy.
///
/// Filled by one thread, then handed on, and not changed while it is written.
public final class BlockBytes: @unchecked Sendable {
    /// What its memory is aligned to, in bytes: the most that disks ask for.
    public static let blockBytes = 4_096

    /// Bytes in it.
    public private(set) var count = 0
    /// Bytes that it holds without a move.
    public private(set) var capacity: Int
    private var memory: UnsafeMutableRawPointer

    /// Room for at least that many bytes, which has none yet.
    public init(capacity: Int) {
        self.capacity = Self.wholeBlocks(capacity)
        memory = .allocate(byteCount: self.capacity, alignment: Self.blockBytes)
    }

    deinit { memory.deallocate() }

    private static func wholeBlocks(_ bytes: Int) -> Int { max(1, (bytes + blockBytes - 1) / blockBytes) * blockBytes }

    /// Appends bytes, and returns where they stand now, until the next change.
    @discardableResult
    public func append(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard let start = bytes.baseAddress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        if count + bytes.count > capacity { grow(to: count + bytes.count) }
        let place = memory + count
        place.copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
        return UnsafeRawBufferPointer(start: place, count: bytes.count)
    }

    private func grow(to bytes: Int) {
        let larger = Self.wholeBlocks(max(bytes, capacity * 2))
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: Self.blockBytes)
        moved.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        (memory, capacity) = (moved, larger)
    }

    /// Calls `body` with all bytes.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: memory, count: count))
    }

    /// Forgets the bytes and keeps the room.
    public func removeAll() { count = 0 }
}
