public import Iceberg

/// Which files of a table a compaction would join, group by group. Making one reads manifests and changes nothing.
public struct CompactionPlan: Sendable {
    /// Files of one partition that become one file, or a few in order.
    public struct Group: Sendable {
        /// Their partition, of the spec that they were written by.
        public let partition: PartitionKey
        /// The files with what is deleted from them, smallest first.
        public let tasks: [ScanTask]
        /// The files.
        public var files: [DataFile] { tasks.map(\.file) }
        /// Their size in bytes.
        public var bytes: Int64 { tasks.reduce(0) { $0 + $1.file.fileSizeInBytes } }
        /// Their rows, deleted ones included.
        public var rows: Int64 { tasks.reduce(0) { $0 + $1.file.recordCount } }
        /// Whether rows of them are deleted by delete files.
        public var hasDeletes: Bool { tasks.contains { !$0.deletes.isEmpty } }
    }

    /// The groups, those of the most files first.
    public let groups: [Group]
    /// The table's files, those of no group included.
    public let tableFiles: Int
    /// The table's delete files that apply to some file.
    public let deleteFiles: Int
    /// Delete files that apply to no file of the table any more.
    public let idleDeletes: [DataFile]
    /// The snapshot that it was made from; nil for an empty table.
    public let snapshot: Snapshot?

    /// Files that would be joined.
    public var files: Int { groups.reduce(0) { $0 + $1.tasks.count } }
    /// Bytes that would be read.
    public var bytes: Int64 { groups.reduce(0) { $0 + $1.bytes } }
    /// Rows that would be written again.
    public var rows: Int64 { groups.reduce(0) { $0 + $1.rows } }

    /// - Throws: What reading the manifests throws.
    public init(_ table: Table, _ limits: Compaction.Limits) throws {
        _ = try limits.order.sql(for: table)
        let limits = limits.asked(by: table)
        let plan = try table.plan()
        tableFiles = plan.tasks.count
        deleteFiles = plan.counts.deleteFiles
        idleDeletes = plan.idleDeletes
        snapshot = table.currentSnapshot
        let newest = Self.newest(plan.tasks.lazy.map(\.file).filter { $0.specID == table.spec.specID }.map(\.partition))
        let newestKey = newest.map { PartitionKey($0, specID: table.spec.specID) }
        let joined = JoinedSize(of: table)
        var groups: [Group] = []
        // What is not read is left alone.
        for (partition, tasks) in Dictionary(grouping: plan.tasks.filter(\.isReadable), by: \.file.partitionKey) {
            if limits.order.isSorted {
                if !Self.isInOrder(tasks, table, limits) {
                    groups += Self.pack(
                        tasks, partition, upTo: limits.sortedBytesMax, limits.sortedFilesMax, \.fileSizeInBytes
                    ) { _, _ in true }
                }
                continue
            }
            let small = tasks.filter { $0.deletes.isEmpty && $0.file.fileSizeInBytes < limits.smallFileBytes }
            let deleted = tasks.filter { !$0.deletes.isEmpty }
            if partition == newestKey {
                for tasks in Dictionary(grouping: small, by: { limits.tier(of: $0.file.fileSizeInBytes) }).values
                where tasks.count >= limits.newestFilesMin {
                    groups += Self.pack(tasks, partition, limits, joined, filesMin: limits.newestFilesMin)
                }
                groups += Self.pack(deleted, partition, limits, joined, filesMin: 1)
            } else {
                groups += Self.pack(small + deleted, partition, limits, joined, filesMin: limits.filesMin)
            }
        }
        self.groups = groups.sorted {
            ($1.tasks.count, $0.tasks[0].file.location) < ($0.tasks.count, $1.tasks[0].file.location)
        }
    }

    /// The values of the newest partition: that of the newest day, where days are what the table is partitioned by.
    private static func newest(_ partitions: some Sequence<[IcebergValue]>) -> [IcebergValue]? {
        partitions.max { one, other in
            for (one, other) in zip(one, other) where one != other { return one.precedes(other) }
            return false
        }
    }

