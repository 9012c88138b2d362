/// Bytes in one aligned block that ends in `EventLimits.padding` zero bytes, as the decoder needs them.
///
/// Grows by doubling; a growing block moves, so pointers into it are valid until the next append.
public struct PaddedBytes: ~Copyable {
    /// The first byte. Valid until the next change.
    public private(set) var start: UnsafeMutablePointer<UInt8>
    /// How many bytes are in use.
    public private(set) var count = 0
    private var capacity: Int

    /// An empty block with room for `capacity` bytes.
    public init(capacity: Int = 4_096) {
        self.capacity = max(64, capacity)
        start = PaddedBytes.allocate(self.capacity)
        clearPadding()
    }

    /// A block holding a copy of `bytes`.
    public init(copying bytes: some Collection<UInt8>) {
        self.init(capacity: bytes.count)
        append(bytes)
    }

    deinit { start.deallocate() }

    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
        // Large ones are read into past the page cache, which wants whole blocks of memory, too.
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: capacity + EventLimits.padding, alignment: capacity >= 64 << 10 ? 4_096 : 64)
        return raw.bindMemory(to: UInt8.self, capacity: capacity + EventLimits.padding)
    }

    private func clearPadding() {
        (start + count).initialize(repeating: 0, count: EventLimits.padding)
    }

    /// Forgets the bytes and keeps the room.
    public mutating func removeAll() {
        count = 0
        clearPadding()
    }

    /// Makes room for `extra` more bytes.
    public mutating func reserve(_ extra: Int) {
        guard count + extra > capacity else { return }
        let larger = max(capacity * 2, count + extra)
        let moved = PaddedBytes.allocate(larger)
        moved.initialize(from: start, count: count)
        start.deallocate()
        start = moved
        capacity = larger
        clearPadding()
    }

    /// Appends a run of bytes.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(start + count).copyMemory(from: base, byteCount: bytes.count)
        count += bytes.count
        clearPadding()
    }

    /// Appends a collection of bytes.
    public mutating func append(_ bytes: some Collection<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
        if done == nil { append(Array(bytes)) }
    }

    /// Appends one byte.
    public mutating func append(_ byte: UInt8) {
        withUnsafeBytes(of: byte) { append($0) }
    }

    /// Lets `body` write up to `room` bytes at the end; it returns how many it wrote.
    public mutating func append<Failure: Error>(
        room: Int, _ body: (UnsafeMutablePointer<UInt8>) throws(Failure) -> Int
    ) throws(Failure) {
        reserve(room)
        let written = try body(start + count)
        precondition(written >= 0 && written <= room, "wrote past the room given")
        count += written
        clearPadding()
    }

    /// Calls `body` with the bytes in use, which stay where they are during the call.
    ///
    /// The way to read a block that nobody holds on to otherwise: pointers taken from `start` and `bytes` of a value
    /// that is not used afterwards may outlive it.
    public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// The bytes in use. Valid until the next change, and only while the value lives on.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
}
