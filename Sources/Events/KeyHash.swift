/// A stable 128-bit hash of an id's bytes: the same on every machine and in every version of the log format, since
/// partitions are chosen by it.
///
/// Each half folds eight bytes at a time with a 64×64→128-bit multiplication whose halves are xored (the mixing step
/// of wyhash and MUM). It is not meant to withstand somebody who searches for collisions.
public struct KeyHash: Hashable, Sendable {
    /// The first half; also the hash that chooses a partition.
    public var high: UInt64
    /// The second half.
    public var low: UInt64

    /// A hash from its halves.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    @inline(__always) @usableFromInline
    static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// Fewer than eight bytes as a number, the first the lowest; in a few loads that overlap rather than one for each byte.
    ///
    /// - Parameter isPreceded: whether eight bytes before these may be read.
    @inline(__always) @usableFromInline
    static func word(_ p: UnsafeRawPointer, _ count: Int, isPreceded: Bool) -> UInt64 {
        if count == 0 { return 0 }
        if isPreceded {
            return (p + (count &- 8)).loadUnaligned(as: UInt64.self) >> UInt64(truncatingIfNeeded: 64 &- 8 &* count)
        }
        if count >= 4 {
            let first = UInt64(p.loadUnaligned(as: UInt32.self))
            let last = UInt64((p + (count &- 4)).loadUnaligned(as: UInt32.self))
            return first | last << UInt64(truncatingIfNeeded: 8 &* (count &- 4))
        }
        let first = UInt64(p.load(as: UInt8.self))
        let middle = UInt64(p.load(fromByteOffset: count >> 1, as: UInt8.self))
        let last = UInt64(p.load(fromByteOffset: count &- 1, as: UInt8.self))
        return first | middle << UInt64(truncatingIfNeeded: 8 &* (count >> 1))
            | last << UInt64(truncatingIfNeeded: 8 &* (count &- 1))
    }

    /// The hash of `count` bytes at `p`, under a seed.
    @inlinable
    public init(_ p: UnsafePointer<UInt8>, count: Int, seed: UInt64 = 0) {
        let raw = UnsafeRawPointer(p)
        // A small seed as one of many bits, zero as zero: were it mixed in as it is, `c1` under one seed would be `a1` under
        // another.
        let spread = seed &* 0x9fb2_1c65_1e98_df25
        var a: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ spread
        var b: UInt64 = 0xc2b2_ae3d_27d4_eb4f &+ spread
        var at = 0
        while at &+ 8 <= count {
            let word = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            a = KeyHash.mix(a ^ word, 0xa076_1d64_78bd_642f)
            b = KeyHash.mix(b &+ word, 0xe703_7ed1_a0b4_28db)
            at &+= 8
        }
        let tail = KeyHash.word(raw + at, count &- at, isPreceded: at > 0)
        a = KeyHash.mix(a ^ tail, 0x8ebc_6af0_9c88_c6e3)
        b = KeyHash.mix(b &+ tail, 0x5899_65cc_7537_4cc3)
        let length = UInt64(truncatingIfNeeded: count)
        high = KeyHash.mix(a ^ length, 0x1d8e_4e27_c47d_124f ^ b)
        low = KeyHash.mix(b &+ length, 0xeb44_acca_b455_d165 ^ a)
    }

    /// The hash of a string's UTF-8.
    public init(_ text: String, seed: UInt64 = 0) {
        var text = text
        self = text.withUTF8 { bytes in
            guard let base = bytes.baseAddress else {
                let nothing: UInt8 = 0
                return withUnsafePointer(to: nothing) { KeyHash($0, count: 0, seed: seed) }
            }
            return KeyHash(base, count: bytes.count, seed: seed)
        }
    }

    /// The first half as the key of a table whose empty slots are marked by zero, which one stands for.
    @inlinable @inline(__always)
    public var nonzero: UInt64 { high == 0 ? 1 : high }

    /// The partition of `count` that this key belongs to.
    @inlinable
    public func partition(of count: Int) -> Int {
        Int(truncatingIfNeeded: high.multipliedFullWidth(by: UInt64(count)).high)
    }
}
