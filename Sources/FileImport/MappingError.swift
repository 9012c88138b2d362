/// What is wrong with a mapping, and where: `mapping cdnow.yaml: events[0].fields.ts: unknown format …`.
public struct MappingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The mapping's file or name.
    public let source: String
    /// The key path inside it, such as `events[0].fields.ts`; empty for the file as a whole.
    public let path: String
    /// What is wrong, and what to write instead.
    public let problem: String

    /// An error at a key path of a mapping.
    public init(source: String, path: String, problem: String) {
        self.source = source
        self.path = path
        self.problem = problem
    }

    /// One line.
    public var description: String {
        path.isEmpty ? "mapping \(source): \(problem)" : "mapping \(source): \(path): \(problem)"
    }
}
