import Iceberg
import Synchronization

/// The tables of a run at the versions that it reads: each as it was when the run first looked, or as the run made it. For
/// all threads of the run.
final class TableVersions: Sendable {
    let catalog: any Catalog
    /// Nil for a source that did not exist when the run began.
    private let known = Mutex<[String: Table?]>([:])

    /// Versions of a run that begins.
    /// - Parameter sources: tables that are looked at now, before any model: models that read the same one read the same
    ///   version of it.
    init(_ catalog: any Catalog, sources: [SourceTable]) throws {
        self.catalog = catalog
        for source in sources {
            let table = try Self.load(source.table, catalog)
            known.withLock { $0[source.table] = .some(table) }
        }
    }

    /// A table at the version of this run; nil while it does not exist.
    func table(_ name: String) throws -> Table? {
        // Under the lock: two threads that look for the first time find the same version.
        try known.withLock { known in
            if let table = known[name] { return table }
            guard let table = try Self.load(name, catalog) else { return nil }
            known[name] = table
            return table
        }
    }

    /// Makes a version that this run committed the one it reads.
    func adopt(_ table: Table, as name: String) {
        known.withLock { $0[name] = table }
    }

    private static func load(_ name: String, _ catalog: any Catalog) throws -> Table? {
        let identifier = try TableIdentifier(parsing: name)
        return try catalog.tableExists(identifier) ? try catalog.loadTable(identifier) : nil
    }
}
