import Storage

/// How large a table is, and how well its files are kept.
public struct TableMetrics: Sendable, Hashable {
    /// Snapshots that can be read.
    public var snapshots = 0
    /// Manifests of the current snapshot.
    public var manifests = 0
    /// Their size in bytes.
    public var manifestBytes: Int64 = 0
    /// Partitions that have data files.
    public var partitions = 0
    /// Data files.
    public var dataFiles = 0
    /// Their size in bytes.
    public var dataBytes: Int64 = 0
    /// Their rows, deleted ones included.
    public var rows: Int64 = 0
    /// Data files below the size asked about.
    public var smallFiles = 0
    /// Files of deletes.
    public var deleteFiles = 0
    /// Positions and values in them.
    public var deletes: Int64 = 0

    /// Those of an empty table.
    public init() {}
}

extension Table {
    /// Counts what the current snapshot has.
    /// - Parameter smallFileBytes: Below this size a data file counts as small.
    /// - Throws: ``IcebergError`` or `StorageError` when a manifest cannot be read.
    public func metrics(smallFileBytes: Int64) throws -> TableMetrics {
        var metrics = TableMetrics()
        metrics.snapshots = metadata.snapshots.count
        guard let currentSnapshot else { return metrics }
        let reader = SnapshotReader(metadata, storage)
        let manifests = try reader.manifests(of: currentSnapshot)
        metrics.manifests = manifests.count
        metrics.manifestBytes = manifests.reduce(0) { $0 + $1.length }
        var partitions: Set<PartitionKey> = []
        let live = manifests.filter(\.mayHaveLiveFiles)
        for entries in try live.mapAtOnce(upTo: AtOnce.reads, { try reader.entries(of: $0).filter(\.isLive) }) {
            for entry in entries {
                let file = entry.file
                guard file.content == .data else {
                    metrics.deleteFiles += 1
                    metrics.deletes &+= file.recordCount
                    continue
                }
                partitions.insert(file.partitionKey)
                metrics.dataFiles += 1
                metrics.dataBytes &+= file.fileSizeInBytes
                metrics.rows &+= file.recordCount
                if file.fileSizeInBytes < smallFileBytes { metrics.smallFiles += 1 }
            }
        }
        metrics.partitions = partitions.count
        return metrics
    }
}
