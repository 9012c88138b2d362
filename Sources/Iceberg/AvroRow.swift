/// A record read by Iceberg field ids instead of positions: writers may order, leave out and add fields.
package struct AvroRow {
    private let columns: AvroColumns
    private let values: [AvroValue]

    /// A record of the shape that `columns` was made from.
    package init(_ value: AvroValue, columns: AvroColumns) throws {
        guard let values = value.fields else {
            throw IcebergError(.malformed, "a record was expected")
        }
        self.columns = columns
        self.values = values
    }

    /// The value of a field; null when the writer left it out.
    package subscript(id: Int) -> AvroValue {
        guard let index = columns.positions[id], index < values.count else { return .null }
        return values[index]
    }

    /// A whole number that must be there.
    package func integer<Number: FixedWidthInteger>(_ id: Int, _ name: String) throws -> Number {
        guard let number = self[id].integer.flatMap(Number.init(exactly:)) else { throw missing(id, name) }
        return number
    }

    /// A text that must be there.
    package func string(_ id: Int, _ name: String) throws -> String {
        guard let text = self[id].string else { throw missing(id, name) }
        return text
    }

    /// A whole number that may be left out.
    package func integer<Number: FixedWidthInteger>(ifPresent id: Int, _ name: String) throws -> Number? {
        try self[id] == .null ? nil : integer(id, name)
    }

    /// A text that may be left out.
    package func string(ifPresent id: Int, _ name: String) throws -> String? {
        try self[id] == .null ? nil : string(id, name)
    }

    /// Bytes that may be left out.
    package func bytes(ifPresent id: Int, _ name: String) throws -> [UInt8]? {
        if self[id] == .null { return nil }
        guard let bytes = self[id].bytes else { throw missing(id, name) }
        return bytes
    }

    /// A boolean that may be left out.
    package func boolean(ifPresent id: Int, _ name: String) throws -> Bool? {
        if self[id] == .null { return nil }
        guard let boolean = self[id].boolean else { throw missing(id, name) }
        return boolean
    }

    /// A list of whole numbers; empty when it is left out.
    package func integers<Number: FixedWidthInteger>(_ id: Int, _ name: String) throws -> [Number] {
        if self[id] == .null { return [] }
        guard let elements = self[id].elements else { throw missing(id, name) }
        return try elements.map { element in
            guard let number = element.integer.flatMap(Number.init(exactly:)) else { throw missing(id, name) }
            return number
        }
    }

    /// The entries of a map with integer keys, which Avro holds as an array of records with the fields `key` and
    /// `value`; empty when it is left out.
    package func map<Value>(
        _ id: Int, _ columns: AvroColumns, key: Int, value: Int, _ read: (AvroValue) -> Value?
    ) throws -> [Int: Value] {
        if self[id] == .null { return [:] }
        guard let elements = self[id].elements else { throw missing(id, "a map of column ids") }
        var result: [Int: Value] = [:]
        result.reserveCapacity(elements.count)
        for element in elements {
            let row = try AvroRow(element, columns: columns)
            guard let content = read(row[value]),
                result.updateValue(content, forKey: try row.integer(key, "key")) == nil
            else { throw missing(id, "a map of column ids, each given once,") }
        }
        return result
    }

    private func missing(_ id: Int, _ name: String) -> IcebergError {
        IcebergError(.malformed, "\(name) (field id \(id)) is missing or not what it should be")
    }
}

/// Where the fields of a record stand, by Iceberg field id, and the shapes inside it.
package struct AvroColumns {
    fileprivate let positions: [Int: Int]
    private let fields: [AvroField]

    /// Of a record schema, or of the record inside an optional or array.
    package init(_ schema: AvroSchema) throws {
        var schema = schema
        // Unwrapping ends: each step goes one level into a schema of bounded depth.
        while schema.fields == nil {
            switch schema {
            case .union(let branches):
                // Of two branches it would not be known which one a value is of.
                let records = branches.filter { $0 != .null }
                guard records.count == 1 else {
                    throw IcebergError(.malformed, "one record, null or not, was expected in the Avro schema")
                }
                schema = records[0]
            case .array(let items): schema = items
            default: throw IcebergError(.malformed, "a record was expected in the Avro schema")
            }
        }
        fields = schema.fields ?? []
        var positions: [Int: Int] = [:]
        for (index, field) in fields.enumerated() {
            guard let id = field.fieldID else { continue }
            guard positions.updateValue(index, forKey: id) == nil else {
                throw IcebergError(.malformed, "the Avro schema has two fields with the id \(id) in one record")
            }
        }
        self.positions = positions
    }

    /// Whether the writer wrote the field.
    package func has(_ id: Int) -> Bool { positions[id] != nil }

    /// The shape inside one field; nil when the writer left it out.
    package func inside(_ id: Int) throws -> AvroColumns? {
        try positions[id].map { try AvroColumns(fields[$0].schema) }
    }
}
