/// A view of UTF-8 bytes that somebody else owns: a batch of events, or an operator's arena. It is valid as long as these.
public struct TextRef: BitwiseCopyable {
    /// The first byte.
    public var base: UnsafePointer<UInt8>
    private var length: UInt32

    /// A view of `count` bytes.
    @inlinable @inline(__always)
    public init(_ base: UnsafePointer<UInt8>, _ count: Int) {
        self.init(base, length: UInt32(truncatingIfNeeded: count))
    }

    @usableFromInline @inline(__always)
    init(_ base: UnsafePointer<UInt8>, length: UInt32) {
        self.base = base
        self.length = length
    }

    /// How many bytes.
    @inline(__always) public var count: Int { Int(length) }

    /// The bytes.
    public var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    /// A copy of its own.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// No bytes at all.
    public static var none: TextRef { TextRef(emptyText, 0) }
}

/// An address for texts without bytes; lives as long as the process.
nonisolated(unsafe) private let emptyText: UnsafePointer<UInt8> = {
    let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    byte.initialize(to: 0)
    return UnsafePointer(byte)
}()

/// A plain value that state may keep beyond its batch. Where it has texts, it shows them, so that their bytes can be
/// copied, written to snapshots and freed; all else of it is kept as it is.
public protocol Row: BitwiseCopyable {
    /// Calls `body` with each of its texts, always in the same order.
    mutating func forEachText(_ body: (inout TextRef) -> Void)
}

extension Row {
    /// Nothing: most rows have no texts.
    @inlinable @inline(__always)
    public mutating func forEachText(_ body: (inout TextRef) -> Void) {}
}

extension Int64: Row {}
extension Whole: Row {}
