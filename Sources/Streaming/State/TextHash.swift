package import Events

/// Hashes of texts that are looked up in memory: 16 bytes a multiplication, the halves of whose product are folded (the
/// mixing step of wyhash and rapidhash).
///
/// Keys that the log or other machines share are ``KeyHash``es, which stay as they are for good; what is kept by these
/// hashes in a checkpoint has its format's version to tell them by. They are not meant to withstand somebody who searches
/// for collisions.
package enum TextHash {
    private static let (first, second, third): (UInt64, UInt64, UInt64) = (
        0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3
    )

    @inline(__always)
    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// A seed of few bits as one of many: the bytes of a text are xored with it, and must not make another seed's of it.
    @inline(__always)
    private static func spread(_ seed: UInt64) -> UInt64 { mix(seed ^ second, third) }

    @inline(__always)
    private static func word(_ p: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        p.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// The last 16 bytes of more than 16 as two words; of fewer, all of them, in loads that overlap.
    @inline(__always)
    private static func last(_ p: UnsafeRawPointer, _ count: Int) -> (UInt64, UInt64) {
        if count > 16 { return (word(p, count &- 16), word(p, count &- 8)) }
        if count >= 8 { return (word(p, 0), word(p, count &- 8)) }
        if count >= 4 {
            return (
                UInt64(p.loadUnaligned(as: UInt32.self)),
                UInt64(p.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
            )
        }
        guard count > 0 else { return (0, 0) }
        let ends = UInt64(p.load(as: UInt8.self)) | UInt64(p.load(fromByteOffset: count &- 1, as: UInt8.self)) << 8
        return (ends, UInt64(p.load(fromByteOffset: count >> 1, as: UInt8.self)))
    }

    /// 64 bits of the hash of a text.
    @inline(__always)
    package static func of(_ text: StringRef, seed: UInt64 = 0) -> UInt64 {
        let p = UnsafeRawPointer(text.start)
        let count = text.count
        var sum = spread(seed)
        var at = 0
        while count &- at > 16 {
            sum = mix(word(p, at) ^ first, word(p, at &+ 8) ^ sum)
            at &+= 16
        }
        let end = last(p, count)
        return mix(mix(end.0 ^ first, end.1 ^ sum) ^ second, UInt64(truncatingIfNeeded: count) ^ third)
    }

    /// The same as the key of a table whose empty slots are marked by zero, which one stands for.
    @inline(__always)
    package static func nonzero(_ text: StringRef, seed: UInt64 = 0) -> UInt64 {
        let hash = of(text, seed: seed)
        return hash == 0 ? 1 : hash
    }

    /// The same of a string's UTF-8.
    package static func nonzero(_ text: String, seed: UInt64 = 0) -> UInt64 {
        var text = text
        return text.withUTF8 { bytes in
            withUnsafePointer(to: 0 as UInt8) { nothing in
                nonzero(StringRef(bytes.baseAddress ?? nothing, bytes.count), seed: seed)
            }
        }
    }

    /// 128 bits of the hash of a text.
    @inline(__always)
    package static func wide(_ text: StringRef, seed: UInt64) -> KeyHash {
        let p = UnsafeRawPointer(text.start)
        let count = text.count
        var a = spread(seed)
        var b = ~a
        var at = 0
        while count &- at > 16 {
            let (left, right) = (word(p, at), word(p, at &+ 8))
            a = mix(left ^ first, right ^ a)
            b = mix(left ^ third, right ^ b)
            at &+= 16
        }
        let end = last(p, count)
        a = mix(end.0 ^ first, end.1 ^ a)
        b = mix(end.0 ^ third, end.1 ^ b)
        let length = UInt64(truncatingIfNeeded: count)
        return KeyHash(high: mix(a ^ second, length ^ b), low: mix(b ^ first, length ^ a))
    }

    /// 32 bits of the hash of an event's bytes: in four lanes, since a multiplication answers only after three more could
    /// begin.
    package static func content(_ text: StringRef) -> UInt32 {
        let p = UnsafeRawPointer(text.start)
        let count = text.count
        var at = 0
        var (a, b, c, d) = (first, second, third, first ^ second)
        while count &- at > 64 {
            a = mix(word(p, at) ^ first, word(p, at &+ 8) ^ a)
            b = mix(word(p, at &+ 16) ^ second, word(p, at &+ 24) ^ b)
            c = mix(word(p, at &+ 32) ^ third, word(p, at &+ 40) ^ c)
            d = mix(word(p, at &+ 48) ^ first, word(p, at &+ 56) ^ d)
            at &+= 64
        }
        let rest = of(StringRef(text.start + at, count &- at), seed: mix(a ^ second, b) ^ mix(c ^ third, d))
        return UInt32(truncatingIfNeeded: mix(rest ^ first, UInt64(truncatingIfNeeded: count) ^ second))
    }
}
