public import Engine
public import EventLog
public import Events
import Foundation
public import Iceberg
public import Storage

/// Takes the rows of erased records out of bronze, and of the silver tables that hold a row for each event: files that have
/// some are written anew without them. What is made from those is for the models to make again.
public struct TableErasure {
    /// What became of one table.
    public struct Report: Sendable, Codable, Equatable {
        /// The table.
        public var table: String
        /// Rows taken out.
        public var rows: Int64 = 0
        /// Files that had some of them.
        public var filesReplaced = 0
        /// Snapshots forgotten.
        public var snapshotsExpired = 0
        /// Branches and tags forgotten, since they named one of these.
        public var referencesDropped: [String] = []
        /// Data files deleted with them.
        public var dataFilesDeleted = 0
        /// Manifests and manifest lists deleted with them.
        public var manifestsDeleted = 0
        /// Files of no snapshot that were deleted, since they named the person or could not be read.
        public var orphansDeleted = 0

        /// Nothing done yet.
        public init(table: String) { self.table = table }
    }

    private static let places = "cartograph_erased_places"
    private static let rowsAtOnce = 1_000
    /// Files that one statement reads.
    private static let filesAtOnce = 1_000
    /// Attempts to write a table that others write, too.
    private static let attempts = 16

    private let catalog: any Catalog
    private let connection: Connection

    /// Erases in a catalogue's tables through a connection, which is used only during the calls.
    public init(_ catalog: any Catalog, _ connection: Connection) {
        self.catalog = catalog
        self.connection = connection
    }

    // MARK: - Finding

    /// The places of the rows of bronze that name one of some people, and the latest time that they tell.
    ///
    /// - Parameter progress: called with the name of the table that is read.
    public func places(
        of people: People, progress: (String) throws -> Void = { _ in }
    ) throws -> (places: LogPlaces, latest: Int64?) {
        var found = LogPlaces()
        var latest: Int64?
        for topic in Topic.allCases {
            guard let table = try table(BronzeTable(topic).identifier) else { continue }
            try progress("\(table.identifier)")
            let isRejected = topic == .quarantine
            let scan = try LakeTable(table).scanSQL()
            let columns = "raw, log_partition, log_offset" + (isRejected ? ", source, reason" : "")
            // For one person the engine leaves out almost everything; what it leaves in is looked at by the one rule.
            let one = isRejected ? nil : people.only
            let filter = one == nil ? "" : " WHERE contains(raw, $1) OR contains(raw, '\\')"
            let parameters: [Value] = one.map { [.string(String(decoding: $0.bytes, as: UTF8.self))] } ?? []
            var offsets: [Int: [Int64]] = [:]
            _ = try connection.stream("SELECT \(columns) FROM (\(scan))\(filter)", parameters) { row in
                guard let partition = row[1].integer, let offset = row[2].integer else { return true }
                let raw = Self.bytes(row[0])
                let isNamed = raw.withUnsafeBytes { raw in
                    guard isRejected else { return people.areIn(accepted: raw) }
                    return people.areIn(rejected: raw)
                        || row[3...4].contains { Self.bytes($0).withUnsafeBytes { people.areIn(rejected: $0) } }
                }
                guard isNamed else { return true }
                offsets[Int(partition), default: []].append(offset)
                if let time = raw.withUnsafeBytes({ PersonMention.time(inRejected: $0) }) {
                    latest = max(latest ?? .min, time)
                }
                return true
            }
            // In order they are but appended.
            for (partition, offsets) in offsets {
                for offset in offsets.sorted() { found.insert(offset, of: TopicPartition(topic, partition)) }
            }
        }
        return (found, latest)
    }

