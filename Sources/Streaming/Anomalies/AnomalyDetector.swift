public import Events

/// Watches the shop's numbers and tells when they are not what is usual.
///
/// Its clock is the time at which events arrive, as the log wrote it down; what it judges are minutes of event time,
/// each once, when it is settled (`AnomalyBounds.latenessMinutes` after its end). Between, `report` looks ahead over the
/// minutes not yet settled without leaving a trace. So the same log gives the same anomalies, in whatever order events
/// came within the lateness. Owned by one thread.
public final class AnomalyDetector {
    /// What counting an event reads and writes. It lies behind a pointer, since every access to a variable of a class is
    /// checked for exclusivity at run time.
    let live: UnsafeMutablePointer<AnomalyCounting>
    var shares = UsualShares()
    var history = AnomalyHistory()
    var state = State()
    var calendar: BusinessCalendar
    let currency: CurrencyCode

    /// The clock's minute: the newest arrival's; nothing before the first live event.
    var clock: Int64 {
        get { live.pointee.clock }
        set { live.pointee.clock = newValue }
    }
    /// The last minute judged for good.
    var settled: Int64 {
        get { live.pointee.settled }
        set { live.pointee.settle(newValue) }
    }
    /// Whether a live event has come.
    var hasBegun: Bool {
        get { live.pointee.hasBegun }
        set { live.pointee.begin(newValue) }
    }
    /// The first whole minute of live events.
    var firstMinute: Int64 = 0
    /// Days of history that taught the profiles at the beginning.
    var historyDays = 0.0
    /// Whether a saved state was taken over.
    var wasRestored = false
    /// Events that came too late to count, or too far ahead.
    public internal(set) var uncounted: Int64 = 0
    /// The log's totals when they were last looked at, and when that was.
    var lastTotals: (received: Int64, quarantined: Int64, at: Int64)?

    /// An anomaly that is over, with its episode for when it goes on.
    struct Ended: Equatable {
        var series: Int
        var episode: AnomalyEpisode
        var anomaly: Anomaly
        /// The same as it is saved.
        var json: [UInt8]
    }

    /// What judging a minute changes; looking ahead works on a copy.
    struct State: Equatable {
        var series = [SeriesDetector](repeating: SeriesDetector(), count: AnomalySeries.all.count)
        /// The incident that each open episode belongs to.
        var incidents = [String?](repeating: nil, count: AnomalySeries.all.count)
        /// The last minute judged in which something happened.
        var lastEvents: Int64 = 0
        /// The sums of orders' amounts and of their squares, old ones counted less.
        var amounts = 0.0
        var squares = 0.0
        var amountCount = 0.0
        /// Since when no event came, while that is an anomaly.
        var missing: AnomalyEpisode?
        /// Anomalies that ended, oldest first.
        var ended: [Ended] = []
    }

    /// A detector that knows nothing yet.
    ///
    /// - Parameters:
    ///   - calendar: the shop's zone; seasons follow its clock.
    ///   - currency: the one that revenue is counted in.
    public init(calendar: BusinessCalendar, currency: CurrencyCode) {
        self.calendar = calendar
        self.currency = currency
        live = .allocate(capacity: 1)
        live.initialize(to: AnomalyCounting())
    }

    deinit {
        live.deinitialize(count: 1)
        live.deallocate()
    }

    /// The bytes that its state takes.
    public var byteCount: Int {
        MinuteCounts.byteCount + live.pointee.names.byteCount + live.pointee.products.byteCount + history.byteCount
            + UsualShares.size * MemoryLayout<Double>.stride
            + state.series.count
            * (AnomalyBounds.ringMinutes * MemoryLayout<SeriesDetector.Minute>.stride
                + (SeasonalRate.weekSlots + SeasonalRate.daySlots) * MemoryLayout<SeasonalRate.Slot>.stride)
            + state.ended.count * 1_024
    }

    // MARK: Counting

    /// The minute of an event that counts, or nil: history goes elsewhere, what is too late or too far ahead is left out.
    @inline(__always)
    private func counted(_ instant: Int64, _ receivedAt: Int64) -> MinuteCounts.Place? {
        live.pointee.place(instant) ?? uncounted(instant, receivedAt)
    }

    @inline(never)
    private func uncounted(_ instant: Int64, _ receivedAt: Int64) -> MinuteCounts.Place? {
        if !hasBegun, abs(receivedAt - instant) <= AnomalyBounds.latenessMinutes * Timestamp.minute {
            begin(receivedAt)
        }
        uncounted += 1
        return nil
    }

    private func isHistory(_ instant: Int64, _ receivedAt: Int64) -> Bool {
        receivedAt - instant > AnomalyBounds.latenessMinutes * Timestamp.minute
            && (!hasBegun || clock - firstMinute < 7 * 1_440)
    }

    /// Begins with the next whole minute, taught by the history that came before.
    private func begin(_ receivedAt: Int64) {
        hasBegun = true
        clock = receivedAt / Timestamp.minute
        firstMinute = clock + 1
        settled = clock
        state.lastEvents = clock
        historyDays = teachHistory()
    }

