/// A column that is needed and is not there.
public struct ContractProblem: Sendable, CustomStringConvertible {
    /// The table that lacks it, or the one that cannot be made.
    public let table: String
    /// The column; nil where the engine did not name one.
    public let column: String?
    /// Who needs it, with the places of tests and exposures.
    public let neededBy: [String]
    /// All of it in one line, with what to do.
    public let description: String
}
