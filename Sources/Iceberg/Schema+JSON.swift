extension Schema {
    /// Reads a schema object of the table metadata.
    package init(json: JSON) throws {
        self.init(
            schemaID: try json.integer(ifPresent: "schema-id") ?? 0, fields: try IcebergType.fields(json),
            identifierFieldIDs: try json.integers("identifier-field-ids"))
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
        guard try json.string(ifPresent: "type") == "struct" else {
            throw IcebergError(.malformed, "a schema or struct needs the type \"struct\"")
        }
        return try json.array("fields").map { field in
            let name = try field.string("name")
            guard let type = field["type"] else { throw IcebergError(.malformed, "column \(name) has no type") }
            var read = NestedField(
                id: try field.integer("id"), name: name, required: try field.boolean(ifPresent: "required") ?? false,
                type: try locating("column \(name)") { try IcebergType(json: type) },
                doc: try field.string(ifPresent: "doc"))
            read.initialDefault = field["initial-default"]
            read.writeDefault = field["write-default"]
            return read
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
                    if let value = field.initialDefault { writer.member("initial-default", value) }
                    if let value = field.writeDefault { writer.member("write-default", value) }
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
        guard json.members != nil else {
            throw IcebergError(.malformed, "a type is neither a name nor a struct, list or map object")
        }
        switch try json.string("type") {
        case "struct": self = .struct(StructType(fields: try Self.fields(json)))
        case "list":
            guard let element = json["element"] else { throw IcebergError(.malformed, "a list has no element type") }
            self = .list(
                ListType(
                    elementID: try json.integer("element-id"),
                    elementRequired: try json.boolean(ifPresent: "element-required") ?? false,
                    element: try IcebergType(json: element)))
        case "map":
            guard let key = json["key"], let value = json["value"] else {
                throw IcebergError(.malformed, "a map has no key or value type")
            }
            self = .map(
                MapType(
                    keyID: try json.integer("key-id"), key: try IcebergType(json: key),
                    valueID: try json.integer("value-id"),
                    valueRequired: try json.boolean(ifPresent: "value-required") ?? false,
                    value: try IcebergType(json: value)))
        case let name: throw IcebergError(.unsupported, "type \"\(name.prefix(80))\" is not one of format version 2")
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
