/// One value of a row, exact: integers and decimals are never turned into floating point.
public enum Value: Sendable, Hashable {
    /// SQL's NULL.
    case null
    /// true or false.
    case bool(Bool)
    /// Any integer that fits 64 bits.
    case integer(Int64)
    /// FLOAT and DOUBLE.
    case double(Double)
    /// `unscaled` / 10^`scale`. Integers past 64 bits come with scale 0.
    case decimal(unscaled: Int128, scale: Int)
    /// Text; also ENUM, UUID, TIME and INTERVAL in DuckDB's spelling.
    case string(String)
    /// Bytes.
    case blob([UInt8])
    /// Days since 1970-01-01.
    case date(days: Int32)
    /// Microseconds since 1970-01-01T00:00:00Z; TIMESTAMP is read as UTC.
    case timestamp(microseconds: Int64)
    /// LIST.
    case list([Value])
    /// STRUCT in its order; MAP with its keys as text.
    case structure([Field])

    /// A named value inside a structure.
    public struct Field: Sendable, Hashable {
        /// The field's name.
        public let name: String
        /// The field's value.
        public let value: Value

        /// A field of a structure.
        public init(name: String, value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// Whether this is NULL.
    public var isNull: Bool { self == .null }

    /// The integer, if this is one.
    public var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The text, if this is a string.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The value of a field, if this is a structure that has it.
    public subscript(field: String) -> Value? {
        if case .structure(let fields) = self { fields.first { $0.name == field }?.value } else { nil }
    }

    /// The value as people read it: `NULL`, `12.50`, `2026-03-01`, `2026-03-01 10:00:00.25+00`, `[1, 2]`.
    public var text: String {
        switch self {
        case .null: "NULL"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .double(let value): String(value)
        case .decimal(let unscaled, let scale): DecimalText.text(unscaled, scale: scale)
        case .string(let value): value
        case .blob(let bytes): "\\x" + bytes.map(Self.hexadecimal).joined()
        case .date(let days): CalendarText.date(days)
        case .timestamp(let microseconds): CalendarText.timestamp(microseconds, separator: " ", zone: "+00")
        case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .structure(let fields):
            "{" + fields.map { "\($0.name): \($0.value.text)" }.joined(separator: ", ") + "}"
        }
    }

    /// The value as JSON: decimals as strings (`"12.5000"`), so that no reader rounds them; integers as numbers in full;
    /// dates `"2026-03-01"`, timestamps `"2026-03-01T10:00:00.25Z"`; blobs in hexadecimal; NaN and infinities null.
    public var json: String {
        switch self {
        case .null: "null"
        case .bool, .integer: text
        case .double(let value): value.isFinite ? text : "null"
        case .decimal, .date: "\"\(text)\""
        case .timestamp(let microseconds):
            "\"\(CalendarText.timestamp(microseconds, separator: "T", zone: "Z"))\""
        case .string(let value): JSONText.quoted(value)
        case .blob(let bytes): "\"" + bytes.map(Self.hexadecimal).joined() + "\""
        case .list(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
        case .structure(let fields):
            "{" + fields.map { "\(JSONText.quoted($0.name)):\($0.value.json)" }.joined(separator: ",") + "}"
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
