/// Why an object could not be read, written, listed or removed.
public struct StorageError: Error, CustomStringConvertible, Hashable {
    /// What kind of failure it is, for callers that act on it.
    public enum Kind: Sendable, Hashable {
        /// Nothing is at the location.
        case notFound
        /// Something is already at the location.
        case alreadyExists
        /// The object, or the listing, is larger than the caller's bound.
        case tooLarge
        /// The location is not one this storage understands.
        case badLocation
        /// The range asked for is not inside the object.
        case badRange
        /// The operating system refused; the text says why.
        case failed
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// The location it happened at.
    public let location: String
    /// What happened and what to do about it.
    public let reason: String

    /// A failure of `kind` at `location`.
    public init(_ kind: Kind, at location: String, _ reason: String) {
        self.kind = kind
        self.location = location
        self.reason = reason
    }

    /// One line: the location and the reason.
    public var description: String { "storage: \(location): \(reason)" }
}
