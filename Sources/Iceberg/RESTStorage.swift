public import Storage
import Synchronization

/// The files of a REST catalog's tables: each reached as the catalog says for its table, and as the settings say where it
/// says nothing.
///
/// What a catalog says comes with each answer that describes a table (``RESTAccess``). A location belongs to the table
/// whose own folder is the longest that it lies in, and of that table's accesses the one with the longest prefix counts.
/// Keys that are about to end are asked for again, by loading the table.
public final class RESTStorage: StorageRouter {
    /// Tables whose accesses are known at the same time; past it those that were heard of longest ago are forgotten.
    static let tablesMax = 1_000
    /// Ways to reach stores that are kept open, one for each set of keys.
    static let storesMax = 64

    /// How a store is reached for the locations below one of the scopes.
    public struct Scope: Sendable {
        /// What locations begin with, `s3://…/`.
        public let prefix: String
        /// The access.
        public let access: S3Storage.Access
    }

    private struct Entry {
        let places: TablePlaces
        let accesses: [RESTAccess]
        /// Counts up with each answer.
        let heard: Int
    }

    private struct State {
        var tables: [TableIdentifier: Entry] = [:]
        var stores: [S3Settings: S3Storage] = [:]
        var heard = 0
        var connections: HTTPTransport?
        var reload: (@Sendable (TableIdentifier) throws -> Void)?
    }

    private let base: any ObjectStorage
    private let settings: S3Settings
    private let state = Mutex(State())

    /// Storage that reaches everything as `base` does until a catalog says more.
    /// - Parameter settings: what a catalog's words are added to, such as a file of certificate authorities.
    public init(over base: any ObjectStorage = LocalStorage(), settings: S3Settings = S3Settings()) {
        self.base = base
        self.settings = settings
    }

    /// Takes how a table is loaded, which makes the catalog say again how it is reached.
    func reload(by load: @escaping @Sendable (TableIdentifier) throws -> Void) { state.withLock { $0.reload = load } }

    /// Takes what a catalog said of a table, in the place of what it said before.
    /// - Parameters:
    ///   - given: what `config` and `storage-credentials` of the answer come to.
    func keep(_ given: RESTAccess.Given, of identifier: TableIdentifier, _ metadata: TableMetadata) throws {
        let accesses = try given.accesses(over: settings, of: identifier)
        state.withLock { state in
            guard !accesses.isEmpty else {
                state.tables[identifier] = nil
                return
            }
            state.heard += 1
            state.tables[identifier] = Entry(
                places: TablePlaces(metadata), accesses: accesses, heard: state.heard)
            if state.tables.count > Self.tablesMax,
                let oldest = state.tables.min(by: { $0.value.heard < $1.value.heard })
            {
                state.tables[oldest.key] = nil
            }
        }
    }

    /// Forgets a table.
    func forget(_ identifier: TableIdentifier) { state.withLock { $0.tables[identifier] = nil } }

    // MARK: Choosing

    /// The table that a location belongs to, and how it is reached; nil where no catalog said anything.
    private func access(to location: String) -> (TableIdentifier, RESTAccess)? {
        guard Location.isRemote(location) else { return nil }
        let name = ObjectName(location)
        return state.withLock { state in
            let owner = state.tables.compactMap { identifier, entry in
                entry.places.longestFolder(around: name).map { (identifier, entry, $0) }
            }.max { $0.2 < $1.2 }
            if let (identifier, entry, _) = owner, let access = RESTAccess.best(of: entry.accesses, for: name) {
                return (identifier, access)
            }
            // A file that lies elsewhere, such as one that was taken in where it was.
            return state.tables.compactMap { identifier, entry in
                RESTAccess.best(of: entry.accesses.filter { !$0.prefix.isEmpty }, for: name).map { (identifier, $0) }
            }.max { $0.1.prefix.utf8.count < $1.1.prefix.utf8.count }
        }
    }

    private func store(
        of identifier: TableIdentifier, _ access: RESTAccess, reaching location: String
    ) throws -> S3Storage {
        try state.withLock { state in
            if let open = state.stores[access.settings] { return open }
            let completed = try access.settings.completed()
            let connections = try state.connections ?? Self.connections(completed, location)
            state.connections = connections
            let keys = access.keys.map { first in
                S3CredentialSource(first) { [weak self] in
                    try self?.renewed(identifier, reaching: location) ?? first
                }
            }
            let made = try S3Storage(
                completed: completed, credentials: keys ?? S3CredentialSource(completed), connections: connections)
            if state.stores.count >= Self.storesMax { state.stores.removeAll() }
            state.stores[access.settings] = made
            return made
        }
    }

    private static func connections(_ settings: S3Settings, _ location: String) throws -> HTTPTransport {
        do {
            return try HTTPTransport(.init(certificateAuthorities: settings.certificateAuthorities))
        } catch let error as HTTPTransportError {
            throw StorageError(.failed, at: location, error.description)
        }
    }

    /// New keys for a location, from the catalog.
    private func renewed(_ identifier: TableIdentifier, reaching location: String) throws -> S3Credentials {
        do {
            try state.withLock { $0.reload }?(identifier)
        } catch let error as IcebergError {
            throw StorageError(
                .failed, at: location, "the catalog gives no new keys for \(identifier): \(error.message)")
        }
        guard let keys = access(to: location)?.1.keys else {
            throw StorageError(.failed, at: location, "the catalog gives no keys for \(identifier) any more")
        }
        return keys
    }

    /// Every access that a catalog gave, and what it is for: how an engine reaches what this storage does.
    ///
    /// It answers from memory unless keys are about to end. Of several scopes that a location lies in, the longest counts.
    /// - Throws: `StorageError` when keys have ended and the catalog gives no others.
    public func scopes() throws -> [Scope] {
        let tables = state.withLock { $0.tables.mapValues { ($0.places, $0.accesses) } }
        var found: [String: S3Storage.Access] = [:]
        for (identifier, (places, accesses)) in tables.sorted(by: { $0.key.description < $1.key.description }) {
            func add(_ prefix: String, _ access: RESTAccess) throws {
                found[prefix] = try store(of: identifier, access, reaching: prefix).access()
            }
            for folder in places.folders where Location.isRemote(folder) {
                guard let access = RESTAccess.best(of: accesses, for: ObjectName(folder)) else { continue }
                try add(ObjectName(folder).text + "/", access)
            }
            for access in accesses where access.prefix.hasPrefix("s3://") && found[access.prefix] == nil {
                try add(access.prefix, access)
            }
        }
        return found.map { Scope(prefix: $0.key, access: $0.value) }
    }

    // MARK: Routing

    /// The storage that a location is in.
    public func storage(for location: String) throws -> any ObjectStorage {
        guard let (identifier, access) = access(to: location) else { return base }
        return try store(of: identifier, access, reaching: location)
    }

    /// Items by the way in which they are reached, in the order in which they were given.
    public func groups<Item>(of items: [Item], by location: (Item) -> String) -> [[Item]] {
        var groups: [(way: S3Settings?, items: [Item])] = []
        for item in items {
            let way = access(to: location(item))?.1.settings
            if let index = groups.firstIndex(where: { $0.way == way }) {
                groups[index].items.append(item)
            } else {
                groups.append((way, [item]))
            }
        }
        return groups.map(\.items)
    }
}
