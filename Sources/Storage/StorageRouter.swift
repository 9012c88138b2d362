/// Storage that is made of several: each location is in one of them.
///
/// A router says which, and has all that storage does from here.
public protocol StorageRouter: ObjectStorage {
    /// The storage that a location is in.
    func storage(for location: String) throws -> any ObjectStorage

    /// Items by the storage that they are in, no group empty, in the order in which they are to be served.
    func groups<Item>(of items: [Item], by location: (Item) -> String) -> [[Item]]
}

extension StorageRouter {
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

    /// Creates the objects, those of one storage together.
    public func create(_ objects: [NewObject]) throws {
        for group in groups(of: objects, by: \.location) {
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

    /// The uploads below the prefix that were not ended.
    public func unfinishedUploads(prefix: String) throws -> [UnfinishedUpload] {
        try storage(for: prefix).unfinishedUploads(prefix: prefix)
    }

    /// Gives uploads up.
    public func abort(_ uploads: [UnfinishedUpload]) throws {
        for group in groups(of: uploads, by: \.location) { try storage(for: group[0].location).abort(group) }
    }

    /// Removes the object.
    public func delete(_ location: String) throws { try storage(for: location).delete(location) }

    /// Removes the objects; all are tried, and the first failure is thrown.
    public func delete(_ locations: [String]) throws {
        var failure: (any Error)?
        for group in groups(of: locations, by: \.self) {
            do { try storage(for: group[0]).delete(group) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Makes what an engine wrote durable.
    public func sync(_ locations: [String]) throws {
        for group in groups(of: locations, by: \.self) { try storage(for: group[0]).sync(group) }
    }
}
