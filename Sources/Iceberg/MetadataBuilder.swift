import Foundation

extension TableMetadata {
    /// This version with the updates of a commit applied, all of them or none.
    ///
    /// Every id, name and reference is checked, so that whatever a client sends, what comes out is metadata that every
    /// reader can read.
    /// - Throws: ``IcebergError`` `.badRequest` when an update makes no sense, `.conflict` when it made sense of an
    ///   older version only.
    package func applying(_ updates: [MetadataUpdate], nowMilliseconds: Int64) throws -> TableMetadata {
        var builder = MetadataBuilder(self, nowMilliseconds: nowMilliseconds)
        for update in updates { try builder.apply(update) }
        return try builder.finished()
    }

    /// The first version of a table that a commit creates by its updates.
    ///
    /// - Parameter location: where its files go, unless an update says so.
    /// - Throws: As ``applying(_:nowMilliseconds:)``, and when there is no schema among the updates.
    package static func creating(
        by updates: [MetadataUpdate], location: String, nowMilliseconds: Int64
    ) throws -> TableMetadata {
        var empty = try TableMetadata(
            location: location, schema: Schema(fields: []), spec: .unpartitioned, properties: [:],
            nowMilliseconds: nowMilliseconds)
        empty.tableUUID = ""
        empty.schemas = []
        empty.partitionSpecs = []
        empty.sortOrders = []
        var builder = MetadataBuilder(empty, nowMilliseconds: nowMilliseconds)
        for update in updates { try builder.apply(update) }
        return try builder.finished()
    }
}

/// Metadata while the updates of one commit are applied to it.
struct MetadataBuilder {
    var metadata: TableMetadata
    let nowMilliseconds: Int64
    var addedSchema: Int?
    var addedSpec: Int?
    var addedOrder: Int?
    var addedSnapshots: Set<Int64> = []
    /// Where the log's entries of this commit begin.
    let logStart: Int

    /// Ids of schemas, specs and orders, and column ids, are 32-bit in other implementations, the last ones reserved.
    static let idLimit = Schema.highestAllowedFieldID
    /// Sequence numbers and times beyond this are not read back.
    static let counterLimit = Int64(1) << 53
    /// A snapshot from further in the future than this comes from a broken clock, and would never be expired.
    static let clockSkewMilliseconds: Int64 = 86_400_000
    /// Longest name of a branch or tag, in bytes.
    static let referenceNameBytes = 255

    init(_ base: TableMetadata, nowMilliseconds: Int64) {
        metadata = base
        self.nowMilliseconds = nowMilliseconds
        logStart = base.snapshotLog.count
    }

    mutating func apply(_ update: MetadataUpdate) throws {
        switch update {
        case .assignUUID(let uuid): try assign(uuid)
        case .upgradeFormatVersion(let version): try upgrade(to: version)
        case .addSchema(let schema): try add(schema)
        case .setCurrentSchema(let id):
            let id = try resolve(id, addedSchema, "schema")
            guard metadata.schemas.contains(where: { $0.schemaID == id }) else { throw bad("there is no schema \(id)") }
            metadata.currentSchemaID = id
        case .addSpec(let spec): try add(spec)
        case .setDefaultSpec(let id):
            let id = try resolve(id, addedSpec, "partition spec")
            guard metadata.spec(id: id) != nil else { throw bad("there is no partition spec \(id)") }
            metadata.defaultSpecID = id
        case .addSortOrder(let order): try add(order)
        case .setDefaultSortOrder(let id):
            let id = try resolve(id, addedOrder, "sort order")
            guard id == 0 || metadata.sortOrders.contains(where: { $0.orderID == id }) else {
                throw bad("there is no sort order \(id)")
            }
            metadata.defaultSortOrderID = id
        case .addSnapshot(let snapshot): try add(snapshot)
        case .setSnapshotReference(let name, let reference): try set(name, reference)
        case .removeSnapshots(let ids): remove(Set(ids))
        case .removeSnapshotReference(let name): metadata.references[name] = nil
        case .setLocation(let location):
            guard !location.isEmpty else { throw bad("the location is empty") }
            metadata.location = location
        case .setProperties(let properties):
            if let version = properties["format-version"] {
                throw bad("format-version is no property (\(version) was asked for): send upgrade-format-version")
            }
            metadata.properties.merge(properties) { $1 }
        case .removeProperties(let names): for name in names { metadata.properties[name] = nil }
        case .setStatistics(let kind, let id, let file):
            guard metadata.snapshot(id: id) != nil else { throw bad("there is no snapshot \(id) for the statistics") }
            removeStatistics(kind) { $0 == id }
            metadata.setStatistics(kind, metadata.statistics(kind) + [file])
        case .removeStatistics(let kind, let id): removeStatistics(kind) { $0 == id }
        case .removePartitionSpecs(let ids):
            guard !ids.contains(metadata.defaultSpecID) else {
                throw bad("the default partition spec cannot be removed")
            }
            metadata.partitionSpecs.removeAll { ids.contains($0.specID) }
        case .removeSchemas(let ids): try removeSchemas(Set(ids))
        }
    }

    private func resolve(_ id: Int, _ added: Int?, _ what: String) throws -> Int {
        guard id == -1 else { return id }
        guard let added else { throw bad("-1 means the last \(what) added, and none was added in this commit") }
        return added
    }

    func bad(_ message: String) -> IcebergError { IcebergError(.badRequest, message) }

    // MARK: Names and versions

    private mutating func assign(_ uuid: String) throws {
        guard UUID(uuidString: uuid) != nil else { throw bad("\"\(uuid.prefix(80))\" is no UUID") }
        guard metadata.tableUUID.isEmpty || metadata.tableUUID.lowercased() == uuid.lowercased() else {
            throw bad("the table has the UUID \(metadata.tableUUID), which cannot be changed to \(uuid)")
        }
        if metadata.tableUUID.isEmpty { metadata.tableUUID = uuid }
    }

    private mutating func upgrade(to version: Int) throws {
        guard version <= 2 else {
            throw bad("format version \(version) is not supported: this catalog keeps version 2 tables")
        }
        guard version >= metadata.formatVersion else {
            throw bad("a version \(metadata.formatVersion) table cannot go back to version \(version)")
        }
        metadata.formatVersion = version
    }
}
