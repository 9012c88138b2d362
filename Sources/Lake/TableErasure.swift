public import Engine
public import EventLog
public import Events
import Foundation
public import Iceberg
import Storage

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

    private let catalog: any Catalog
    private let connection: Connection

    /// Erases in a catalogue's tables through a connection, which is used only during the calls.
    public init(_ catalog: any Catalog, _ connection: Connection) {
        self.catalog = catalog
        self.connection = connection
    }

    // MARK: - Finding

    /// The places of the rows of bronze that name a person, and the latest time that they tell.
    ///
    /// - Parameter progress: called with the name of the table that is read.
    public func places(
        of person: PersonID, progress: (String) -> Void = { _ in }
    ) throws -> (places: LogPlaces, latest: Int64?) {
        var found = LogPlaces()
        var latest: Int64?
        for topic in Topic.allCases {
            guard let table = try table(BronzeTable(topic).identifier) else { continue }
            progress("\(table.identifier)")
            let isRejected = topic == .quarantine
            let scan = try LakeTable(table).scanSQL()
            let word = "source"
            let columns = "raw, log_partition, log_offset" + (isRejected ? ", \(word)" : "")
            // The engine leaves out almost everything; what it leaves in is looked at by the one rule.
            let filter = isRejected ? "" : " WHERE contains(raw, $1) OR contains(raw, '\\')"
            let parameters: [Value] = isRejected ? [] : [.string(String(decoding: person.bytes, as: UTF8.self))]
            _ = try connection.stream("SELECT \(columns) FROM (\(scan))\(filter)", parameters) { row in
                guard let partition = row[1].integer, let offset = row[2].integer else { return true }
                let raw = Self.bytes(row[0])
                let isNamed = raw.withUnsafeBytes { raw in
                    guard isRejected else { return person.isIn(accepted: raw) }
                    return person.isIn(rejected: raw)
                        || Self.bytes(row[3]).withUnsafeBytes { person.isIn(rejected: $0) }
                }
                guard isNamed else { return true }
                found.insert(offset, of: TopicPartition(topic, Int(partition)))
                if let time = raw.withUnsafeBytes({ PersonMention.time(inRejected: $0) }) {
                    latest = max(latest ?? .min, time)
                }
                return true
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
    /// A commit says what the one before said of the log and of the models' inputs, and which days it changed.
    public func remove(
        _ places: LogPlaces, days: Set<String>?, progress: (String) -> Void = { _ in }
    ) throws -> [Report] {
        try show(places)
        var reports: [Report] = []
        for topic in Topic.allCases where places.count(in: topic) > 0 {
            for table in [try table(BronzeTable(topic).identifier), try silver(topic)].compactMap({ $0 }) {
                progress("\(table.identifier)")
                reports.append(try remove(topic, table, days))
            }
        }
        return reports
    }

    private func remove(_ topic: Topic, _ table: Table, _ days: Set<String>?) throws -> Report {
        var report = Report(table: "\(table.identifier)")
        let files = try table.files()
        guard let snapshot = table.currentSnapshot, !files.isEmpty else { return report }
        let join =
            "JOIN \(Self.places) AS p ON p.topic = \(SQL.literal(topic.name)) "
            + "AND p.place_partition = e.log_partition AND p.place_offset = e.log_offset"
        let paths = try files.map { try Location.path(of: $0.location) }
        let hits = try connection.query(
            "SELECT e.filename, count(*) FROM read_parquet(\(SQL.list(paths)), filename = true, union_by_name = true, "
                + "hive_partitioning = false) AS e \(join) GROUP BY 1", rowsMax: .max)
        guard !hits.rows.isEmpty else { return report }
        var rows: [String: Int64] = [:]
        for hit in hits.rows { rows[hit[0].text] = hit[1].integer }
        var replaced: [String] = []
        var kept: [DataFile] = []
        for (file, path) in zip(files, paths) {
            guard let count = rows[path] else { continue }
            report.rows += count
            replaced.append(file.location)
            guard count < file.recordCount else { continue }
            // What is written anew would look sound.
            try FileChecksum.check(file, of: table.identifier, in: table.catalog.storage)
            let rest = try "SELECT e.* FROM (\(LakeTable(table).scanSQL(of: [file]))) AS e ANTI \(join)"
            let isSpecSame = file.partitionKey.specID == table.spec.specID
            kept += try TableWriter(connection).writeFiles(
                rest, for: table, partitioning: isSpecSame ? .one(file.partitionKey) : .unknown)
        }
        guard replaced.count == rows.count else {
            throw LakeTableError("\(table.identifier): the engine names files in another way than the table does")
        }
        report.filesReplaced = replaced.count
        var summary = snapshot.summary.filter { $0.key.hasPrefix("cartograph.") }
        summary["cartograph.days"] = days.map { $0.sorted().joined(separator: ",") } ?? "all"
        summary["cartograph.erasure"] = "true"
        var changed = table
        try changed.replaceFiles(
            replaced, with: kept, operation: kept.isEmpty ? .delete : .overwrite, summary: summary
        ) { current in
            guard current?.id == snapshot.id else {
                throw LakeTableError("\(table.identifier) was written meanwhile: erase again, which goes on from here")
            }
        }
        return report
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

    /// Forgets all snapshots of a table but the current one, with every branch and tag that names another, and deletes
    /// the files that only they had; then the files of no snapshot for which `mustGo` says so.
    public func forgetPast(
        of identifier: TableIdentifier, _ report: inout Report, mustGo: (String) throws -> Bool
    ) throws {
        var table = try catalog.loadTable(identifier)
        let current = table.metadata.currentSnapshotID
        let stale = table.metadata.references.filter { $0.value.snapshotID != current }.map(\.key).sorted()
        if !stale.isEmpty {
            var metadata = table.metadata
            for name in stale { metadata.references[name] = nil }
            _ = try catalog.commit(identifier, replacing: table.version, with: metadata)
            report.referencesDropped = stale
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
        for object in try catalog.storage.list(prefix: table.location + "/") where !known.contains(object.location) {
            guard try mustGo(object.location) else { continue }
            try catalog.storage.delete(object.location)
            report.orphansDeleted += 1
        }
    }

    /// Every file that a table refers to.
    private static func files(of table: Table) throws -> Set<String> {
        var known: Set<String> = [table.metadataLocation]
        known.formUnion(table.metadata.metadataLog.map(\.location))
        for snapshot in table.metadata.snapshots {
            known.insert(snapshot.manifestList)
            known.formUnion(try ManifestList.of(snapshot, from: table.catalog.storage).map(\.location))
            known.formUnion(try table.files(at: snapshot).map(\.location))
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
