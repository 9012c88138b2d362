extension Schema {
    /// Reads a schema object of the table metadata.
    package init(json: JSON) throws {
        self.init(
            schemaID: json["schema-id"]?.int ?? 0,
            fields: try IcebergType.fields(json),
            identifierFieldIDs: json["identifier-field-ids"]?.array?.compactMap(\.int) ?? [])
        try validate()
    }

    /// Writes the schema as the table metadata and manifests hold it.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", "struct")
            writer.member("schema-id", schemaID)
            if !identifierFieldIDs.isEmpty {
                writer.key("identifier-field-ids")
                writer.array { writer in for id in identifierFieldIDs { writer.value(id) } }
            }
            IcebergType.write(fields, to: &writer)
        }
    }
}

extension IcebergType {
    fileprivate static func fields(_ json: JSON) throws -> [NestedField] {
        guard json["type"]?.string == "struct", let fields = json["fields"]?.array else {
            throw IcebergError(.malformed, "a schema or struct needs the type \"struct\" and a list of fields")
        }
        return try fields.map { field in
            guard let id = field["id"]?.int, let name = field["name"]?.string, let type = field["type"] else {
                throw IcebergError(.malformed, "a field needs an id, a name and a type")
            }
            return NestedField(
                id: id, name: name, required: field["required"]?.boolean ?? false, type: try IcebergType(json: type),
                doc: field["doc"]?.string)
        }
    }

    fileprivate static func write(_ fields: [NestedField], to writer: inout JSONWriter) {
        writer.key("fields")
        writer.array { writer in
            for field in fields {
                writer.object { writer in
                    writer.member("id", field.id)
                    writer.member("name", field.name)
                    writer.member("required", field.required)
                    writer.key("type")
                    field.type.write(to: &writer)
                    if let doc = field.doc { writer.member("doc", doc) }
                }
            }
        }
    }

    /// Reads a type: a name, or an object for the nested ones. Depth is bounded by the JSON reader.
    init(json: JSON) throws {
        if let name = json.string {
            guard let type = IcebergType(primitive: name) else {
                throw IcebergError(.unsupported, "column type \"\(name.prefix(80))\" is not one of format version 2")
            }
            self = type
            return
        }
        switch json["type"]?.string {
        case "struct": self = .struct(StructType(fields: try Self.fields(json)))
        case "list":
            guard let id = json["element-id"]?.int, let element = json["element"] else {
                throw IcebergError(.malformed, "a list needs element-id and element")
            }
            let required = json["element-required"]?.boolean ?? false
            self = .list(
                ListType(elementID: id, elementRequired: required, element: try IcebergType(json: element)))
        case "map":
            guard let keyID = json["key-id"]?.int, let key = json["key"], let valueID = json["value-id"]?.int,
                let value = json["value"]
            else { throw IcebergError(.malformed, "a map needs key-id, key, value-id and value") }
            self = .map(
                MapType(
                    keyID: keyID, key: try IcebergType(json: key), valueID: valueID,
                    valueRequired: json["value-required"]?.boolean ?? false, value: try IcebergType(json: value)))
        default: throw IcebergError(.malformed, "a type must be a name, or a struct, list or map object")
        }
    }

    func write(to writer: inout JSONWriter) {
        switch self {
        case .struct(let type):
            writer.object { writer in
                writer.member("type", "struct")
                Self.write(type.fields, to: &writer)
            }
        case .list(let type):
            writer.object { writer in
                writer.member("type", "list")
                writer.member("element-id", type.elementID)
                writer.member("element-required", type.elementRequired)
                writer.key("element")
                type.element.write(to: &writer)
            }
        case .map(let type):
            writer.object { writer in
                writer.member("type", "map")
                writer.member("key-id", type.keyID)
                writer.key("key")
                type.key.write(to: &writer)
                writer.member("value-id", type.valueID)
                writer.member("value-required", type.valueRequired)
                writer.key("value")
                type.value.write(to: &writer)
            }
        default: writer.value(description)
        }
    }
}
