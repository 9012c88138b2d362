import CBytes
public import Events
import Glibc

/// The shop's live state: what every accepted event, counted once, adds up to.
///
/// Owned by one thread. Fed with batches in the log's order it is a function of the log alone, apart from what it
/// forgets by the clock (old minutes) and which day's products it ranks.
public final class ShopStream {
    /// How many event ids, and how many order ids, a generation of the duplicate filters holds.
    public static let idGeneration = 1 << 20
    /// An event that the log received this long after it happened is counted as late, in microseconds: a day.
    public static let lateAfter: Int64 = Timestamp.day

    /// Counts of what came by.
    public struct Counters: BitwiseCopyable, Sendable, Equatable {
        /// Events applied, duplicates included.
        public var events: Int64 = 0
        /// Events that carried the id of an earlier one with the same content.
        public var duplicates: Int64 = 0
        /// Events that carried the id of an earlier one with other content.
        public var conflicts: Int64 = 0
        /// Events received more than `lateAfter` after they happened.
        public var late: Int64 = 0
        /// Purchases that repeat an order's id.
        public var repeatedOrders: Int64 = 0

        /// Nothing.
        public init() {}
    }

    /// The business days.
    public internal(set) var calendar: BusinessCalendar
    /// What came by.
    public internal(set) var counters = Counters()
    var sales = SalesJob()
    var funnel = FunnelJob()
    var products = ProductJob()
    var ids: DuplicateFilter
    var orders: DuplicateFilter
    private let clock: @Sendable () -> Int64
    let reportingCurrency: CurrencyCode
    /// What is not as usual.
    public let anomalies: AnomalyDetector
    /// The fraud scores.
    public let fraud: FraudWatch

    /// An empty state.
    ///
    /// - Parameters:
    ///   - calendar: the business days.
    ///   - reportingCurrency: the currency in which products are ranked.
    ///   - fraud: how fraud scores are made.
    ///   - clock: the time of day in microseconds since 1970 UTC; decides which minutes and which day are current.
    ///   - idGeneration: how many ids a generation of the duplicate filters holds.
    public init(
        calendar: BusinessCalendar, reportingCurrency: CurrencyCode, fraud: FraudSettings = FraudSettings(),
        clock: @escaping @Sendable () -> Int64, idGeneration: Int = ShopStream.idGeneration
    ) {
        self.calendar = calendar
        self.reportingCurrency = reportingCurrency
        self.clock = clock
        anomalies = AnomalyDetector(calendar: calendar, currency: reportingCurrency)
        self.fraud = FraudWatch(fraud, currency: reportingCurrency)
        ids = DuplicateFilter(generation: idGeneration)
        orders = DuplicateFilter(generation: idGeneration)
    }

    /// How many bytes its tables take.
    public var byteCount: Int {
        ids.byteCount + orders.byteCount + sales.days.byteCount + sales.minutes.byteCount + funnel.young.byteCount
            + funnel.old.byteCount + products.table.byteCount + anomalies.byteCount + fraud.byteCount
    }

    /// Applies a batch, all of one topic, in the log's order.
    public func apply(_ batch: EventBatch, topic: Topic) {
        let now = clock()
        let today = calendar.day(of: now)
        products.begin(day: today)
        let oldestMinute = now / Timestamp.minute - SalesJob.minutesKept
        let columns = batch.columns
        let eventIDs = columns.strings(.eventID)
        let before = counters
        // All of a batch are of one frame and arrived together.
        let receivedAt = batch.count > 0 ? columns.receivedAts[0] : 0
        anomalies.arrive(receivedAt)
        for row in 0..<batch.count {
            counters.events &+= 1
            guard isNew(eventIDs[row], columns.raws[row], topic) else { continue }
            let instant = columns.timestamps[row]
            if columns.receivedAts[row] &- instant > ShopStream.lateAfter { counters.late &+= 1 }
            switch topic {
            case .clicks: click(batch, columns, row, instant, today, oldestMinute)
            case .carts: cart(batch, columns, row, instant, oldestMinute)
            case .purchases: purchase(batch, columns, row, instant, today, oldestMinute)
            case .orders:
                fraud.orderStatus(columns, row)
                anomalies.other(instant, receivedAt)
            default: anomalies.other(instant, receivedAt)
            }
        }
        anomalies.arrived(
            receivedAt, accepted: batch.count, late: counters.late - before.late,
            duplicates: counters.duplicates + counters.conflicts - before.duplicates - before.conflicts)
    }

    /// Remembers the event ids of a batch without counting anything: how their filter is filled again after a restart.
    public func remember(_ batch: EventBatch, topic: Topic) {
        let columns = batch.columns
        let eventIDs = columns.strings(.eventID)
        for row in 0..<batch.count {
            let id = KeyHash(eventIDs[row].start, count: eventIDs[row].count, seed: UInt64(topic.rawValue))
            _ = ids.check(id, content: ShopStream.checksum(columns.raws[row]))
        }
    }

    private static func checksum(_ raw: StringRef) -> UInt32 { cbytes_crc32c(0, raw.start, raw.count) }

    @inline(__always)
    private func isNew(_ id: StringRef, _ raw: StringRef, _ topic: Topic) -> Bool {
        let hash = KeyHash(id.start, count: id.count, seed: UInt64(topic.rawValue))
        switch ids.check(hash, content: ShopStream.checksum(raw)) {
        case .new:
            return true
        case .duplicate:
            counters.duplicates &+= 1
            return false
        case .conflict:
            counters.conflicts &+= 1
            return false
        }
    }

