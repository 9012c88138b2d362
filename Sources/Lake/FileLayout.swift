import Engine
import Iceberg

/// How the columns of a table are found in files of one kind.
enum FileLayout: Hashable {
    /// All by their ids; parts of nested columns have the names they have in the table.
    case direct
    /// An expression over the file's own columns for each field.
    case expressions([String])
    /// The same, over the partition's values `v0`, `v1`, … of this spec, too.
    case partitioned([String], specID: Int)

    /// What a layout follows from.
    struct Source: Hashable {
        var columns: [FileColumn]
        var specID: Int
    }

    /// - Throws: ``LakeTableError`` that names the file when its columns cannot be told, or are not of the table's types.
    init(
        _ source: Source, of file: DataFile, in table: Table, _ fields: [NestedField], _ names: NameMapping?,
        mustHaveAll: Bool
    ) throws {
        let place = "\(file.location) of \(table.identifier)"
        let hasIDs = source.columns.contains(where: \.hasFieldIDs)
        var columns = source.columns
        if !hasIDs {
            guard let names else {
                throw LakeTableError(
                    "\(place) has no field ids, so its columns cannot be told: set the table's property "
                        + "\(NameMapping.property), or write the file again with ids")
            }
            columns = names.assigned(to: columns)
        }
        let spec = table.metadata.spec(id: source.specID)
        var isDirect = hasIDs
        var usesPartition = false
        var expressions: [String] = []
        for field in fields {
            if let column = columns.first(where: { $0.fieldID == field.id }) {
                let part = Part(column: column, path: column.name, place: place)
                isDirect = try part.isDirect(field.type) && isDirect
                expressions.append(try part.expression(field.type, SQL.identifier(column.name), depth: 0))
            } else if let index = spec?.fields.firstIndex(where: {
                $0.sourceID == field.id && $0.transform == .identity
            }) {
                // Files of Hive tables have no column for what their folder says.
                expressions.append("CAST(v\(index) AS \(field.type.sql))")
                usesPartition = true
            } else {
                guard !mustHaveAll else {
                    throw LakeTableError("\(place) lacks the column \(field.name) that it is about")
                }
                expressions.append("CAST(NULL AS \(field.type.sql))")
            }
        }
        if usesPartition {
            self = .partitioned(expressions, specID: source.specID)
        } else {
            self = isDirect ? .direct : .expressions(expressions)
        }
        if self != .direct {
            // The engine renames one of two columns whose names differ in case only.
            let all = source.columns.map { $0.name.lowercased() }
            guard Set(all).count == all.count else {
                throw LakeTableError(
                    "\(place) has columns that the engine cannot tell apart: their names differ in case only")
            }
        }
    }

    /// A column of a file, or a part of one, beside the table's type for it.
    private struct Part {
        let column: FileColumn
        let path: String
        let place: String

        private func inside(_ column: FileColumn, _ name: String) -> Part {
            Part(column: column, path: path + "." + name, place: place)
        }

        private func mismatch(_ type: IcebergType) -> LakeTableError {
            LakeTableError("\(place) has another type for its column \(path) than the table, where it is \(type)")
        }

        /// Whether the engine finds the same parts by name as the ids say.
        func isDirect(_ type: IcebergType) throws -> Bool {
            switch (type, column.shape) {
            case (.struct(let type), .structure(let parts)):
                return try type.fields.allSatisfy { field in
                    guard let part = parts.first(where: { $0.fieldID == field.id }) else {
                        return !parts.contains { $0.name.lowercased() == field.name.lowercased() }
                    }
                    return try part.name == field.name && inside(part, part.name).isDirect(field.type)
                }
            case (.list(let type), .list(let element)):
                return try inside(element, "element").isDirect(type.element)
            case (.map(let type), .map(let key, let value)):
                return try inside(key, "key").isDirect(type.key) && inside(value, "value").isDirect(type.value)
            case (_, .primitive(let physical)) where type.isPrimitive:
                guard physical.holds(type) else { throw mismatch(type) }
                return true
            default: throw mismatch(type)
            }
        }

        /// The part as the table's type, from `value`, an expression of what the file has.
        func expression(_ type: IcebergType, _ value: String, depth: Int) throws -> String {
            switch (type, column.shape) {
            case (.struct(let type), .structure(let parts)):
                let fields = try type.fields.map { field in
                    let name = SQL.identifier(field.name)
                    guard let part = parts.first(where: { $0.fieldID == field.id }) else {
                        return "\(name) := CAST(NULL AS \(field.type.sql))"
                    }
                    let inner = "struct_extract(\(value), \(SQL.literal(part.name)))"
                    return "\(name) := \(try inside(part, part.name).expression(field.type, inner, depth: depth))"
                }
                return "CASE WHEN \(value) IS NULL THEN NULL ELSE struct_pack(\(fields.joined(separator: ", "))) END"
            case (.list(let type), .list(let element)):
                let inner = try inside(element, "element").expression(type.element, "x\(depth)", depth: depth + 1)
                return "list_transform(\(value), lambda x\(depth): \(inner))"
            case (.map(let type), .map(let key, let item)):
                let pair = "x\(depth)"
                let keys = try inside(key, "key").expression(type.key, "\(pair).key", depth: depth + 1)
                let items = try inside(item, "value").expression(type.value, "\(pair).value", depth: depth + 1)
                return "map_from_entries(list_transform(map_entries(\(value)), "
                    + "lambda \(pair): struct_pack(key := \(keys), value := \(items))))"
            case (_, .primitive(let physical)) where type.isPrimitive:
                guard physical.holds(type) else { throw mismatch(type) }
                return "CAST(\(value) AS \(type.sql))"
            default: throw mismatch(type)
            }
        }
    }
}
