public import Iceberg

/// Which files of a table a compaction would join, group by group. Making one reads manifests and changes nothing.
public struct CompactionPlan: Sendable {
    /// Files of one partition that become one file.
    public struct Group: Sendable {
        /// Their partition.
        public let partition: PartitionKey
        /// The files, smallest first.
        public let files: [DataFile]
        /// Their size in bytes.
        public var bytes: Int64 { files.reduce(0) { $0 + $1.fileSizeInBytes } }
        /// Their rows.
        public var rows: Int64 { files.reduce(0) { $0 + $1.recordCount } }
    }

    /// The groups, those of the most files first.
    public let groups: [Group]
    /// The table's files, those of no group included.
    public let tableFiles: Int
    /// The snapshot that it was made from; nil for an empty table.
    public let snapshotID: Int64?

    /// Files that would be joined.
    public var files: Int { groups.reduce(0) { $0 + $1.files.count } }
    /// Bytes that would be read.
    public var bytes: Int64 { groups.reduce(0) { $0 + $1.bytes } }
    /// Rows that would be written again.
    public var rows: Int64 { groups.reduce(0) { $0 + $1.rows } }

    /// - Throws: What reading the manifests throws.
    init(_ table: Table, _ limits: Compaction.Limits) throws {
        let all = try table.files()
        tableFiles = all.count
        snapshotID = table.currentSnapshot?.id
        let small = all.filter {
            $0.fileSizeInBytes < limits.smallFileBytes && $0.specID == table.spec.specID && $0.format == .parquet
        }
        let newest = Self.newest(all.lazy.filter { $0.specID == table.spec.specID }.map(\.partition))
        var groups: [Group] = []
        for (partition, files) in Dictionary(grouping: small, by: \.partitionKey) {
            if partition.values == newest {
                for files in Dictionary(grouping: files, by: { limits.tier(of: $0.fileSizeInBytes) }).values
                where files.count >= limits.newestFilesMin {
                    groups += Self.pack(files, partition, limits, filesMin: limits.newestFilesMin)
                }
            } else {
                groups += Self.pack(files, partition, limits, filesMin: limits.filesMin)
            }
        }
        self.groups = groups.sorted {
            ($1.files.count, $0.files[0].location) < ($0.files.count, $1.files[0].location)
        }
    }

    /// The values of the newest partition: that of the newest day, where days are what the table is partitioned by.
    private static func newest(_ partitions: some Sequence<[IcebergValue]>) -> [IcebergValue]? {
        partitions.max { one, other in
            for (one, other) in zip(one, other) where one != other { return one.precedes(other) }
            return false
        }
    }

    /// Puts files together until they come to a whole file.
    private static func pack(
        _ files: [DataFile], _ partition: PartitionKey, _ limits: Compaction.Limits, filesMin: Int
    ) -> [Group] {
        var groups: [Group] = []
        var packed: [DataFile] = []
        var bytes: Int64 = 0
        func close() {
            // A group of few files is worth it where a whole file comes of it, but not for itself alone.
            if packed.count >= filesMin || (packed.count > 1 && bytes >= limits.targetFileBytes) {
                groups.append(Group(partition: partition, files: packed))
            }
            packed = []
            bytes = 0
        }
        for file in files.sorted(by: { ($0.fileSizeInBytes, $0.location) < ($1.fileSizeInBytes, $1.location) }) {
            packed.append(file)
            bytes += file.fileSizeInBytes
            if bytes >= limits.targetFileBytes || packed.count == limits.groupFilesMax { close() }
        }
        close()
        return groups
    }
}

extension Compaction.Limits {
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
        switch (self, other) {
        case (.null, _): other != .null
        case (.int(let one), .int(let other)), (.date(let one), .date(let other)): one < other
        case (.long(let one), .long(let other)), (.timestamp(let one), .timestamp(let other)),
            (.timestamptz(let one), .timestamptz(let other)):
            one < other
        case (.string(let one), .string(let other)): one < other
        default: false
        }
    }
}
