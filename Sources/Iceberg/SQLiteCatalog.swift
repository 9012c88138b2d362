import Foundation
import GRDB
public import Storage

/// A catalog in one SQLite file, laid out as PyIceberg's `SqlCatalog` and Java's `JdbcCatalog` lay theirs out, so that
/// they open the same file.
///
/// The file is in WAL mode and every commit is synced. Several processes may use it at once.
public final class SQLiteCatalog: Catalog {
    /// Where the tables' files are.
    public let storage: any ObjectStorage
    /// The name its rows carry; other readers must open the catalog under it.
    public let name: String
    /// Location under which tables get their folders.
    public let warehouse: String
    let database: DatabasePool
    let now: @Sendable () -> Int64

    /// How long a writer waits for another process's transaction, in seconds.
    public static let busyTimeoutSeconds = 10.0
    /// The name that the platform's catalog has.
    public static let defaultName = "cartograph"

    /// Opens the catalog at `path`, making it if it is missing.
    /// - Throws: ``IcebergError`` `.unavailable` when the file cannot be opened as a catalog.
    public init(
        path: String, warehouse: String, storage: any ObjectStorage = LocalStorage(),
        name: String = SQLiteCatalog.defaultName, now: @escaping @Sendable () -> Int64 = { CommitPolicy.wallClock() }
    ) throws {
        self.storage = storage
        self.name = name
        self.warehouse = try Location.url(forPath: warehouse)
        self.now = now
        let file = try Location.path(of: path)
        var configuration = Configuration()
        configuration.busyMode = .timeout(Self.busyTimeoutSeconds)
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
        do {
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            database = try DatabasePool(path: file, configuration: configuration)
            try database.write(Self.makeTables)
        } catch {
            throw IcebergError(.unavailable, "the catalog \(file) cannot be opened: \(error)")
        }
    }

