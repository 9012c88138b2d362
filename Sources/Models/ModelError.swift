/// Why models could not be read, run or tested, as one line that says where and what to do.
public struct ModelError: Error, CustomStringConvertible, Sendable {
    /// The kinds a caller may want to tell apart.
    public enum Kind: Sendable {
        /// A file of the project is wrong.
        case project
        /// A model's statement, or what it asks of the lake, failed.
        case run
        /// A model's statement needs more memory than the engine may use.
        case outOfMemory
        /// A column that something needs is not there (any more); nothing was written.
        case contract
        /// Another run committed to the same table meanwhile; run again.
        case concurrentRun
        /// The run was cancelled.
        case cancelled
    }

    /// Which kind of failure this is.
    public let kind: Kind
    /// What, where, and what to do.
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
