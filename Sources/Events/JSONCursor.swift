import CBytes

/// A position in JSON text (RFC 8259) that is read strictly, byte by byte, up to `end`.
///
/// The text must be followed by `EventLimits.padding` readable bytes. They may belong to whatever follows in the same
/// buffer, so every step that could run past `end` checks it; a scan always stops at the zero bytes behind the
/// buffer at the latest.
package struct JSONCursor {
    /// The next byte.
    package var p: UnsafePointer<UInt8>
    package let end: UnsafePointer<UInt8>

    @inline(__always)
    package init(_ start: UnsafePointer<UInt8>, count: Int) {
        p = start
        end = start + count
    }

    @inline(__always)
    package mutating func skipSpace() {
        while p < end, p[0] == 0x20 || p[0] == 0x0a || p[0] == 0x0d || p[0] == 0x09 { p += 1 }
    }

    /// Takes one byte if it is next.
    @inline(__always)
    package mutating func take(_ byte: UInt8) -> Bool {
        guard p < end, p[0] == byte else { return false }
        p += 1
        return true
    }

    /// Reads a string whose opening quote is next. Returns the bytes between the quotes as they stand and whether
    /// they hold escapes (checked, not undone); nil when the string is malformed.
    @inline(__always)
    package mutating func string() -> (start: UnsafePointer<UInt8>, count: Int, escaped: Bool)? {
        guard take(0x22) else { return nil }
        let start = p
        var escaped = false
        while true {
            p += cbytes_scan_string(p)
            guard p < end else { return nil }
            if p[0] == 0x22 {
                p += 1
                return (start, p - start - 1, escaped)
            }
            guard p[0] == 0x5c, skipEscape() else { return nil }
            escaped = true
        }
    }

    /// Steps over one escape, whose backslash is next; false when it is malformed.
    private mutating func skipEscape() -> Bool {
        guard p + 1 < end else { return false }
        switch p[1] {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74:
            p += 2
            return true
        case 0x75:
            guard let unit = JSONCursor.hex4(p + 2, end) else { return false }
            p += 6
            if unit >= 0xdc00 && unit < 0xe000 { return false }
            guard unit >= 0xd800 && unit < 0xdc00 else { return true }
            guard p + 1 < end, p[0] == 0x5c, p[1] == 0x75, let low = JSONCursor.hex4(p + 2, end), low >= 0xdc00,
                low < 0xe000
            else { return false }
            p += 6
            return true
        default:
            return false
        }
    }

    static func hex4(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UInt32? {
        guard p + 4 <= end else { return nil }
        var value: UInt32 = 0
        for i in 0..<4 {
            let byte = p[i]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
            default: return nil
            }
        }
        return value
    }

    /// Undoes the escapes of a string that `string()` accepted, writing at most `count` bytes to `out`; returns how
    /// many it wrote.
    package static func unescape(_ p: UnsafePointer<UInt8>, _ count: Int, into out: UnsafeMutablePointer<UInt8>) -> Int
    {
        let end = p + count
        var p = p
        var o = out
        while p < end {
            guard p[0] == 0x5c else {
                o[0] = p[0]
                o += 1
                p += 1
                continue
            }
            let kind = p[1]
            p += 2
            switch kind {
            case 0x62: o[0] = 0x08
            case 0x66: o[0] = 0x0c
            case 0x6e: o[0] = 0x0a
            case 0x72: o[0] = 0x0d
            case 0x74: o[0] = 0x09
            case 0x75:
                var scalar = hex4(p, end) ?? 0xfffd
                p += 4
                if scalar >= 0xd800 && scalar < 0xdc00 {
                    let low = hex4(p + 2, end) ?? 0xdc00
                    p += 6
                    scalar = 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00)
                }
                o += encode(scalar, o)
                continue
            default: o[0] = kind
            }
            o += 1
        }
        return o - out
    }

    private static func encode(_ scalar: UInt32, _ o: UnsafeMutablePointer<UInt8>) -> Int {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (scalar >> shift) & 0x3f) }
        if scalar < 0x80 {
            o[0] = UInt8(scalar)
            return 1
        }
        if scalar < 0x800 {
            o[0] = UInt8(0xc0 | scalar >> 6)
            o[1] = tail(0)
            return 2
        }
        if scalar < 0x10000 {
            o[0] = UInt8(0xe0 | scalar >> 12)
            o[1] = tail(6)
            o[2] = tail(0)
            return 3
        }
        o[0] = UInt8(0xf0 | scalar >> 18)
        o[1] = tail(12)
        o[2] = tail(6)
        o[3] = tail(0)
        return 4
    }

    /// What a number looked like: where it stands and whether it was a plain integer.
    struct Number {
        let start: UnsafePointer<UInt8>
        let count: Int
        let isInteger: Bool
        let hasExponent: Bool
    }

    /// Reads a number by JSON's grammar (no leading zeros, no bare point); nil when malformed.
    @inline(__always)
    mutating func number() -> Number? {
        let start = p
        if p < end, p[0] == 0x2d { p += 1 }
        guard p < end else { return nil }
        if p[0] == 0x30 {
            p += 1
        } else {
            guard p[0] &- 0x31 < 9 else { return nil }
            while p < end, p[0] &- 0x30 < 10 { p += 1 }
        }
        var integer = true
        var exponent = false
        if p < end, p[0] == 0x2e {
            integer = false
            p += 1
            let first = p
            while p < end, p[0] &- 0x30 < 10 { p += 1 }
            guard p > first else { return nil }
        }
        if p < end, p[0] | 0x20 == 0x65 {
            integer = false
            exponent = true
            p += 1
            if p < end, p[0] == 0x2b || p[0] == 0x2d { p += 1 }
            let first = p
            while p < end, p[0] &- 0x30 < 10 { p += 1 }
            guard p > first else { return nil }
        }
        return Number(start: start, count: p - start, isInteger: integer, hasExponent: exponent)
    }

    /// Takes a literal such as `true` if it is next.
    mutating func literal(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard p + count <= end else { return false }
        for i in 0..<count where p[i] != word.utf8Start[i] { return false }
        p += count
        return true
    }

    /// Steps over any value, at most `depth` levels deep; false when it is malformed or deeper.
    package mutating func skipValue(depth: Int = EventLimits.depth) -> Bool {
        skipSpace()
        guard p < end else { return false }
        switch p[0] {
        case 0x22: return string() != nil
        case 0x74: return literal("true")
        case 0x66: return literal("false")
        case 0x6e: return literal("null")
        case 0x7b:
            guard depth > 0 else { return false }
            p += 1
            skipSpace()
            if take(0x7d) { return true }
            while true {
                skipSpace()
                guard string() != nil else { return false }
                skipSpace()
                guard take(0x3a), skipValue(depth: depth - 1) else { return false }
                skipSpace()
                if take(0x2c) { continue }
                return take(0x7d)
            }
        case 0x5b:
            guard depth > 0 else { return false }
            p += 1
            skipSpace()
            if take(0x5d) { return true }
            while true {
                guard skipValue(depth: depth - 1) else { return false }
                skipSpace()
                if take(0x2c) { continue }
                return take(0x5d)
            }
        default: return number() != nil
        }
    }
}
