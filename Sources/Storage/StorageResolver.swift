/// Storage by scheme: local files and S3 side by side, so that who reads and writes locations need not know.
public struct StorageResolver: ObjectStorage {
    private let local = LocalStorage()
    private let s3: S3Storage?

    /// Local files, and S3 where it is set up.
    public init(s3: S3Storage? = nil) { self.s3 = s3 }

    /// The storage that a location belongs to.
    /// - Throws: ``StorageError`` `.badLocation` for a scheme that is not known, or for S3 where it is not set up.
    public func storage(for location: String) throws -> any ObjectStorage {
        guard Location.isRemote(location) else { return local }
        guard let s3 else {
            throw StorageError(.badLocation, at: location, "lies in an object store, and none is set up: set `s3:`")
        }
        return s3
    }

    /// The whole object, from its storage.
    public func read(_ location: String, upTo limit: Int) throws -> [UInt8] {
        try storage(for: location).read(location, upTo: limit)
    }

    /// Bytes of the object, from its storage.
    public func read(_ location: String, range: Range<Int64>) throws -> [UInt8] {
        try storage(for: location).read(location, range: range)
    }

    /// Size in bytes.
    public func size(of location: String) throws -> Int64 { try storage(for: location).size(of: location) }

    /// Whether an object is there.
    public func exists(_ location: String) throws -> Bool { try storage(for: location).exists(location) }

    /// Creates the local objects first, then the others.
    public func create(_ objects: [NewObject]) throws {
        for group in split(objects, by: \.location) {
            try storage(for: group[0].location).create(group)
        }
    }

    /// Creates the object in its storage.
    public func create(_ bytes: BlockBytes, at location: String) throws {
        try storage(for: location).create(bytes, at: location)
    }

    /// The objects below the prefix.
    public func list(prefix: String) throws -> [ObjectInfo] { try storage(for: prefix).list(prefix: prefix) }

    /// What killed creates left below the prefix.
    public func unfinished(prefix: String) throws -> [ObjectInfo] {
        try storage(for: prefix).unfinished(prefix: prefix)
    }

    /// Removes the object.
    public func delete(_ location: String) throws { try storage(for: location).delete(location) }

    /// Removes the objects; all are tried, and the first failure is thrown.
    public func delete(_ locations: [String]) throws {
        var failure: (any Error)?
        for group in split(locations, by: \.self) {
            do { try storage(for: group[0]).delete(group) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Makes what an engine wrote durable.
    public func sync(_ locations: [String]) throws {
        for group in split(locations, by: \.self) { try storage(for: group[0]).sync(group) }
    }

    /// The local ones and the remote ones, without empty groups.
    private func split<Item>(_ items: [Item], by location: (Item) -> String) -> [[Item]] {
        [items.filter { !Location.isRemote(location($0)) }, items.filter { Location.isRemote(location($0)) }]
            .filter { !$0.isEmpty }
    }
}
