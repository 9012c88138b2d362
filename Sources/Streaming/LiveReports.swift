import Events
import Foundation

/// The best sellers of the last minutes, hours or business days.
public struct BestSellersReport: Encodable, Sendable {
    /// The most products of an answer.
    public static let productsMax = 1_000

    /// One product.
    public struct Product: Encodable, Sendable {
        /// The product.
        public var productID: String
        /// Orders that hold it.
        public var orders: Int64
        /// Items sold.
        public var units: Int64
        /// Quantity times unit price.
        public var revenue: String

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case orders, units, revenue
        }
    }

    /// The stretches that the window is made of.
    public var grain: String
    /// How many of them, the present one included.
    public var last: Int
    /// Of the sales in this currency.
    public var currency: String
    /// By revenue, ties by units and id.
    public var products: [Product]
}

/// The sessions that are over, by business day.
public struct SessionsReport: Encodable, Sendable {
    /// The most pages told of.
    public static let pagesShown = 20

    /// The sessions of one business day on one channel.
    public struct Channel: Encodable, Sendable {
        /// The business day that they began on.
        public var day: String
        /// The channel; `unknown` where events gave none.
        public var channel: String
        /// Sessions that are over.
        public var sessions: Int64
        /// With a counted purchase.
        public var converted: Int64
        /// With a cart event.
        public var withCart: Int64
        /// With a cart event and no counted purchase.
        public var abandoned: Int64
        /// Of one event.
        public var bounced: Int64
        /// Events in them.
        public var events: Int64
        /// From the first event to the last, in seconds, of all together.
        public var seconds: Double
        /// What their counted purchases paid in the reporting currency.
        public var revenue: String

        enum CodingKeys: String, CodingKey {
            case day, channel, sessions, converted, abandoned, bounced, events, seconds, revenue
            case withCart = "with_cart"
        }
    }

    /// How often sessions of the newest day began and ended with a page.
    public struct Page: Encodable, Sendable {
        /// The page.
        public var page: String
        /// Sessions whose first click was on it.
        public var entries: Int64
        /// Sessions whose last click was on it.
        public var exits: Int64
        /// Of those that began with it, the ones with a counted purchase.
        public var conversions: Int64
    }

    /// Sessions that go on, or may still.
    public var open: Int
    /// Events that came too late for their sessions since the state began.
    public var late: Int64
    /// Events that found no room since the state began.
    public var unkept: Int64
    /// By day and channel.
    public var channels: [Channel]
    /// The business day of `pages`; nil before the first session.
    public var pagesOf: String?
    /// The pages with the most entries, ties by page.
    public var pages: [Page]

    enum CodingKeys: String, CodingKey {
        case open, late, unkept, channels, pages
        case pagesOf = "pages_of"
    }

    init(_ stream: ShopStream, days: Int) {
        let today = stream.arrivalDay
        open = stream.state.pointee.sessions.open
        late = stream.state.pointee.sessions.late
        unkept = stream.state.pointee.sessions.unkept
        channels = stream.state.pointee.sessions.days.filter { Int64($0.day) > Int64(today) - Int64(days) }.map {
            Channel(
                day: Timestamp.dateText(ofDay: Int64($0.day)), channel: $0.channel.name, sessions: $0.totals.sessions,
                converted: $0.totals.converted, withCart: $0.totals.withCart, abandoned: $0.totals.abandoned,
                bounced: $0.totals.bounced, events: $0.totals.events, seconds: Double($0.totals.duration) / 1e6,
                revenue: Money.text(tenThousandths: $0.totals.revenue))
        }
        let pages = stream.state.pointee.sessions.pageTotals
        let newest = pages.last?.day
        pagesOf = newest.map { Timestamp.dateText(ofDay: Int64($0)) }
        self.pages = pages.filter { $0.day == newest }
            .sorted { ($1.totals.entries, $0.page) < ($0.totals.entries, $1.page) }
            .prefix(SessionsReport.pagesShown)
            .map {
                Page(
                    page: $0.page, entries: $0.totals.entries, exits: $0.totals.exits,
                    conversions: $0.totals.conversions)
            }
    }
}

/// The shelves that run low or out.
public struct StockReport: Encodable, Sendable {
    /// One product in one warehouse.
    public struct Alert: Encodable, Sendable {
        /// The product.
        public var productID: String
        /// The warehouse.
        public var warehouseID: String
        /// The sum of all changes so far.
        public var pieces: Int64
        /// `low` or `out`.
        public var state: String
        /// When the change that made it so happened, RFC 3339.
        public var since: String

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case warehouseID = "warehouse_id"
            case pieces, state, since
        }
    }

    /// Fewer pieces than that are low.
    public var low: Int64
    /// How many shelves run low or out.
    public var count: Int
    /// Changes that found no room since the state began.
    public var unkept: Int64
    /// The emptiest first.
    public var alerts: [Alert]

    init(_ stream: ShopStream, limit: Int) {
        let all = stream.state.pointee.stock.alerts()
        low = StockJob.low
        count = all.count
        unkept = stream.state.pointee.stock.unkept
        alerts = all.prefix(limit).map {
            Alert(
                productID: $0.product, warehouseID: $0.warehouse, pieces: $0.pieces, state: $0.state.word,
                since: Timestamp.text($0.since))
        }
    }
}

extension LiveQuestions {
    /// The best sellers of a window as JSON; nil when too many ask at once, or the stream has ended.
    ///
    /// - Parameters:
    ///   - currency: three upper-case letters; nil for the reporting currency.
    ///   - now: the time of day in microseconds since 1970 UTC.
    ///   - age: how many seconds old the answer may be.
    /// - Throws: `EncodingError`.
    public func bestSellers(
        _ question: SalesReport.Question, currency: CurrencyCode?, limit: Int, now: Int64, age: Int = 0
    ) async throws -> [UInt8]? {
        try await answer("\(question.key) best \(currency?.name ?? "") \(limit)", age: age) { stream in
            let currency = currency ?? stream.reportingCurrency
            let found = stream.bestSellers(limit, question.grain, since: question.oldest(stream, now), currency)
            return BestSellersReport(
                grain: question.grain.word, last: question.last, currency: currency.name,
                products: found.map {
                    BestSellersReport.Product(
                        productID: $0.name, orders: $0.totals.orders, units: $0.totals.units,
                        revenue: $0.totals.revenueText)
                })
        }
    }

    /// The sessions of the last business days as JSON; nil when too many ask at once, or the stream has ended.
    ///
    /// - Parameter age: how many seconds old the answer may be.
    /// - Throws: `EncodingError`.
    public func sessions(days: Int, age: Int = 0) async throws -> [UInt8]? {
        try await answer("sessions \(days)", age: age) { SessionsReport($0, days: days) }
    }

    /// The shelves that run low or out as JSON; nil when too many ask at once, or the stream has ended.
    ///
    /// - Parameter age: how many seconds old the answer may be.
    /// - Throws: `EncodingError`.
    public func stock(limit: Int, age: Int = 0) async throws -> [UInt8]? {
        try await answer("stock \(limit)", age: age) { StockReport($0, limit: limit) }
    }
}
