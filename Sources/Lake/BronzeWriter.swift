public import Engine
public import EventLog
import Events
public import Iceberg

/// Moves records from the log into the bronze tables, each exactly once.
///
/// Every commit carries the log offsets that it covers in its snapshot summary, so the table itself says where to go on:
/// after a crash, files that no commit names are left over, and their records are written again.
public final class BronzeWriter {
    /// The key in a snapshot's summary under which the covered offsets stand.
    public static let offsetsKey = "cartograph.offsets"

    /// What a drain moved.
    public struct Report: Sendable {
        /// Rows committed, by topic name.
        public var rows: [String: Int] = [:]
        /// Rows in all bronze tables after it.
        public var totalRows: Int64 = 0
        /// Rows committed in all.
        public var rowCount: Int { rows.values.reduce(0, +) }
    }

    private static let source = "cartograph_bronze_source"

    private let log: any EventLog
    private let catalog: any Catalog
    private let connection: Connection
    private let writer: TableWriter
    private var tables: [Topic: Table] = [:]
    private var done: [Topic: LogOffsets] = [:]

    /// A writer from a log to a catalogue's bronze tables, through a connection that only it uses and that runs on one
    /// thread of the engine.
    public init(log: any EventLog, catalog: any Catalog, connection: Connection) {
        self.log = log
        self.catalog = catalog
        self.connection = connection
        writer = TableWriter(connection)
    }

    /// The offsets that a catalogue's bronze tables cover: what is before them has been committed.
    ///
    /// - Throws: `LakeTableError` when a table's snapshot does not say.
    public static func coveredOffsets(_ catalog: any Catalog, partitions: Int) throws -> LogOffsets {
        var covered = LogOffsets(partitions: partitions)
        for topic in Topic.allCases {
            let table = BronzeTable(topic)
            guard try catalog.tableExists(table.identifier) else { continue }
            let offsets = try offsets(of: try catalog.loadTable(table.identifier), topic, partitions)
            for partition in 0..<partitions { covered[topic, partition] = offsets[topic, partition] }
        }
        return covered
    }

    private static func offsets(of table: Table, _ topic: Topic, _ partitions: Int) throws -> LogOffsets {
        guard let snapshot = table.currentSnapshot else { return LogOffsets(partitions: partitions) }
        guard let text = snapshot.summary[offsetsKey], let offsets = LogOffsets(text), offsets.partitions == partitions
        else {
            throw LakeTableError(
                "\(table.identifier) was last written by something else: its snapshot \(snapshot.id) has no "
                    + "\(offsetsKey); roll it back to the snapshot before")
        }
        return offsets
    }

    /// Commits everything before a cut to the bronze tables.
    ///
    /// - Parameter progress: called with the rows done and the rows to do.
    public func drain(to cut: LogCut, progress: (Int, Int) throws -> Void = { _, _ in }) throws -> Report {
        var report = Report()
        var pending = 0
        for topic in Topic.allCases {
            try open(topic)
            pending += Int(cut.offsets.records(in: topic) - (done[topic]?.records(in: topic) ?? 0))
        }
        // A topic that fails must not keep the others waiting; the first failure is told when they are done.
        var failure: (any Error)?
        for topic in Topic.allCases {
            do {
                let moved = try drain(topic, cut) { try progress(report.rowCount + $0, pending) }
                if moved > 0 { report.rows[topic.name] = moved }
            } catch {
                failure = failure ?? error
                // Whether the commit landed is not known here: the table is looked up again next time.
                tables[topic] = nil
                done[topic] = nil
            }
        }
        if let failure { throw failure }
        report.totalRows = Topic.allCases.reduce(0) { $0 + (done[$1]?.records(in: $1) ?? 0) }
        return report
    }

    /// Joins the bronze tables' small files and forgets their old snapshots, where there are too many.
    public func tidy() throws {
        for topic in Topic.allCases {
            try open(topic)
            guard var table = tables[topic], let offsets = done[topic] else { continue }
            do {
                try TableUpkeep(connection, BronzeWriter.upkeep).care(for: &table) {
                    [BronzeWriter.offsetsKey: offsets.description]
                }
                tables[topic] = table
            } catch {
                tables[topic] = nil
                done[topic] = nil
                throw error
            }
        }
    }

    /// Bronze is committed to every few seconds, and the models may be some minutes behind.
    private static let upkeep: TableUpkeep.Limits = {
        var limits = TableUpkeep.Limits()
        limits.smallFilesMax = 60
        limits.snapshotsMax = 400
        limits.snapshotsKept = 200
        limits.snapshotSecondsKept = 1_800
        return limits
    }()

    private func open(_ topic: Topic) throws {
        guard tables[topic] == nil else { return }
        let table = try BronzeTable(topic).open(catalog)
        done[topic] = try BronzeWriter.offsets(of: table, topic, log.partitions)
        tables[topic] = table
    }

    private func drain(_ topic: Topic, _ cut: LogCut, progress: (Int) throws -> Void) throws -> Int {
        guard var table = tables[topic], var from = done[topic] else { return 0 }
        guard cut.offsets.records(in: topic) > from.records(in: topic) else { return 0 }
        let source = try BronzeSource(BronzeTable(topic), log, from: from, cut: cut)
        try connection.register(source, as: BronzeWriter.source)
        defer { unregister() }
        var moved = 0
        while try source.hasRows() {
            let key = PartitionKey([.date(Int32(truncatingIfNeeded: source.nextDay))], specID: table.spec.specID)
            let files = try writer.writeFiles(
                "SELECT *\(BronzeWriter.added(to: table, topic)) FROM \(BronzeWriter.source)", for: table,
                partitioning: .one(key))
            let base = from
            _ = try table.append(
                files, summary: [BronzeWriter.offsetsKey: source.offsets.description]
            ) { snapshot in
                // Another writer on the same table would count records twice.
                let found =
                    try snapshot.map { try BronzeWriter.offsets(in: $0) } ?? LogOffsets(partitions: log.partitions)
                guard (0..<log.partitions).allSatisfy({ found[topic, $0] == base[topic, $0] }) else {
                    throw LakeTableError("bronze.\(topic.name) was written by another process in the meantime")
                }
            }
            from = source.offsets
            moved += source.rows
            tables[topic] = table
            done[topic] = from
            try progress(moved)
        }
        if source.offsets != from {
            // Nothing but records of erased persons: they are covered, too.
            _ = try table.append([], summary: [BronzeWriter.offsetsKey: source.offsets.description])
            tables[topic] = table
            done[topic] = source.offsets
        }
        return moved
    }

    /// The columns that somebody else added to the table, which its new rows do not have.
    private static func added(to table: Table, _ topic: Topic) -> String {
        let own = Set(BronzeTable(topic).definitions.map(\.name))
        return table.schema.fields.filter { !own.contains($0.name) }
            .map { ", NULL AS \(SQL.identifier($0.name))" }.joined()
    }

    private func unregister() {
        // A source that stays registered is replaced by the next one: nothing depends on this.
        try? connection.unregister(BronzeWriter.source)
    }

    private static func offsets(in snapshot: Snapshot) throws -> LogOffsets {
        guard let text = snapshot.summary[offsetsKey], let offsets = LogOffsets(text) else {
            throw LakeTableError("the snapshot \(snapshot.id) of a bronze table has no \(offsetsKey)")
        }
        return offsets
    }
}
