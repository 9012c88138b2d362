/// Bytes by location: the seam between what we keep and where it is kept.
///
/// A location is an absolute path or a URL (`file:///…`, `s3://…`); see ``Location``. Objects are written once and whole, never
/// changed in place. Every call blocks until it is done, and what it says is done survives a power cut.
public protocol ObjectStorage: Sendable {
    /// The whole object.
    /// - Throws: ``StorageError`` `.notFound`, or `.tooLarge` when the object has more than `limit` bytes.
    func read(_ location: String, upTo limit: Int) throws -> [UInt8]

    /// The bytes of `range`, which must lie inside the object.
    func read(_ location: String, range: Range<Int64>) throws -> [UInt8]

    /// Size in bytes.
    /// - Throws: ``StorageError`` `.notFound`.
    func size(of location: String) throws -> Int64

    /// Whether an object is at the location. A folder is not an object.
    func exists(_ location: String) throws -> Bool

    /// Creates each object atomically: readers see all of it or nothing of it. All are durable when the call returns.
    /// When one fails, some of the others may exist.
    /// - Throws: ``StorageError`` `.alreadyExists` when something is at a location; it is left as it was.
    func create(_ objects: [NewObject]) throws

    /// Creates one object as ``create(_:)-([NewObject])`` does.
    func create(_ bytes: BlockBytes, at location: String) throws

    /// Every object whose location begins with `prefix`, in the order of the bytes of their locations; at most
    /// ``StorageLimits/listedObjects`` of them.
    func list(prefix: String) throws -> [ObjectInfo]

    /// What creates of killed processes left below `prefix`: no objects, not in any listing, and only to be deleted.
    func unfinished(prefix: String) throws -> [ObjectInfo]

    /// Removes the object; that nothing is there counts as success.
    func delete(_ location: String) throws

    /// Removes the objects. All are tried, also after a failure; the first failure is thrown.
    func delete(_ locations: [String]) throws

    /// Makes objects that an engine wrote by itself survive a power cut.
    func sync(_ locations: [String]) throws
}

extension ObjectStorage {
    /// The whole of a metadata object (up to ``StorageLimits/metadataBytes``).
    public func read(_ location: String) throws -> [UInt8] {
        try read(location, upTo: StorageLimits.metadataBytes)
    }

    /// Nothing: for storage that leaves nothing, or shows nothing of it.
    public func unfinished(prefix: String) throws -> [ObjectInfo] { [] }

    /// Removes one after the other.
    public func delete(_ locations: [String]) throws {
        var failure: (any Error)?
        for location in locations {
            do { try delete(location) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Creates it from a copy: for storage that takes bytes from anywhere.
    public func create(_ bytes: BlockBytes, at location: String) throws {
        try create(bytes.withUnsafeBytes { [UInt8]($0) }, at: location)
    }

    /// Creates one object atomically, failing if something is at its location.
    public func create(_ bytes: [UInt8], at location: String) throws {
        try create([NewObject(location: location, bytes: bytes)])
    }
}

/// An object about to be created.
public struct NewObject: Sendable, Hashable {
    /// Where it goes.
    public var location: String
    /// All of its content.
    public var bytes: [UInt8]

    /// An object of `bytes` for `location`.
    public init(location: String, bytes: [UInt8]) {
        self.location = location
        self.bytes = bytes
    }
}

/// What a listing says of an object.
public struct ObjectInfo: Sendable, Hashable {
    /// Where it is, in the storage's own URL form.
    public var location: String
    /// Size in bytes.
    public var size: Int64
    /// Last change, in microseconds since the epoch, UTC.
    public var modifiedMicroseconds: Int64

    /// An object as listed.
    public init(location: String, size: Int64, modifiedMicroseconds: Int64) {
        self.location = location
        self.size = size
        self.modifiedMicroseconds = modifiedMicroseconds
    }
}

/// The bounds that storage keeps to.
public enum StorageLimits {
    /// Largest metadata object (table metadata, manifest, manifest list) that is read into memory, in bytes.
    public static let metadataBytes = 256 << 20
    /// Most objects that one listing returns; beyond that it fails and asks for a narrower prefix.
    public static let listedObjects = 1_000_000
    /// Deepest folder below a listed prefix.
    public static let listedDepth = 32
}
