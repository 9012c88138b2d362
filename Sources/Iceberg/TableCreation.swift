/// A request to create a table, as the REST catalog's API has it.
package struct TableCreation: Sendable, Hashable {
    /// Its name in the namespace.
    package var name: String
    /// Where its files should go; nil leaves that to the catalog.
    package var location: String?
    /// Whether the table is only to be described now, and created by a later commit.
    package var isStaged: Bool
    /// What describes it.
    package var updates: [MetadataUpdate]

    private static let formatVersion = "format-version"

    /// Reads a request. Columns get new ids from 1, whatever ids the sender gave them: some number them from 0.
    /// - Throws: ``IcebergError`` `.badRequest`.
    package init(json: JSON) throws {
        guard let name = json["name"]?.string, let schema = json["schema"] else {
            throw IcebergError(.badRequest, "a table to be created needs name and schema")
        }
        self.name = name
        location = json["location"]?.string
        isStaged = json["stage-create"]?.boolean ?? false
        var properties: [String: String] = [:]
        if let given = json["properties"] {
            guard let strings = given.strings else {
                throw IcebergError(.badRequest, "properties must be an object of strings")
            }
            properties = strings
        }
        if let version = properties.removeValue(forKey: Self.formatVersion), !["1", "2"].contains(version) {
            throw IcebergError(
                .badRequest,
                "format version \(version.prefix(20)) is not supported: this catalog keeps version 2 tables")
        }
        // Without a bound on old metadata files, a table committed to every few seconds fills the disk with them.
        properties.merge([TableProperty.deleteAfterCommit: "true"]) { asked, _ in asked }
        do {
            var ids = FreshFieldIDs()
            updates = [.addSchema(try Schema(json: try ids.assigned(to: schema))), .setCurrentSchema(-1)]
            if let spec = json["partition-spec"] {
                updates += [.addSpec(try UnboundPartitionSpec(json: try ids.sources(in: spec))), .setDefaultSpec(-1)]
            }
            if let order = json["write-order"], order["fields"]?.array?.isEmpty == false {
                updates += [.addSortOrder(try SortOrder(json: try ids.sources(in: order))), .setDefaultSortOrder(-1)]
            }
        } catch let error as IcebergError {
            throw IcebergError(.badRequest, error.message)
        }
        updates.append(.setProperties(properties))
    }

    /// The first version of the table.
    /// - Throws: ``IcebergError`` `.badRequest`.
    package func metadata(at location: String, nowMilliseconds: Int64) throws -> TableMetadata {
        try TableMetadata.creating(by: updates, location: location, nowMilliseconds: nowMilliseconds)
    }
}

/// New ids for the columns of a schema that somebody else numbered: one level first, then what is inside it.
private struct FreshFieldIDs {
    private var next = 1
    private var assigned: [Int: Int] = [:]

    /// The schema with new ids.
    mutating func assigned(to schema: JSON) throws -> JSON {
        var fresh = try structure(schema)
        if let identifiers = schema["identifier-field-ids"]?.array {
            fresh.set("identifier-field-ids", .array(try identifiers.map { try known($0) }))
        }
        fresh.set("schema-id", .number("0"))
        return fresh
    }

    /// A partition spec or sort order whose fields name columns by their new ids.
    func sources(in fields: JSON) throws -> JSON {
        var result = fields
        result.set(
            "fields",
            .array(
                try (fields["fields"]?.array ?? []).map { field in
                    var field = field
                    if let source = field["source-id"] { field.set("source-id", try known(source)) }
                    return field
                }))
        return result
    }

    private func known(_ id: JSON) throws -> JSON {
        guard let fresh = id.int.flatMap({ assigned[$0] }) else {
            throw IcebergError(.badRequest, "a column id is named that the schema does not have")
        }
        return .number(String(fresh))
    }

    private mutating func structure(_ type: JSON) throws -> JSON {
        guard let fields = type["fields"]?.array else {
            throw IcebergError(.badRequest, "a schema or struct needs a list of fields")
        }
        var result = type
        let numbered = try fields.map { field in
            var field = field
            field.set("id", try fresh(for: field["id"]))
            return field
        }
        result.set(
            "fields",
            .array(
                try numbered.map { field in
                    var field = field
                    if let inner = field["type"] { field.set("type", try nested(inner)) }
                    return field
                }))
        return result
    }

    private mutating func nested(_ type: JSON) throws -> JSON {
        var result = type
        switch type["type"]?.string {
        case "struct": return try structure(type)
        case "list":
            result.set("element-id", try fresh(for: type["element-id"]))
            if let element = type["element"] { result.set("element", try nested(element)) }
        case "map":
            result.set("key-id", try fresh(for: type["key-id"]))
            result.set("value-id", try fresh(for: type["value-id"]))
            if let key = type["key"] { result.set("key", try nested(key)) }
            if let value = type["value"] { result.set("value", try nested(value)) }
        default: break
        }
        return result
    }

    private mutating func fresh(for old: JSON?) throws -> JSON {
        guard let old = old?.int, assigned[old] == nil else {
            throw IcebergError(.badRequest, "every column, list element, map key and map value needs an id of its own")
        }
        defer { next += 1 }
        assigned[old] = next
        return .number(String(next))
    }
}

extension JSON {
    /// Puts a member into an object, in place of those of its name.
    fileprivate mutating func set(_ name: String, _ value: JSON) {
        guard case .object(var members) = self else { return }
        members.removeAll { $0.name == name }
        members.append(JSONMember(name: name, value: value))
        self = .object(members)
    }
}
