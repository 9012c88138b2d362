/// One change of a table's metadata, in the words of the REST catalog's API.
package enum MetadataUpdate: Sendable, Hashable {
    /// Names the table; only a new table takes a name.
    case assignUUID(String)
    /// Raises the format version.
    case upgradeFormatVersion(Int)
    /// Adds a schema; the table chooses its id.
    case addSchema(Schema)
    /// Puts a schema in force; -1 is the one added last.
    case setCurrentSchema(Int)
    /// Adds a partition spec; the table chooses its id and those of fields without one.
    case addSpec(UnboundPartitionSpec)
    /// Makes new files use a spec; -1 is the one added last.
    case setDefaultSpec(Int)
    /// Adds a sort order; the table chooses its id.
    case addSortOrder(SortOrder)
    /// Makes new files use an order; -1 is the one added last.
    case setDefaultSortOrder(Int)
    /// Adds a snapshot, which no branch names yet.
    case addSnapshot(Snapshot)
    /// Makes a branch or tag name a snapshot.
    case setSnapshotReference(String, SnapshotReference)
    /// Forgets snapshots; those that are not there count as forgotten.
    case removeSnapshots([Int64])
    /// Forgets a branch or tag; that it is not there counts as forgotten.
    case removeSnapshotReference(String)
    /// Puts new files elsewhere.
    case setLocation(String)
    /// Sets properties.
    case setProperties([String: String])
    /// Removes properties.
    case removeProperties([String])
    /// Names the statistics file of a snapshot, in place of the one before.
    case setStatistics(StatisticsKind, snapshotID: Int64, JSON)
    /// Forgets the statistics file of a snapshot.
    case removeStatistics(StatisticsKind, snapshotID: Int64)
    /// Forgets partition specs that no file uses.
    case removePartitionSpecs([Int])
    /// Forgets schemas that no snapshot names.
    case removeSchemas([Int])

    /// The two lists of statistics files that a table has.
    package enum StatisticsKind: String, Sendable, Hashable {
        /// Of the table's columns.
        case table = "statistics"
        /// Of its partitions.
        case partition = "partition-statistics"
    }
}

/// A partition spec whose fields may have no ids yet.
package struct UnboundPartitionSpec: Sendable, Hashable {
    /// A field of it.
    package struct Field: Sendable, Hashable {
        package var sourceID: Int
        package var fieldID: Int?
        package var name: String
        package var transform: Transform
    }

    /// What its sender calls it; the table may choose another id.
    package var specID: Int?
    package var fields: [Field]

    /// The fields of a spec that has its ids.
    package init(_ spec: PartitionSpec) {
        specID = spec.specID
        fields = spec.fields.map {
            Field(sourceID: $0.sourceID, fieldID: $0.fieldID, name: $0.name, transform: $0.transform)
        }
    }

    package init(json: JSON) throws {
        guard let list = json["fields"]?.array else {
            throw IcebergError(.badRequest, "a partition spec needs a list of fields")
        }
        specID = json["spec-id"]?.int
        fields = try list.map { field in
            guard let source = field["source-id"]?.int, let name = field["name"]?.string,
                let transform = field["transform"]?.string
            else { throw IcebergError(.badRequest, "a partition field needs source-id, name and transform") }
            return Field(
                sourceID: source, fieldID: field["field-id"]?.int, name: name, transform: Transform(named: transform))
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            if let specID { writer.member("spec-id", specID) }
            writer.key("fields")
            writer.array { writer in
                for field in fields {
                    writer.object { writer in
                        writer.member("source-id", field.sourceID)
                        if let id = field.fieldID { writer.member("field-id", id) }
                        writer.member("name", field.name)
                        writer.member("transform", field.transform.name)
                    }
                }
            }
        }
    }
}
