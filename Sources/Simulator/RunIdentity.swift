/// The ids of one run: event ids in the shape of a UUID, and numbered sessions, orders and lots.
///
/// An event id is a version 8 UUID (RFC 9562, section 5.8): 60 bits from seed and run, 62 bits from a counter by a
/// bijection. Within a run no two are the same, by construction; two runs differ in the first 60 bits but for one
/// chance in 2^60. Sessions, orders and lots carry 48 of those bits, so that another run's orders are other orders.
struct RunIdentity: Sendable {
    /// `xxxxxxxx-xxxx-8xxx-`: the first 19 bytes of every event id.
    private let prefix: SIMD32<UInt8>
    /// `xxxxxxxxxxxx-`: what the other ids have in common.
    private let tag: SIMD32<UInt8>
    private let spread: UInt64

    private static let counterMask: UInt64 = (1 << 62) - 1

    init(seed: UInt64, run: UInt32) {
        let hash = SplitMix64.hash(seed, RandomStream.identity.rawValue, UInt64(run))
        spread = SplitMix64.hash(hash, 1)
        var prefix = SIMD32<UInt8>(repeating: 0x2d)
        var tag = SIMD32<UInt8>(repeating: 0x2d)
        func digit(_ index: Int) -> UInt8 {
            let nibble = UInt8(truncatingIfNeeded: hash >> UInt64(4 * index)) & 15
            return nibble < 10 ? 48 + nibble : 87 + nibble
        }
        let places = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 17]
        for (index, place) in places.enumerated() { prefix[place] = digit(index) }
        prefix[14] = 0x38
        for index in 0..<12 { tag[index] = digit(index) }
        self.prefix = prefix
        self.tag = tag
    }

    /// The last 64 bits of the id of an event, counted from 1.
    @inline(__always)
    func event(_ count: UInt64) -> UInt64 { lastBits(count) }

    /// The last 64 bits of the id of a malformed line, counted from 1: from the upper half of the counter's range, so
    /// that dirt does not change the ids of events.
    func malformed(_ count: UInt64) -> UInt64 { lastBits(count | 1 << 61) }

    /// Sums, odd products and shifted xors modulo 2^62 can all be undone, so distinct counters stay distinct.
    @inline(__always)
    private func lastBits(_ counter: UInt64) -> UInt64 {
        var bits = (counter &+ spread) & RunIdentity.counterMask
        bits = ((bits ^ (bits &>> 31)) &* 0x3f58_476d_1ce4_e5b9) & RunIdentity.counterMask
        bits = ((bits ^ (bits &>> 29)) &* 0x14d0_49bb_1331_11eb) & RunIdentity.counterMask
        return bits ^ (bits &>> 32) | 1 << 63
    }

    /// Writes an event id.
    @inline(__always)
    func writeEvent(_ lastBits: UInt64, _ line: inout LineWriter) {
        line.put(prefix, count: 19)
        line.put(hex: lastBits &>> 48, digits: 4)
        line.put(byte: 0x2d)
        line.put(hex: lastBits, digits: 12)
    }

    /// Writes what follows the letter of a session's, order's or lot's id.
    @inline(__always)
    func writeNumber(_ number: UInt64, _ line: inout LineWriter) {
        line.put(tag, count: 13)
        line.put(number, width: 7)
    }
}
