import CBytes

/// Whether bytes are well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, surrogates or values past U+10FFFF).
enum UTF8Validity {
    @inline(__always)
    static func isValid(_ p: UnsafePointer<UInt8>, count: Int) -> Bool {
        cbytes_has_non_ascii(p, count) == 0 || isValidMultibyte(p, count: count)
    }

    private static func isValidMultibyte(_ p: UnsafePointer<UInt8>, count: Int) -> Bool {
        var at = 0
        func continues(_ index: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xbf) -> Bool {
            index < count && p[index] >= low && p[index] <= high
        }
        while at < count {
            let byte = p[at]
            switch byte {
            case 0x00...0x7f:
                at += 1
            case 0xc2...0xdf:
                guard continues(at + 1) else { return false }
                at += 2
            case 0xe0...0xef:
                let low: UInt8 = byte == 0xe0 ? 0xa0 : 0x80
                let high: UInt8 = byte == 0xed ? 0x9f : 0xbf
                guard continues(at + 1, low, high), continues(at + 2) else { return false }
                at += 3
            case 0xf0...0xf4:
                let low: UInt8 = byte == 0xf0 ? 0x90 : 0x80
                let high: UInt8 = byte == 0xf4 ? 0x8f : 0xbf
                guard continues(at + 1, low, high), continues(at + 2), continues(at + 3) else { return false }
                at += 4
            default:
                return false
            }
        }
        return true
    }
}
