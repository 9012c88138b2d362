/// Field ids for the columns of data files that carry none (the table property `schema.name-mapping.default`): files that
/// were written by something that does not know Iceberg and imported as they are.
public struct NameMapping: Sendable, Hashable {
    /// The mappings of the top level.
    public var fields: [MappedField]

    /// The table property that holds a mapping as JSON.
    public static let property = "schema.name-mapping.default"

    /// A mapping of `fields`.
    /// - Throws: ``IcebergError`` `.badRequest` when an id is there twice, or a name twice at one level.
    public init(fields: [MappedField]) throws {
        self.fields = fields
        do {
            try validate()
        } catch let error as IcebergError {
            throw IcebergError(.badRequest, error.message)
        }
    }

    /// Every field of `schema` under its own name; the parts of lists and maps are called `element`, `key` and `value`.
    public init(of schema: Schema) {
        fields = schema.fields.map(MappedField.init(of:))
    }

    /// Reads the JSON form (Appendix C of the specification).
    /// - Throws: ``IcebergError`` `.malformed`; an id that is there twice, or a name twice at one level, would leave open
    ///   which column is meant and is refused.
    public init(parsing text: String) throws {
        fields = try locating(Self.property) {
            let json = try JSON(parsing: Array(text.utf8))
            guard let list = json.array else { throw IcebergError(.malformed, "is not a list of fields") }
            return try list.map(MappedField.init(json:))
        }
        try validate()
    }

    /// The mapping of a table, when it has one.
    /// - Throws: As ``init(parsing:)``.
    public init?(of metadata: TableMetadata) throws {
        guard let text = metadata.properties[Self.property] else { return nil }
        try self.init(parsing: text)
    }

    /// The JSON form.
    public func encoded() -> String {
        var writer = JSONWriter()
        writer.array { writer in for field in fields { field.write(to: &writer) } }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The field that a file's column stands for.
    /// - Parameter path: The column's name at each level, from the top: `["items", "element", "price"]`. A name may hold
    ///   dots; they mean nothing.
    public subscript(path: [String]) -> MappedField? {
        var level = fields
        var found: MappedField?
        for name in path {
            found = level.first { $0.names.contains(name) }
            guard let found else { return nil }
            level = found.fields
        }
        return found
    }

    /// The id of the field that a file's column stands for; nil when no field does.
    public func fieldID(of path: [String]) -> Int? { self[path]?.fieldID }

    /// The names that a field may have in a file, at its own level; empty when it is not mapped.
    public func names(ofFieldID id: Int) -> [String] {
        func find(_ level: [MappedField]) -> [String]? {
            for field in level {
                if field.fieldID == id { return field.names }
                if let names = find(field.fields) { return names }
            }
            return nil
        }
        return find(fields) ?? []
    }

    /// The mapping after the table's schema changed: new fields are added under their names, renamed ones are found under
    /// the old and the new name, and a name that another field has now is no longer an old name of this one. Dropped
    /// fields stay, so that files' columns of theirs are not taken for new ones.
    public func following(_ schema: Schema) -> NameMapping {
        var next = self
        var ids: Set<Int> = []
        schema.visit { _, field in ids.insert(field.id) }
        next.fields = MappedField.following(fields, schema.fields, ids: ids)
        return next
    }

    private func validate() throws {
        var ids: Set<Int> = []
        func check(_ level: [MappedField]) throws {
            var names: Set<String> = []
            for field in level {
                for name in field.names where !names.insert(name).inserted {
                    throw IcebergError(
                        .malformed, "\(Self.property): the name \"\(name)\" is mapped twice at one level")
                }
                if let id = field.fieldID, !ids.insert(id).inserted {
                    throw IcebergError(.malformed, "\(Self.property): the field id \(id) is mapped twice")
                }
                try check(field.fields)
            }
        }
        try check(fields)
    }
}

/// What one field is called in files.
public struct MappedField: Sendable, Hashable {
    /// The field of the schema; nil when the files have a column that the schema does not.
    public var fieldID: Int?
    /// Its names in files; may be empty.
    public var names: [String]
    /// The mappings of what is inside it.
    public var fields: [MappedField]

    /// A mapping of one field.
    public init(fieldID: Int?, names: [String], fields: [MappedField] = []) {
        self.fieldID = fieldID
        self.names = names
        self.fields = fields
    }
}

extension MappedField {
    fileprivate init(of field: NestedField) {
        self.init(fieldID: field.id, names: [field.name], fields: field.type.parts.map(MappedField.init(of:)))
    }

    /// Depth is bounded by the JSON reader.
    fileprivate init(json: JSON) throws {
        guard json.members != nil else { throw IcebergError(.malformed, "a mapped field is not an object") }
        let id: Int? = try json.integer(ifPresent: "field-id")
        let names = try json.array("names").map { name in
            guard let text = name.string else { throw IcebergError(.malformed, "a mapped name is not a string") }
            return text
        }
        self.init(
            fieldID: id, names: names,
            fields: try (json.array(ifPresent: "fields") ?? []).map(MappedField.init(json:)))
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            if let fieldID { writer.member("field-id", fieldID) }
            writer.key("names")
            writer.array { writer in for name in names { writer.value(name) } }
            if !fields.isEmpty {
                writer.key("fields")
                writer.array { writer in for field in fields { field.write(to: &writer) } }
            }
        }
    }

    /// One level of a mapping after the fields at that level became `current`.
    /// - Parameter ids: Of all fields of the schema. A mapping that has one at another place than the schema names a
    ///   column that the schema does not have.
    fileprivate static func following(
        _ mapped: [MappedField], _ current: [NestedField], ids: Set<Int>
    ) -> [MappedField] {
        let known = Set(mapped.compactMap(\.fieldID))
        // Names that a field has now and did not have before are its own alone.
        var owners: [String: Int] = [:]
        for field in current
        where !mapped.contains(where: { $0.fieldID == field.id && $0.names.contains(field.name) }) {
            owners[field.name] = field.id
        }
        let kept = mapped.map { field in
            var next = field
            next.names.removeAll { name in owners[name].map { $0 != field.fieldID } ?? false }
            guard let now = current.first(where: { $0.id == field.fieldID }) else { return next.without(ids) }
            if !next.names.contains(now.name) { next.names.append(now.name) }
            next.fields = following(field.fields, now.type.parts, ids: ids)
            return next
        }
        return kept + current.filter { !known.contains($0.id) }.map(MappedField.init(of:))
    }

    private func without(_ ids: Set<Int>) -> MappedField {
        MappedField(
            fieldID: fieldID.flatMap { ids.contains($0) ? nil : $0 }, names: names,
            fields: fields.map { $0.without(ids) })
    }
}

extension IcebergType {
    /// The fields right inside a nested type; those of lists and maps are called `element`, `key` and `value`.
    package var parts: [NestedField] {
        switch self {
        case .struct(let type): type.fields
        case .list(let type):
            [NestedField(id: type.elementID, name: "element", required: type.elementRequired, type: type.element)]
        case .map(let type):
            [
                NestedField(id: type.keyID, name: "key", required: true, type: type.key),
                NestedField(id: type.valueID, name: "value", required: type.valueRequired, type: type.value),
            ]
        default: []
        }
    }
}
