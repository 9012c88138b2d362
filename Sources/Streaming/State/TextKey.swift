/// A text as a key: 128 bits of a hash of its bytes, so that state needs no memory for it. Among a billion texts that
/// were not made to collide, the chance that two have the same key is 10¹⁸ / 2¹²⁹ ≈ 1.5·10⁻²¹.
public struct TextKey: StateKey {
    @usableFromInline let high: UInt64
    @usableFromInline let low: UInt64

    @inlinable
    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The key of a text.
    @inlinable
    public init(_ text: TextRef) {
        let bytes = UnsafeRawPointer(text.base)
        let count = text.count
        var high = UInt64(truncatingIfNeeded: count) &+ 0x9ae1_6a3b_2f90_404f
        var low: UInt64 = 0xc3a5_c85c_97cb_3127
        var offset = 0
        while offset < count {
            var word: UInt64 = 0
            if count &- offset >= 8 {
                word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            } else {
                for index in offset..<count {
                    word |= UInt64(bytes.load(fromByteOffset: index, as: UInt8.self)) << UInt64((index &- offset) &* 8)
                }
            }
            high = mixed(high ^ word)
            low = mixed(low &+ (word ^ 0x5851_f42d_4c95_7f2d)) &+ (low << 23 | low >> 41)
            offset &+= 8
        }
        self.high = mixed(high ^ low)
        self.low = mixed(low &+ high)
    }

    /// Both halves zero.
    @inlinable public static var vacant: TextKey { TextKey(high: 0, low: 0) }
    /// One half of it.
    @inlinable public var stateHash: UInt64 { high }

    /// Whether both are the same.
    @inlinable @inline(__always)
    public static func == (left: TextKey, right: TextKey) -> Bool { left.high == right.high && left.low == right.low }
}
