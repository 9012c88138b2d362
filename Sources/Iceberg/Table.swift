public import Foundation
import Storage

/// A table at one version. Reading does not see later commits until ``refresh()``; every commit leaves the table at the
/// version it made.
///
/// It is a value: a copy goes its own way, and copies that commit at the same time meet in the catalog.
public struct Table: Sendable {
    /// Its name in the catalog.
    public let identifier: TableIdentifier
    /// The version it stands at.
    public internal(set) var version: TableVersion
    /// The catalog it belongs to.
    public let catalog: any Catalog
    /// How commits are tried.
    public var policy: CommitPolicy

    /// A table at a version that `catalog` returned.
    public init(
        _ identifier: TableIdentifier, at version: TableVersion, catalog: any Catalog,
        policy: CommitPolicy = CommitPolicy()
    ) {
        self.identifier = identifier
        self.version = version
        self.catalog = catalog
        self.policy = policy
    }

    /// What the version says.
    public var metadata: TableMetadata { version.metadata }
    /// Location of the version's metadata file.
    public var metadataLocation: String { version.location }
    /// Where the table's files go.
    public var location: String { metadata.location }
    /// Where new data files go.
    public var dataLocation: String {
        metadata.properties[TableProperty.dataPath] ?? Location.join(location, "data")
    }
    /// The schema in force.
    public var schema: Schema { metadata.currentSchema }
    /// The partition spec for new files.
    public var spec: PartitionSpec { metadata.defaultSpec }
    /// The snapshot that readers see; nil while the table is empty.
    public var currentSnapshot: Snapshot? { metadata.currentSnapshot }
    /// When which snapshot became current, oldest first.
    public var history: [SnapshotLogEntry] { metadata.snapshotLog }

    var storage: any ObjectStorage { catalog.storage }

    /// Moves to the current version.
    /// - Throws: ``IcebergError`` `.notFound` when the table is gone, or another table has its name now.
    public mutating func refresh() throws {
        let current = try catalog.load(identifier)
        guard metadata.tableUUID.isEmpty || current.metadata.tableUUID == metadata.tableUUID else {
            throw IcebergError(.notFound, "the table \(identifier) was dropped, and another has its name now")
        }
        version = current
    }

    /// The snapshot with this id, while it is kept.
    public func snapshot(id: Int64) -> Snapshot? { metadata.snapshot(id: id) }

    /// The snapshot that was current at a moment; nil when the table was empty then, or has forgotten.
    public func snapshot(asOf moment: Date) -> Snapshot? {
        let milliseconds = moment.timeIntervalSince1970 * 1000
        let entry = history.last { Double($0.timestampMilliseconds) <= milliseconds }
        return entry.flatMap { snapshot(id: $0.snapshotID) }
    }
}

// MARK: - Files

extension Table {
    /// The data files that readers see now, newest manifests first.
    /// - Throws: ``IcebergError`` `.deleteFilesPresent` when rows of them were deleted by delete files, which are named.
    public func files() throws -> [DataFile] {
        try currentSnapshot.map(files(at:)) ?? []
    }

    /// The data files of a snapshot, newest manifests first.
    /// - Throws: As ``files()``.
    public func files(at snapshot: Snapshot) throws -> [DataFile] {
        try entries(of: snapshot) { _ in true }.map(\.file)
    }

    /// The files that appends added after the snapshot `first` until now, in the order of their commits. With nil, every
    /// file.
    /// - Throws: As ``addedFiles(after:upTo:)``.
    public func addedFiles(after first: Int64?) throws -> [DataFile] {
        if let currentSnapshot { return try addedFiles(after: first, upTo: currentSnapshot) }
        guard first == nil else { throw disconnected(first) }
        return []
    }

    /// The files that appends added after the snapshot `first`, up to `last`, in the order of their commits. With nil
    /// for `first`, every file of `last`.
    /// - Throws: ``IcebergError`` `.historyDisconnected` when `first` is not an ancestor of `last` that the table still
    ///   knows, `.notAppendOnly` when anything but appends happened between them.
    public func addedFiles(after first: Int64?, upTo last: Snapshot) throws -> [DataFile] {
        guard let first else {
            return try entries(of: last) { _ in true }.inCommitOrder.map(\.file)
        }
        var appended: Set<Int64> = []
        var oldest = last.sequenceNumber
        var next: Snapshot? = last
        while let snapshot = next, snapshot.id != first {
            guard snapshot.operation == .append else {
                throw IcebergError(
                    .notAppendOnly,
                    "snapshot \(snapshot.id) of \(identifier) is not an append; read the whole table instead")
            }
            // A chain that comes back to itself is damage; stepping on would never end.
            guard appended.insert(snapshot.id).inserted else { throw disconnected(first) }
            oldest = snapshot.sequenceNumber
            if snapshot.parentID == first { break }
            guard let parent = snapshot.parentID.flatMap(self.snapshot(id:)) else { throw disconnected(first) }
            next = parent
        }
        if appended.isEmpty { return [] }
        return try entries(of: last) { $0.sequenceNumber >= oldest }
            .filter { appended.contains($0.snapshotID) }.inCommitOrder.map(\.file)
    }

    /// The live entries of the snapshot's manifests that `isWanted`.
    private func entries(
        of snapshot: Snapshot, _ isWanted: (ManifestFile) -> Bool
    ) throws -> [ManifestEntry] {
        let reader = SnapshotReader(metadata, storage)
        var live: [ManifestEntry] = []
        for manifest in try reader.manifests(of: snapshot) where manifest.mayHaveLiveFiles {
            guard manifest.content == .data else {
                throw IcebergError(
                    .deleteFilesPresent,
                    "\(identifier) has delete files (\(manifest.location)), which are not applied; compact it first"
                )
            }
            guard isWanted(manifest) else { continue }
            live += try reader.entries(of: manifest).filter(\.isLive)
        }
        return live
    }

    private func disconnected(_ id: Int64?) -> IcebergError {
        IcebergError(
            .historyDisconnected,
            "snapshot \(id.map { String($0) } ?? "none") is not in the history of \(identifier); read the whole table"
        )
    }
}

extension [ManifestEntry] {
    /// By commit; within one as the manifests have them.
    fileprivate var inCommitOrder: [ManifestEntry] {
        enumerated().sorted { one, other in
            (one.element.sequenceNumber ?? 0, one.offset) < (other.element.sequenceNumber ?? 0, other.offset)
        }.map(\.element)
    }
}
