/// What must be true of a table for a commit to be made, in the words of the REST catalog's API.
package enum TableRequirement: Sendable, Hashable {
    /// The table is not there yet.
    case create
    /// It is still the same table.
    case tableUUID(String)
    /// A branch or tag names this snapshot; nil when it must not be there.
    case reference(String, snapshotID: Int64?)
    /// Nobody added a column meanwhile.
    case lastAssignedFieldID(Int)
    /// The schema in force.
    case currentSchemaID(Int)
    /// Nobody added a partition field meanwhile.
    case lastAssignedPartitionID(Int)
    /// The partition spec for new files.
    case defaultSpecID(Int)
    /// The sort order for new files.
    case defaultSortOrderID(Int)

    /// Checks it against a table; nil is one that is not there.
    /// - Throws: ``IcebergError`` `.conflict`, and `.notFound` when there is no table to check.
    package func check(_ metadata: TableMetadata?, of identifier: TableIdentifier) throws {
        if case .create = self {
            guard metadata == nil else {
                throw IcebergError(
                    .conflict, "requirement failed: the table \(identifier) was to be created, but exists")
            }
            return
        }
        guard let metadata else { throw IcebergError(.notFound, "there is no table \(identifier)") }
        func demand<Value: Equatable>(_ what: String, _ expected: Value, _ found: Value) throws {
            guard expected == found else {
                throw IcebergError(
                    .conflict, "requirement failed: \(what) of \(identifier) is \(found), expected \(expected)")
            }
        }
        switch self {
        case .create: break
        case .tableUUID(let uuid): try demand("the UUID", uuid.lowercased(), metadata.tableUUID.lowercased())
        case .reference(let name, let expected):
            let found = metadata.references[name]?.snapshotID
            try demand(
                "the snapshot of \(name)", expected.map(String.init) ?? "none", found.map(String.init) ?? "none")
        case .lastAssignedFieldID(let id): try demand("the last column id", id, metadata.lastColumnID)
        case .currentSchemaID(let id): try demand("the current schema", id, metadata.currentSchemaID)
        case .lastAssignedPartitionID(let id): try demand("the last partition field id", id, metadata.lastPartitionID)
        case .defaultSpecID(let id): try demand("the default partition spec", id, metadata.defaultSpecID)
        case .defaultSortOrderID(let id): try demand("the default sort order", id, metadata.defaultSortOrderID)
        }
    }
}

extension TableRequirement {
    /// Reads one element of a commit's `requirements`.
    /// - Throws: ``IcebergError`` `.badRequest`.
    package init(json: JSON) throws {
        guard let type = json["type"]?.string else { throw IcebergError(.badRequest, "a requirement needs a type") }
        func int(_ name: String) throws -> Int {
            guard let number = json[name]?.int else {
                throw IcebergError(.badRequest, "the requirement \(type) needs the number \(name)")
            }
            return number
        }
        func string(_ name: String) throws -> String {
            guard let text = json[name]?.string else {
                throw IcebergError(.badRequest, "the requirement \(type) needs the text \(name)")
            }
            return text
        }
        switch type {
        case "assert-create": self = .create
        case "assert-table-uuid": self = .tableUUID(try string("uuid"))
        case "assert-ref-snapshot-id":
            // Null and absent both mean that the reference must not be there; other writers leave it out.
            let id = json["snapshot-id"]
            guard id == nil || id?.int64 != nil else {
                throw IcebergError(.badRequest, "the requirement \(type) needs the number snapshot-id, or null")
            }
            self = .reference(try string("ref"), snapshotID: id?.int64)
        case "assert-last-assigned-field-id": self = .lastAssignedFieldID(try int("last-assigned-field-id"))
        case "assert-current-schema-id": self = .currentSchemaID(try int("current-schema-id"))
        case "assert-last-assigned-partition-id":
            self = .lastAssignedPartitionID(try int("last-assigned-partition-id"))
        case "assert-default-spec-id": self = .defaultSpecID(try int("default-spec-id"))
        case "assert-default-sort-order-id": self = .defaultSortOrderID(try int("default-sort-order-id"))
        default: throw IcebergError(.badRequest, "the requirement \"\(type.prefix(80))\" is not known")
        }
    }

    /// Writes the requirement as a commit's `requirements` hold it.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            switch self {
            case .create: writer.member("type", "assert-create")
            case .tableUUID(let uuid):
                writer.member("type", "assert-table-uuid")
                writer.member("uuid", uuid)
            case .reference(let name, let id):
                writer.member("type", "assert-ref-snapshot-id")
                writer.member("ref", name)
                writer.member("snapshot-id", id.map { JSON.number(String($0)) } ?? .null)
            case .lastAssignedFieldID(let id):
                writer.member("type", "assert-last-assigned-field-id")
                writer.member("last-assigned-field-id", id)
            case .currentSchemaID(let id):
                writer.member("type", "assert-current-schema-id")
                writer.member("current-schema-id", id)
            case .lastAssignedPartitionID(let id):
                writer.member("type", "assert-last-assigned-partition-id")
                writer.member("last-assigned-partition-id", id)
            case .defaultSpecID(let id):
                writer.member("type", "assert-default-spec-id")
                writer.member("default-spec-id", id)
            case .defaultSortOrderID(let id):
                writer.member("type", "assert-default-sort-order-id")
                writer.member("default-sort-order-id", id)
            }
        }
    }
}
