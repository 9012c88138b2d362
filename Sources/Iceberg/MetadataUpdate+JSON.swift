extension MetadataUpdate {
    /// Reads one element of a commit's `updates`.
    /// - Throws: ``IcebergError`` `.badRequest`.
    package init(json: JSON) throws {
        guard let action = json["action"]?.string else {
            throw IcebergError(.badRequest, "an update needs an action")
        }
        do {
            self = try Self.read(action, UpdateFields(json: json, of: action))
        } catch let error as IcebergError where error.kind != .badRequest {
            throw IcebergError(.badRequest, "\(action.prefix(80)): \(error.message)")
        }
    }

    private static func read(_ action: String, _ fields: UpdateFields) throws -> MetadataUpdate {
        switch action {
        case "assign-uuid": .assignUUID(try fields.string("uuid"))
        case "upgrade-format-version": .upgradeFormatVersion(try fields.int("format-version"))
        case "add-schema": .addSchema(try Schema(json: try fields.value("schema")))
        case "set-current-schema": .setCurrentSchema(try fields.int("schema-id"))
        case "add-spec": .addSpec(try UnboundPartitionSpec(json: try fields.value("spec")))
        case "set-default-spec": .setDefaultSpec(try fields.int("spec-id"))
        case "add-sort-order": .addSortOrder(try SortOrder(json: try fields.value("sort-order")))
        case "set-default-sort-order": .setDefaultSortOrder(try fields.int("sort-order-id"))
        case "add-snapshot": .addSnapshot(try Snapshot(json: try fields.value("snapshot")))
        case "set-snapshot-ref":
            .setSnapshotReference(
                try fields.string("ref-name"), try SnapshotReference(json: fields.without("action", "ref-name")))
        case "remove-snapshots": .removeSnapshots(try fields.list("snapshot-ids", \.int64))
        case "remove-snapshot-ref": .removeSnapshotReference(try fields.string("ref-name"))
        case "set-location": .setLocation(try fields.string("location"))
        case "set-properties": .setProperties(try fields.strings("updates"))
        case "remove-properties": .removeProperties(try fields.list("removals", \.string))
        case "set-statistics": try statistics(.table, fields)
        case "remove-statistics": .removeStatistics(.table, snapshotID: try fields.int64("snapshot-id"))
        case "set-partition-statistics": try statistics(.partition, fields)
        case "remove-partition-statistics":
            .removeStatistics(.partition, snapshotID: try fields.int64("snapshot-id"))
        case "remove-partition-specs": .removePartitionSpecs(try fields.list("spec-ids", \.int))
        case "remove-schemas": .removeSchemas(try fields.list("schema-ids", \.int))
        case "add-encryption-key", "remove-encryption-key":
            throw IcebergError(.badRequest, "\(action) belongs to format version 3, and this catalog keeps version 2")
        case "add-view-version", "set-current-view-version":
            throw IcebergError(.badRequest, "\(action) is for views, and this catalog keeps tables only")
        default: throw IcebergError(.badRequest, "the update \"\(action.prefix(80))\" is not known")
        }
    }

    private static func statistics(_ kind: StatisticsKind, _ fields: UpdateFields) throws -> MetadataUpdate {
        let file = try fields.value(kind.rawValue)
        guard let id = file["snapshot-id"]?.int64, file["statistics-path"]?.string != nil,
            let size = file["file-size-in-bytes"]?.int64, size >= 0
        else {
            throw IcebergError(
                .badRequest, "a statistics file needs snapshot-id, statistics-path and file-size-in-bytes")
        }
        return .setStatistics(kind, snapshotID: id, file)
    }
}

/// The members of an update object.
private struct UpdateFields {
    let json: JSON
    let action: String

    init(json: JSON, of action: String) {
        self.json = json
        self.action = action
    }

    func value(_ name: String) throws -> JSON {
        guard let value = json[name] else { throw missing(name) }
        return value
    }

    func string(_ name: String) throws -> String {
        guard let text = json[name]?.string else { throw missing(name) }
        return text
    }

    func int(_ name: String) throws -> Int {
        guard let number = json[name]?.int else { throw missing(name) }
        return number
    }

    func int64(_ name: String) throws -> Int64 {
        guard let number = json[name]?.int64 else { throw missing(name) }
        return number
    }

    func list<Element>(_ name: String, _ read: (JSON) -> Element?) throws -> [Element] {
        guard let list = json[name]?.array else { throw missing(name) }
        return try list.map { element in
            guard let value = read(element) else { throw missing(name) }
            return value
        }
    }

