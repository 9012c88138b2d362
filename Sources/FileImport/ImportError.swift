/// Why an import cannot go on: which file, what, and what to do. Faults of single rows are `RejectedRow`s instead.
public struct ImportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file.
    public let path: String
    /// What is wrong, and what to do.
    public let problem: String

    init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    /// One line.
    public var description: String { "\(path): \(problem)" }
}
