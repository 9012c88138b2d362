public import Storage

/// Names tables and holds, for each, which version is the current one. The only place where a commit is decided.
public protocol Catalog: Sendable {
    /// Where the tables' files are.
    var storage: any ObjectStorage { get }

    /// Makes a namespace.
    /// - Throws: ``IcebergError`` `.alreadyExists`, unless `ifMissing`.
    func createNamespace(_ name: String, ifMissing: Bool) throws

    /// Every namespace, sorted.
    func listNamespaces() throws -> [String]

    /// The tables of a namespace, sorted; none when there is no such namespace.
    func listTables(in namespace: String) throws -> [TableIdentifier]

    /// Whether the table is there.
    func tableExists(_ identifier: TableIdentifier) throws -> Bool

    /// Forgets a table. Its files stay.
    /// - Throws: ``IcebergError`` `.notFound`.
    func dropTable(_ identifier: TableIdentifier) throws

    /// Makes an empty table and returns its first version. Without a location it gets a folder of the warehouse.
    /// - Throws: ``IcebergError`` `.alreadyExists`, `.badNamespace` or `.badRequest`.
    func create(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec, properties: [String: String],
        location: String?
    ) throws -> TableVersion

    /// The current version.
    /// - Throws: ``IcebergError`` `.notFound`, or what is wrong with its metadata.
    func load(_ identifier: TableIdentifier) throws -> TableVersion

    /// Makes each metadata the current version of its table, all of them or none, and returns the versions as they were
    /// stored, in the same order.
    ///
    /// - Throws: ``IcebergError`` `.conflict` when another version of a table is current than its base,
    ///   `.alreadyExists` when a table to be created is there, `.notFound`, `.badNamespace` or `.badRequest`;
    ///   `StorageError` when metadata cannot be written. In all these cases nothing of it is in any table, now or later.
    ///   `.uncertain` when the answer was lost, and `.unavailable` when the catalog could not be asked.
    func commit(_ commits: [TableCommit]) throws -> [TableVersion]
}

/// The next version of one table, as part of a catalog's commit.
public struct TableCommit: Sendable, Hashable {
    /// The table.
    public var identifier: TableIdentifier
    /// The version that must still be the current one; nil creates the table, which must not be there.
    public var base: TableVersion?
    /// What the table says of itself from then on.
    public var metadata: TableMetadata

    /// The version after `base`, or the first one.
    public init(_ identifier: TableIdentifier, replacing base: TableVersion?, with metadata: TableMetadata) {
        self.identifier = identifier
        self.base = base
        self.metadata = metadata
    }
}

extension Catalog {
    /// Opens a table at its current version.
    /// - Throws: ``IcebergError`` `.notFound`.
    public func loadTable(_ identifier: TableIdentifier, policy: CommitPolicy = CommitPolicy()) throws -> Table {
        Table(identifier, at: try load(identifier), catalog: self, policy: policy)
    }

    /// Makes an empty table and opens it.
    /// - Throws: ``IcebergError`` `.alreadyExists`, `.badNamespace` or `.badRequest`.
    public func createTable(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec = .unpartitioned,
        properties: [String: String] = [:], location: String? = nil, policy: CommitPolicy = CommitPolicy()
    ) throws -> Table {
        let version = try create(
            identifier, schema: schema, spec: spec, properties: properties, location: location)
        return Table(identifier, at: version, catalog: self, policy: policy)
    }

    /// Makes `metadata` the current version of one table if `base` still is, and returns it as it was stored.
    /// - Throws: As ``commit(_:)``.
    public func commit(
        _ identifier: TableIdentifier, replacing base: TableVersion, with metadata: TableMetadata
    ) throws -> TableVersion {
        let versions = try commit([TableCommit(identifier, replacing: base, with: metadata)])
        guard let version = versions.first else {
            throw IcebergError(.uncertain, "the catalog did not say which version of \(identifier) it made")
        }
        return version
    }

    /// Makes a namespace if it is missing.
    public func createNamespace(_ name: String) throws {
        try createNamespace(name, ifMissing: true)
    }
}
