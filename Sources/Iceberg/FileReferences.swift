import Storage

/// Every file that a table's metadata leads to, from all of its snapshots.
struct FileReferences {
    /// The metadata files in the log.
    private(set) var metadataFiles: [String] = []
    private(set) var manifestLists: [String] = []
    private(set) var manifests: [String] = []
    /// Files of rows and of deletes that a snapshot has. Those that it only says it removed are needed by others, or by
    /// none.
    private(set) var dataFiles: [String] = []
    private(set) var statistics: [String] = []

    init(of metadata: TableMetadata, _ storage: any ObjectStorage) throws {
        let reader = SnapshotReader(metadata, storage)
        metadataFiles = metadata.metadataLog.map(\.location)
        manifestLists = metadata.snapshots.map(\.manifestList).filter { !$0.isEmpty }
        statistics = metadata.statisticsFiles.map(\.location)
        let found = try reader.manifests(of: metadata.snapshots)
        manifests = found.values.map(\.location)
        dataFiles = try Array(found.values).mapAtOnce(
            upTo: AtOnce.reads, { try reader.entries(of: $0).filter(\.isLive).map(\.file.location) }
        ).flatMap { $0 }
    }

    private var all: [String] { metadataFiles + manifestLists + manifests + dataFiles + statistics }

    /// What the files are called, however they are spelled.
    var names: Set<ObjectName> { Set(all.map(ObjectName.init)) }

    /// The files.
    var locations: LocationSet { LocationSet(all) }
}

extension SnapshotReader {
    /// The manifests of several snapshots, by what they are called.
    func manifests(of snapshots: [Snapshot]) throws -> [ObjectName: ManifestFile] {
        var found: [ObjectName: ManifestFile] = [:]
        for manifests in try snapshots.mapAtOnce(upTo: AtOnce.reads, { try self.manifests(of: $0) }) {
            for manifest in manifests { found[ObjectName(manifest.location)] = manifest }
        }
        return found
    }
}

extension TableMetadata {
    private static let statisticsMembers = ["statistics", "partition-statistics"]

    /// The files of statistics, and the snapshots they are about.
    var statisticsFiles: [(snapshotID: Int64, location: String)] {
        others.filter { Self.statisticsMembers.contains($0.name) }.flatMap { $0.value.array ?? [] }.compactMap { file in
            guard let id = file["snapshot-id"]?.int64, let path = file["statistics-path"]?.string else { return nil }
            return (id, path)
        }
    }

    /// Forgets the statistics of other snapshots.
    mutating func keepStatistics(of kept: Set<Int64>) {
        for index in others.indices where Self.statisticsMembers.contains(others[index].name) {
            guard let files = others[index].value.array else { continue }
            others[index].value = .array(files.filter { $0["snapshot-id"]?.int64.map(kept.contains) ?? true })
        }
    }
}

extension TableProperty {
    /// How many snapshots of a branch expiry leaves at least, unless the branch says.
    public static let minSnapshotsToKeep = "history.expire.min-snapshots-to-keep"
    /// Age in milliseconds past which snapshots expire, unless the branch says.
    public static let maxSnapshotAge = "history.expire.max-snapshot-age-ms"
    /// Age in milliseconds past which branches and tags expire, unless they say.
    public static let maxReferenceAge = "history.expire.max-ref-age-ms"

    /// Five days.
    static let maxSnapshotAgeDefault: Int64 = 432_000_000
}
