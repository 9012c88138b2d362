/// Writes one JSON line into bytes that somebody else keeps; running past their end stops the process.
struct LineWriter {
    private let start: UnsafeMutablePointer<UInt8>
    private let end: UnsafeMutablePointer<UInt8>
    private var p: UnsafeMutablePointer<UInt8>

    /// A writer into `room`, which must not be empty.
    init(_ room: UnsafeMutableBufferPointer<UInt8>) {
        guard let base = room.baseAddress else { preconditionFailure("a line needs room") }
        start = base
        p = base
        end = base + room.count
    }

    /// How many bytes were written.
    var count: Int { p - start }

    @inline(__always)
    private mutating func take(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        let place = p
        precondition(end - place >= count, "a line is longer than LineBuffer.lineBytesMax")
        p = place + count
        return place
    }

    /// One byte.
    @inline(__always)
    mutating func put(byte: UInt8) {
        take(1).pointee = byte
    }

    /// Text as it stands: the caller sees to the quotes and to what needs escaping.
    @inline(__always)
    mutating func put(_ text: StaticString) {
        take(text.utf8CodeUnitCount).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// A word of a list.
    @inline(__always)
    mutating func put(_ words: Words, _ index: Int) {
        words.withBytes(of: index) { bytes in
            guard let base = bytes.baseAddress else { return }
            take(bytes.count).update(from: base, count: bytes.count)
        }
    }

    /// The first `count` bytes of a short fixed text.
    @inline(__always)
    mutating func put(_ text: SIMD32<UInt8>, count: Int) {
        let place = take(count)
        withUnsafeBytes(of: text) { bytes in
            UnsafeMutableRawPointer(place).copyMemory(from: bytes.baseAddress.unsafelyUnwrapped, byteCount: count)
        }
    }

    /// A number with at least `width` digits, zeros in front.
    @inline(__always)
    mutating func put(_ number: UInt64, width: Int) {
        var digits = 1
        var limit: UInt64 = 10
        while digits < 19, number >= limit {
            digits += 1
            limit &*= 10
        }
        if digits == 19, number >= limit { digits = 20 }
        digits = max(digits, width)
        var place = take(digits) + digits
        var left = number
        for _ in 0..<digits {
            place -= 1
            let (quotient, remainder) = left.quotientAndRemainder(dividingBy: 10)
            place.pointee = 48 &+ UInt8(truncatingIfNeeded: remainder)
            left = quotient
        }
    }

    /// A number.
    @inline(__always)
    mutating func put(_ number: Int) {
        if number < 0 { put(byte: 0x2d) }
        put(UInt64(number.magnitude), width: 1)
    }

    /// An amount of money in cents, with its point: `1299` as `12.99`. Not for negative amounts.
    @inline(__always)
    mutating func put(cents: Int64) {
        let (whole, rest) = UInt64(cents).quotientAndRemainder(dividingBy: 100)
        put(whole, width: 1)
        put(byte: 0x2e)
        put(rest, width: 2)
    }

    /// The lowest `digits` hexadecimal digits of a number.
    @inline(__always)
    mutating func put(hex number: UInt64, digits: Int) {
        let place = take(digits)
        for index in 0..<digits {
            let nibble = UInt8(truncatingIfNeeded: number &>> UInt64(4 &* (digits &- 1 &- index))) & 15
            place[index] = nibble &+ (nibble < 10 ? 48 : 87)
        }
    }

    /// A customer's id.
    @inline(__always)
    mutating func put(customer: UInt32) {
        put("u-")
        put(UInt64(customer), width: 6)
    }

    /// A product's id.
    @inline(__always)
    mutating func put(product: UInt32) {
        put("p-")
        put(UInt64(product), width: 5)
    }
}
