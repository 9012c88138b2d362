/// The bounds of the Iceberg REST catalog, one name each.
public struct CatalogLimits: Sendable {
    /// Bytes of a request's body, also once decompressed; past it the answer is 413.
    public var bodyBytes = 4 << 20
    /// Values in a body's JSON, counted by what separates and opens them; past it the answer is 413.
    public var bodyValues = 400_000
    /// Requests that work on the catalog at the same time.
    public var concurrentRequests = 4
    /// Requests that wait for one of them to end; past it the answer is 503.
    public var waitingRequests = 64
    /// How long a request waits, in seconds; past it the answer is 503.
    public var waitSeconds = 10.0
    /// Attempts at a commit that meets other writers, before the answer is 409.
    public var commitAttempts = 8
    /// Tables in one transaction.
    public var transactionTables = 1_000
    /// Names on a page, at most, and where a client asks for pages without saying how long.
    public var pageNames = 1_000

    /// The bounds that the product has.
    public init() {}
}
