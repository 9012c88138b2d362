/// What a run would do, and what stands in its way.
public struct ModelPlan: Sendable {
    /// The models, in the order they would run.
    public var models: [PlannedModel] = []
    /// Columns that something needs and that are not there: a run would stop before it writes.
    public var problems: [ContractProblem] = []
}

/// What a run would do with one model.
public struct PlannedModel: Sendable {
    /// What would happen to the table.
    public enum Action: String, Sendable {
        /// Nothing: no input changed, or not on a day that matters.
        case unchanged
        /// It would be made for the first time.
        case create
        /// It would be made anew, whole.
        case rebuild
        /// New rows would be added.
        case append
        /// The days would be made anew.
        case replaceDays = "replace_days"
    }

    /// The model's name.
    public let name: String
    /// Its table, `gold.daily_sales`.
    public let table: String
    /// What would happen to the table.
    public let action: Action
    /// Why.
    public let reason: String
    /// The business days that would be rebuilt or get new rows.
    public let days: TouchedDays
    /// Rows that would be added, where that is known.
    public let rows: Int?

    /// Whether rows would change.
    var isChange: Bool { action != .unchanged }
    /// Whether it would be made anew, whole.
    var isRebuilt: Bool { action == .create || action == .rebuild }
}
