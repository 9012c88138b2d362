import Foundation

/// Everything a table says of itself: one immutable JSON file for each commit.
public struct TableMetadata: Sendable, Hashable {
    /// 1 or 2 as read; always written as 2.
    public var formatVersion: Int
    /// Names the table for ever.
    public var tableUUID: String
    /// Where the table's files go.
    public var location: String
    /// Highest sequence number given to a commit.
    public var lastSequenceNumber: Int64
    /// When this version was made, in milliseconds since the epoch, UTC.
    public var lastUpdatedMilliseconds: Int64
    /// Highest column id ever given.
    public var lastColumnID: Int
    /// Every schema the table had.
    public var schemas: [Schema]
    /// The one in force.
    public var currentSchemaID: Int
    /// Every partition spec the table had.
    public var partitionSpecs: [PartitionSpec]
    /// The one new files use.
    public var defaultSpecID: Int
    /// Highest partition field id ever given.
    public var lastPartitionID: Int
    /// Settings for readers and writers.
    public var properties: [String: String]
    /// The snapshots that can still be read, oldest first as far as the writers kept to it.
    public var snapshots: [Snapshot]
    /// When which snapshot became current.
    public var snapshotLog: [SnapshotLogEntry]
    /// The metadata files before this one, oldest first.
    public var metadataLog: [MetadataLogEntry]
    /// Every sort order the table had.
    public var sortOrders: [SortOrder]
    /// The one new files use.
    public var defaultSortOrderID: Int
    /// Branches and tags by name.
    public var references: [String: SnapshotReference]
    /// What was read and is written back as it was (statistics and the like).
    var others: [JSONMember] = []

    /// The first version of a new, empty table.
    public init(
        location: String, schema: Schema, spec: PartitionSpec, properties: [String: String],
        nowMilliseconds: Int64
    ) throws {
        try schema.validate()
        for field in spec.fields {
            guard let source = schema.field(id: field.sourceID), source.type.isPrimitive else {
                throw IcebergError(
                    .badRequest,
                    "partition field \(field.name) is made from column id \(field.sourceID), which is not there")
            }
            guard field.transform.accepts(source.type) else {
                throw IcebergError(
                    .badRequest,
                    "partition field \(field.name) is made by \(field.transform.name), which does not apply to the "
                        + "\(source.type) column \(source.name)")
            }
        }
        formatVersion = 2
        tableUUID = UUID().uuidString.lowercased()
        self.location = location
        lastSequenceNumber = 0
        lastUpdatedMilliseconds = nowMilliseconds
        lastColumnID = schema.highestFieldID
        schemas = [schema]
        currentSchemaID = schema.schemaID
        partitionSpecs = [spec]
        defaultSpecID = spec.specID
        lastPartitionID = spec.highestFieldID
        self.properties = properties
        snapshots = []
        snapshotLog = []
        metadataLog = []
        sortOrders = [.unsorted]
        defaultSortOrderID = SortOrder.unsorted.orderID
        references = [:]
    }

    /// The schema in force.
    /// - Note: reading checks that it exists.
    public var currentSchema: Schema {
        schemas.first { $0.schemaID == currentSchemaID } ?? Schema(fields: [])
    }

    /// The partition spec for new files.
    public var defaultSpec: PartitionSpec {
        partitionSpecs.first { $0.specID == defaultSpecID } ?? .unpartitioned
    }

    /// Id of the snapshot that readers see; nil in an empty table.
    public var currentSnapshotID: Int64? { references[SnapshotReference.mainBranch]?.snapshotID }

    /// The snapshot that readers see; nil in an empty table.
    public var currentSnapshot: Snapshot? { currentSnapshotID.flatMap(snapshot(id:)) }

    /// The snapshot with this id, while it is kept.
    public func snapshot(id: Int64) -> Snapshot? {
        // Asked mostly for the newest ones, which stand at the end.
        snapshots.last { $0.id == id }
    }

    /// The partition spec with this id.
    public func spec(id: Int) -> PartitionSpec? {
        partitionSpecs.first { $0.specID == id }
    }

    /// The column or nested field with this id, in the current schema or else in the newest that had it.
    public func field(id: Int) -> NestedField? {
        currentSchema.field(id: id) ?? schemas.lazy.reversed().compactMap { $0.field(id: id) }.first
    }

    /// A property read as a whole number; `fallback` when it is absent or is not one.
    func integer(_ property: String, or fallback: Int) -> Int {
        properties[property].flatMap { Int($0) } ?? fallback
    }

    /// This version with its place in the log, as the successor of `base`, or as the first.
    func following(_ base: TableVersion?, nowMilliseconds: Int64) -> TableMetadata {
        var next = self
        next.formatVersion = 2
        if next.tableUUID.isEmpty { next.tableUUID = UUID().uuidString.lowercased() }
        next.lastUpdatedMilliseconds = max(
            nowMilliseconds, base.map { $0.metadata.lastUpdatedMilliseconds + 1 } ?? 0,
            snapshots.last?.timestampMilliseconds ?? 0, snapshotLog.last?.timestampMilliseconds ?? 0)
        guard let base else {
            next.metadataLog = []
            return next
        }
        next.metadataLog.append(
            MetadataLogEntry(location: base.location, timestampMilliseconds: base.metadata.lastUpdatedMilliseconds))
        let kept = max(1, integer(TableProperty.previousVersionsMax, or: TableProperty.previousVersionsMaxDefault))
        next.metadataLog.removeFirst(max(0, next.metadataLog.count - kept))
        return next
    }
}

/// One committed version of a table: its metadata and where that is kept.
public struct TableVersion: Sendable, Hashable {
    /// Location of the metadata file, or what the catalog names it by.
    public var location: String
    /// What it says.
    public var metadata: TableMetadata

    /// A version of a table.
    public init(location: String, metadata: TableMetadata) {
        self.location = location
        self.metadata = metadata
    }
}

/// The table properties that this package reads, with the names all engines share.
public enum TableProperty {
    /// How many earlier metadata files the log keeps.
    public static let previousVersionsMax = "write.metadata.previous-versions-max"
    /// Whether metadata files that leave the log are deleted.
    public static let deleteAfterCommit = "write.metadata.delete-after-commit.enabled"
    /// How many manifests a snapshot may have before small ones are merged.
    public static let minimumCountToMerge = "commit.manifest.min-count-to-merge"
    /// Size in bytes beyond which a manifest is not merged any more.
    public static let manifestTargetBytes = "commit.manifest.target-size-bytes"
    /// Where data files go instead of `<location>/data`.
    public static let dataPath = "write.data.path"
    /// Where metadata files go instead of `<location>/metadata`.
    public static let metadataPath = "write.metadata.path"

    /// Whether files may be deleted with the snapshots that had them; "false" where the table borrows its files.
    public static let garbageCollection = "gc.enabled"

    static let previousVersionsMaxDefault = 100
    static let minimumCountToMergeDefault = 100
    static let manifestTargetBytesDefault = 8 << 20
}

extension TableMetadata {
    /// Columns that the sort order for new files is made from.
    var sortedColumnIDs: [Int] {
        let order = sortOrders.first { $0.orderID == defaultSortOrderID }
        return order?.fields.map(\.sourceID) ?? []
    }
}
