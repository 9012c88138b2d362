import Foundation

/// Objects in a store that speaks S3: AWS, Ceph, MinIO and others that know conditional writes.
///
/// An object is created by a conditional put (`If-None-Match: *`), so of two writers of one key one fails. Each create
/// carries a mark of its own in the object's metadata: when the answer to a put is lost and the repetition finds the key
/// taken, the mark tells our own object from another's. Objects above ``partBytes`` go up in parts, under a claim to
/// their key.
public struct S3Storage: ObjectStorage {
    /// Size above which an object goes up in parts, and the size of these, in bytes.
    public static let partBytes = 8 << 20
    /// Parts of one object that are under way at the same time.
    public static let partsInFlight = 4
    /// Most parts of one object.
    public static let partsMax = 10_000
    /// Objects of one call of ``create(_:)`` that are under way at the same time.
    public static let createsInFlight = 8
    /// Locations in one call for removal.
    public static let deletesPerCall = 1000

    /// The field of an object's metadata that says which create made it.
    static let markField = "x-amz-meta-cartograph-create"

    /// Ends the key of the small object that claims another one's key while it goes up in parts.
    static let claimSuffix = ".cartograph-claim"

    let client: S3Client

    /// Storage reached as `settings` say; what is nil in them comes from the environment.
    /// - Throws: ``StorageError`` for an endpoint or a file of authorities that cannot be used. Keys are looked for at
    ///   the first request.
    public init(_ settings: S3Settings) throws {
        let completed = try settings.completed()
        try self.init(completed: completed, credentials: S3CredentialSource(completed))
    }

    /// Storage with a source of keys that others use, too.
    /// - Parameter connections: what it sends requests over; nil for connections of its own.
    public init(
        completed settings: S3Settings, credentials: S3CredentialSource, connections: HTTPTransport? = nil
    ) throws {
        client = try S3Client(settings, credentials: credentials, connections: connections)
    }

    /// Storage over a client.
    package init(client: S3Client) { self.client = client }

    /// The whole object, if it has at most `limit` bytes.
    public func read(_ location: String, upTo limit: Int) throws -> [UInt8] {
        var call = S3Call("GET", try object(location))
        call.bytesMax = limit
        return try client.send(call).response.body
    }

    /// The bytes of `range` of the object, by a range request.
    public func read(_ location: String, range: Range<Int64>) throws -> [UInt8] {
        let object = try object(location)
        func outside(_ size: String) -> StorageError {
            StorageError(.badRange, at: location, "bytes \(range) asked of an object of \(size) bytes")
        }
        guard range.lowerBound >= 0 else { throw outside("0 or more") }
        guard !range.isEmpty else {
            let size = try size(of: location)
            guard range.upperBound <= size else { throw outside(String(size)) }
            return []
        }
        var call = S3Call("GET", object)
        call.headers["Range"] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        call.bytesMax = range.count
        call.expected = [416]
        let response = try client.send(call).response
        if response.status == 416 { throw outside(String(try size(of: location))) }
        guard response.status == 206 else {
            throw StorageError(
                .failed, at: location,
                "\(client.endpoint.shown) answers a request for a part with status \(response.status): use a store "
                    + "that knows ranges")
        }
        guard response.body.count == range.count else { throw outside("fewer") }
        return response.body
    }

    /// Size of the object in bytes.
    public func size(of location: String) throws -> Int64 {
        let response = try client.send(S3Call("HEAD", try object(location))).response
        guard let size = response.headers["Content-Length"].flatMap({ Int64($0) }), size >= 0 else {
            throw StorageError(.failed, at: location, "\(client.endpoint.shown) does not say how large it is")
        }
        return size
    }

    /// Whether an object has exactly this key.
    public func exists(_ location: String) throws -> Bool {
        var call = S3Call("HEAD", try object(location))
        call.expected = [404]
        let answer = try client.send(call)
        if answer.response.status != 404 { return true }
        // The answer to HEAD has no words, so a missing bucket looks like a missing object: ask once more.
        _ = try S3Listing(client, try S3Location(location)).page(after: nil, keysMax: 1)
        return false
    }

    /// Removes the object.
    public func delete(_ location: String) throws {
        var call = S3Call("DELETE", try object(location))
        call.expected = [404]
        _ = try client.send(call)
    }

    /// Removes the objects, ``deletesPerCall`` with one request. All are tried; the first failure is thrown.
    public func delete(_ locations: [String]) throws {
        let objects = try locations.map { try object($0) }
        var failure: (any Error)?
        for (_, group) in Dictionary(grouping: objects, by: \.bucket) {
            for start in stride(from: 0, to: group.count, by: Self.deletesPerCall) {
                do {
                    try S3Removal(client).remove(Array(group[start..<min(group.count, start + Self.deletesPerCall)]))
                } catch {
                    failure = failure ?? error
                }
            }
        }
        if let failure { throw failure }
    }

    /// Every object below the prefix, in the order of the bytes of their keys.
    public func list(prefix: String) throws -> [ObjectInfo] {
        try S3Listing(client, try S3Location(prefix)).all()
    }

    /// Does nothing: a store answers a put only when the object is durable, and shows it to everybody from then on.
    public func sync(_ locations: [String]) throws {}

    /// How another program of this machine reaches the store as this storage does.
    public struct Access: Sendable, Hashable {
        /// Host and port.
        public let authority: String
        /// Whether connections are encrypted.
        public let isTLS: Bool
        /// How buckets are named.
        public let style: S3Settings.Style
        /// The region that requests are signed for.
        public let region: String
        /// Keys that hold for some minutes at least.
        public let credentials: S3Credentials
        /// A PEM file of certificate authorities; nil for the system's.
        public let certificateAuthorities: String?
    }

    /// The present access. It answers from memory unless keys are about to end.
    /// - Throws: ``StorageError`` when there are no keys.
    public func access() throws -> Access {
        Access(
            authority: client.endpoint.authority, isTLS: client.endpoint.isTLS, style: client.endpoint.style,
            region: client.settings.region ?? "us-east-1", credentials: try client.credentials.credentials(),
            certificateAuthorities: client.settings.certificateAuthorities)
    }

    /// Sees whether the bucket can be read, written and listed below `prefix`, and that a second create of one key is
    /// refused, by making a small object and removing it.
    /// - Throws: ``StorageError`` that says what is missing.
    public func probe(prefix: String) throws {
        let location = Location.join(prefix, ".cartograph-probe-" + UUID().uuidString.lowercased())
        try create([UInt8]("probe".utf8), at: location)
        defer { _ = try? delete(location) }
        guard try read(location, upTo: 100) == [UInt8]("probe".utf8) else {
            throw StorageError(.failed, at: location, "holds other bytes than were written")
        }
        guard try list(prefix: location).map(\.location) == [location] else {
            throw StorageError(.failed, at: location, "was written, and the listing does not show it")
        }
        do {
            try create([UInt8]("again".utf8), at: location)
        } catch let error as StorageError where error.kind == .alreadyExists {
            try delete(location)
            return
        }
        throw StorageError(
            .failed, at: location,
            "\(client.endpoint.shown) wrote over an object despite If-None-Match: two writers could lose each other's "
                + "work; use a store that knows conditional writes")
    }

    /// The location of an object; a bucket alone is none.
    func object(_ location: String) throws -> S3Location {
        let parsed = try S3Location(location)
        guard !parsed.key.isEmpty else {
            throw StorageError(.badLocation, at: location, "names a bucket and no object: write s3://bucket/key")
        }
        return parsed
    }
}