    @inline(__always)
    private func sessionHash(_ columns: EventBatch.Columns, _ row: Int) -> UInt64 {
        let session = columns.strings(.sessionID)[row]
        return KeyHash(session.start, count: session.count).high
    }

    @inline(__always)
    private func channel(_ columns: EventBatch.Columns, _ row: Int) -> ChannelCode {
        guard columns.presence[row] & EventField.channel.bit != 0 else { return ChannelCode(nil) }
        return ChannelCode(columns.strings(.channel)[row])
    }

    @inline(__always)
    private func text(_ field: EventField, _ columns: EventBatch.Columns, _ row: Int) -> StringRef? {
        columns.presence[row] & field.bit != 0 ? columns.strings(field)[row] : nil
    }

    @inline(__always)
    private func click(
        _ batch: EventBatch, _ columns: EventBatch.Columns, _ row: Int, _ instant: Int64, _ today: Int32,
        _ oldestMinute: Int64
    ) {
        let day = calendar.day(of: instant)
        var totals = SalesTotals()
        totals.clicks = 1
        let channel = channel(columns, row)
        anomalies.click(
            instant, columns.receivedAts[row], channel: channel, country: text(.country, columns, row),
            device: text(.device, columns, row),
            isPromoted: columns.presence[row] & EventField.campaign.bit != 0)
        sales.count(
            totals, at: instant, day: day, channel: channel, currency: CurrencyCode(code: 0),
            oldestMinute: oldestMinute)
        funnel.add(.click, session: sessionHash(columns, row), at: instant, calendar: &calendar)
        if day == today { products.product(columns.strings(.productID)[row])?.pointee.clicks += 1 }
    }

    @inline(__always)
    private func cart(
        _ batch: EventBatch, _ columns: EventBatch.Columns, _ row: Int, _ instant: Int64, _ oldestMinute: Int64
    ) {
        var totals = SalesTotals()
        totals.carts = 1
        sales.count(
            totals, at: instant, day: calendar.day(of: instant), channel: channel(columns, row),
            currency: CurrencyCode(code: 0), oldestMinute: oldestMinute)
        anomalies.other(instant, columns.receivedAts[row])
        funnel.add(.cart, session: sessionHash(columns, row), at: instant, calendar: &calendar)
    }

    @inline(__always)
    private func purchase(
        _ batch: EventBatch, _ columns: EventBatch.Columns, _ row: Int, _ instant: Int64, _ today: Int32,
        _ oldestMinute: Int64
    ) {
        funnel.add(.purchase, session: sessionHash(columns, row), at: instant, calendar: &calendar)
        if columns.presence[row] & EventField.orderID.bit != 0 {
            let order = columns.strings(.orderID)[row]
            // An empty order id names no order, so it never merges two purchases.
            if order.count > 0, orders.check(KeyHash(order.start, count: order.count), content: 0) != .new {
                counters.repeatedOrders &+= 1
                return
            }
        }
        fraud.purchase(batch, columns, row)
        let day = calendar.day(of: instant)
        let currency = CurrencyCode(columns.strings(.currency)[row])
        var totals = SalesTotals()
        totals.orders = 1
        totals.revenue = Int128(columns.moneys(.totalAmount)[row])
        let items = batch.items(row)
        let channel = channel(columns, row)
        let isWatched = anomalies.order(
            instant, columns.receivedAts[row], channel: channel, country: text(.country, columns, row),
            device: text(.device, columns, row),
            isPromoted: columns.presence[row] & (EventField.coupon.bit | EventField.campaign.bit) != 0,
            amount: currency == reportingCurrency ? columns.moneys(.totalAmount)[row] : nil)
        for item in items {
            let quantity = Int64(columns.itemQuantities[item])
            totals.units &+= quantity
            if isWatched {
                anomalies.item(
                    instant, product: columns.itemProducts[item], isFirstLine: item == items.lowerBound,
                    revenue: currency == reportingCurrency
                        ? quantity.multipliedSaturated(by: columns.itemPrices[item]) : 0)
            }
            guard day == today, let product = products.product(columns.itemProducts[item]) else { continue }
            product.pointee.units += quantity
            // An order that holds a product on two lines is one order of it.
            if !(items.lowerBound..<item).contains(where: {
                isSame(columns.itemProducts[$0], columns.itemProducts[item])
            }) {
                product.pointee.orders += 1
            }
            if currency == reportingCurrency {
                product.pointee.revenue += Int128(quantity) * Int128(columns.itemPrices[item])
            }
        }
        sales.count(
            totals, at: instant, day: day, channel: channel, currency: currency,
            oldestMinute: oldestMinute)
    }

    private func isSame(_ a: StringRef, _ b: StringRef) -> Bool {
        a.count == b.count && memcmp(a.start, b.start, a.count) == 0
    }

    /// The totals of every day, channel and currency: what the books compare with gold.
    public func dailyTotals() -> [(day: Int32, channel: ChannelCode, currency: CurrencyCode, totals: SalesTotals)] {
        var all: [(day: Int32, channel: ChannelCode, currency: CurrencyCode, totals: SalesTotals)] = []
        sales.days.forEach { key, totals in
            let parts = SalesJob.parts(key)
            all.append((Int32(parts.time), parts.channel, parts.currency, totals.pointee))
        }
        return all.sorted {
            ($0.day, $0.channel.code, $0.currency.code) < ($1.day, $1.channel.code, $1.currency.code)
        }
    }

    /// The funnel of every day.
    public func dailyFunnel() -> [Int32: FunnelTotals] { funnel.days }
}