    /// The layout of PyIceberg 0.12 and of Java since 1.5; older ones lack `iceberg_type`.
    private static func makeTables(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS iceberg_tables (
                    catalog_name VARCHAR(255) NOT NULL,
                    table_namespace VARCHAR(255) NOT NULL,
                    table_name VARCHAR(255) NOT NULL,
                    metadata_location VARCHAR(1000),
                    previous_metadata_location VARCHAR(1000),
                    iceberg_type VARCHAR(5),
                    PRIMARY KEY (catalog_name, table_namespace, table_name));
                CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
                    catalog_name VARCHAR(255) NOT NULL,
                    namespace VARCHAR(255) NOT NULL,
                    property_key VARCHAR(255) NOT NULL,
                    property_value VARCHAR(1000) NOT NULL,
                    PRIMARY KEY (catalog_name, namespace, property_key))
                """)
        if try !db.columns(in: "iceberg_tables").contains(where: { $0.name == "iceberg_type" }) {
            try db.execute(sql: "ALTER TABLE iceberg_tables ADD COLUMN iceberg_type VARCHAR(5)")
        }
    }
}

// MARK: - Namespaces

extension SQLiteCatalog {
    /// Makes a namespace by a row that says it exists, as other catalogs of this layout do.
    public func createNamespace(_ namespace: String, ifMissing: Bool) throws {
        try TableIdentifier.validate(namespace: namespace)
        try asking("create the namespace \(namespace)") {
            try database.write { db in
                if try Self.namespaces(db, name).contains(namespace) {
                    guard ifMissing else {
                        throw IcebergError(.alreadyExists, "the namespace \(namespace) exists already")
                    }
                    return
                }
                try db.execute(
                    sql: "INSERT INTO iceberg_namespace_properties VALUES (?, ?, 'exists', 'true')",
                    arguments: [name, namespace])
            }
        }
    }

    /// Every namespace that has a row or a table.
    public func listNamespaces() throws -> [String] {
        try asking("list namespaces") { try database.read { db in try Self.namespaces(db, name) } }
    }

    static func namespaces(_ db: Database, _ catalog: String) throws -> [String] {
        try String.fetchAll(
            db,
            sql: """
                SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name = ?1
                UNION SELECT table_namespace FROM iceberg_tables WHERE catalog_name = ?1 ORDER BY 1
                """, arguments: [catalog])
    }
}

// MARK: - Tables

extension SQLiteCatalog {
    /// The tables of a namespace, sorted; views are left out.
    public func listTables(in namespace: String) throws -> [TableIdentifier] {
        try asking("list the tables of \(namespace)") {
            try database.read { db in
                try String.fetchAll(
                    db,
                    sql: """
                        SELECT table_name FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ?
                        AND \(Self.isTable) ORDER BY 1
                        """, arguments: [name, namespace])
            }.map { TableIdentifier(namespace, $0) }
        }
    }

    /// Whether the table has a row.
    public func tableExists(_ identifier: TableIdentifier) throws -> Bool {
        try asking("look up \(identifier)") { try metadataLocation(of: identifier) != nil }
    }

    /// Removes the table's row. Its files stay.
    public func dropTable(_ identifier: TableIdentifier) throws {
        let dropped = try asking("drop \(identifier)") {
            try database.write { db in
                try db.execute(
                    sql: "DELETE FROM iceberg_tables WHERE \(Self.isNamed) AND \(Self.isTable)",
                    arguments: [name, identifier.namespace, identifier.name])
                return db.changesCount
            }
        }
        guard dropped == 1 else { throw IcebergError(.notFound, "there is no table \(identifier)") }
    }

    /// Makes an empty table in a folder of the warehouse.
    public func create(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec, properties: [String: String],
        location: String?
    ) throws -> TableVersion {
        try identifier.validate()
        guard try listNamespaces().contains(identifier.namespace) else {
            throw missingNamespace(identifier)
        }
        if try tableExists(identifier) { throw exists(identifier) }
        let folder =
            try location.map(Location.url(forPath:))
            ?? Location.join(Location.join(warehouse, identifier.namespace), identifier.name)
        // Without a bound on old metadata files, a table committed to every few seconds fills the disk with them.
        let kept = [TableProperty.deleteAfterCommit: "true"].merging(properties) { _, asked in asked }
        let metadata = try TableMetadata(
            location: folder, schema: schema, spec: spec, properties: kept, nowMilliseconds: now())
        return try commit([TableCommit(identifier, replacing: nil, with: metadata)])[0]
    }

    /// Reads the metadata file that the row names.
    public func load(_ identifier: TableIdentifier) throws -> TableVersion {
        guard let location = try asking("load \(identifier)", { try metadataLocation(of: identifier) }) else {
            throw IcebergError(.notFound, "there is no table \(identifier) in the catalog \(name)")
        }
        return try version(at: location)
    }

    /// The version that a metadata file holds.
    func version(at location: String) throws -> TableVersion {
        TableVersion(
            location: location,
            metadata: try locating(location) { try TableMetadata(parsing: try storage.read(location)) })
    }

    /// Writes the metadata files and lets the rows name them in one transaction, if each still names that of its base.
    public func commit(_ commits: [TableCommit]) throws -> [TableVersion] {
        guard Set(commits.map(\.identifier)).count == commits.count else {
            throw IcebergError(.badRequest, "a table is named twice in one commit")
        }
        let versions = try commits.map { commit in
            try commit.identifier.validate()
            let next = commit.metadata.following(commit.base, nowMilliseconds: now())
            return TableVersion(location: next.newMetadataLocation(after: commit.base?.location), metadata: next)
        }
        try storage.createAtOnce(versions.map { NewObject(location: $0.location, bytes: $0.metadata.encoded()) })
        do {
            try database.write { db in
                for (commit, version) in zip(commits, versions) { try commitRow(commit, version, db) }
            }
        } catch let error as IcebergError {
            // A row was not as expected, so the transaction was undone.
            storage.discard(versions.map(\.location))
            throw error
        } catch let error as DatabaseError where [.SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode) {
            storage.discard(versions.map(\.location))
            throw IcebergError(
                .conflict, "the catalog stayed locked by another process while \(commits.names) committed")
        } catch {
            // Whether the transaction is in the file can only be told by looking; the metadata files must stay.
            throw IcebergError(.uncertain, "the commit to \(commits.names) got no answer: \(error)")
        }
        for (commit, version) in zip(commits, versions) {
            if let base = commit.base { storage.discard(version.metadata.leaving(base)) }
        }
        return versions
    }

    private func commitRow(_ commit: TableCommit, _ version: TableVersion, _ db: Database) throws {
        let identifier = commit.identifier
        let key: StatementArguments = [name, identifier.namespace, identifier.name]
        guard let base = commit.base else {
            guard try Self.namespaces(db, name).contains(identifier.namespace) else {
                throw missingNamespace(identifier)
            }
            try db.execute(
                sql: "INSERT INTO iceberg_tables VALUES (?, ?, ?, ?, NULL, 'TABLE') ON CONFLICT DO NOTHING",
                arguments: key + [version.location])
            guard db.changesCount == 1 else { throw exists(identifier) }
            return
        }
        try db.execute(
            sql: """
                UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?
                WHERE \(Self.isNamed) AND metadata_location = ? AND \(Self.isTable)
                """,
            arguments: [version.location, base.location] + key + [base.location])
        guard db.changesCount != 1 else { return }
        let isThere = try Bool.fetchOne(
            db, sql: "SELECT 1 FROM iceberg_tables WHERE \(Self.isNamed) AND \(Self.isTable)", arguments: key)
        guard isThere != nil else {
            throw IcebergError(.notFound, "the table \(identifier) was dropped while it was committed to")
        }
        throw IcebergError(.conflict, "another writer committed to \(identifier) first")
    }
}

extension [TableCommit] {
    /// The tables' names, for messages.
    fileprivate var names: String { map(\.identifier.description).joined(separator: ", ") }
}

extension TableMetadata {
    /// The metadata files that `base` still listed and this version does not, when the table wants them deleted.
    fileprivate func leaving(_ base: TableVersion) -> [String] {
        guard properties[TableProperty.deleteAfterCommit] == "true" else { return [] }
        var gone = LocationSet(base.metadata.metadataLog.map(\.location))
        gone.subtract(metadataLog.map(\.location) + [base.location])
        // The log is what its writers made of it, and may name any file.
        let places = TablePlaces(self)
        _ = gone.extract { name in
            !places.contain(name) || ![".metadata.json", ".metadata.json.gz"].contains { name.text.hasSuffix($0) }
        }
        return gone.sorted
    }
}

extension SQLiteCatalog {
    static let isNamed = "catalog_name = ? AND table_namespace = ? AND table_name = ?"
    /// Views live in the same SQL table; rows of old writers have no type and are tables.
    static let isTable = "(iceberg_type = 'TABLE' OR iceberg_type IS NULL)"

    private func metadataLocation(of identifier: TableIdentifier) throws -> String? {
        try database.read { db in
            try String.fetchOne(
                db,
                sql: "SELECT metadata_location FROM iceberg_tables WHERE \(Self.isNamed) AND \(Self.isTable)",
                arguments: [name, identifier.namespace, identifier.name])
        }
    }

    /// Writes the file anew without what was deleted from it, and empties the write-ahead log.
    public func vacuum() throws {
        try asking("be written anew") {
            try database.writeWithoutTransaction { db in
                try db.execute(sql: "VACUUM")
                _ = try db.checkpoint(.truncate)
            }
        }
    }

    func missingNamespace(_ identifier: TableIdentifier) -> IcebergError {
        IcebergError(.badNamespace, "there is no namespace \(identifier.namespace); create it first")
    }

    func exists(_ identifier: TableIdentifier) -> IcebergError {
        IcebergError(.alreadyExists, "the table \(identifier) exists already")
    }

    func asking<Answer>(_ what: String, _ body: () throws -> Answer) throws -> Answer {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw IcebergError(.unavailable, "the catalog cannot \(what): \(error)")
        }
    }
}

extension TableMetadata {
    /// Location of the metadata file after the one at `previous`: a counter for people, a UUID for uniqueness.
    func newMetadataLocation(after previous: String?) -> String {
        let number = previous.flatMap { Int(Location.name(of: $0).prefix { $0.isNumber }) }.map { $0 &+ 1 } ?? 0
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        return metadataFile("\(padded)-\(UUID().uuidString.lowercased()).metadata.json")
    }

    /// Location of a file among the table's metadata.
    func metadataFile(_ name: String) -> String {
        Location.join(properties[TableProperty.metadataPath] ?? Location.join(location, "metadata"), name)
    }
}
