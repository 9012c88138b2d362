import CBytes

/// Whether bytes are well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, surrogates or values past U+10FFFF).
enum UTF8Validity {
    /// Whether `count` bytes at `p`, which are followed by readable padding, are well-formed.
    @inline(__always)
    static func isValid(_ p: UnsafePointer<UInt8>, count: Int) -> Bool {
        cbytes_has_non_ascii(p, count) == 0 || isValidMultibyte(p, count: count)
    }

    /// Takes a character at a time from a word of four bytes: its form by one mask and comparison, then the bounds of
    /// the second byte where the first one narrows them.
    @inline(never)
    private static func isValidMultibyte(_ start: UnsafePointer<UInt8>, count: Int) -> Bool {
        let end = start + count
        var p = start
        while p < end {
            let raw = UnsafeRawPointer(p)
            let word = UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self))
            if word & 0xc0_c0f0 == 0x80_80e0 {
                // Three bytes: not what two would do for, and no surrogate.
                let scalar = (word & 0x0f) &<< 12 | (word & 0x3f00) &>> 2 | (word & 0x3f_0000) &>> 16
                guard scalar >= 0x800, scalar & 0xf800 != 0xd800 else { return false }
                p += 3
            } else if word & 0x80 == 0 {
                // Up to eight ASCII bytes.
                let high = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)) & 0x8080_8080_8080_8080
                p += min(high.trailingZeroBitCount &>> 3, end - p)
            } else if word & 0xc0e0 == 0x80c0 {
                guard word & 0x1e != 0 else { return false }
                p += 2
            } else {
                guard word & 0xc0c0_c0f8 == 0x8080_80f0 else { return false }
                // Four bytes: not what three would do for, and not past U+10FFFF.
                let beginning = (word & 0x07) &<< 6 | (word & 0x3f00) &>> 8
                guard beginning >= 0x10, beginning <= 0x10f else { return false }
                p += 4
            }
        }
        // A character that needs bytes from behind the end is cut off.
        return p == end
    }
}
