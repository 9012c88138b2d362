/// Why a table or a catalog could not do what was asked.
public struct IcebergError: Error, CustomStringConvertible, Hashable {
    /// What kind of failure it is, for callers that act on it.
    public enum Kind: Sendable, Hashable {
        /// The table, namespace or snapshot does not exist.
        case notFound
        /// The table or namespace exists already.
        case alreadyExists
        /// The namespace is not there.
        case badNamespace
        /// The namespace still holds tables or other namespaces.
        case namespaceNotEmpty
        /// What the caller asked for makes no sense; the text says what to change.
        case badRequest
        /// The catalog does not allow it, or wants another credential. Nothing was done.
        case forbidden
        /// The catalog cannot be reached, opened or read.
        case unavailable
        /// A file of the table does not follow its format.
        case malformed
        /// The file is right, but uses something this version does not read or write.
        case unsupported
        /// Another writer committed first. Nothing of this commit is in the table.
        case conflict
        /// The catalog's answer was lost and looking did not settle it: the commit may or may not be in the table.
        case uncertain
        /// The table has delete files, which this version does not apply.
        case deleteFilesPresent
        /// The snapshot asked about is not an ancestor of the other; read the whole table instead.
        case historyDisconnected
        /// Files were also removed between the two snapshots; read the whole table instead.
        case notAppendOnly
        /// A file that was to be replaced is not in the table.
        case filesMissing
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// What happened, where, and what to do.
    public let message: String

    /// A failure of `kind`.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// One line.
    public var description: String { "iceberg: \(message)" }

    /// The same failure with the place it happened in front of its text.
    func at(_ place: String) -> IcebergError {
        IcebergError(kind, "\(place): \(message)")
    }
}

/// Runs `body` and says `place` in front of any failure of the format.
func locating<Result>(_ place: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as IcebergError {
        throw error.at(place())
    }
}