    /// The business days that have to be made again once the rows at some places are gone: those of the rows, and those of
    /// other events that share a session or an order with them.
    ///
    /// - Returns: nil when the tables do not tell, and everything has to be made again.
    public func days(of places: LogPlaces) throws -> Set<String>? {
        var days: Set<String> = []
        try show(places)
        for topic in Topic.events where places.count(in: topic) > 0 {
            guard let table = try silver(topic) else { continue }
            let erased =
                try "(\(LakeTable(table).scanSQL())) AS e JOIN \(Self.places) AS p ON p.topic = "
                + "\(SQL.literal(topic.name)) AND p.place_partition = e.log_partition AND p.place_offset = e.log_offset"
            for row in try connection.query("SELECT DISTINCT CAST(business_day AS DATE) FROM \(erased)").rows {
                days.insert(row[0].text)
            }
            for key in ["session_id", "order_id"] where table.schema.fields.contains(where: { $0.name == key }) {
                for other in Topic.events {
                    guard let others = try silver(other), others.schema.fields.contains(where: { $0.name == key })
                    else { continue }
                    let rows = try connection.query(
                        "SELECT DISTINCT CAST(business_day AS DATE) FROM (\(try LakeTable(others).scanSQL())) "
                            + "WHERE \(key) IN (SELECT e.\(key) FROM \(erased))")
                    for row in rows.rows { days.insert(row[0].text) }
                }
            }
        }
        return days
    }

    // MARK: - Taking out

    /// Takes the rows at some places out of the bronze and silver tables of their topics, one commit for each table.
    ///
    /// Only files whose bounds allow such rows are looked into, and only those that have some are written anew. A commit
    /// says what the one before said of the log and of the models' inputs, and which days it changed.
    ///
    /// - Parameter progress: called with a table's name, its files written anew and how many there will be.
    public func remove(
        _ places: LogPlaces, days: Set<String>?, progress: (String, Int, Int) throws -> Void = { _, _, _ in }
    ) throws -> [Report] {
        try show(places)
        var reports: [Report] = []
        for topic in Topic.allCases where places.count(in: topic) > 0 {
            for identifier in [BronzeTable(topic).identifier, try silver(topic)?.identifier].compactMap({ $0 }) {
                guard let report = try remove(topic, identifier, places, days, progress) else { continue }
                reports.append(report)
            }
        }
        return reports
    }

    /// Tries again when another has written to the table meanwhile: compaction, or another engine.
    private func remove(
        _ topic: Topic, _ identifier: TableIdentifier, _ places: LogPlaces, _ days: Set<String>?,
        _ progress: (String, Int, Int) throws -> Void
    ) throws -> Report? {
        for attempt in 1... {
            guard let table = try table(identifier) else { return nil }
            do {
                return try remove(topic, table, places, days, progress)
            } catch let error as IcebergError where error.kind == .conflict && attempt < Self.attempts {
                continue
            } catch is WrittenMeanwhile where attempt < Self.attempts {
                continue
            } catch is WrittenMeanwhile {
                throw LakeTableError(
                    "\(identifier) was written by another \(attempt) times while rows were taken out of it: erase again "
                        + "when that is done, which goes on from here")
            }
        }
        return nil
    }

    private struct WrittenMeanwhile: Error {}

