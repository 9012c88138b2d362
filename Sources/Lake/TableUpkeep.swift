public import Engine
import Foundation
public import Iceberg

/// Keeps a table that is committed to every few seconds from growing without bound: joins small files, and forgets old
/// snapshots with the files that only they have.
public struct TableUpkeep {
    /// When a table is cared for, and what stays.
    public struct Limits: Sendable {
        /// Files of a partition that are small, past which they are joined into one.
        public var smallFilesMax = 24
        /// Bytes up to which a file counts as small.
        public var smallFileBytes: Int64 = 32 << 20
        /// Partitions whose files are joined at one time, so that nobody is held up for long.
        public var partitionsMax = 8
        /// Snapshots past which old ones are forgotten.
        public var snapshotsMax = 24
        /// Snapshots that stay, for readers that are behind.
        public var snapshotsKept = 12
        /// Seconds for which a snapshot stays, for readers that are still at it.
        public var snapshotSecondsKept = 600.0

        /// Limits for tables that are written once a minute.
        public init() {}
    }

    /// Properties of such tables: old metadata files go, too.
    public static let properties = [
        "write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "24",
        "write.parquet.compression-codec": "zstd",
    ]

    private let connection: Connection
    private let limits: Limits

    /// Cares for tables through a connection, which is used only during the calls.
    public init(_ connection: Connection, _ limits: Limits = Limits()) {
        self.connection = connection
        self.limits = limits
    }

    /// Joins small files and forgets old snapshots, where there are too many.
    ///
    /// - Parameter summary: goes into the summary of the commit that joins files: what the table says of its inputs
    ///   must not be lost with it.
    public func care(for table: inout Table, summary: () throws -> [String: String]) throws {
        try joinSmallFiles(of: &table, summary)
        if table.metadata.snapshots.count > limits.snapshotsMax {
            try table.expireSnapshots(
                keepLast: limits.snapshotsKept, olderThan: Date(timeIntervalSinceNow: -limits.snapshotSecondsKept))
        }
    }

    private func joinSmallFiles(of table: inout Table, _ summary: () throws -> [String: String]) throws {
        let small = Dictionary(
            grouping: try table.files().filter { $0.fileSizeInBytes < limits.smallFileBytes }, by: \.partitionKey)
        let crowded = small.filter { $0.value.count > limits.smallFilesMax && $0.key.specID == table.spec.specID }
        guard !crowded.isEmpty else { return }
        var joined: [DataFile] = []
        var replaced: [String] = []
        let order = crowded.sorted { $0.value.count > $1.value.count }
        for (partition, files) in order.prefix(limits.partitionsMax) {
            let rows = try LakeTable(table).scanSQL(of: files)
            joined += try TableWriter(connection).writeFiles(rows, for: table, partitioning: .one(partition))
            replaced += files.map(\.location)
        }
        try table.replaceFiles(replaced, with: joined, operation: .replace, summary: try summary())
    }
}
