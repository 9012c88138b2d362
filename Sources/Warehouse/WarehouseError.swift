/// Why the warehouse could not be made, loaded or read.
public struct WarehouseError: Error, CustomStringConvertible, Sendable {
    /// What is wrong.
    public enum Kind: Sendable, Equatable {
        /// The address cannot be used.
        case address
        /// No server answers there, or it broke off.
        case connection
        /// The server does not let this user in, or not do this.
        case refused
        /// There are no tables there, or those of another version.
        case schema
        /// Somebody else is loading.
        case busy
        /// It was cancelled.
        case cancelled
        /// The server could not carry out a statement.
        case statement
    }

    /// What is wrong.
    public let kind: Kind
    /// What, where, and what to do; never with a password.
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
