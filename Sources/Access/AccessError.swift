/// Why the keys could not be read or changed.
public struct AccessError: Error, Sendable, CustomStringConvertible {
    /// One line that says what to do.
    public let description: String

    /// An error with its line.
    public init(_ description: String) { self.description = description }
}
