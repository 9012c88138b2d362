import Events

/// What the dashboard shows at one moment: the whole of it, so that a browser that missed a message misses nothing.
public struct LiveView: Sendable, Equatable, Encodable {
    /// The last commit that it holds whole.
    public var commit: Int64
    /// When it was made, RFC 3339.
    public var at: String
    /// The current business day.
    public var businessDay: String
    /// The business day's time zone.
    public var timezone: String
    /// The reporting currency; amounts in others are in `otherCurrencies`.
    public var currency: String
    /// The current business day's numbers.
    public var today: Today
    /// Events applied a second, over the last seconds.
    public var eventsPerSecond: Double
    /// The last 60 minutes, oldest first; minutes without events are left out.
    public var minutes: [Minute]
    /// Today by channel.
    public var channels: [Channel]
    /// Today's funnel.
    public var funnel: Funnel
    /// Today's best sellers.
    public var topProducts: [Product]
    /// The books at a glance.
    public var totals: Totals
    /// Today's sales in other currencies than the reporting one.
    public var otherCurrencies: [OtherCurrency]
    /// How far behind the parts are.
    public var freshness: Freshness
    /// What is not as usual: all that goes on, and what ended within a day, at most `anomaliesShown`.
    public var anomalies: AnomalyReport

    /// How many purchases were scored for fraud, and the newest alerts, at most `fraudAlertsShown`.
    public var fraud: FraudReport

    /// The most fraud alerts in a view.
    public static let fraudAlertsShown = 8
    /// The most anomalies in a view.
    public static let anomaliesShown = 20

    /// One business day's numbers.
    public struct Today: Sendable, Equatable, Encodable {
        /// Orders.
        public var orders: Int64
        /// Paid amounts.
        public var revenue: String
        /// Items sold.
        public var units: Int64
        /// Product views.
        public var clicks: Int64
        /// Cart events.
        public var carts: Int64
        /// Average order value: revenue divided by orders, rounded half up to cents.
        public var aov: String
    }

    /// One channel's numbers.
    public struct Channel: Sendable, Equatable, Encodable {
        /// The channel's word; `unknown` where events gave none.
        public var channel: String
        /// Orders.
        public var orders: Int64
        /// Paid amounts.
        public var revenue: String
        /// Product views.
        public var clicks: Int64
        /// Cart events.
        public var carts: Int64
    }

    /// One channel's numbers in a minute.
    public struct Counts: Sendable, Equatable, Encodable {
        /// Orders.
        public var orders: Int64
        /// Paid amounts.
        public var revenue: String
        /// Product views.
        public var clicks: Int64
        /// Cart events.
        public var carts: Int64
    }

    /// One minute's numbers.
    public struct Minute: Sendable, Equatable, Encodable {
        /// The minute's beginning, RFC 3339.
        public var minute: String
        /// Orders.
        public var orders: Int64
        /// Paid amounts.
        public var revenue: String
        /// Product views.
        public var clicks: Int64
        /// Cart events.
        public var carts: Int64
        /// The same by channel.
        public var channels: [String: Counts]
    }

    /// Sessions of the day by how far they came.
    public struct Funnel: Sendable, Equatable, Encodable {
        /// With a view.
        public var views: Int64
        /// With a cart after it.
        public var carts: Int64
        /// With a purchase after that.
        public var purchases: Int64
    }

    /// One product's day.
    public struct Product: Sendable, Equatable, Encodable {
        /// The product.
        public var productID: String
        /// Items sold.
        public var units: Int64
        /// Quantity times unit price.
        public var revenue: String
        /// Orders that hold it.
        public var orders: Int64
        /// Views.
        public var clicks: Int64

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case units, revenue, orders, clicks
        }
    }

    /// What came in and what became of it, since the log began.
    public struct Totals: Sendable, Equatable, Encodable {
        /// Events handed to the door.
        public var received: Int64
        /// Events stored.
        public var accepted: Int64
        /// Events in the quarantine.
        public var quarantined: Int64
        /// Accepted events that repeat an earlier one's id and content.
        public var duplicates: Int64
        /// Accepted events that arrived over a day after they happened.
        public var late: Int64
        /// Accepted events that repeat an earlier one's id with other content.
        public var conflicts: Int64
    }

    /// One other currency's day.
    public struct OtherCurrency: Sendable, Equatable, Encodable {
        /// ISO 4217.
        public var currency: String
        /// Orders.
        public var orders: Int64
        /// Paid amounts.
        public var revenue: String
    }

    /// How far behind the parts are.
    public struct Freshness: Sendable, Equatable, Encodable {
        /// From the log's taking in of the last applied commit to its being applied, in milliseconds.
        public var streamLagMS: Double
        /// The age of the oldest event not yet in the lake, in seconds; 0 when all are.
        public var lakeLagSeconds: Double
        /// When the models last ran, RFC 3339.
        public var lastBatchAt: String?
        /// Rows in the bronze tables.
        public var bronzeRows: Int64

        enum CodingKeys: String, CodingKey {
            case streamLagMS = "stream_lag_ms"
            case lakeLagSeconds = "lake_lag_seconds"
            case lastBatchAt = "last_batch_at"
            case bronzeRows = "bronze_rows"
        }

        /// All up to date.
        public init(
            streamLagMS: Double = 0, lakeLagSeconds: Double = 0, lastBatchAt: String? = nil, bronzeRows: Int64 = 0
        ) {
            self.streamLagMS = streamLagMS
            self.lakeLagSeconds = lakeLagSeconds
            self.lastBatchAt = lastBatchAt
            self.bronzeRows = bronzeRows
        }

        /// Writes `last_batch_at` as null rather than leaving it out.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(streamLagMS, forKey: .streamLagMS)
            try container.encode(lakeLagSeconds, forKey: .lakeLagSeconds)
            try container.encode(lastBatchAt, forKey: .lastBatchAt)
            try container.encode(bronzeRows, forKey: .bronzeRows)
        }
    }

    /// The lists whose rows are known by one of their members, for diffs.
    package static let rowKeys = LiveDiff.rowKeys([
        "minutes": "minute", "channels": "channel", "top_products": "product_id", "other_currencies": "currency",
        "anomalies": "id", "alerts": "event_id",
    ])

    /// Whether all but the moment is the same.
    func isSame(as other: LiveView) -> Bool {
        var moved = self
        moved.at = other.at
        return moved == other
    }

    enum CodingKeys: String, CodingKey {
        case commit, at, timezone, currency, today, minutes, channels, funnel, totals, freshness, anomalies, fraud
        case businessDay = "business_day"
        case eventsPerSecond = "events_per_second"
        case topProducts = "top_products"
        case otherCurrencies = "other_currencies"
    }
}

extension Money {
    /// A sum divided by a count, rounded half up to hundredths, as text; zero when the count is zero.
    static func average(_ tenThousandths: Int128, over count: Int64) -> String {
        guard count > 0 else { return Money.zero.description }
        let hundredths = (tenThousandths + Int128(count) * 50) / (Int128(count) * 100)
        return Money.text(tenThousandths: hundredths * 100)
    }
}
