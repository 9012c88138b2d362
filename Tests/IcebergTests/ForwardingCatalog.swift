import Iceberg
import Storage

/// A catalog that asks another for everything but commits.
protocol ForwardingCatalog: Catalog {
    var inner: any Catalog { get }
}

extension ForwardingCatalog {
    var storage: any ObjectStorage { inner.storage }
    func createNamespace(_ name: String, ifMissing: Bool) throws {
        try inner.createNamespace(name, ifMissing: ifMissing)
    }
    func listNamespaces() throws -> [String] { try inner.listNamespaces() }
    func listTables(in namespace: String) throws -> [TableIdentifier] { try inner.listTables(in: namespace) }
    func tableExists(_ identifier: TableIdentifier) throws -> Bool { try inner.tableExists(identifier) }
    func dropTable(_ identifier: TableIdentifier) throws { try inner.dropTable(identifier) }
    func load(_ identifier: TableIdentifier) throws -> TableVersion { try inner.load(identifier) }

    func create(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec, properties: [String: String],
        location: String?
    ) throws -> TableVersion {
        try inner.create(identifier, schema: schema, spec: spec, properties: properties, location: location)
    }
}
