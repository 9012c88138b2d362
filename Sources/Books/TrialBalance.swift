import Events

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
        /// Whether they are the same, in each of their parts.
        public var balanced: Bool
        /// How much the left count has more than the right one, where they are numbers that differ.
        public var difference: String?
        /// Since when it does not balance: the first business day, or the first place in the log.
        public var since: String?
        /// What is wrong, at most ``TrialBalance/listed`` of it: ids of events, or business days with what each side says.
        public var offending: [String]?
        /// How much more is wrong than is listed.
        public var offendingMore: Int?

        enum CodingKeys: String, CodingKey {
            case name, left, right, balanced, difference, since, offending
            case leftName = "left_name"
            case rightName = "right_name"
            case offendingMore = "offending_more"
        }

        /// A line; it balances when both texts are the same.
        public init(_ name: String, _ leftName: String, _ left: String, _ rightName: String, _ right: String) {
            self.name = name
            self.leftName = leftName
            self.left = left
            self.rightName = rightName
            self.right = right
            balanced = left == right
            if !balanced { difference = DecimalText.difference(left, right) }
        }

        /// Says what is wrong with a line that does not balance.
        mutating func blame(_ offenders: Offenders) {
            guard !offenders.isNone else { return }
            balanced = false
            since = offenders.since
            offending = offenders.listed
            offendingMore = offenders.more
        }
    }

    /// The most of what is wrong with a line that is listed.
    public static let listed = 10

    /// Whether every line balances and nothing kept the books from being read.
    public var balanced: Bool { lines.allSatisfy(\.balanced) && problems.isEmpty }
    /// How many lines and problems there are to look at.
    public var unbalanced: Int { lines.count { !$0.balanced } + problems.count }
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

/// What is wrong with a line: as much of it as is listed, and how much there is.
struct Offenders {
    private(set) var listed: [String] = []
    private(set) var more = 0
    /// Where it begins.
    var since: String?

    var isNone: Bool { listed.isEmpty }

    /// Adds one; the first ones are listed.
    mutating func add(_ name: String) {
        if listed.count < TrialBalance.listed { listed.append(name) } else { more += 1 }
    }
}

/// Decimal texts, subtracted without rounding.
enum DecimalText {
    /// Left less right; nil where one is no number of at most four decimals, such as a fingerprint.
    static func difference(_ left: String, _ right: String) -> String? {
        guard let (one, isWhole) = value(left), let (other, isOtherWhole) = value(right) else { return nil }
        let (difference, overflow) = one.subtractingReportingOverflow(other)
        guard !overflow else { return nil }
        return text(difference, isWhole: isWhole && isOtherWhole)
    }

    /// Ten-thousandths as text, as a whole number where that is what is counted.
    static func text(_ tenThousandths: Int128, isWhole: Bool) -> String {
        isWhole ? String(tenThousandths / 10_000) : Money.text(tenThousandths: tenThousandths)
    }

    private static func value(_ text: String) -> (Int128, isWhole: Bool)? {
        let isNegative = text.hasPrefix("-")
        let parts = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...30).contains(parts[0].utf8.count),
            parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        let decimals = parts.count == 2 ? String(parts[1]) : ""
        guard decimals.utf8.count <= 4,
            let value = Int128(parts[0] + decimals + String(repeating: "0", count: 4 - decimals.utf8.count))
        else { return nil }
        return (isNegative ? -value : value, parts.count == 1)
    }
}
