/// Counts what a commit adds and removes, for the snapshot's summary.
struct SnapshotTally {
    private var added = Count()
    private var removed = Count()
    private var partitions: Set<PartitionKey> = []

    private struct Count {
        var files: Int64 = 0
        var records: Int64 = 0
        var bytes: Int64 = 0

        mutating func count(_ file: DataFile) {
            files += 1
            records &+= file.recordCount
            bytes &+= file.fileSizeInBytes
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
            ("added-data-files", added.files), ("added-records", added.records), ("added-files-size", added.bytes),
            ("deleted-data-files", removed.files), ("deleted-records", removed.records),
            ("removed-files-size", removed.bytes),
        ] {
            summary[name] = number > 0 ? String(number) : nil
        }
        for (name, change) in [
            ("total-data-files", added.files - removed.files), ("total-records", added.records &- removed.records),
            ("total-files-size", added.bytes &- removed.bytes), ("total-delete-files", 0),
            ("total-position-deletes", 0), ("total-equality-deletes", 0),
        ] {
            // A total can only go on from a total: where another writer left it out, so do we.
            let before = previous == nil ? 0 : previous?.summary[name].flatMap { Int64($0) }
            summary[name] = before.map { String($0 &+ change) }
        }
        return summary
    }
}