    /// Teaches the profiles what came before the live events.
    ///
    /// - Returns: how many days that was.
    func teachHistory() -> Double {
        let days = history.teach(&state.series, before: firstMinute / Int64(SeasonalRate.slotMinutes))
        history = AnomalyHistory()
        return days
    }

    private func pastSlot(_ instant: Int64) -> Int64 {
        (instant + calendar.offset(at: instant)) / (Int64(SeasonalRate.slotMinutes) * Timestamp.minute)
    }

    /// A batch of one commit begins: the clock moves on to its arrival.
    public func arrive(_ receivedAt: Int64) {
        if hasBegun { advance(to: receivedAt) }
    }

    /// A batch of one commit has been applied.
    public func arrived(_ receivedAt: Int64, accepted: Int, late: Int64, duplicates: Int64) {
        guard hasBegun else { return }
        let minute = receivedAt / Timestamp.minute
        guard minute > settled, minute <= clock else { return }
        let total = live.pointee.counts.total(minute)
        total.pointee.accepted = total.pointee.accepted.addingSaturated(UInt32(clamping: accepted))
        total.pointee.late = total.pointee.late.addingSaturated(UInt32(clamping: late))
        total.pointee.duplicates = total.pointee.duplicates.addingSaturated(UInt32(clamping: duplicates))
    }

    /// Notes the log's totals: what was received and rejected since they were last noted arrived in the minute of `at`,
    /// unless that is longer ago than a minute.
    public func note(received: Int64, quarantined: Int64, at: Int64) {
        defer { lastTotals = (received, quarantined, at) }
        guard hasBegun, let last = lastTotals, at - last.at <= Timestamp.minute, received >= last.received,
            quarantined >= last.quarantined
        else { return }
        let minute = at / Timestamp.minute
        guard minute > settled, minute <= clock else { return }
        let total = live.pointee.counts.total(minute)
        total.pointee.received = total.pointee.received.addingSaturated(UInt32(clamping: received - last.received))
        total.pointee.quarantined = total.pointee.quarantined.addingSaturated(
            UInt32(clamping: quarantined - last.quarantined))
    }

    /// Counts an event that is neither a click nor a purchase.
    @inline(__always)
    func other(_ instant: Int64, _ receivedAt: Int64) {
        counted(instant, receivedAt)?.total.pointee.events &+= 1
    }

    /// Counts a product view.
    @inline(__always)
    func click(
        _ instant: Int64, _ receivedAt: Int64, channel: ChannelCode, country: StringRef?, device: StringRef?,
        isPromoted: Bool
    ) {
        guard let place = counted(instant, receivedAt) else { return pastClick(instant, receivedAt, channel) }
        let live = live
        place.total.pointee.events &+= 1
        place.cells[Int(channel.code)].clicks &+= 1
        // Added and not branched to: which click has a campaign nobody foresees.
        place.cells[DimensionNames.promoted].clicks &+= isPromoted ? 1 : 0
        place.cells[live.pointee.names.countries.cell(country)].clicks &+= 1
        place.cells[live.pointee.names.devices.cell(device)].clicks &+= 1
    }

    @inline(never)
    private func pastClick(_ instant: Int64, _ receivedAt: Int64, _ channel: ChannelCode) {
        if isHistory(instant, receivedAt) { history.add(pastSlot(instant), channel: channel.code, clicks: 1) }
    }

    /// Counts an order.
    ///
    /// - Parameter amount: what was paid in the reporting currency, in ten-thousandths; nil where it was another one.
    /// - Returns: whether its products are to be counted too.
    func order(
        _ instant: Int64, _ receivedAt: Int64, channel: ChannelCode, country: StringRef?, device: StringRef?,
        isPromoted: Bool, amount: Int64?
    ) -> Bool {
        guard let place = counted(instant, receivedAt) else {
            if isHistory(instant, receivedAt) {
                history.add(pastSlot(instant), channel: channel.code, orders: 1, paid: amount)
            }
            return false
        }
        let cells = (
            Int(channel.code), live.pointee.names.countries.cell(country), live.pointee.names.devices.cell(device)
        )
        add(place, cells, isPromoted: isPromoted, clicks: 0, orders: 1, paid: amount == nil ? 0 : 1, amount ?? 0)
        if let amount {
            place.total.pointee.largest = max(place.total.pointee.largest, amount)
            let hundredths = UInt128(min(max(amount, 0) / 100, MinuteCounts.amountLimit))
            place.total.pointee.squares = place.total.pointee.squares.addingSaturated(hundredths * hundredths)
        }
        return true
    }

    private func add(
        _ place: MinuteCounts.Place, _ cells: (Int, Int, Int), isPromoted: Bool, clicks: UInt32, orders: UInt32,
        paid: UInt32, _ amount: Int64
    ) {
        let cell = MinuteCounts.Cell(clicks: clicks, orders: orders, revenue: amount, paid: paid)
        place.total.pointee.events = place.total.pointee.events.addingSaturated(clicks).addingSaturated(orders)
        place.cells[cells.0].add(cell)
        place.cells[cells.1].add(cell)
        place.cells[cells.2].add(cell)
        if isPromoted { place.cells[DimensionNames.promoted].add(cell) }
    }

