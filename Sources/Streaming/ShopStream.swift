public import Events

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

    /// What the jobs hold. It lies behind a pointer, since every access to a variable of a class is checked for
    /// exclusivity at run time.
    struct State: ~Copyable {
        var calendar: BusinessCalendar
        var counters = Counters()
        var sales: SalesJob
        var funnel: FunnelJob
        var products: ProductJob
        var cube: SalesCube
        var sessions: SessionsJob
        var stock: StockJob
        var ids: DuplicateFilter
        var orders: GenerationTable<IDKey, Known>
        var tally = ChannelTally()

        /// What each job's keyed state holds.
        var usages: [StateUsage] {
            funnel.usages + [orders.usage] + cube.usages + sessions.usages + stock.usages
                + [
                    StateUsage(
                        StateBudget("event ids", limitBytes: .max), entries: ids.count, more: ids.byteCount),
                    StateUsage(
                        StateBudget("sales by day and minute", limitBytes: .max),
                        entries: sales.days.count + sales.minutes.count,
                        more: sales.days.byteCount + sales.minutes.byteCount),
                    StateUsage(
                        StateBudget("products of today", limitBytes: .max), entries: products.table.count,
                        more: products.table.byteCount),
                ]
        }
    }

    /// That an order is known. Of one byte, since values of none cannot be written (Swift 6.3 reads past them).
    struct Known: BitwiseCopyable {
        var mark: UInt8 = 1
    }

    let state: UnsafeMutablePointer<State>
    /// What is computed of some events at once.
    let hashes: BatchHashes
    /// The key groups of what is counted here: all, unless several shards share the keys.
    let owned: Range<Int>
    let clock: @Sendable () -> Int64
    let reportingCurrency: CurrencyCode
    /// What is not as usual.
    public let anomalies: AnomalyDetector
    /// The fraud scores. They look across all keys, so of several shards the one of the first key group makes them.
    public let fraud: FraudWatch
    var watchesFraud: Bool { owned.lowerBound == KeyGroup.all.lowerBound }
    /// Whether the state came from a checkpoint that does not have all jobs.
    var lacksJobs = false

    /// The business days.
    public var calendar: BusinessCalendar { state.pointee.calendar }
    /// What came by.
    public internal(set) var counters: Counters {
        get { state.pointee.counters }
        set { state.pointee.counters = newValue }
    }

    /// An empty state.
    ///
    /// - Parameters:
    ///   - calendar: the business days.
    ///   - reportingCurrency: the currency in which products are ranked.
    ///   - fraud: how fraud scores are made.
    ///   - clock: the time of day in microseconds since 1970 UTC; decides which minutes and which day are current.
    ///   - idGeneration: how many ids a generation of the duplicate filters holds.
    public convenience init(
        calendar: BusinessCalendar, reportingCurrency: CurrencyCode, fraud: FraudSettings = FraudSettings(),
        clock: @escaping @Sendable () -> Int64, idGeneration: Int = ShopStream.idGeneration
    ) {
        self.init(
            calendar: calendar, reportingCurrency: reportingCurrency, fraud: fraud, clock: clock,
            idGeneration: idGeneration, owned: KeyGroup.all)
    }

    /// One of several shards, which hears of every event and counts what is of its key groups.
    package init(
        calendar: BusinessCalendar, reportingCurrency: CurrencyCode, fraud: FraudSettings = FraudSettings(),
        clock: @escaping @Sendable () -> Int64, idGeneration: Int = ShopStream.idGeneration, owned: Range<Int>
    ) {
        self.owned = owned
        self.reportingCurrency = reportingCurrency
        self.clock = clock
        anomalies = AnomalyDetector(calendar: calendar, currency: reportingCurrency)
        self.fraud = FraudWatch(fraud, currency: reportingCurrency)
        hashes = BatchHashes()
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                calendar: calendar, sales: SalesJob(owned: owned), funnel: FunnelJob(owned: owned),
                products: ProductJob(owned: owned), cube: SalesCube(owned: owned),
                sessions: SessionsJob(calendar: calendar, owned: owned), stock: StockJob(owned: owned),
                ids: DuplicateFilter(generation: idGeneration),
                orders: GenerationTable("order ids", empty: Known(), generation: idGeneration)))
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// How many bytes its tables take.
    public var byteCount: Int {
        state.pointee.usages.reduce(0) { $0 + $1.bytes } + anomalies.byteCount + fraud.byteCount
    }

    /// What each job holds.
    public var stateUsage: [StateUsage] {
        state.pointee.usages
            + [
                StateUsage(StateBudget("anomalies", limitBytes: .max), entries: 1, more: anomalies.byteCount),
                StateUsage(
                    StateBudget("fraud", limitBytes: .max), entries: fraud.gauges.keys, more: fraud.byteCount),
            ]
    }

    /// The business day of the newest arrival.
    var arrivalDay: Int32 { state.pointee.calendar.day(of: max(0, state.pointee.cube.clock)) }

    /// The products that sold most since a stretch of time in one currency: by revenue, ties by units and name.
    package func bestSellers(
        _ count: Int, _ grain: SalesGrain, since oldest: Int32, _ currency: CurrencyCode
    ) -> [(name: String, totals: SalesTotals)] {
        state.pointee.cube.bestSellers(count, grain, since: oldest, currency)
    }

    /// The sums of sessions that are over, by business day and channel.
    package var sessionDays: [(day: Int32, channel: ChannelCode, totals: SessionTotals)] {
        state.pointee.sessions.days
    }

    /// The pages that sessions began and ended with, by business day.
    package var sessionPages: [(day: Int32, page: String, totals: PageTotals)] { state.pointee.sessions.pageTotals }

    /// Events that came too late for their sessions.
    package var lateForSessions: Int64 { state.pointee.sessions.late }

    /// Ends all sessions, as if nothing ever came again.
    package func endSessions() { state.pointee.sessions.finish() }

    /// The stock of every product and warehouse.
    package var stockLevels: [(product: String, warehouse: String, pieces: Int64)] { state.pointee.stock.all() }

    /// The shelves that run low or out.
    package var stockAlerts: [StockJob.Alert] { state.pointee.stock.alerts() }

    /// The lines of the sales cube, by time, name and currency.
    ///
    /// - Parameter times: of which stretches: minutes since 1970 UTC, or business days.
    package func sales(
        by dimension: SalesDimension, _ grain: SalesGrain, in times: ClosedRange<Int32>
    ) -> [SalesCube.Line] {
        state.pointee.cube.lines(dimension, grain, in: times)
    }

    /// The totals of every day, channel and currency: what the books compare with gold.
    public func dailyTotals() -> [(day: Int32, channel: ChannelCode, currency: CurrencyCode, totals: SalesTotals)] {
        var all: [(day: Int32, channel: ChannelCode, currency: CurrencyCode, totals: SalesTotals)] = []
        state.pointee.sales.days.forEach { key, totals in
            let parts = SalesJob.parts(key)
            all.append((Int32(parts.time), parts.channel, parts.currency, totals.pointee))
        }
        return all.sorted {
            ($0.day, $0.channel.code, $0.currency.code) < ($1.day, $1.channel.code, $1.currency.code)
        }
    }

    /// The funnel of every day.
    public func dailyFunnel() -> [Int32: FunnelTotals] { state.pointee.funnel.days }
}