    func strings(_ name: String) throws -> [String: String] {
        guard let strings = json[name]?.strings else { throw missing(name) }
        return strings
    }

    func without(_ names: String...) -> JSON {
        .object((json.members ?? []).filter { !names.contains($0.name) })
    }

    private func missing(_ name: String) -> IcebergError {
        IcebergError(.badRequest, "the update \(action.prefix(80)) lacks \(name), or it is of the wrong type")
    }
}

extension JSON {
    /// The members of an object all of whose values are strings; the last of a name counts.
    package var strings: [String: String]? {
        guard let members else { return nil }
        var strings: [String: String] = [:]
        for member in members {
            guard let text = member.value.string else { return nil }
            strings[member.name] = text
        }
        return strings
    }
}

extension MetadataUpdate {
    /// Writes the update as a commit's `updates` hold it.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("action", action)
            writeMembers(to: &writer)
        }
    }

    private var action: String {
        switch self {
        case .assignUUID: "assign-uuid"
        case .upgradeFormatVersion: "upgrade-format-version"
        case .addSchema: "add-schema"
        case .setCurrentSchema: "set-current-schema"
        case .addSpec: "add-spec"
        case .setDefaultSpec: "set-default-spec"
        case .addSortOrder: "add-sort-order"
        case .setDefaultSortOrder: "set-default-sort-order"
        case .addSnapshot: "add-snapshot"
        case .setSnapshotReference: "set-snapshot-ref"
        case .removeSnapshots: "remove-snapshots"
        case .removeSnapshotReference: "remove-snapshot-ref"
        case .setLocation: "set-location"
        case .setProperties: "set-properties"
        case .removeProperties: "remove-properties"
        case .setStatistics(let kind, _, _): "set-\(kind.rawValue)"
        case .removeStatistics(let kind, _): "remove-\(kind.rawValue)"
        case .removePartitionSpecs: "remove-partition-specs"
        case .removeSchemas: "remove-schemas"
        }
    }

    private func writeMembers(to writer: inout JSONWriter) {
        switch self {
        case .assignUUID(let uuid): writer.member("uuid", uuid)
        case .upgradeFormatVersion(let version): writer.member("format-version", version)
        case .addSchema(let schema):
            writer.key("schema")
            schema.write(to: &writer)
            // Optional and deprecated, but servers of before 1.8 want it.
            writer.member("last-column-id", schema.highestFieldID)
        case .setCurrentSchema(let id): writer.member("schema-id", id)
        case .addSpec(let spec):
            writer.key("spec")
            spec.write(to: &writer)
        case .setDefaultSpec(let id): writer.member("spec-id", id)
        case .addSortOrder(let order):
            writer.key("sort-order")
            order.write(to: &writer)
        case .setDefaultSortOrder(let id): writer.member("sort-order-id", id)
        case .addSnapshot(let snapshot):
            writer.key("snapshot")
            snapshot.write(to: &writer)
        case .setSnapshotReference(let name, let reference):
            writer.member("ref-name", name)
            reference.writeMembers(to: &writer)
        case .removeSnapshots(let ids):
            writer.key("snapshot-ids")
            writer.array { writer in for id in ids { writer.value(id) } }
        case .removeSnapshotReference(let name): writer.member("ref-name", name)
        case .setLocation(let location): writer.member("location", location)
        case .setProperties(let properties):
            writer.key("updates")
            writer.strings(properties)
        case .removeProperties(let names):
            writer.key("removals")
            writer.array { writer in for name in names { writer.value(name) } }
        case .setStatistics(let kind, let id, let file):
            // Required by the specification although the file says it too.
            writer.member("snapshot-id", id)
            writer.member(kind.rawValue, file)
        case .removeStatistics(_, let id): writer.member("snapshot-id", id)
        case .removePartitionSpecs(let ids):
            writer.key("spec-ids")
            writer.array { writer in for id in ids { writer.value(id) } }
        case .removeSchemas(let ids):
            writer.key("schema-ids")
            writer.array { writer in for id in ids { writer.value(id) } }
        }
    }
}

extension SnapshotReference {
    /// The members of a reference, inside an object that is open.
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("snapshot-id", snapshotID)
        writer.member("type", isBranch ? "branch" : "tag")
        for member in others { writer.member(member.name, member.value) }
    }
}

extension JSONWriter {
    /// An object of names and strings, sorted by name.
    package mutating func strings(_ strings: [String: String]) {
        object { writer in
            for (name, text) in strings.sorted(by: { $0.key < $1.key }) { writer.member(name, text) }
        }
    }
}
