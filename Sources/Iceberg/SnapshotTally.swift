/// Counts what a commit adds and removes, for the snapshot's summary.
struct SnapshotTally {
    private var added = Count()
    private var removed = Count()
    private var partitions: Set<PartitionKey> = []

    private struct Count {
        var dataFiles: Int64 = 0
        var rows: Int64 = 0
        var bytes: Int64 = 0
        var deleteFiles: Int64 = 0
        var positionFiles: Int64 = 0
        var equalityFiles: Int64 = 0
        var positionDeletes: Int64 = 0
        var equalityDeletes: Int64 = 0

        mutating func count(_ file: DataFile) {
            bytes &+= file.fileSizeInBytes
            switch file.content {
            case .data:
                dataFiles += 1
                rows &+= file.recordCount
            case .positionDeletes:
                (deleteFiles, positionFiles) = (deleteFiles + 1, positionFiles + 1)
                positionDeletes &+= file.recordCount
            case .equalityDeletes:
                (deleteFiles, equalityFiles) = (deleteFiles + 1, equalityFiles + 1)
                equalityDeletes &+= file.recordCount
            }
        }
    }

    mutating func add(_ file: DataFile) {
        added.count(file)
        partitions.insert(file.partitionKey)
    }

    mutating func remove(_ file: DataFile) {
        removed.count(file)
        partitions.insert(file.partitionKey)
    }

    /// The summary: what the writer asked for, and the names that all engines share, which win.
    func summary(_ change: TableChange, after previous: Snapshot?) -> [String: String] {
        var summary = change.summary
        summary["operation"] = change.operation.rawValue
        summary["changed-partition-count"] = String(partitions.count)
        for (name, number) in [
            ("added-data-files", added.dataFiles), ("added-records", added.rows), ("added-files-size", added.bytes),
            ("added-delete-files", added.deleteFiles), ("added-position-delete-files", added.positionFiles),
            ("added-equality-delete-files", added.equalityFiles), ("added-position-deletes", added.positionDeletes),
            ("added-equality-deletes", added.equalityDeletes),
            ("deleted-data-files", removed.dataFiles), ("deleted-records", removed.rows),
            ("removed-files-size", removed.bytes), ("removed-delete-files", removed.deleteFiles),
            ("removed-position-delete-files", removed.positionFiles),
            ("removed-equality-delete-files", removed.equalityFiles),
            ("removed-position-deletes", removed.positionDeletes),
            ("removed-equality-deletes", removed.equalityDeletes),
        ] {
            summary[name] = number > 0 ? String(number) : nil
        }
        for (name, change) in [
            ("total-data-files", added.dataFiles - removed.dataFiles), ("total-records", added.rows &- removed.rows),
            ("total-files-size", added.bytes &- removed.bytes),
            ("total-delete-files", added.deleteFiles - removed.deleteFiles),
            ("total-position-deletes", added.positionDeletes &- removed.positionDeletes),
            ("total-equality-deletes", added.equalityDeletes &- removed.equalityDeletes),
        ] {
            // A total can only go on from a total: where another writer left it out, so do we.
            let before = previous == nil ? 0 : previous?.summary[name].flatMap { Int64($0) }
            summary[name] = before.map { String($0 &+ change) }
        }
        return summary
    }
}