    private func remove(
        _ topic: Topic, _ table: Table, _ places: LogPlaces, _ days: Set<String>?,
        _ progress: (String, Int, Int) throws -> Void
    ) throws -> Report {
        var report = Report(table: "\(table.identifier)")
        guard let snapshot = table.currentSnapshot else { return report }
        let tasks = try LakeTable(table).plan(at: snapshot).tasks
        let bounds = PlaceBounds(table, topic, places)
        let hits = try hits(topic, table, tasks.map(\.file).filter { bounds.mayHold($0) })
        guard !hits.isEmpty else { return report }
        var replaced: [String] = []
        var kept: [DataFile] = []
        try progress(report.table, 0, hits.count)
        for task in tasks {
            guard let count = hits[ObjectName(try Location.opened(task.file.location))] else { continue }
            report.rows += count
            replaced.append(task.file.location)
            if count < task.file.recordCount {
                // What is written anew would look sound.
                try FileChecksum.check(task.file, of: table.identifier, in: table.catalog.storage)
                let rest = "SELECT e.* FROM (\(try LakeTable(table).scanSQL(of: [task]))) AS e ANTI \(join(topic))"
                kept += try TableWriter(connection).writeFiles(
                    rest, for: table, partitioning: .one(task.file.partitionKey))
            }
            try progress(report.table, replaced.count, hits.count)
        }
        guard replaced.count == hits.count else {
            throw LakeTableError("\(table.identifier): the engine names files in another way than the table does")
        }
        report.filesReplaced = replaced.count
        var summary = SnapshotState.all(of: snapshot)
        summary[SnapshotState.days] = days.map { $0.sorted().joined(separator: ",") } ?? "all"
        summary[SnapshotState.erasure] = "true"
        var changed = table
        try changed.replaceFiles(
            replaced, with: kept, operation: kept.isEmpty ? .delete : .overwrite, summary: summary
        ) { current in
            guard current?.id == snapshot.id else { throw WrittenMeanwhile() }
        }
        return report
    }

    /// Rows at the places, by their file, as the engine names it.
    private func hits(_ topic: Topic, _ table: Table, _ files: [DataFile]) throws -> [ObjectName: Int64] {
        let columns = table.schema.fields.filter { ["log_partition", "log_offset"].contains($0.name) }
        var hits: [ObjectName: Int64] = [:]
        // A statement names its files, and none may be longer than the engine takes.
        for start in stride(from: 0, to: files.count, by: Self.filesAtOnce) {
            let some = Array(files[start..<min(start + Self.filesAtOnce, files.count)])
            let selects = try FileReader(table: table).selects(
                some, columns, try NameMapping(of: table.metadata), fileNames: true
            ) { $0.name }
            let found = try connection.query(
                "SELECT e.cartograph_file, count(*) FROM (\(selects.joined(separator: " UNION ALL "))) AS e "
                    + "\(join(topic)) GROUP BY 1", rowsMax: .max)
            for hit in found.rows { hits[ObjectName(hit[0].text)] = hit[1].integer }
        }
        return hits
    }

    private func join(_ topic: Topic) -> String {
        "JOIN \(Self.places) AS p ON p.topic = \(SQL.literal(topic.name)) "
            + "AND p.place_partition = e.log_partition AND p.place_offset = e.log_offset"
    }

    /// Makes the models write some tables anew: they only ever add rows to these, and rows that are gone would stay.
    public func forget(_ identifiers: [TableIdentifier]) throws {
        for identifier in identifiers {
            guard var table = try table(identifier), table.currentSnapshot != nil else { continue }
            // A snapshot that says nothing of its inputs is made anew.
            _ = try table.replaceAll(with: [])
        }
    }

    // MARK: - What only the past holds

    /// Writes a table's manifests anew where they still tell of files that are gone, with the bounds of what was in them.
    ///
    /// The snapshot that comes of it says what the one before said; where that named the snapshots of inputs that were
    /// written anew before, it names the new ones, so that no model takes them for other data.
    /// - Parameter renamed: the snapshots written anew so far, by what they were.
    public func forgetRemoved(of identifier: TableIdentifier, _ renamed: inout [Int64: Int64]) throws {
        guard var table = try table(identifier), let snapshot = table.currentSnapshot else { return }
        var summary = SnapshotState.all(of: snapshot)
        let before = summary[SnapshotState.inputs]
        for (old, new) in renamed {
            summary[SnapshotState.inputs] = summary[SnapshotState.inputs]?.replacingOccurrences(
                of: String(old), with: String(new))
        }
        let manifests = try ManifestList.of(snapshot, from: catalog.storage)
        guard manifests.contains(where: { $0.deletedFiles != 0 }) || summary[SnapshotState.inputs] != before else {
            return
        }
        var update = TableUpdate(table)
        update.rewriteManifests(all: true, summary: summary)
        try table.commit(update)
        if let current = table.currentSnapshot { renamed[snapshot.id] = current.id }
    }