    /// Counts an order's line; only for orders that `order` took.
    func item(_ instant: Int64, product: StringRef, isFirstLine: Bool, revenue: Int64) {
        live.pointee.products.add(
            product, slot: instant / (Int64(SeasonalRate.slotMinutes) * Timestamp.minute), isFirstLine: isFirstLine,
            revenue: revenue)
    }

    /// What one part of the shop did in a minute, as sums: how series that are not made of events are fed.
    package struct Bundle {
        package var channel: String
        package var country: String
        package var device: String
        package var isPromoted: Bool
        package var clicks: Int
        package var orders: Int
        /// Ten-thousandths.
        package var revenue: Int64
        /// The sum of the squares of the orders' amounts, in hundredths.
        package var squares: UInt128
        /// The largest order, in ten-thousandths.
        package var largest: Int64

        package init(
            channel: String, country: String = "VN", device: String = "android", isPromoted: Bool = false,
            clicks: Int = 0, orders: Int = 0, revenue: Int64 = 0, squares: UInt128 = 0, largest: Int64 = 0
        ) {
            self.channel = channel
            self.country = country
            self.device = device
            self.isPromoted = isPromoted
            self.clicks = clicks
            self.orders = orders
            self.revenue = revenue
            self.squares = squares
            self.largest = largest
        }
    }

    /// Counts sums that happened at an instant and arrived at another.
    package func add(_ bundle: Bundle, at instant: Int64, receivedAt: Int64) {
        arrive(receivedAt)
        guard let place = counted(instant, receivedAt) else { return }
        let code = EventWords.channels.firstIndex(of: bundle.channel).map { $0 + 1 } ?? 0
        add(
            place,
            (
                code, live.pointee.names.countries.cell(named: bundle.country),
                live.pointee.names.devices.cell(named: bundle.device)
            ), isPromoted: bundle.isPromoted, clicks: UInt32(clamping: bundle.clicks),
            orders: UInt32(clamping: bundle.orders), paid: UInt32(clamping: bundle.orders), bundle.revenue)
        place.total.pointee.largest = max(place.total.pointee.largest, bundle.largest)
        place.total.pointee.squares = place.total.pointee.squares.addingSaturated(bundle.squares)
    }

    /// Counts a line of an order in sums.
    package func add(product: String, orders: Int, revenue: Int64, at instant: Int64) {
        guard hasBegun, instant / Timestamp.minute > settled else { return }
        PaddedBytes(copying: Array(product.utf8)).withBytes { raw in
            guard let base = raw.baseAddress else { return }
            let id = StringRef(base.assumingMemoryBound(to: UInt8.self), raw.count)
            for i in 0..<orders {
                item(instant, product: id, isFirstLine: true, revenue: i == 0 ? revenue : 0)
            }
        }
    }

    // MARK: The clock

    /// Moves the clock on, when nothing arrives as well; minutes that are settled by then are judged.
    ///
    /// - Parameter instant: microseconds since 1970; every event received before it must have been applied.
    public func advance(to instant: Int64) {
        guard hasBegun else { return }
        clock = max(clock, instant / Timestamp.minute)
        while hasBegun, settled < clock - AnomalyBounds.latenessMinutes - 1 { settle(settled + 1) }
    }

    private func settle(_ minute: Int64) {
        judge(minute)
        learnShares(minute - AnomalyBounds.memoryMinutes)
        settled = minute
        if minute % 60 == 0 {
            if !history.isEmpty, history.isQuiet { historyDays += teachHistory() }
            history.rest()
        }
        if minute - state.lastEvents > AnomalyBounds.dormantMinutes { startOver() }
    }

    /// What the minute that no window reaches any more says of who usually contributes what.
    private func learnShares(_ minute: Int64) {
        let clicks = state.series[AnomalySeries.index(.clicks)].minute(minute)
        let orders = state.series[AnomalySeries.index(.orders)].minute(minute)
        guard let clicks, let orders else { return }
        let isUsual = !clicks.isAnomalous && !orders.isAnomalous
        if isUsual { shares.learn(live.pointee.counts, minute, hour: season(minute) / 60 % 24) }
        let slotMinutes = Int64(SeasonalRate.slotMinutes)
        if minute % slotMinutes == 0 { live.pointee.products.forget(before: minute / slotMinutes, teaching: isUsual) }
    }

    /// The minute of the week, from Monday 00:00 in the shop's zone.
    func season(_ minute: Int64) -> Int {
        let instant = minute * Timestamp.minute
        let local = (instant + calendar.offset(at: instant)) / Timestamp.minute
        // 1970-01-01 was a Thursday.
        return Int((local + 3 * 1_440) % 10_080)
    }

    /// After a long silence nothing that was learned is of use.
    private func startOver() {
        let ended = state.ended
        state = State()
        state.ended = ended
        live.pointee.counts.removeAll()
        live.pointee.products.removeAll()
        shares = UsualShares()
        hasBegun = false
        historyDays = 0
    }
}

extension UInt128 {
    @inline(__always)
    func addingSaturated(_ other: UInt128) -> UInt128 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
