extension TableMetadata {
    /// Reads a metadata file of format version 1 or 2, compressed with gzip or not.
    /// - Throws: ``IcebergError`` `.malformed`, or `.unsupported` for a later format.
    public init(parsing bytes: [UInt8]) throws {
        // JSON cannot begin with gzip's magic bytes, so the content tells, whatever the file is called.
        let text = Gzip.isGzip(bytes) ? try Gzip.decompress(bytes, upTo: Self.textLimit) : bytes
        try self.init(json: try JSON(parsing: text))
    }

    /// Reads table metadata that came in another JSON text, as REST catalogs send it.
    /// - Throws: As ``init(parsing:)``.
    package init(json: JSON) throws {
        guard json.members != nil else { throw IcebergError(.malformed, "table metadata is not a JSON object") }
        formatVersion = try json.integer("format-version")
        guard (1...2).contains(formatVersion) else {
            throw IcebergError(
                .unsupported,
                "the table has format version \(formatVersion); versions 1 and 2 are read and 2 is written")
        }
        let isFirst = formatVersion == 1
        location = try json.string("location")
        lastUpdatedMilliseconds = try json.integer("last-updated-ms")
        // Version 1 has no sequence numbers; everything in it counts as 0.
        lastSequenceNumber = isFirst ? 0 : try json.integer("last-sequence-number")
        // Both are counted on from; a number that leaves no room is damage.
        guard (0...Self.counterLimit).contains(lastSequenceNumber),
            (0...Self.counterLimit).contains(lastUpdatedMilliseconds)
        else { throw IcebergError(.malformed, "last-sequence-number or last-updated-ms is out of range") }
        // Version 1 tables may have no UUID until their first version 2 write.
        tableUUID = try isFirst ? json.string(ifPresent: "table-uuid") ?? "" : json.string("table-uuid")
        (schemas, currentSchemaID) = try Self.schemas(json)
        (partitionSpecs, defaultSpecID) = try Self.specs(json)
        (sortOrders, defaultSortOrderID) = try Self.sortOrders(json)
        let version = formatVersion
        properties = try json.strings("properties")
        snapshots = try (json.array(ifPresent: "snapshots") ?? []).map { snapshot in
            try Snapshot(json: snapshot, formatVersion: version)
        }
        snapshotLog = try (json.array(ifPresent: "snapshot-log") ?? []).map { entry in
            SnapshotLogEntry(
                snapshotID: try entry.integer("snapshot-id"), timestampMilliseconds: try entry.integer("timestamp-ms"))
        }
        metadataLog = try (json.array(ifPresent: "metadata-log") ?? []).map { entry in
            MetadataLogEntry(
                location: try entry.string("metadata-file"), timestampMilliseconds: try entry.integer("timestamp-ms"))
        }
        references = try Self.references(json)
        // New columns and partition fields count on from these: a number below one in use would give its values to
        // another column, so one in use wins.
        lastColumnID = max(try json.integer("last-column-id"), schemas.map(\.highestFieldID).max() ?? 0)
        lastPartitionID = max(
            try json.integer(ifPresent: "last-partition-id") ?? 0, partitionSpecs.map(\.highestFieldID).max() ?? 0)
        others = (json.members ?? []).filter { !Self.known.contains($0.name) }
        try validate()
    }

    private static let counterLimit = Int64(1) << 53

    /// Largest metadata file after decompression, in bytes.
    package static let textLimit = 256 << 20

    private func validate() throws {
        guard (0...Schema.highestAllowedFieldID).contains(lastColumnID),
            (0...Schema.highestAllowedFieldID).contains(lastPartitionID)
        else { throw IcebergError(.malformed, "last-column-id or last-partition-id is out of range") }
        let ids = Set(snapshots.map(\.id))
        guard ids.count == snapshots.count else {
            throw IcebergError(.malformed, "two snapshots share an id")
        }
        for (name, reference) in references where !ids.contains(reference.snapshotID) {
            throw IcebergError(
                .malformed, "reference \(name) names snapshot \(reference.snapshotID), which is not there")
        }
        if let ahead = snapshots.first(where: { $0.sequenceNumber > lastSequenceNumber }) {
            throw IcebergError(
                .malformed,
                "snapshot \(ahead.id) has the sequence number \(ahead.sequenceNumber), beyond the last one "
                    + "\(lastSequenceNumber)")
        }
    }

    private static func references(_ json: JSON) throws -> [String: SnapshotReference] {
        var references: [String: SnapshotReference] = [:]
        for member in try json.members("refs") {
            references[member.name] = try locating("reference \(member.name)") {
                try SnapshotReference(json: member.value)
            }
        }
        // Old writers put -1 for "none", and leave the main branch out of refs.
        let current: Int64? = try json.integer(ifPresent: "current-snapshot-id")
        let main = references[SnapshotReference.mainBranch]
        guard main == nil || main?.snapshotID == current else {
            throw IcebergError(.malformed, "current-snapshot-id and the main branch name different snapshots")
        }
        if main == nil, let current, current != -1 {
            references[SnapshotReference.mainBranch] = SnapshotReference(snapshotID: current, isBranch: true)
        }
        return references
    }

    private static func schemas(_ json: JSON) throws -> ([Schema], current: Int) {
        if let list = try json.array(ifPresent: "schemas"), !list.isEmpty {
            let schemas = try list.map { try Schema(json: $0) }
            let current: Int = try json.integer("current-schema-id")
            try check(schemas.map(\.schemaID), current, of: "schema")
            return (schemas, current)
        }
        guard let only = json["schema"] else { throw IcebergError(.malformed, "table metadata has no schema") }
        let schema = try Schema(json: only)
        try check([schema.schemaID], try json.integer(ifPresent: "current-schema-id") ?? schema.schemaID, of: "schema")
        return ([schema], schema.schemaID)
    }

    private static func specs(_ json: JSON) throws -> ([PartitionSpec], current: Int) {
        if let list = try json.array(ifPresent: "partition-specs"), !list.isEmpty {
            let specs = try list.map { try PartitionSpec(json: $0) }
            let current: Int = try json.integer("default-spec-id")
            try check(specs.map(\.specID), current, of: "partition spec")
            return (specs, current)
        }
        guard let only = json["partition-spec"] else {
            throw IcebergError(.malformed, "table metadata has no partition-specs")
        }
        try check([0], try json.integer(ifPresent: "default-spec-id") ?? 0, of: "partition spec")
        return ([try PartitionSpec(json: only, specID: 0)], 0)
    }

    private static func sortOrders(_ json: JSON) throws -> ([SortOrder], current: Int) {
        guard let list = try json.array(ifPresent: "sort-orders"), !list.isEmpty else {
            let unsorted = SortOrder.unsorted.orderID
            try check([unsorted], try json.integer(ifPresent: "default-sort-order-id") ?? unsorted, of: "sort order")
            return ([.unsorted], SortOrder.unsorted.orderID)
        }
        let orders = try list.map { try SortOrder(json: $0) }
        let current: Int = try json.integer("default-sort-order-id")
        try check(orders.map(\.orderID), current, of: "sort order")
        return (orders, current)
    }

    /// Checks that every id is given once, and that the one in force is among them.
    private static func check(_ ids: [Int], _ current: Int, of what: String) throws {
        guard Set(ids).count == ids.count else { throw IcebergError(.malformed, "a \(what)'s id is there twice") }
        guard ids.contains(current), ids.allSatisfy({ $0 >= 0 }) else {
            throw IcebergError(.malformed, "the \(what) in force, \(current), is not there")
        }
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
