import Iceberg

/// The names that a table's fields have in files without field ids: its name mapping.
struct FieldNames {
    /// A field.
    struct Field {
        var names: [String]
        var id: Int?
        var fields: [Field] = []
    }

    /// The table property that holds it, as JSON.
    static let property = "schema.name-mapping.default"
    private static let depthMax = 64

    private let fields: [Field]

    init(_ fields: [Field]) { self.fields = fields }

    /// The table's name mapping; nil when it has none.
    init?(of table: Table) throws {
        guard let text = table.metadata.properties[Self.property] else { return nil }
        do {
            fields = try Self.fields(try JSON(parsing: Array(text.utf8)), depth: 0)
        } catch let error as IcebergError {
            throw LakeTableError(
                "\(table.identifier): its property \(Self.property) is no name mapping: \(error.message)")
        }
    }

    private static func fields(_ json: JSON, depth: Int) throws -> [Field] {
        guard let list = json.array, depth < depthMax else {
            throw IcebergError(.malformed, "a list of fields is missing")
        }
        return try list.map { field in
            guard let names = field["names"]?.array else { throw IcebergError(.malformed, "a field has no names") }
            return Field(
                names: names.compactMap(\.string), id: field["field-id"]?.int,
                fields: try field["fields"].map { try fields($0, depth: depth + 1) } ?? [])
        }
    }

    /// The columns with the ids of their names.
    func assigned(to columns: [ParquetColumn]) -> [ParquetColumn] {
        columns.map { Self.assigned(to: $0, called: $0.name, fields) }
    }

    private static func assigned(to column: ParquetColumn, called name: String, _ fields: [Field]) -> ParquetColumn {
        var column = column
        let field = fields.first { $0.names.contains(name) }
        column.fieldID = field?.id
        let inner = field?.fields ?? []
        switch column.shape {
        case .primitive: break
        case .structure(let parts): column.shape = .structure(parts.map { assigned(to: $0, called: $0.name, inner) })
        // Whatever writers call the parts of lists and maps, the mapping calls them so.
        case .list(let element): column.shape = .list(assigned(to: element, called: "element", inner))
        case .map(let key, let value):
            column.shape = .map(
                key: assigned(to: key, called: "key", inner), value: assigned(to: value, called: "value", inner))
        }
        return column
    }
}
