/// The shape of Avro data, as read from the schema in a file's header.
///
/// Logical types and documentation are left out: they do not change how bytes are read, and the header keeps them.
package indirect enum AvroSchema: Sendable, Hashable {
    case null
    case boolean
    case int
    case long
    case float
    case double
    case bytes
    case string
    case fixed(Int)
    /// The number of symbols.
    case enumeration(Int)
    case array(AvroSchema)
    case map(AvroSchema)
    case union([AvroSchema])
    case record([AvroField])
}

/// A field of a record.
package struct AvroField: Sendable, Hashable {
    /// Its name.
    package var name: String
    /// The Iceberg field id, where the writer gave one.
    package var fieldID: Int?
    /// What it holds.
    package var schema: AvroSchema
}

extension AvroSchema {
    /// Deepest nesting of types.
    package static let depthLimit = 32
    /// Largest `fixed` type, in bytes.
    package static let fixedLimit = 1 << 16
    /// Most types in one schema, counting every use of a name.
    package static let typeLimit = 10_000

    /// Reads a schema. Names may be used again after their definition; a type that contains itself is refused.
    /// - Throws: ``IcebergError`` `.malformed`.
    package init(json: JSON) throws {
        var reader = AvroSchemaReader()
        self = try reader.schema(json, depth: 0).schema
    }

    /// The fields of a record.
    package var fields: [AvroField]? {
        if case .record(let fields) = self { fields } else { nil }
    }
}

/// Resolves names while a schema is read.
private struct AvroSchemaReader {
    /// Named types so far, with the number of types in each: uses count as often as they occur, so that a small text
    /// cannot stand for an enormous type.
    private var named: [String: (schema: AvroSchema, types: Int)] = [:]
    /// The namespace that names without dots are in.
    private var namespace: String?

    mutating func schema(_ json: JSON, depth: Int) throws -> (schema: AvroSchema, types: Int) {
        guard depth < AvroSchema.depthLimit else { throw failure("is nested more than \(AvroSchema.depthLimit) deep") }
        switch json {
        case .string(let name): return try reference(name)
        case .array(let branches):
            guard !branches.isEmpty else { throw failure("has a union of nothing") }
            var schemas: [AvroSchema] = []
            var types = 1
            for branch in branches {
                let read = try schema(branch, depth: depth + 1)
                schemas.append(read.schema)
                types = try sum(types, read.types)
            }
            return (.union(schemas), types)
        case .object: return try complex(json, depth: depth)
        default: throw failure("has a type that is neither a name, an object nor a union")
        }
    }

    private mutating func complex(_ json: JSON, depth: Int) throws -> (schema: AvroSchema, types: Int) {
        guard let type = json["type"] else { throw failure("has a type without \"type\"") }
        switch type.string {
        case nil: return try schema(type, depth: depth + 1)
        case "record", "error": return try record(json, depth: depth)
        case "array":
            guard let items = json["items"] else { throw failure("has an array without items") }
            let read = try schema(items, depth: depth + 1)
            return (.array(read.schema), try sum(read.types, 1))
        case "map":
            guard let values = json["values"] else { throw failure("has a map without values") }
            let read = try schema(values, depth: depth + 1)
            return (.map(read.schema), try sum(read.types, 1))
        case "fixed":
            guard let size = json["size"]?.int, (0...AvroSchema.fixedLimit).contains(size) else {
                throw failure("has a fixed type without a size, or larger than \(AvroSchema.fixedLimit) bytes")
            }
            try define(json, .fixed(size), types: 1)
            return (.fixed(size), 1)
        case "enum":
            guard let symbols = json["symbols"]?.array else { throw failure("has an enum without symbols") }
            try define(json, .enumeration(symbols.count), types: 1)
            return (.enumeration(symbols.count), 1)
        case .some(let name): return try reference(name)
        }
    }

    private mutating func record(_ json: JSON, depth: Int) throws -> (schema: AvroSchema, types: Int) {
        guard let list = json["fields"]?.array else { throw failure("has a record without fields") }
        var fields: [AvroField] = []
        var types = 1
        let outer = namespace
        if let full = fullName(json), let dot = full.lastIndex(of: ".") { namespace = String(full[..<dot]) }
        for field in list {
            guard let name = field["name"]?.string, let type = field["type"] else {
                throw failure("has a field without a name or type")
            }
            let read = try schema(type, depth: depth + 1)
            types = try sum(types, read.types)
            fields.append(AvroField(name: name, fieldID: try field.integer(ifPresent: "field-id"), schema: read.schema))
        }
        namespace = outer
        try define(json, .record(fields), types: types)
        return (.record(fields), types)
    }

    private mutating func define(_ json: JSON, _ schema: AvroSchema, types: Int) throws {
        guard let full = fullName(json) else { throw failure("has a record, enum or fixed type without a name") }
        // The same type may be defined again: PyIceberg writes a UUID's fixed type out wherever it is used.
        guard named.updateValue((schema, types), forKey: full).map({ $0.schema == schema }) ?? true else {
            throw failure("defines \(full.prefix(80)) twice")
        }
    }

    private func fullName(_ json: JSON) -> String? {
        guard let name = json["name"]?.string, !name.contains(".") else { return json["name"]?.string }
        return (json["namespace"]?.string ?? namespace).map { $0 + "." + name } ?? name
    }

    private func reference(_ name: String) throws -> (schema: AvroSchema, types: Int) {
        switch name {
        case "null": return (.null, 1)
        case "boolean": return (.boolean, 1)
        case "int": return (.int, 1)
        case "long": return (.long, 1)
        case "float": return (.float, 1)
        case "double": return (.double, 1)
        case "bytes": return (.bytes, 1)
        case "string": return (.string, 1)
        default:
            let inNamespace = namespace.flatMap { name.contains(".") ? nil : named[$0 + "." + name] }
            guard let known = inNamespace ?? named[name] else {
                throw failure("uses \(name.prefix(80)) before it is defined")
            }
            return known
        }
    }

    private func sum(_ one: Int, _ other: Int) throws -> Int {
        guard one + other <= AvroSchema.typeLimit else {
            throw failure("has more than \(AvroSchema.typeLimit) types")
        }
        return one + other
    }

    private func failure(_ what: String) -> IcebergError {
        IcebergError(.malformed, "the Avro schema \(what)")
    }
}