    /// Puts files together until they come to a whole file. Rows that are deleted from a file are worth a group alone.
    private static func pack(
        _ tasks: [ScanTask], _ partition: PartitionKey, _ limits: Compaction.Limits, _ joined: JoinedSize, filesMin: Int
    ) -> [Group] {
        pack(
            tasks, partition, upTo: limits.targetFileBytes, limits.groupFilesMax, { joined.bytes(of: $0) }
        ) { packed, bytes in
            // A group of few files is worth it where a whole file comes of it, but not for itself alone.
            packed.count >= filesMin || (packed.count > 1 && bytes >= limits.targetFileBytes)
                || packed.contains { !$0.deletes.isEmpty }
        }
    }

    private static func pack(
        _ tasks: [ScanTask], _ partition: PartitionKey, upTo bytesMax: Int64, _ filesMax: Int,
        _ size: (DataFile) -> Int64, _ isWorthIt: ([ScanTask], Int64) -> Bool
    ) -> [Group] {
        var groups: [Group] = []
        var packed: [ScanTask] = []
        var bytes: Int64 = 0
        func close() {
            if !packed.isEmpty, isWorthIt(packed, bytes) { groups.append(Group(partition: partition, tasks: packed)) }
            packed = []
            bytes = 0
        }
        let bySize = tasks.sorted {
            ($0.file.fileSizeInBytes, $0.file.location) < ($1.file.fileSizeInBytes, $1.file.location)
        }
        for task in bySize {
            packed.append(task)
            bytes += size(task.file)
            if bytes >= bytesMax || packed.count == filesMax { close() }
        }
        close()
        return groups
    }

    /// Whether a partition's files are all in the table's order and, by their bounds, one after the other.
    private static func isInOrder(_ tasks: [ScanTask], _ table: Table, _ limits: Compaction.Limits) -> Bool {
        guard let orderID = limits.order.orderID(in: table), let first = table.sortOrder.fields.first,
            let type = table.schema.field(id: first.sourceID)?.type,
            tasks.allSatisfy({ $0.file.sortOrderID == orderID && $0.deletes.isEmpty })
        else { return false }
        if tasks.count == 1 { return true }
        var ranges: [(lower: IcebergValue, upper: IcebergValue)] = []
        for task in tasks {
            // Without bounds it cannot be told.
            guard let lower = task.file.lowerBounds[first.sourceID].flatMap({ try? SingleValue.decode($0, as: type) }),
                let upper = task.file.upperBounds[first.sourceID].flatMap({ try? SingleValue.decode($0, as: type) })
            else { return false }
            ranges.append((lower, upper))
        }
        ranges.sort { $0.lower.isLess(than: $1.lower) ?? false }
        return zip(ranges, ranges.dropFirst()).allSatisfy { $1.lower.isLess(than: $0.upper) == false }
    }
}

extension ScanTask {
    /// Whether the engine reads its file and what is deleted from it.
    fileprivate var isReadable: Bool {
        ([file] + deletes.map(\.file)).allSatisfy { $0.format == .parquet && $0.keyMetadata == nil }
    }
}

extension Compaction.Limits {
    /// The property by which a table says how large its files shall be, in bytes.
    private static let targetProperty = "write.target-file-size-bytes"

    /// The limits with the size of files that the table itself asks for.
    func asked(by table: Table) -> Compaction.Limits {
        guard let target = table.metadata.properties[Self.targetProperty].flatMap({ Int64($0) }), target > 0 else {
            return self
        }
        var limits = self
        limits.targetFileBytes = target
        limits.smallFileBytes = target - target / 4
        return limits
    }

    /// How often a file of this size has yet to be joined with as many of its own size until it is whole. Only files of
    /// one tier are joined while their partition still grows, so that a row is written again a number of times that
    /// grows with the logarithm of the partition's size, not with its commits.
    func tier(of bytes: Int64) -> Int {
        var tier = 0
        var size = targetFileBytes
        while size > max(bytes, tierBytesMin) {
            size /= Int64(max(2, newestFilesMin))
            tier += 1
        }
        return tier
    }
}

extension IcebergValue {
    /// The order of values that partitions have; null comes first, and what has no order comes in none.
    fileprivate func precedes(_ other: IcebergValue) -> Bool {
        if self == .null { return other != .null }
        return isLess(than: other) ?? false
    }
}
