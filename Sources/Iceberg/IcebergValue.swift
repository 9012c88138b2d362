/// One value of a primitive type: a partition value, or a bound of a column.
public enum IcebergValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    case int(Int32)
    case long(Int64)
    case float(Float)
    case double(Double)
    /// The unscaled number; the scale is the type's.
    case decimal(Int128)
    /// Days since 1970-01-01.
    case date(Int32)
    /// Microseconds since midnight.
    case time(Int64)
    /// Microseconds since the epoch, without a zone.
    case timestamp(Int64)
    /// Microseconds since the epoch, UTC.
    case timestamptz(Int64)
    case string(String)
    /// 16 bytes, big-endian.
    case uuid([UInt8])
    /// Bytes of a `binary` or `fixed` type.
    case binary([UInt8])
}

/// Names one partition: the values of the partition fields of one spec, in the spec's order.
public struct PartitionKey: Sendable, Hashable {
    /// The partition spec the values belong to.
    public var specID: Int
    /// One for each field of the spec; empty for an unpartitioned table.
    public var values: [IcebergValue]

    /// The partition of spec `specID` with these values.
    public init(_ values: [IcebergValue], specID: Int = 0) {
        self.values = values
        self.specID = specID
    }
}

extension IcebergValue: CustomStringConvertible {
    /// For people and messages; days and times as plain numbers.
    public var description: String {
        switch self {
        case .null: "null"
        case .boolean(let value): String(value)
        case .int(let value), .date(let value): String(value)
        case .long(let value), .time(let value), .timestamp(let value), .timestamptz(let value): String(value)
        case .float(let value): String(value)
        case .double(let value): String(value)
        case .decimal(let value): String(value)
        case .string(let value): value
        case .uuid(let bytes), .binary(let bytes):
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }
}

extension IcebergValue {
    /// Whether the value is null or of exactly this type.
    func fits(_ type: IcebergType) -> Bool {
        switch (self, type) {
        case (.null, _), (.boolean, .boolean), (.int, .int), (.long, .long), (.float, .float), (.double, .double),
            (.decimal, .decimal), (.date, .date), (.time, .time), (.timestamp, .timestamp),
            (.timestamptz, .timestamptz), (.string, .string), (.binary, .binary):
            true
        case (.uuid(let bytes), .uuid): bytes.count == 16
        case (.binary(let bytes), .fixed(let length)): bytes.count == length
        default: false
        }
    }

    /// Order within one type, as the specification compares values; nil between different types and for null and NaN.
    func isLess(than other: IcebergValue) -> Bool? {
        switch (self, other) {
        case (.boolean(let a), .boolean(let b)): !a && b
        case (.int(let a), .int(let b)), (.date(let a), .date(let b)): a < b
        case (.long(let a), .long(let b)), (.time(let a), .time(let b)), (.timestamp(let a), .timestamp(let b)),
            (.timestamptz(let a), .timestamptz(let b)):
            a < b
        case (.float(let a), .float(let b)): a.isNaN || b.isNaN ? nil : a < b
        case (.double(let a), .double(let b)): a.isNaN || b.isNaN ? nil : a < b
        case (.decimal(let a), .decimal(let b)): a < b
        case (.string(let a), .string(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.uuid(let a), .uuid(let b)), (.binary(let a), .binary(let b)): a.lexicographicallyPrecedes(b)
        default: nil
        }
    }
}
