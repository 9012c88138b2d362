/// How far a backfill is.
public struct BackfillProgress: Sendable {
    /// The model that is at work.
    public let model: String
    /// Business days done, over all models; those that an interrupted backfill had done are among them.
    public let done: Int
    /// Business days to do, over all models, as far as known.
    public let total: Int
}

/// What a backfill did.
public struct BackfillReport: Sendable {
    /// The models whose days were made anew, and how many days now and before an interruption.
    public var models: [(name: String, days: Int, before: Int)] = []
    /// Models that were brought up to date on the way, since they are not kept by days or needed to be made anew.
    public var updated: [ModelReport] = []
    /// Rows written.
    public var rows = 0
    /// Whether it went on with one that was interrupted.
    public var isResumed = false
}
