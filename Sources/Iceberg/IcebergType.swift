/// The type of a column, a list element or a map's key or value.
public indirect enum IcebergType: Sendable, Hashable {
    case boolean
    /// 32 bits.
    case int
    /// 64 bits.
    case long
    case float
    case double
    /// An exact number of up to 38 digits, `scale` of them after the point.
    case decimal(precision: Int, scale: Int)
    case date
    /// Microseconds since midnight.
    case time
    /// Microseconds, without a zone.
    case timestamp
    /// Microseconds UTC.
    case timestamptz
    case string
    case uuid
    /// Exactly this many bytes.
    case fixed(Int)
    case binary
    case `struct`(StructType)
    case list(ListType)
    case map(MapType)
}

/// A tuple of named, typed fields.
public struct StructType: Sendable, Hashable {
    /// In the order they are written.
    public var fields: [NestedField]

    /// A struct of `fields`.
    public init(fields: [NestedField]) {
        self.fields = fields
    }
}

/// A list; its element has an id of its own.
public struct ListType: Sendable, Hashable {
    /// Id of the element.
    public var elementID: Int
    /// Whether an element may not be null.
    public var elementRequired: Bool
    /// Type of the element.
    public var element: IcebergType

    /// A list of `element`.
    public init(elementID: Int, elementRequired: Bool, element: IcebergType) {
        self.elementID = elementID
        self.elementRequired = elementRequired
        self.element = element
    }
}

/// A map; its key and value have ids of their own.
public struct MapType: Sendable, Hashable {
    /// Id of the key.
    public var keyID: Int
    /// Type of the key, never null.
    public var key: IcebergType
    /// Id of the value.
    public var valueID: Int
    /// Whether a value may not be null.
    public var valueRequired: Bool
    /// Type of the value.
    public var value: IcebergType

    /// A map from `key` to `value`.
    public init(keyID: Int, key: IcebergType, valueID: Int, valueRequired: Bool, value: IcebergType) {
        self.keyID = keyID
        self.key = key
        self.valueID = valueID
        self.valueRequired = valueRequired
        self.value = value
    }
}

/// A column, or a field of a struct.
public struct NestedField: Sendable, Hashable {
    /// Stays the same through renames; unique in the table.
    public var id: Int
    /// Current name.
    public var name: String
    /// Whether it may not be null.
    public var required: Bool
    /// Its type.
    public var type: IcebergType
    /// For readers of the table.
    public var doc: String?
    /// The value of the field in rows that were written before the field was added; kept as read.
    package var initialDefault: JSON?
    /// The value of the field in rows that do not give one; kept as read.
    package var writeDefault: JSON?

    /// A field.
    public init(id: Int, name: String, required: Bool, type: IcebergType, doc: String? = nil) {
        self.id = id
        self.name = name
        self.required = required
        self.type = type
        self.doc = doc
    }
}

extension IcebergType: CustomStringConvertible {
    /// As the specification spells it (`decimal(18, 4)`, `fixed[16]`); nested types by their kind.
    public var description: String {
        switch self {
        case .boolean: "boolean"
        case .int: "int"
        case .long: "long"
        case .float: "float"
        case .double: "double"
        case .decimal(let precision, let scale): "decimal(\(precision), \(scale))"
        case .date: "date"
        case .time: "time"
        case .timestamp: "timestamp"
        case .timestamptz: "timestamptz"
        case .string: "string"
        case .uuid: "uuid"
        case .fixed(let length): "fixed[\(length)]"
        case .binary: "binary"
        case .struct: "struct"
        case .list: "list"
        case .map: "map"
        }
    }

    /// Whether it is not made of other types.
    public var isPrimitive: Bool {
        switch self {
        case .struct, .list, .map: false
        default: true
        }
    }

    /// The type that the specification spells `name`, when it is primitive.
    public init?(primitive name: String) {
        switch name {
        case "boolean": self = .boolean
        case "int": self = .int
        case "long": self = .long
        case "float": self = .float
        case "double": self = .double
        case "date": self = .date
        case "time": self = .time
        case "timestamp": self = .timestamp
        case "timestamptz": self = .timestamptz
        case "string": self = .string
        case "uuid": self = .uuid
        case "binary": self = .binary
        default:
            if let length = Self.arguments(of: name, between: "fixed[", and: "]"), length.count == 1, length[0] > 0 {
                self = .fixed(length[0])
            } else if let digits = Self.arguments(of: name, between: "decimal(", and: ")"), digits.count == 2,
                (1...38).contains(digits[0]), (0...digits[0]).contains(digits[1])
            {
                self = .decimal(precision: digits[0], scale: digits[1])
            } else {
                return nil
            }
        }
    }

    /// The numbers between two brackets, separated by commas; spaces around them do not matter.
    static func arguments(of text: String, between opening: String, and closing: String) -> [Int]? {
        guard text.hasPrefix(opening), text.hasSuffix(closing) else { return nil }
        var numbers: [Int] = []
        let inside = text.dropFirst(opening.count).dropLast(closing.count)
        for part in inside.split(separator: ",", omittingEmptySubsequences: false) {
            let digits = part.drop { $0 == " " }.prefix { $0 != " " }
            guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                part.drop(while: { $0 == " " }).dropFirst(digits.count).allSatisfy({ $0 == " " }),
                let number = Int32(digits)
            else { return nil }
            numbers.append(Int(number))
        }
        return numbers
    }
}
