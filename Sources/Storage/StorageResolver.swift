/// Storage by scheme: local files and S3 side by side, so that who reads and writes locations need not know.
public struct StorageResolver: StorageRouter {
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

    /// The local ones, then the remote ones.
    public func groups<Item>(of items: [Item], by location: (Item) -> String) -> [[Item]] {
        [items.filter { !Location.isRemote(location($0)) }, items.filter { Location.isRemote(location($0)) }]
            .filter { !$0.isEmpty }
    }
}
