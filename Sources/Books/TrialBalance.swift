/// The books at one cut: pairs of numbers that were counted by different parts and must be the same.
public struct TrialBalance: Sendable, Codable {
    /// Two counts of the same thing.
    public struct Line: Sendable, Codable, Equatable {
        /// What is counted.
        public var name: String
        /// What the left count is of.
        public var leftName: String
        /// The left count, exactly as text; money with its decimals.
        public var left: String
        /// What the right count is of.
        public var rightName: String
        /// The right count.
        public var right: String
        /// Whether they are the same.
        public var balanced: Bool

        enum CodingKeys: String, CodingKey {
            case name, left, right, balanced
            case leftName = "left_name"
            case rightName = "right_name"
        }

        /// A line; it balances when both texts are the same.
        public init(_ name: String, _ leftName: String, _ left: String, _ rightName: String, _ right: String) {
            self.name = name
            self.leftName = leftName
            self.left = left
            self.rightName = rightName
            self.right = right
            balanced = left == right
        }
    }

    /// Whether every line balances and nothing kept the books from being read.
    public var balanced: Bool { lines.allSatisfy(\.balanced) && problems.isEmpty }
    /// The commit up to which everything was counted.
    public var commit: Int64 = 0
    /// The pairs.
    public var lines: [Line] = []
    /// Numbers worth knowing that have no counterpart.
    public var notes: [String: String] = [:]
    /// What kept a part from being counted, such as a damaged file; the books do not balance then.
    public var problems: [String] = []

    enum CodingKeys: String, CodingKey { case balanced, commit, lines, notes, problems }

    /// Nothing counted yet.
    public init() {}

    /// Reads a trial balance; whether it balances follows from its lines.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        commit = try container.decode(Int64.self, forKey: .commit)
        lines = try container.decode([Line].self, forKey: .lines)
        notes = try container.decode([String: String].self, forKey: .notes)
        problems = try container.decode([String].self, forKey: .problems)
    }

    /// Writes it with `balanced` first.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(balanced, forKey: .balanced)
        try container.encode(commit, forKey: .commit)
        try container.encode(lines, forKey: .lines)
        try container.encode(notes, forKey: .notes)
        try container.encode(problems, forKey: .problems)
    }
}
