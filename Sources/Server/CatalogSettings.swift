/// What the Iceberg REST catalog tells its clients, and what it keeps them from.
public struct CatalogSettings: Sendable {
    /// What a client needs to read and write the tables' files, such as `s3.endpoint`. No secrets: everybody who may use
    /// the catalog gets it.
    public var tableConfiguration: [String: String] = [:]
    /// The keys that go with it, such as `s3.secret-access-key`, asked for with each answer that describes a table; nil
    /// to keep them to oneself. Everybody who may use the catalog gets these, too.
    public var tableKeys: (@Sendable () throws -> [String: String])?
    /// The namespace whose tables are fed by this process alone, such as `bronze`; nil for none.
    public var fedNamespace: String?
    /// The key in a snapshot's summary that says how far such a table has been fed, such as `cartograph.offsets`.
    public var offsetsKey = ""
    /// The bounds.
    public var limits = CatalogLimits()

    /// Settings that protect nothing.
    public init() {}
}
