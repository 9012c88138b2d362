extension TableMetadata {
    /// Reads a metadata file of format version 1 or 2.
    /// - Throws: ``IcebergError`` `.malformed`, or `.unsupported` for a later format.
    public init(parsing bytes: [UInt8]) throws {
        try self.init(json: try JSON(parsing: bytes))
    }

    init(json: JSON) throws {
        guard let version = json["format-version"]?.int else {
            throw IcebergError(.malformed, "table metadata has no format-version")
        }
        guard (1...2).contains(version) else {
            throw IcebergError(
                .unsupported, "the table has format version \(version); versions 1 and 2 are read and 2 is written")
        }
        formatVersion = version
        guard let location = json["location"]?.string, let lastUpdated = json["last-updated-ms"]?.int64,
            let lastColumnID = json["last-column-id"]?.int
        else { throw IcebergError(.malformed, "table metadata needs location, last-updated-ms and last-column-id") }
        // Both are counted on from; a number that leaves no room is damage.
        lastSequenceNumber = json["last-sequence-number"]?.int64 ?? 0
        guard (0...Self.counterLimit).contains(lastSequenceNumber), (0...Self.counterLimit).contains(lastUpdated) else {
            throw IcebergError(.malformed, "last-sequence-number or last-updated-ms is out of range")
        }
        self.location = location
        lastUpdatedMilliseconds = lastUpdated
        self.lastColumnID = lastColumnID
        // Version 1 tables may have no UUID until their first version 2 write.
        guard let uuid = json["table-uuid"]?.string ?? (version == 1 ? "" : nil) else {
            throw IcebergError(.malformed, "table metadata has no table-uuid")
        }
        tableUUID = uuid
        (schemas, currentSchemaID) = try Self.schemas(json)
        (partitionSpecs, defaultSpecID) = try Self.specs(json)
        lastPartitionID = json["last-partition-id"]?.int ?? partitionSpecs.map(\.highestFieldID).max() ?? 999
        properties = [:]
        for member in json["properties"]?.members ?? [] { properties[member.name] = member.value.string }
        snapshots = try (json["snapshots"]?.array ?? []).map(Snapshot.init(json:))
        snapshotLog = try (json["snapshot-log"]?.array ?? []).map { entry in
            guard let id = entry["snapshot-id"]?.int64, let time = entry["timestamp-ms"]?.int64 else {
                throw IcebergError(.malformed, "a snapshot-log entry needs snapshot-id and timestamp-ms")
            }
            return SnapshotLogEntry(snapshotID: id, timestampMilliseconds: time)
        }
        metadataLog = try (json["metadata-log"]?.array ?? []).map { entry in
            guard let file = entry["metadata-file"]?.string, let time = entry["timestamp-ms"]?.int64 else {
                throw IcebergError(.malformed, "a metadata-log entry needs metadata-file and timestamp-ms")
            }
            return MetadataLogEntry(location: file, timestampMilliseconds: time)
        }
        sortOrders = try (json["sort-orders"]?.array ?? []).map(SortOrder.init(json:))
        if sortOrders.isEmpty { sortOrders = [.unsorted] }
        defaultSortOrderID = json["default-sort-order-id"]?.int ?? SortOrder.unsorted.orderID
        references = [:]
        for member in json["refs"]?.members ?? [] {
            references[member.name] = try SnapshotReference(json: member.value)
        }
        // Old writers put -1 for "none", and leave the main branch out of refs.
        if let current = json["current-snapshot-id"]?.int64, current != -1 {
            let main = references[SnapshotReference.mainBranch]
            guard main == nil || main?.snapshotID == current else {
                throw IcebergError(.malformed, "current-snapshot-id and the main branch name different snapshots")
            }
            if main == nil {
                references[SnapshotReference.mainBranch] = SnapshotReference(snapshotID: current, isBranch: true)
            }
        }
        others = (json.members ?? []).filter { !Self.known.contains($0.name) }
        try validateReferences()
    }

    private static let counterLimit = Int64(1) << 53

    private func validateReferences() throws {
        let ids = Set(snapshots.map(\.id))
        guard ids.count == snapshots.count else {
            throw IcebergError(.malformed, "two snapshots share an id")
        }
        for (name, reference) in references where !ids.contains(reference.snapshotID) {
            throw IcebergError(
                .malformed, "reference \(name) names snapshot \(reference.snapshotID), which is not there")
        }
    }

    private static func schemas(_ json: JSON) throws -> ([Schema], current: Int) {
        if let list = json["schemas"]?.array, !list.isEmpty {
            let schemas = try list.map(Schema.init(json:))
            guard let current = json["current-schema-id"]?.int, schemas.contains(where: { $0.schemaID == current })
            else { throw IcebergError(.malformed, "current-schema-id names a schema that is not there") }
            return (schemas, current)
        }
        guard let only = json["schema"] else { throw IcebergError(.malformed, "table metadata has no schema") }
        let schema = try Schema(json: only)
        return ([schema], schema.schemaID)
    }

    private static func specs(_ json: JSON) throws -> ([PartitionSpec], current: Int) {
        if let list = json["partition-specs"]?.array, !list.isEmpty {
            let specs = try list.map { try PartitionSpec(json: $0) }
            guard let current = json["default-spec-id"]?.int, specs.contains(where: { $0.specID == current }) else {
                throw IcebergError(.malformed, "default-spec-id names a partition spec that is not there")
            }
            return (specs, current)
        }
        guard let only = json["partition-spec"] else {
            throw IcebergError(.malformed, "table metadata has no partition-specs")
        }
        return ([try PartitionSpec(json: only, specID: 0)], 0)
    }

    /// The metadata file's bytes, in format version 2.
    public func encoded() -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("format-version", 2)
            writer.member("table-uuid", tableUUID)
            writer.member("location", location)
            writer.member("last-sequence-number", lastSequenceNumber)
            writer.member("last-updated-ms", lastUpdatedMilliseconds)
            writer.member("last-column-id", lastColumnID)
            writer.member("current-schema-id", currentSchemaID)
            writer.key("schemas")
            writer.array { writer in for schema in schemas { schema.write(to: &writer) } }
            writer.member("default-spec-id", defaultSpecID)
            writer.key("partition-specs")
            writer.array { writer in for spec in partitionSpecs { spec.write(to: &writer) } }
            writer.member("last-partition-id", lastPartitionID)
            writer.member("default-sort-order-id", defaultSortOrderID)
            writer.key("sort-orders")
            writer.array { writer in for order in sortOrders { order.write(to: &writer) } }
            writer.key("properties")
            writer.object { writer in
                for (name, text) in properties.sorted(by: { $0.key < $1.key }) { writer.member(name, text) }
            }
            // Left out, not -1, in an empty table: the specification calls it optional.
            if let currentSnapshotID { writer.member("current-snapshot-id", currentSnapshotID) }
            writer.key("refs")
            writer.object { writer in
                for (name, reference) in references.sorted(by: { $0.key < $1.key }) {
                    writer.key(name)
                    reference.write(to: &writer)
                }
            }
            writer.key("snapshots")
            writer.array { writer in for snapshot in snapshots { snapshot.write(to: &writer) } }
            writeLogs(to: &writer)
            for member in others { writer.member(member.name, member.value) }
        }
    }

    private func writeLogs(to writer: inout JSONWriter) {
        writer.key("snapshot-log")
        writer.array { writer in
            for entry in snapshotLog {
                writer.object { writer in
                    writer.member("snapshot-id", entry.snapshotID)
                    writer.member("timestamp-ms", entry.timestampMilliseconds)
                }
            }
        }
        writer.key("metadata-log")
        writer.array { writer in
            for entry in metadataLog {
                writer.object { writer in
                    writer.member("metadata-file", entry.location)
                    writer.member("timestamp-ms", entry.timestampMilliseconds)
                }
            }
        }
    }

    /// What this package reads itself; `schema` and `partition-spec` are version 1 names that version 2 leaves out.
    private static let known: Set<String> = [
        "format-version", "table-uuid", "location", "last-sequence-number", "last-updated-ms", "last-column-id",
        "schema", "schemas", "current-schema-id", "partition-spec", "partition-specs", "default-spec-id",
        "last-partition-id", "properties", "current-snapshot-id", "snapshots", "snapshot-log", "metadata-log",
        "sort-orders", "default-sort-order-id", "refs",
    ]
}
