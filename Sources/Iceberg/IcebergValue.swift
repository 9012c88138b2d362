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

// Two values are the same when every engine takes them for the same partition. Swift's own rules are others: its strings
// are equal when they look alike (é in one code point and in two), and its NaN is not equal to itself.
extension IcebergValue {
    /// Whether both are the same value of the same type, bit for bit; every NaN is the same.
    public static func == (one: IcebergValue, other: IcebergValue) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.boolean(let a), .boolean(let b)): a == b
        case (.int(let a), .int(let b)), (.date(let a), .date(let b)): a == b
        case (.long(let a), .long(let b)), (.time(let a), .time(let b)), (.timestamp(let a), .timestamp(let b)),
            (.timestamptz(let a), .timestamptz(let b)):
            a == b
        case (.float(let a), .float(let b)): a.bitPattern == b.bitPattern || a.isNaN && b.isNaN
        case (.double(let a), .double(let b)): a.bitPattern == b.bitPattern || a.isNaN && b.isNaN
        case (.decimal(let a), .decimal(let b)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.uuid(let a), .uuid(let b)), (.binary(let a), .binary(let b)): a == b
        default: false
        }
    }

    /// Hashes what ``==(_:_:)`` compares.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .boolean(let value): hasher.combine(value)
        case .int(let number), .date(let number): hasher.combine(number)
        case .long(let number), .time(let number), .timestamp(let number), .timestamptz(let number):
            hasher.combine(number)
        case .float(let number): hasher.combine(number.isNaN ? Float.nan.bitPattern : number.bitPattern)
        case .double(let number): hasher.combine(number.isNaN ? Double.nan.bitPattern : number.bitPattern)
        case .decimal(let number): hasher.combine(number)
        case .string(let text): for byte in text.utf8 { hasher.combine(byte) }
        case .uuid(let bytes), .binary(let bytes): hasher.combine(bytes)
        }
    }
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
    package func isLess(than other: IcebergValue) -> Bool? {
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

    /// Whether the value comes before `other` in the total order that the specification sorts by: within one type, with
    /// -NaN < -infinity < … < -0 < 0 < … < infinity < NaN and bytes without a sign. Nil between different types and for
    /// null, which a sort order places.
    package func precedes(_ other: IcebergValue) -> Bool? {
        switch (self, other) {
        case (.float(let a), .float(let b)): a.isTotallyOrdered(belowOrEqualTo: b) && a.bitPattern != b.bitPattern
        case (.double(let a), .double(let b)): a.isTotallyOrdered(belowOrEqualTo: b) && a.bitPattern != b.bitPattern
        default: isLess(than: other)
        }
    }

    /// The value as the same value of a wider type that the column was promoted to: an `int` as a `long`, a `float` as a
    /// `double`. Nil when it is not of a type that may become `type`.
    package func promoted(to type: IcebergType) -> IcebergValue? {
        switch (self, type) {
        case (.int(let number), .long): .long(Int64(number))
        case (.float(let number), .double): .double(Double(number))
        default: fits(type) ? self : nil
        }
    }
}
