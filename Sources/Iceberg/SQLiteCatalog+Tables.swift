import GRDB
import Storage

extension SQLiteCatalog {
    /// Changes the name in the table's row.
    public func renameTable(_ identifier: TableIdentifier, to new: TableIdentifier) throws {
        try new.validate()
        try asking("rename \(identifier)") {
            try database.write { db in
                guard try location(of: identifier, db) != nil else {
                    throw IcebergError(.notFound, "there is no table \(identifier)")
                }
                guard try Self.namespaces(db, name).contains(new.namespace) else { throw missingNamespace(new) }
                // A view of that name is in the way too.
                let taken = try Bool.fetchOne(
                    db, sql: "SELECT 1 FROM iceberg_tables WHERE \(Self.isNamed)",
                    arguments: [name, new.namespace, new.name])
                guard taken == nil else { throw exists(new) }
                try db.execute(
                    sql: "UPDATE iceberg_tables SET table_namespace = ?, table_name = ? WHERE \(Self.isNamed)",
                    arguments: [new.namespace, new.name, name, identifier.namespace, identifier.name])
            }
        }
    }

    /// Reads the metadata file and makes a row that names it.
    public func registerTable(
        _ identifier: TableIdentifier, metadataLocation: String, overwrite: Bool
    ) throws -> TableVersion {
        try identifier.validate()
        let version = TableVersion(
            location: metadataLocation,
            metadata: try locating(metadataLocation) { try TableMetadata(parsing: try storage.read(metadataLocation)) })
        try asking("register \(identifier)") {
            try database.write { db in
                guard try Self.namespaces(db, name).contains(identifier.namespace) else {
                    throw missingNamespace(identifier)
                }
                let current = try location(of: identifier, db)
                if current == nil {
                    try db.execute(
                        sql: "INSERT INTO iceberg_tables VALUES (?, ?, ?, ?, NULL, 'TABLE') ON CONFLICT DO NOTHING",
                        arguments: [name, identifier.namespace, identifier.name, metadataLocation])
                    guard db.changesCount == 1 else { throw exists(identifier) }
                } else if overwrite {
                    try db.execute(
                        sql: """
                            UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?
                            WHERE \(Self.isNamed)
                            """,
                        arguments: [metadataLocation, current, name, identifier.namespace, identifier.name])
                } else {
                    throw exists(identifier)
                }
            }
        }
        return version
    }

    /// Drops the table, then deletes everything in its own folders, which must be inside of the warehouse.
    ///
    /// What cannot be deleted is left over as files of no table. Nothing is deleted from the folders of other tables, and
    /// nothing that the table's manifests name elsewhere.
    public func purgeTable(_ identifier: TableIdentifier) throws {
        let version = try load(identifier)
        let metadata = version.metadata
        guard metadata.properties[TableProperty.garbageCollection] != "false" else {
            throw IcebergError(
                .badRequest,
                "\(identifier) says \(TableProperty.garbageCollection)=false, so its files are not its own: drop it "
                    + "without purging")
        }
        let places = TablePlaces(metadata)
        guard places.isInside(ObjectName(warehouse)) else {
            throw IcebergError(
                .badRequest,
                "\(identifier) keeps files in \(places.folders.joined(separator: ", ")), and not all of that is inside the "
                    + "warehouse \(warehouse): drop it without purging, and remove its files by hand")
        }
        try checkIsAlone(identifier, in: places)
        try dropTable(identifier)
        for folder in places.folders {
            let files = try storage.list(prefix: folder.hasSuffix("/") ? folder : folder + "/").map(\.location)
            storage.discard(files.filter { places.contain(ObjectName($0)) })
        }
    }

    /// The tables that keep files in `folder`, or have it in one of their own.
    package func tables(sharing folder: String, without own: TableIdentifier? = nil) throws -> [TableIdentifier] {
        let rows = try asking("look for tables in \(folder)") {
            try database.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT table_namespace, table_name, metadata_location FROM iceberg_tables
                        WHERE catalog_name = ? AND metadata_location IS NOT NULL ORDER BY 1, 2
                        """, arguments: [name])
            }
        }
        let wanted = ObjectName(folder)
        return try rows.compactMap { row -> TableIdentifier? in
            let identifier = TableIdentifier(row[0], row[1])
            let file: String = row[2]
            guard identifier != own else { return nil }
            // Unless the table puts its metadata elsewhere, it lies in metadata/ of its folder. This also speaks for views,
            // and for tables whose metadata cannot be read.
            let folder = Location.folder(of: file)
            let usual = Location.name(of: folder) == "metadata" ? Location.folder(of: folder) : folder
            if ObjectName(usual).overlaps(wanted) { return identifier }
            do {
                return TablePlaces(try version(at: file).metadata).overlap(wanted) ? identifier : nil
            } catch is IcebergError {
                return nil
            } catch let error as StorageError where error.kind != .failed {
                return nil
            }
        }
    }

    private func location(of identifier: TableIdentifier, _ db: Database) throws -> String? {
        try String.fetchOne(
            db, sql: "SELECT metadata_location FROM iceberg_tables WHERE \(Self.isNamed) AND \(Self.isTable)",
            arguments: [name, identifier.namespace, identifier.name])
    }
}
