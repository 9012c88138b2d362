import Glibc

/// The memory in which a commit is put together: aligned as direct output needs it, and used again for every commit,
/// since fresh pages cost more than filling them.
///
/// It begins with the bytes of the segment's last, unfinished block, which is written again together with what follows.
struct CommitBlock: ~Copyable {
    /// Room that is kept between commits; a larger block is given back once it was written.
    private static let keptBytes = 8 << 20

    private(set) var start: UnsafeMutableRawPointer
    private var capacity: Int
    /// Bytes in use from `start`.
    private(set) var count = 0

    init() {
        capacity = 1 << 20
        start = CommitBlock.allocate(capacity)
    }

    deinit { start.deallocate() }

    private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        .allocate(byteCount: bytes, alignment: SystemFile.blockBytes)
    }

    private static func roundedUp(_ bytes: Int) -> Int {
        (bytes + SystemFile.blockBytes - 1) & ~(SystemFile.blockBytes - 1)
    }

    /// Adds room for `bytes` at the end and returns where it begins; what is in it is not defined.
    mutating func extend(_ bytes: Int) -> UnsafeMutableRawPointer {
        if CommitBlock.roundedUp(count + bytes) > capacity {
            move(to: max(capacity * 2, CommitBlock.roundedUp(count + bytes)))
        }
        defer { count += bytes }
        return start + count
    }

    /// The bytes in use, with zeros up to a whole number of blocks.
    mutating func padded() -> UnsafeRawBufferPointer {
        let whole = CommitBlock.roundedUp(count)
        memset(start + count, 0, whole - count)
        return UnsafeRawBufferPointer(start: start, count: whole)
    }

    /// The bytes in use behind the first `offset`.
    borrowing func bytes(from offset: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + offset, count: count - offset)
    }

    /// Begins with these bytes and nothing else.
    mutating func reset(to bytes: UnsafeRawBufferPointer) {
        count = 0
        let target = extend(bytes.count)
        if let base = bytes.baseAddress { target.copyMemory(from: base, byteCount: bytes.count) }
    }

    /// Keeps only the last `bytes`, at the beginning.
    mutating func keepLast(_ bytes: Int) {
        memmove(start, start + (count - bytes), bytes)
        count = bytes
        if capacity > CommitBlock.keptBytes { move(to: CommitBlock.keptBytes) }
    }

    private mutating func move(to size: Int) {
        let moved = CommitBlock.allocate(size)
        moved.copyMemory(from: start, byteCount: count)
        start.deallocate()
        start = moved
        capacity = size
    }
}
