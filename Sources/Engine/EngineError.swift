/// What went wrong in the engine, as one line that says what, in which SQL, and what to do.
public struct EngineError: Error, CustomStringConvertible, Sendable {
    /// The kinds a caller may want to tell apart.
    public enum Kind: String, Sendable {
        /// The DuckDB library or Python's library is absent, or is another version.
        case libraryMissing
        /// The statement was stopped by `Interrupter.interrupt()`.
        case interrupted
        /// The statement needs more memory than the engine may use.
        case outOfMemory
        /// The statement is wrong in itself: it does not parse, or names what is not there.
        case statement
        /// The statement was understood and failed on what it read: a value that does not fit it, or a damaged file.
        case data
        /// The engine failed in a way that it has no word for: nearly always a damaged file.
        case fault
        /// A file could not be read or written.
        case io
        /// A value or result is past a bound named in the message.
        case limit
    }

    /// Which kind of failure this is.
    public let kind: Kind
    /// The reason, and what to do about it.
    public let message: String
    /// The statement, shortened to `sqlLengthMax` characters; nil when none was involved.
    public let sql: String?

    /// Longest piece of a statement that an error repeats, in characters.
    public static let sqlLengthMax = 240

    /// An error of this kind about this statement.
    public init(_ kind: Kind, _ message: String, sql: String? = nil) {
        self.kind = kind
        self.message = message
        self.sql = sql.map(Self.shortened)
    }

    /// The reason, and the statement it was about.
    public var description: String {
        guard let sql else { return message }
        return "\(message) [in: \(sql)]"
    }

    private static func shortened(_ sql: String) -> String {
        let words = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.count <= sqlLengthMax ? words : words.prefix(sqlLengthMax - 1) + "…"
    }
}
