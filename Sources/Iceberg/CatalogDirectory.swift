/// What a catalog does besides committing: namespaces with properties, and tables that come, go and change their names.
public protocol CatalogDirectory: Catalog {
    /// Makes a namespace with properties.
    /// - Throws: ``IcebergError`` `.alreadyExists` or `.badRequest`.
    func createNamespace(_ namespace: String, properties: [String: String]) throws

    /// Whether a namespace is there: made by itself, or because it holds a table or another namespace.
    func namespaceExists(_ namespace: String) throws -> Bool

    /// The properties of a namespace.
    /// - Throws: ``IcebergError`` `.badNamespace` when it is not there.
    func namespaceProperties(_ namespace: String) throws -> [String: String]

    /// Sets and removes properties of a namespace.
    /// - Throws: ``IcebergError`` `.badNamespace` when it is not there, `.badRequest` for a property in both.
    func updateNamespace(
        _ namespace: String, setting: [String: String], removing: [String]
    ) throws -> NamespacePropertyChanges

    /// Forgets a namespace.
    /// - Throws: ``IcebergError`` `.badNamespace` when it is not there, `.namespaceNotEmpty` when it holds tables or
    ///   namespaces.
    func dropNamespace(_ namespace: String) throws

    /// Forgets a table and deletes its files.
    /// - Throws: ``IcebergError`` `.notFound`, or `.badRequest` when the table says that its files are not its own.
    func purgeTable(_ identifier: TableIdentifier) throws

    /// Gives a table another name, also in another namespace. Its files stay where they are.
    /// - Throws: ``IcebergError`` `.notFound`, `.badNamespace`, `.alreadyExists` or `.badRequest`.
    func renameTable(_ identifier: TableIdentifier, to name: TableIdentifier) throws

    /// Takes in a table by a metadata file that is there already.
    ///
    /// - Parameter overwrite: whether a table of that name is to be at that version from now on.
    /// - Throws: ``IcebergError`` `.badNamespace`, `.alreadyExists`, or what is wrong with the file.
    func registerTable(
        _ identifier: TableIdentifier, metadataLocation: String, overwrite: Bool
    ) throws -> TableVersion
}

/// What a change of a namespace's properties came to.
public struct NamespacePropertyChanges: Sendable, Hashable {
    /// Names that were set.
    public var updated: [String]
    /// Names that were removed.
    public var removed: [String]
    /// Names that were to be removed, but are not there.
    public var missing: [String]

    /// What a change came to.
    public init(updated: [String], removed: [String], missing: [String]) {
        self.updated = updated
        self.removed = removed
        self.missing = missing
    }
}
