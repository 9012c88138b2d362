/// How a partition value follows from a column's value.
public enum Transform: Sendable, Hashable {
    /// The value itself.
    case identity
    /// Years since 1970.
    case year
    /// Months since 1970-01.
    case month
    /// The day, as a date.
    case day
    /// Hours since 1970-01-01 00:00.
    case hour
    /// A hash of the value, modulo this number.
    case bucket(Int)
    /// Numbers down to a multiple of the width, strings and bytes cut to it.
    case truncate(Int)
    /// Always null: what is left of a dropped partition field.
    case void
    /// One this version does not know; tables with it are read, not written.
    case unknown(String)

    /// The partition value of `value`; null stays null.
    /// - Throws: ``IcebergError`` `.badRequest` when the transform does not apply to such a value, `.unsupported` for
    ///   an unknown transform.
    public func apply(_ value: IcebergValue) throws -> IcebergValue {
        if value == .null { return .null }
        switch (self, value) {
        case (.void, _): return .null
        case (.identity, _): return value
        case (.year, .date(let days)): return .int(Int32(CivilDay(daysSinceEpoch: days).year - 1970))
        case (.month, .date(let days)):
            let day = CivilDay(daysSinceEpoch: days)
            return .int(Int32((day.year - 1970) * 12 + day.month - 1))
        case (.day, .date): return value
        case (.year, .timestamp(let time)), (.year, .timestamptz(let time)),
            (.month, .timestamp(let time)), (.month, .timestamptz(let time)):
            return try apply(.date(Self.day(ofMicroseconds: time)))
        case (.day, .timestamp(let time)), (.day, .timestamptz(let time)):
            return .date(Self.day(ofMicroseconds: time))
        case (.hour, .timestamp(let time)), (.hour, .timestamptz(let time)):
            return .int(Int32(clamping: Self.floored(time, by: 3_600_000_000)))
        case (.bucket(let count), _) where count > 0:
            guard let bytes = Self.hashed(value) else { break }
            return .int(Int32((Murmur3.hash(bytes) & 0x7FFF_FFFF) % UInt32(clamping: count)))
        case (.truncate(let width), _) where width > 0:
            guard let cut = Self.cut(value, to: width) else { break }
            return cut
        case (.unknown(let name), _): throw IcebergError(.unsupported, "partition transform \"\(name)\" is not known")
        default: break
        }
        throw IcebergError(.badRequest, "partition transform \(name) does not apply to the value \(value)")
    }

    /// Whether the transform applies to columns of type `source` (the specification's table of transforms). One that is
    /// not known applies to nothing.
    public func accepts(_ source: IcebergType) -> Bool {
        switch (self, source) {
        case (.unknown, _), (_, .struct), (_, .list), (_, .map): false
        case (.identity, _), (.void, _): true
        case (.year, .date), (.month, .date), (.day, .date): true
        case (.year, _), (.month, _), (.day, _), (.hour, _): source == .timestamp || source == .timestamptz
        case (.bucket, .boolean), (.bucket, .float), (.bucket, .double): false
        case (.bucket, _): true
        case (.truncate, .int), (.truncate, .long), (.truncate, .decimal), (.truncate, .string), (.truncate, .binary):
            true
        case (.truncate, _): false
        }
    }

    /// The type of the partition values made from a column of type `source`.
    public func resultType(of source: IcebergType) -> IcebergType {
        switch self {
        case .identity, .truncate, .void: source
        case .day: .date
        case .year, .month, .hour, .bucket: .int
        case .unknown: .string
        }
    }

    /// As the specification spells it.
    public var name: String {
        switch self {
        case .identity: "identity"
        case .year: "year"
        case .month: "month"
        case .day: "day"
        case .hour: "hour"
        case .bucket(let count): "bucket[\(count)]"
        case .truncate(let width): "truncate[\(width)]"
        case .void: "void"
        case .unknown(let name): name
        }
    }

    /// The transform that the specification spells `name`.
    public init(named name: String) {
        switch name {
        case "identity": self = .identity
        case "year": self = .year
        case "month": self = .month
        case "day": self = .day
        case "hour": self = .hour
        case "void": self = .void
        default:
            if let count = IcebergType.arguments(of: name, between: "bucket[", and: "]"), count.count == 1, count[0] > 0
            {
                self = .bucket(count[0])
            } else if let width = IcebergType.arguments(of: name, between: "truncate[", and: "]"), width.count == 1,
                width[0] > 0
            {
                self = .truncate(width[0])
            } else {
                self = .unknown(name)
            }
        }
    }

    private static func day(ofMicroseconds time: Int64) -> Int32 {
        Int32(clamping: floored(time, by: 86_400_000_000))
    }

    private static func floored(_ number: Int64, by divisor: Int64) -> Int64 {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// The bytes whose hash names the bucket (Appendix B).
    private static func hashed(_ value: IcebergValue) -> [UInt8]? {
        switch value {
        case .int(let number), .date(let number): SingleValue.littleEndian(Int64(number))
        case .boolean, .float, .double, .null: nil
        default: SingleValue.encode(value)
        }
    }

    private static func cut(_ value: IcebergValue, to width: Int) -> IcebergValue? {
        switch value {
        case .int(let number):
            let wide = Int64(number)
            return .int(Int32(truncatingIfNeeded: wide - modulo(wide, Int64(width))))
        case .long(let number): return .long(number &- modulo(number, Int64(width)))
        case .decimal(let number):
            let rest = number % Int128(width)
            return .decimal(number &- (rest < 0 ? rest + Int128(width) : rest))
        case .string(let text): return .string(String(String.UnicodeScalarView(text.unicodeScalars.prefix(width))))
        case .binary(let bytes): return .binary(Array(bytes.prefix(width)))
        default: return nil
        }
    }

    private static func modulo(_ number: Int64, _ divisor: Int64) -> Int64 {
        let rest = number % divisor
        return rest < 0 ? rest + divisor : rest
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDay {
    let year: Int
    /// 1 to 12.
    let month: Int

    /// The calendar repeats every 400 years (146,097 days); counting from 1 March puts the leap day last in the year.
    init(daysSinceEpoch: Int32) {
        let daysSinceMarch0 = Int(daysSinceEpoch) + 719_468
        let era = (daysSinceMarch0 >= 0 ? daysSinceMarch0 : daysSinceMarch0 - 146_096) / 146_097
        let dayOfEra = daysSinceMarch0 - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}

/// The 32-bit Murmur3 hash, x86 variant, seed 0, which bucket partitions are defined by.
enum Murmur3 {
    static func hash(_ bytes: [UInt8]) -> UInt32 {
        var hash: UInt32 = 0
        let whole = bytes.count / 4 * 4
        for start in stride(from: 0, to: whole, by: 4) {
            let word =
                UInt32(bytes[start]) | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2]) << 16
                | UInt32(bytes[start + 3]) << 24
            hash ^= scrambled(word)
            hash = rotated(hash, by: 13) &* 5 &+ 0xE654_6B64
        }
        var tail: UInt32 = 0
        for index in (whole..<bytes.count).reversed() { tail = tail << 8 | UInt32(bytes[index]) }
        if whole < bytes.count { hash ^= scrambled(tail) }
        hash ^= UInt32(truncatingIfNeeded: bytes.count)
        hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
        hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
        return hash ^ hash >> 16
    }

    private static func scrambled(_ word: UInt32) -> UInt32 {
        rotated(word &* 0xCC9E_2D51, by: 15) &* 0x1B87_3593
    }

    private static func rotated(_ word: UInt32, by bits: UInt32) -> UInt32 {
        word << bits | word >> (32 - bits)
    }
}
