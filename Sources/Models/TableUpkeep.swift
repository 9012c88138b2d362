import Engine
import Foundation
import Iceberg
import Lake

/// Keeps a model's table from growing without bound when it is brought up to date every minute: joins small files, and
/// forgets old snapshots with the files that only they have.
struct TableUpkeep {
    /// Files of a partition that are small, past which they are joined into one.
    static let smallFilesMax = 24
    /// Bytes up to which a file counts as small.
    static let smallFileBytes: Int64 = 32 << 20
    /// Partitions whose files are joined in one run, so that no run is held up for long.
    static let partitionsPerRunMax = 8
    /// Snapshots of a table past which old ones are forgotten.
    static let snapshotsMax = 24
    /// Snapshots that stay, for models that are behind.
    static let snapshotsKept = 12
    /// Seconds for which a snapshot stays, for readers that are still at it.
    static let snapshotSecondsKept = 600.0

    /// Properties of the tables: old metadata files go, too.
    static let properties = [
        "write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "24",
        "write.parquet.compression-codec": "zstd",
    ]

    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func care(for table: inout Table, _ coverage: ModelCoverage) throws {
        try joinSmallFiles(of: &table, coverage)
        if table.metadata.snapshots.count > Self.snapshotsMax {
            try table.expireSnapshots(
                keepLast: Self.snapshotsKept, olderThan: Date(timeIntervalSinceNow: -Self.snapshotSecondsKept))
        }
    }

    private func joinSmallFiles(of table: inout Table, _ coverage: ModelCoverage) throws {
        let small = Dictionary(
            grouping: try table.files().filter { $0.fileSizeInBytes < Self.smallFileBytes }, by: \.partitionKey)
        let crowded = small.filter { $0.value.count > Self.smallFilesMax && $0.key.specID == table.spec.specID }
        guard !crowded.isEmpty else { return }
        var joined: [DataFile] = []
        var replaced: [String] = []
        for (partition, files) in crowded.sorted(by: { $0.value.count > $1.value.count }).prefix(
            Self.partitionsPerRunMax)
        {
            let rows = try LakeTable(table).scanSQL(of: files)
            joined += try TableWriter(connection).writeFiles(rows, for: table, partitioning: .one(partition))
            replaced += files.map(\.location)
        }
        try table.replaceFiles(
            replaced, with: joined, operation: .replace, summary: try coverage.summary(days: nil))
    }
}
