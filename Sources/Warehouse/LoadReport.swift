/// What a load did.
public struct LoadReport: Sendable, Codable {
    /// A business day that was loaded.
    public struct Day: Sendable, Codable {
        /// The day, `2026-03-01`.
        public var day: String
        /// The rows that were sent, by fact.
        public var rows: [String: Int]
        /// How long it took.
        public var seconds: Double
    }

    /// The days that were loaded, in order.
    public var days: [Day] = []
    /// How long all of it took.
    public var seconds = 0.0

    /// The rows that were sent for all facts.
    public var rows: Int { days.reduce(0) { $0 + $1.rows.values.reduce(0, +) } }
}

/// How the warehouse is.
public struct WarehouseStatus: Sendable, Codable {
    /// The address, without a password.
    public var address: String
    /// Which description its tables were made from.
    public var version: Int
    /// How many business days are loaded.
    public var days: Int
    /// The first of them.
    public var firstDay: String?
    /// The last of them.
    public var lastDay: String?
    /// When the last load was committed, as the server says it.
    public var lastLoadAt: String?
    /// Rows by fact.
    public var rows: [String: Int64]
    /// The days that a load would load now.
    public var pendingDays: [String]

    enum CodingKeys: String, CodingKey {
        case address, version, days, rows
        case firstDay = "first_day"
        case lastDay = "last_day"
        case lastLoadAt = "last_load_at"
        case pendingDays = "pending_days"
    }
}