    /// Forgets all snapshots of a table but the current one, with every branch and tag that names another, and deletes
    /// the files that only they had; then the files of no snapshot for which `mustGo` says so.
    public func forgetPast(
        of identifier: TableIdentifier, _ report: inout Report, mustGo: (ObjectInfo) throws -> Bool
    ) throws {
        var table = try catalog.loadTable(identifier)
        for attempt in 1... {
            let current = table.metadata.currentSnapshotID
            let stale = table.metadata.references.filter { $0.value.snapshotID != current }.map(\.key).sorted()
            guard !stale.isEmpty else { break }
            var metadata = table.metadata
            for name in stale { metadata.references[name] = nil }
            do {
                _ = try catalog.commit(identifier, replacing: table.version, with: metadata)
                report.referencesDropped += stale
            } catch let error as IcebergError where error.kind == .conflict && attempt < Self.attempts {
                // Written meanwhile: its references are looked at again.
            }
            try table.refresh()
        }
        let expiry = try table.expireSnapshots(keepLast: 1, olderThan: Date(timeIntervalSinceNow: 86_400))
        report.snapshotsExpired += expiry.expiredSnapshots
        report.dataFilesDeleted += expiry.deletedDataFiles
        report.manifestsDeleted += expiry.deletedManifests + expiry.deletedManifestLists
        guard expiry.undeleted.isEmpty else {
            throw LakeTableError(
                "\(identifier): storage did not let go of \(expiry.undeleted.count) files; erase again")
        }
        let known = try Self.files(of: table)
        for object in try catalog.storage.list(prefix: table.location + "/")
        where !known.contains(ObjectName(object.location)) {
            guard try mustGo(object) else { continue }
            try catalog.storage.delete(object.location)
            report.orphansDeleted += 1
        }
    }

    /// Every file that a table refers to.
    private static func files(of table: Table) throws -> Set<ObjectName> {
        var known: Set<ObjectName> = [ObjectName(table.metadataLocation)]
        known.formUnion(table.metadata.metadataLog.map { ObjectName($0.location) })
        for snapshot in table.metadata.snapshots {
            known.insert(ObjectName(snapshot.manifestList))
            known.formUnion(try ManifestList.of(snapshot, from: table.catalog.storage).map { ObjectName($0.location) })
            known.formUnion(try table.files(at: snapshot).map { ObjectName($0.location) })
        }
        return known
    }

    // MARK: - Pieces

    private func table(_ identifier: TableIdentifier) throws -> Table? {
        try catalog.tableExists(identifier) ? try catalog.loadTable(identifier) : nil
    }

    /// The silver table with a row for each event of a topic.
    private func silver(_ topic: Topic) throws -> Table? {
        guard topic != .quarantine, let table = try table(TableIdentifier("silver", topic.name)) else { return nil }
        let names = Set(table.schema.fields.map(\.name))
        return names.isSuperset(of: ["log_partition", "log_offset", "business_day"]) ? table : nil
    }

    private func show(_ places: LogPlaces) throws {
        try connection.execute(
            "CREATE OR REPLACE TEMP TABLE \(Self.places) (topic VARCHAR, place_partition INTEGER, place_offset BIGINT)")
        var rows: [String] = []
        func flush() throws {
            guard !rows.isEmpty else { return }
            try connection.execute("INSERT INTO \(Self.places) VALUES \(rows.joined(separator: ", "))")
            rows = []
        }
        for (partition, set) in places.offsets {
            for range in set.ranges {
                for offset in range {
                    rows.append("(\(SQL.literal(partition.topic.name)), \(partition.partition), \(offset))")
                    if rows.count == Self.rowsAtOnce { try flush() }
                }
            }
        }
        try flush()
    }

    static func bytes(_ value: Value) -> [UInt8] {
        switch value {
        case .string(let text): Array(text.utf8)
        case .blob(let bytes): bytes
        default: []
        }
    }
}
