import Foundation
import Iceberg
import Lake
import Telemetry

/// How large the lake's tables are and how well they are kept, as gauges with the label `table`.
final class TableGauges {
    /// Most tables that have gauges: the first ones by name.
    static let tablesMax = 100
    /// Seconds between two looks.
    static let seconds = 30.0

    private let metrics: Metrics
    private let catalog: any Catalog
    /// What was counted of a snapshot; while it is the current one, it is not counted again.
    private var counted: [TableIdentifier: (snapshotID: Int64?, metrics: TableMetrics, lag: Int)] = [:]
    private var nextLook = ContinuousClock.now

    init(_ metrics: Metrics, _ catalog: any Catalog) {
        self.metrics = metrics
        self.catalog = catalog
    }

    /// Looks at the tables if it is time to.
    /// - Throws: The first failure, after the other tables.
    func refreshIfDue() throws {
        guard ContinuousClock.now >= nextLook else { return }
        nextLook = .now + .seconds(Self.seconds)
        let known = try catalog.listNamespaces().flatMap(catalog.listTables(in:)).sorted { "\($0)" < "\($1)" }
            .prefix(Self.tablesMax)
        for gone in Set(counted.keys).subtracting(known) {
            counted[gone] = nil
            show(TableMetrics(), lag: 0, of: "\(gone)", nil)
        }
        var failure: (any Error)?
        for identifier in known {
            do { try look(at: identifier) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    private func look(at identifier: TableIdentifier) throws {
        let table = try catalog.loadTable(identifier)
        let limits =
            identifier.namespace == BronzeTable.namespace
            ? BronzeUpkeep.limits.compaction : TableUpkeep.Limits().compaction
        let snapshotID = table.currentSnapshot?.id
        var (found, lag) = (TableMetrics(), 0)
        if let last = counted[identifier], last.snapshotID == snapshotID {
            (found, lag) = (last.metrics, last.lag)
            found.snapshots = table.metadata.snapshots.count
        } else {
            found = try table.metrics(smallFileBytes: limits.smallFileBytes)
            lag = try CompactionPlan(table, limits).files
        }
        counted[identifier] = (snapshotID, found, lag)
        show(found, lag: lag, of: "\(identifier)", table)
    }

    private func show(_ found: TableMetrics, lag: Int, of name: String, _ table: Table?) {
        func set(_ gauge: String, _ help: String, _ value: Double) {
            metrics.gauge("cartograph_table_\(gauge)", help: help, ["table": name]).set(value)
        }
        func age(_ milliseconds: Int64?) -> Double {
            milliseconds.map { max(0, Date().timeIntervalSince1970 - Double($0) / 1_000) } ?? 0
        }
        set("files", "Data files of the table.", Double(found.dataFiles))
        set("bytes", "Bytes of the data files.", Double(found.dataBytes))
        set("rows", "Rows in the data files, deleted ones included.", Double(found.rows))
        set("small_files", "Data files below the size that compaction leaves alone.", Double(found.smallFiles))
        set("delete_files", "Files of deleted rows, left by other engines.", Double(found.deleteFiles))
        set("compaction_lag_files", "Data files that compaction would join now.", Double(lag))
        set("snapshots", "Snapshots that can be read.", Double(found.snapshots))
        set("manifests", "Manifests of the current snapshot.", Double(found.manifests))
        set(
            "oldest_snapshot_seconds", "Age of the oldest snapshot.",
            age(table?.metadata.snapshots.map(\.timestampMilliseconds).min()))
        set("last_commit_seconds", "Age of the current snapshot.", age(table?.currentSnapshot?.timestampMilliseconds))
    }
}
