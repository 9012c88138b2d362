/// The binary form of single values (Appendix D of the specification), which column bounds and partition summaries use.
public enum SingleValue {
    /// Most code points of a string, or bytes of a binary value, that a bound keeps.
    public static let boundLength = 16

    /// The value's bytes; nil for null.
    public static func encode(_ value: IcebergValue) -> [UInt8]? {
        switch value {
        case .null: nil
        case .boolean(let boolean): [boolean ? 1 : 0]
        case .int(let number), .date(let number): littleEndian(number)
        case .long(let number), .time(let number), .timestamp(let number), .timestamptz(let number):
            littleEndian(number)
        case .float(let number): littleEndian(number.bitPattern)
        case .double(let number): littleEndian(number.bitPattern)
        case .decimal(let unscaled): minimalBigEndian(unscaled)
        case .string(let text): Array(text.utf8)
        case .uuid(let bytes), .binary(let bytes): bytes
        }
    }

    /// The value that the bytes stand for. The short forms of promoted types (int read as long, float as double) are
    /// accepted, as files written before a promotion hold them.
    /// - Throws: ``IcebergError`` `.malformed` when the bytes are not such a value.
    public static func decode(_ bytes: [UInt8], as type: IcebergType) throws -> IcebergValue {
        switch (type, bytes.count) {
        case (.boolean, 1): return .boolean(bytes[0] != 0)
        case (.int, 4): return .int(Int32(truncatingIfNeeded: unsigned(bytes)))
        case (.date, 4): return .date(Int32(truncatingIfNeeded: unsigned(bytes)))
        case (.long, 4): return .long(Int64(Int32(truncatingIfNeeded: unsigned(bytes))))
        case (.long, 8): return .long(Int64(truncatingIfNeeded: unsigned(bytes)))
        case (.time, 8): return .time(Int64(truncatingIfNeeded: unsigned(bytes)))
        case (.timestamp, 8): return .timestamp(Int64(truncatingIfNeeded: unsigned(bytes)))
        case (.timestamptz, 8): return .timestamptz(Int64(truncatingIfNeeded: unsigned(bytes)))
        case (.float, 4): return .float(Float(bitPattern: UInt32(truncatingIfNeeded: unsigned(bytes))))
        case (.double, 4): return .double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: unsigned(bytes)))))
        case (.double, 8): return .double(Double(bitPattern: unsigned(bytes)))
        case (.decimal, 1...16): return .decimal(signedBigEndian(bytes))
        case (.uuid, 16): return .uuid(bytes)
        case (.binary, _): return .binary(bytes)
        case (.fixed(let length), _) where bytes.count == length: return .binary(bytes)
        case (.string, _):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw IcebergError(.malformed, "a string value is not UTF-8")
            }
            return .string(text)
        default: throw IcebergError(.malformed, "\(bytes.count) bytes are not a value of type \(type)")
        }
    }

    /// A bound of a column as a manifest holds it; nil when it says nothing. Bytes that are not a value of the type, and
    /// NaN, which some writers put where they should have left the bound out, bound nothing.
    package static func bound(_ bytes: [UInt8]?, as type: IcebergType) -> IcebergValue? {
        guard let bytes, let value = try? decode(bytes, as: type) else { return nil }
        switch value {
        case .float(let number): return number.isNaN ? nil : value
        case .double(let number): return number.isNaN ? nil : value
        default: return value
        }
    }

    /// A bound that is not above `value`; nil where we write none (null and floating point: a file's NaN count is not
    /// reliable from every engine). Strings and binary values are cut to ``boundLength``.
    public static func lowerBound(_ value: IcebergValue) -> [UInt8]? {
        switch value {
        case .null, .float, .double: nil
        case .string(let text): Array(String(String.UnicodeScalarView(text.unicodeScalars.prefix(boundLength))).utf8)
        case .binary(let bytes): Array(bytes.prefix(boundLength))
        default: encode(value)
        }
    }

    /// A bound that is not below `value`: what is cut off is made up for by counting the last code point (or byte) up.
    /// Nil where we write none, and when no short value is large enough.
    public static func upperBound(_ value: IcebergValue) -> [UInt8]? {
        switch value {
        case .null, .float, .double: return nil
        case .string(let text):
            var scalars = Array(text.unicodeScalars.prefix(boundLength + 1))
            guard scalars.count > boundLength else { return Array(text.utf8) }
            scalars.removeLast()
            while let last = scalars.popLast() {
                guard let next = following(last) else { continue }
                scalars.append(next)
                var bound = String.UnicodeScalarView()
                bound.append(contentsOf: scalars)
                return Array(String(bound).utf8)
            }
            return nil
        case .binary(let bytes):
            guard bytes.count > boundLength else { return bytes }
            var bound = Array(bytes.prefix(boundLength))
            while let last = bound.popLast() {
                guard last < 0xFF else { continue }
                bound.append(last + 1)
                return bound
            }
            return nil
        default: return encode(value)
        }
    }

    /// The next code point that a string may hold: surrogates are stepped over.
    private static func following(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        scalar.value == 0xD7FF ? Unicode.Scalar(0xE000) : Unicode.Scalar(scalar.value + 1)
    }

    static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// Two's complement, most significant byte first, without bytes that only repeat the sign.
    static func minimalBigEndian(_ number: Int128) -> [UInt8] {
        let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0) }
        let padding: UInt8 = number < 0 ? 0xFF : 0
        var start = 0
        while start < bytes.count - 1, bytes[start] == padding, bytes[start + 1] & 0x80 == padding & 0x80 { start += 1 }
        return Array(bytes[start...])
    }

    static func signedBigEndian(_ bytes: [UInt8]) -> Int128 {
        var number: Int128 = (bytes.first ?? 0) & 0x80 != 0 ? -1 : 0
        for byte in bytes { number = number << 8 | Int128(byte) }
        return number
    }

    private static func unsigned(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
