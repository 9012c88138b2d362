import GRDB
import Storage

/// Namespaces have a row for each property; one called `exists` says that a namespace without any is there, as
/// PyIceberg and Java write it.
extension SQLiteCatalog: CatalogDirectory {
    /// Most properties that a namespace may have.
    public static let namespacePropertiesMax = 1_000
    /// Longest value of a namespace's property, in bytes; the layout's columns have room for as much.
    public static let namespacePropertyBytes = 1_000
    private static let marker = "exists"

    /// Makes a namespace and writes its properties, in one transaction.
    public func createNamespace(_ namespace: String, properties: [String: String]) throws {
        try TableIdentifier.validate(namespace: namespace)
        try Self.check(properties)
        try asking("create the namespace \(namespace)") {
            try database.write { db in
                guard try !Self.namespaces(db, name).contains(namespace) else {
                    throw IcebergError(.alreadyExists, "the namespace \(namespace) exists already")
                }
                try set([Self.marker: "true"].merging(properties) { $1 }, of: namespace, db)
            }
        }
    }

    /// Whether it has a row or a table, or is the parent of one that does.
    public func namespaceExists(_ namespace: String) throws -> Bool {
        try asking("look up the namespace \(namespace)") {
            try database.read { db in try contains(namespace, db) }
        }
    }

    /// The rows of the namespace, without the one that only says that it is there.
    public func namespaceProperties(_ namespace: String) throws -> [String: String] {
        try asking("read the namespace \(namespace)") {
            try database.read { db in
                guard try contains(namespace, db) else { throw missing(namespace) }
                return try properties(of: namespace, db)
            }
        }
    }

    /// Sets and removes properties in one transaction.
    public func updateNamespace(
        _ namespace: String, setting: [String: String], removing: [String]
    ) throws -> NamespacePropertyChanges {
        try Self.check(setting)
        if let both = removing.first(where: { setting[$0] != nil }) {
            throw IcebergError(.badRequest, "the property \(both) is to be set and to be removed")
        }
        return try asking("change the namespace \(namespace)") {
            try database.write { db in
                guard try contains(namespace, db) else { throw missing(namespace) }
                let there = try properties(of: namespace, db)
                let removed = removing.filter { there[$0] != nil }
                for key in removed {
                    try db.execute(
                        sql: """
                            DELETE FROM iceberg_namespace_properties
                            WHERE catalog_name = ? AND namespace = ? AND property_key = ?
                            """, arguments: [name, namespace, key])
                }
                let result = there.filter { !removed.contains($0.key) }.merging(setting) { $1 }
                guard result.count <= Self.namespacePropertiesMax else { throw Self.tooMany }
                try set([Self.marker: "true"].merging(setting) { $1 }, of: namespace, db)
                return NamespacePropertyChanges(
                    updated: setting.keys.sorted(), removed: removed, missing: removing.filter { there[$0] == nil })
            }
        }
    }

    /// Removes the rows of a namespace that is empty.
    public func dropNamespace(_ namespace: String) throws {
        try asking("drop the namespace \(namespace)") {
            try database.write { db in
                guard try contains(namespace, db) else { throw missing(namespace) }
                // Views count too: they live in the same SQL table.
                let tables =
                    try Int.fetchOne(
                        db,
                        sql: "SELECT count(*) FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ?",
                        arguments: [name, namespace]) ?? 0
                let inner = try Self.namespaces(db, name).filter { $0.hasPrefix(namespace + ".") }
                guard tables == 0, inner.isEmpty else {
                    throw IcebergError(
                        .namespaceNotEmpty,
                        "the namespace \(namespace) holds \(tables) tables and \(inner.count) namespaces: drop them first"
                    )
                }
                try db.execute(
                    sql: "DELETE FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?",
                    arguments: [name, namespace])
            }
        }
    }

    private func contains(_ namespace: String, _ db: Database) throws -> Bool {
        try Self.namespaces(db, name).contains { $0 == namespace || $0.hasPrefix(namespace + ".") }
    }

    private func properties(of namespace: String, _ db: Database) throws -> [String: String] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT property_key, property_value FROM iceberg_namespace_properties
                WHERE catalog_name = ? AND namespace = ?
                """, arguments: [name, namespace])
        var properties: [String: String] = [:]
        for row in rows { properties[row[0]] = row[1] }
        if properties[Self.marker] == "true" { properties[Self.marker] = nil }
        return properties
    }

    private func set(_ properties: [String: String], of namespace: String, _ db: Database) throws {
        for (key, value) in properties {
            try db.execute(
                sql: """
                    INSERT INTO iceberg_namespace_properties VALUES (?, ?, ?, ?)
                    ON CONFLICT (catalog_name, namespace, property_key) DO UPDATE SET property_value = excluded.property_value
                    """, arguments: [name, namespace, key, value])
        }
    }

    private static func check(_ properties: [String: String]) throws {
        guard properties.count <= namespacePropertiesMax else { throw tooMany }
        for (key, value) in properties {
            guard !key.isEmpty, key.utf8.count <= TableIdentifier.lengthLimit,
                value.utf8.count <= namespacePropertyBytes
            else {
                throw IcebergError(
                    .badRequest,
                    "the property \"\(key.prefix(80))\" needs a name of up to \(TableIdentifier.lengthLimit) bytes and a "
                        + "value of up to \(namespacePropertyBytes)")
            }
        }
    }

    private static let tooMany = IcebergError(
        .badRequest, "a namespace has up to \(namespacePropertiesMax) properties")

    private func missing(_ namespace: String) -> IcebergError {
        IcebergError(.badNamespace, "there is no namespace \(namespace)")
    }
}
