/// What a run did.
public struct RunReport: Sendable {
    /// The models, in the project's order: each after those it reads.
    public var models: [ModelReport] = []
    /// How long it took.
    public var milliseconds: Int = 0

    /// Whether any table changed.
    public var isChanged: Bool { models.contains { $0.status != .unchanged } }
}

/// What a run did with one model.
public struct ModelReport: Sendable {
    /// What happened to the table.
    public enum Status: Sendable, Hashable {
        /// Nothing: no input changed.
        case unchanged
        /// It was brought up to date.
        case updated
        /// It was made anew, for this reason.
        case rebuilt(String)
    }

    /// The model's name.
    public let name: String
    /// Its table, `gold.daily_sales`.
    public let table: String
    /// What happened to the table.
    public let status: Status
    /// Rows written, those of a rewritten partition included.
    public let rows: Int
    /// The business days that were rebuilt or got new rows.
    public let days: TouchedDays
    /// How long it took.
    public let milliseconds: Int
    /// The table's snapshot afterwards.
    public let snapshotID: Int64?
}

/// How far a run is.
public enum ModelProgress: Sendable {
    /// This model begins, the `number`th of `count`.
    case started(name: String, number: Int, count: Int)
    /// This model is done.
    case finished(ModelReport)
}

/// The business days that something is about.
public enum TouchedDays: Sendable, Hashable, CustomStringConvertible {
    /// These, as `2026-03-01`.
    case some(Set<String>)
    /// All, or which is not known.
    case all

    static let none = TouchedDays.some([])

    var isEmpty: Bool { self == .none }

    func union(_ other: TouchedDays) -> TouchedDays {
        guard case .some(let mine) = self, case .some(let others) = other else { return .all }
        return .some(mine.union(others))
    }

    /// `all`, or the days in order with commas.
    public var description: String {
        switch self {
        case .all: "all"
        case .some(let days): days.sorted().joined(separator: ",")
        }
    }

    init(_ description: String) {
        self = description == "all" ? .all : .some(Set(description.split(separator: ",").map(String.init)))
    }
}

/// What the tests of a project found.
public struct TestReport: Sendable {
    /// How a test ended.
    public enum Status: String, Sendable {
        /// Nothing was found.
        case passed
        /// Something was found, and is told.
        case warned
        /// Something was found that may not be.
        case failed
    }

    /// One test's outcome.
    public struct Outcome: Sendable {
        /// What was tested, `gold.daily_sales.orders: not_null`.
        public let name: String
        /// Rows that should not be; 0 is a pass. Of freshness, how many seconds too old the newest row is.
        public let failures: Int
        /// How it ended.
        public let status: Status
        /// Where the test is, `models/marts.yml:12`.
        public let place: String
    }

    /// Every test's outcome.
    public var outcomes: [Outcome] = []

    /// Those that failed.
    public var failures: [Outcome] { outcomes.filter { $0.status == .failed } }
    /// Those that warned.
    public var warnings: [Outcome] { outcomes.filter { $0.status == .warned } }
}
