public import Engine
public import Iceberg

extension IcebergType {
    /// The engine's name for the type.
    public var sql: String {
        switch self {
        case .boolean: return "BOOLEAN"
        case .int: return "INTEGER"
        case .long: return "BIGINT"
        case .float: return "FLOAT"
        case .double: return "DOUBLE"
        case .decimal(let precision, let scale): return "DECIMAL(\(precision),\(scale))"
        case .date: return "DATE"
        case .time: return "TIME"
        case .timestamp: return "TIMESTAMP"
        case .timestamptz: return "TIMESTAMP WITH TIME ZONE"
        case .string: return "VARCHAR"
        case .uuid: return "UUID"
        case .binary, .fixed: return "BLOB"
        case .struct(let type):
            let fields = type.fields.map { "\(SQL.identifier($0.name)) \($0.type.sql)" }
            return "STRUCT(\(fields.joined(separator: ", ")))"
        case .list(let type): return type.element.sql + "[]"
        case .map(let type): return "MAP(\(type.key.sql), \(type.value.sql))"
        }
    }
}

extension Engine.ColumnType {
    /// The Iceberg type for a column of a statement, every part of it optional.
    public var iceberg: Iceberg.ColumnType {
        switch self {
        case .bool: .boolean
        case .int32: .int
        case .int64: .long
        case .double: .double
        case .string: .string
        case .blob: .binary
        case .date: .date
        case .timestamptz: .timestamptz
        case .decimal(let width, let scale): .decimal(precision: Int(width), scale: Int(scale))
        case .list(let element): .list(element.iceberg, elementRequired: false)
        case .structure(let fields): .struct(fields.map { ColumnDefinition($0.name, $0.type.iceberg) })
        }
    }
}

extension IcebergValue {
    /// The value as an expression of its type.
    func sql(as type: IcebergType) -> String {
        switch self {
        case .null: "CAST(NULL AS \(type.sql))"
        case .boolean(let value): "CAST(\(value) AS BOOLEAN)"
        case .int(let value): "CAST(\(value) AS INTEGER)"
        case .long(let value): "CAST('\(value)' AS BIGINT)"
        // As text, which the engine reads without rounding.
        case .float(let value): "CAST('\(value)' AS FLOAT)"
        case .double(let value): "CAST('\(value)' AS DOUBLE)"
        case .decimal(let unscaled): "CAST('\(Self.decimal(unscaled, type))' AS \(type.sql))"
        case .date(let days): "(DATE '1970-01-01' + CAST(\(days) AS INTEGER))"
        case .time(let time): "(TIME '00:00:00' + to_microseconds(\(time)))"
        case .timestamp(let time): "make_timestamp(CAST('\(time)' AS BIGINT))"
        case .timestamptz(let time): "CAST(make_timestamp(CAST('\(time)' AS BIGINT)) AS TIMESTAMP WITH TIME ZONE)"
        case .string(let text): SQL.literal(text)
        case .uuid: "CAST('\(self)' AS UUID)"
        case .binary: "from_hex('\(self)')"
        }
    }

    private static func decimal(_ unscaled: Int128, _ type: IcebergType) -> String {
        guard case .decimal(_, let scale) = type, scale > 0 else { return String(unscaled) }
        let digits = String(unscaled.magnitude)
        let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        return (unscaled < 0 ? "-" : "") + padded.dropLast(scale) + "." + padded.suffix(scale)
    }

    /// A bound that the engine wrote as text; nil when it cannot be used as one.
    init?(bound text: String, of type: IcebergType) {
        switch type {
        case .int: guard let value = Int32(text) else { return nil }; self = .int(value)
        case .long: guard let value = Int64(text) else { return nil }; self = .long(value)
        case .string: self = .string(text)
        case .date: guard let days = BoundText.days(text) else { return nil }; self = .date(days)
        case .timestamp:
            guard let time = BoundText.microseconds(text) else { return nil }
            self = .timestamp(time)
        case .timestamptz:
            guard text.hasSuffix("+00"), let time = BoundText.microseconds(text.dropLast(3)) else { return nil }
            self = .timestamptz(time)
        case .decimal(_, let scale):
            guard let value = BoundText.unscaled(text, scale: scale) else { return nil }
            self = .decimal(value)
        default: return nil
        }
    }
}

/// The engine's spelling of dates, times and decimals, read back without rounding.
enum BoundText {
    /// `2026-03-01` as days since 1970-01-01; nil for anything else, days that no calendar has and years past 9999 included.
    static func days(_ text: some StringProtocol) -> Int32? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], let year = number(parts[0]), let month = number(parts[1]),
            let day = number(parts[2]), (1...12).contains(month)
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        guard (1...length).contains(day) else { return nil }
        // Years are counted from March, so that the leap day is the last of its year.
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return Int32(era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468)
    }

    /// `2026-03-01 10:00:00.25` as microseconds since 1970-01-01.
    static func microseconds(_ text: some StringProtocol) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let days = days(parts[0]) else { return nil }
        let clock = parts[1].split(separator: ":")
        guard clock.count == 3, let hours = number(clock[0]), let minutes = number(clock[1]),
            let seconds = unscaled(clock[2], scale: 6)
        else { return nil }
        return (Int64(days) * 86_400 + Int64(hours * 3600 + minutes * 60)) * 1_000_000 + Int64(seconds)
    }

    /// `-12.5` with scale 4 as -125000.
    static func unscaled(_ text: some StringProtocol, scale: Int) -> Int128? {
        let isNegative = text.hasPrefix("-")
        let parts = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, !whole.isEmpty else { return nil }
        let decimals = parts.count == 2 ? String(parts[1]) : ""
        let digits = String(whole) + decimals
        guard decimals.count <= scale, digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let value = Int128(digits + String(repeating: "0", count: scale - decimals.count))
        else { return nil }
        return isNegative ? -value : value
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
    }
}
