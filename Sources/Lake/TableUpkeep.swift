public import Engine
import Foundation
public import Iceberg

/// Keeps a table that is committed to every few seconds from growing without bound: joins small files, and forgets old
/// snapshots with the files that only they have.
///
/// Others may write to the table meanwhile.
public struct TableUpkeep {
    /// When a table is cared for, and what stays.
    public struct Limits: Sendable {
        /// Which files are joined.
        public var compaction = Compaction.Limits()
        /// Snapshots past which old ones are forgotten.
        public var snapshotsMax = 24
        /// Snapshots that stay, for readers that are behind.
        public var snapshotsKept = 12
        /// Seconds for which a snapshot stays, for readers that are still at it.
        public var snapshotSecondsKept = 600.0

        /// Limits for tables that are written once a minute, and whose writer waits for the upkeep.
        public init() {
            compaction.targetFileBytes = 64 << 20
            compaction.smallFileBytes = 32 << 20
            compaction.filesMin = 25
            compaction.newestFilesMin = 25
            compaction.groupsMax = 8
        }
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

    /// Joins small files and forgets old snapshots, where there are too many. What the table's snapshots say of its
    /// state stays said.
    ///
    /// - Parameter progress: as that of `Compaction.run`.
    /// - Returns: what was joined and what was forgotten.
    @discardableResult
    public func care(
        for table: inout Table, progress: (Compaction.Progress) throws -> Void = { _ in }
    ) throws -> (compaction: Compaction.Report, expiry: ExpiryReport) {
        var compaction = Compaction(table, connection, limits.compaction)
        let report = try compaction.run(progress: progress)
        table = compaction.table
        let limits = limits.asked(by: table.metadata.properties)
        guard table.metadata.snapshots.count > limits.snapshotsMax else { return (report, ExpiryReport()) }
        let expiry = try table.expireSnapshots(
            keepLast: limits.snapshotsKept, olderThan: Date(timeIntervalSinceNow: -limits.snapshotSecondsKept))
        return (report, expiry)
    }
}

extension TableUpkeep.Limits {
    /// The limits with what the table's own properties ask for, by the names that all engines share.
    fileprivate func asked(by properties: [String: String]) -> TableUpkeep.Limits {
        var limits = self
        if let kept = properties["history.expire.min-snapshots-to-keep"].flatMap({ Int($0) }), kept > 0 {
            limits.snapshotsKept = kept
            limits.snapshotsMax = kept * 2
        }
        if let age = properties["history.expire.max-snapshot-age-ms"].flatMap({ Double($0) }), age >= 0 {
            limits.snapshotSecondsKept = age / 1_000
        }
        return limits
    }
}
