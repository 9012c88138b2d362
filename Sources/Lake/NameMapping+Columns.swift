import Iceberg

extension NameMapping {
    /// The columns of a file without ids, with the ids that their names stand for.
    func assigned(to columns: [FileColumn]) -> [FileColumn] {
        columns.map { Self.assigned(to: $0, called: $0.name, fields) }
    }

    private static func assigned(
        to column: FileColumn, called name: String, _ fields: [MappedField]
    ) -> FileColumn {
        var column = column
        let field = fields.first { $0.names.contains(name) }
        column.fieldID = field?.fieldID
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
