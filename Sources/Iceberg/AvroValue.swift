/// A value of Avro data. A union is represented by the value of the branch it holds.
package enum AvroValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    case int(Int32)
    case long(Int64)
    case float(Float)
    case double(Double)
    /// Of `bytes` and `fixed` types.
    case bytes([UInt8])
    case string(String)
    case enumeration(Int)
    case array([AvroValue])
    case map([AvroEntry])
    /// The fields in the schema's order.
    case record([AvroValue])
}

/// One key and value of an Avro map.
package struct AvroEntry: Sendable, Hashable {
    package var key: String
    package var value: AvroValue

    package init(key: String, value: AvroValue) {
        self.key = key
        self.value = value
    }
}

extension AvroValue {
    /// A whole number of either width.
    package var integer: Int64? {
        switch self {
        case .int(let number): Int64(number)
        case .long(let number): number
        default: nil
        }
    }

    /// The text of a string.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The bytes of a `bytes` or `fixed` value.
    package var bytes: [UInt8]? {
        if case .bytes(let bytes) = self { bytes } else { nil }
    }

    /// A boolean.
    package var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The elements of an array.
    package var elements: [AvroValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The fields of a record.
    package var fields: [AvroValue]? {
        if case .record(let fields) = self { fields } else { nil }
    }

    /// The value, or nil for null: an optional field that is absent.
    package static func optional<Wrapped>(_ wrapped: Wrapped?, _ make: (Wrapped) -> AvroValue) -> AvroValue {
        wrapped.map(make) ?? .null
    }
}
