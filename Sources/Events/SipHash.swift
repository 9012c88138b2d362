/// SipHash-2-4 with 128 bits of output: a keyed hash that nobody without the key can compute or look up.
///
/// After J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012), and the authors' reference code for
/// the output of 128 bits.
public struct SipHash: Sendable {
    /// The hash of some bytes.
    public struct Digest: Hashable, Sendable, CustomStringConvertible {
        /// The first eight bytes, little-endian.
        public let first: UInt64
        /// The last eight bytes, little-endian.
        public let second: UInt64

        /// A digest from its halves.
        public init(first: UInt64, second: UInt64) {
            self.first = first
            self.second = second
        }

        /// 32 hexadecimal digits, byte by byte.
        public var description: String {
            var text = ""
            for half in [first, second] {
                withUnsafeBytes(of: half.littleEndian) { bytes in
                    for byte in bytes { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
                }
            }
            return text
        }

        /// Reads the form that `description` writes; nil when it is anything else.
        public init?(_ text: String) {
            let digits = Array(text.utf8)
            guard digits.count == 32 else { return nil }
            var halves: [UInt64] = [0, 0]
            for index in 0..<16 {
                guard
                    let byte = UInt8(String(decoding: digits[(2 * index)..<(2 * index + 2)], as: UTF8.self), radix: 16)
                else { return nil }
                halves[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8))
            }
            self.init(first: halves[0], second: halves[1])
            guard description == text else { return nil }
        }
    }

    private let key: Digest

    /// A hash under a key of 128 random bits.
    public init(key: Digest) { self.key = key }

    /// A key of 128 random bits.
    public static func randomKey() -> Digest {
        Digest(first: .random(in: .min ... .max), second: .random(in: .min ... .max))
    }

    /// The hash of some bytes.
    @inline(__always)
    public func digest(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var state = State(key)
        var at = 0
        while at &+ 8 <= bytes.count {
            state.add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at &+= 8
        }
        var tail = UInt64(truncatingIfNeeded: bytes.count) << 56
        var shift: UInt64 = 0
        while at < bytes.count {
            tail |= UInt64(bytes[at]) << shift
            shift &+= 8
            at &+= 1
        }
        state.add(tail)
        return state.finish()
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        @inline(__always)
        init(_ key: Digest) {
            v0 = 0x736f_6d65_7073_6575 ^ key.first
            v1 = 0x646f_7261_6e64_6f6d ^ key.second ^ 0xee
            v2 = 0x6c79_6765_6e65_7261 ^ key.first
            v3 = 0x7465_6462_7974_6573 ^ key.second
        }

        @inline(__always)
        private mutating func round() {
            v0 &+= v1
            v1 = (v1 << 13 | v1 >> 51) ^ v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = (v3 << 16 | v3 >> 48) ^ v2
            v0 &+= v3
            v3 = (v3 << 21 | v3 >> 43) ^ v0
            v2 &+= v1
            v1 = (v1 << 17 | v1 >> 47) ^ v2
            v2 = v2 << 32 | v2 >> 32
        }

        @inline(__always)
        mutating func add(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        @inline(__always)
        mutating func finish() -> Digest {
            v2 ^= 0xee
            for _ in 0..<4 { round() }
            let first = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            for _ in 0..<4 { round() }
            return Digest(first: first, second: v0 ^ v1 ^ v2 ^ v3)
        }
    }
}
