public import Events
import Glibc

/// What an event does to the live state.
extension ShopStream {
    /// Applies a batch, all of one topic, in the log's order.
    public func apply(_ batch: EventBatch, topic: Topic) {
        guard batch.count > 0 else { return }
        let now = clock()
        let columns = batch.columns
        // All of a batch are of one frame and arrived together.
        let receivedAt = columns.receivedAts[0]
        let state = state
        let today = state.pointee.calendar.day(of: now)
        state.pointee.products.begin(day: today)
        state.pointee.cube.arrive(receivedAt)
        let arrivalDay = state.pointee.calendar.day(of: state.pointee.cube.clock)
        if state.pointee.cube.tidy(today: arrivalDay) { state.pointee.sessions.tidy(today: arrivalDay) }
        if ShopStream.hasVisits(topic) {
            var highest = Int64.min
            for row in 0..<batch.count { highest = max(highest, columns.timestamps[row]) }
            state.pointee.sessions.arrive(receivedAt, partition: Int(columns.partitions[0]), highest: highest)
        }
        let moment = Moment(today: today, oldestMinute: now / Timestamp.minute - SalesJob.minutesKept, arrivalDay)
        let before = state.pointee.counters
        anomalies.arrive(receivedAt)
        for row in 0..<batch.count {
            if row % BatchHashes.events == 0 {
                let next = row..<min(row + BatchHashes.events, batch.count)
                hashes.take(columns, next, topic, state, isApplied: true)
            }
            if topic == .purchases, watchesFraud, row % FraudScorer.ahead == 0 {
                fraud.prefetch(columns, row..<min(row + FraudScorer.ahead, batch.count))
            }
            state.pointee.counters.events &+= 1
            guard isNew(row) else { continue }
            let instant = columns.timestamps[row]
            if receivedAt &- instant > ShopStream.lateAfter { state.pointee.counters.late &+= 1 }
            switch topic {
            case .clicks: click(columns, row, instant, moment)
            case .carts: cart(columns, row, instant, moment)
            case .purchases: purchase(batch, columns, row, instant, moment)
            case .orders:
                if watchesFraud { fraud.orderStatus(columns, row) }
                anomalies.other(instant, receivedAt)
            case .searches, .wishlists:
                anomalies.other(instant, receivedAt)
                visit(.other, columns, row, instant)
            case .stock:
                anomalies.other(instant, receivedAt)
                state.pointee.stock.change(
                    columns.strings(.productID)[row], columns.strings(.warehouseID)[row],
                    by: columns.integers(.change)[row], at: instant)
            default: anomalies.other(instant, receivedAt)
            }
        }
        flush(moment)
        let counters = state.pointee.counters
        anomalies.arrived(
            receivedAt, accepted: batch.count, late: counters.late - before.late,
            duplicates: counters.duplicates + counters.conflicts - before.duplicates - before.conflicts)
    }

    /// Remembers the event ids of a batch without counting anything: how their filter is filled again after a restart.
    public func remember(_ batch: EventBatch, topic: Topic) {
        for row in 0..<batch.count {
            if row % BatchHashes.events == 0 {
                let next = row..<min(row + BatchHashes.events, batch.count)
                hashes.take(batch.columns, next, topic, state, isApplied: false)
            }
            _ = state.pointee.ids.check(hashes.id(row), content: hashes.content(row))
        }
    }

    /// What is current while a batch is applied.
    struct Moment {
        /// The business day of the clock.
        let today: Int32
        /// The oldest minute that is kept, by the clock.
        let oldestMinute: Int64
        /// The business day of the newest arrival.
        let arrivalDay: Int32

        init(today: Int32, oldestMinute: Int64, _ arrivalDay: Int32) {
            self.today = today
            self.oldestMinute = oldestMinute
            self.arrivalDay = arrivalDay
        }
    }

    @inline(__always)
    private func isNew(_ row: Int) -> Bool {
        switch state.pointee.ids.check(hashes.id(row), content: hashes.content(row)) {
        case .new:
            return true
        case .duplicate:
            state.pointee.counters.duplicates &+= 1
            return false
        case .conflict:
            state.pointee.counters.conflicts &+= 1
            return false
        }
    }

    /// Whether a topic's events belong to the sessions of users.
    @inline(__always)
    static func hasVisits(_ topic: Topic) -> Bool {
        switch topic {
        case .clicks, .carts, .purchases, .searches, .wishlists: true
        default: false
        }
    }

    @inline(__always)
    private func text(_ field: EventField, _ columns: EventBatch.Columns, _ row: Int) -> StringRef? {
        columns.presence[row] & field.bit != 0 ? columns.strings(field)[row] : nil
    }

    @inline(__always)
    private func funnel(_ type: EventType, _ row: Int, _ instant: Int64) {
        let session = hashes.session(row)
        guard owns(session) else { return }
        state.pointee.funnel.add(type, session: session, at: instant, calendar: &state.pointee.calendar)
    }

    @inline(__always)
    private func visit(
        _ step: Visit.Step, _ columns: EventBatch.Columns, _ row: Int, _ instant: Int64, amount: Int64 = 0
    ) {
        state.pointee.sessions.add(
            step, key: hashes.visitor(row), hashes.channel(row),
            page: step == .click ? (hashes.page(row), columns.strings(.page)[row]) : nil, amount: amount,
            at: Visit.Place(time: instant, offset: columns.offsets[row]))
    }

    /// Views and carts are summed up by channel as long as they are of one minute, and then counted at once.
    @inline(__always)
    private func tally(_ instant: Int64, _ moment: Moment) {
        let minute = instant / Timestamp.minute
        guard minute != state.pointee.tally.minute else { return }
        flush(moment)
        state.pointee.tally.minute = minute
        state.pointee.tally.instant = instant
    }

    private func flush(_ moment: Moment) {
        guard state.pointee.tally.minute != .min else { return }
        let instant = state.pointee.tally.instant
        let day = state.pointee.calendar.day(of: instant)
        let cell = state.pointee.cube.moment(
            instant, day: day, today: moment.arrivalDay, offset: state.pointee.calendar.offset(at: instant))
        for code in 0..<ChannelCode.count {
            let counted = state.pointee.tally.counts[code]
            guard counted.clicks | counted.carts != 0 else { continue }
            var totals = SalesTotals()
            totals.clicks = counted.clicks
            totals.carts = counted.carts
            let channel = ChannelCode(code: UInt8(code))
            let none = CurrencyCode(code: 0)
            state.pointee.sales.count(
                totals, minute: state.pointee.tally.minute, day: day, channel: channel, currency: none,
                oldestMinute: moment.oldestMinute)
            state.pointee.cube.count(totals, channel: channel, none, cell)
        }
        state.pointee.tally.clear()
    }

    @inline(__always)
    private func click(_ columns: EventBatch.Columns, _ row: Int, _ instant: Int64, _ moment: Moment) {
        let channel = hashes.channel(row)
        anomalies.click(
            instant, columns.receivedAts[row], channel: channel, country: text(.country, columns, row),
            device: text(.device, columns, row),
            isPromoted: columns.presence[row] & EventField.campaign.bit != 0)
        tally(instant, moment)
        state.pointee.tally.counts[Int(channel.code)].clicks &+= 1
        funnel(.click, row, instant)
        visit(.click, columns, row, instant)
        if state.pointee.calendar.day(of: instant) == moment.today {
            state.pointee.products.product(columns.strings(.productID)[row], hashes.product(row))?.pointee.clicks += 1
        }
    }

    @inline(__always)
    private func cart(_ columns: EventBatch.Columns, _ row: Int, _ instant: Int64, _ moment: Moment) {
        tally(instant, moment)
        state.pointee.tally.counts[Int(hashes.channel(row).code)].carts &+= 1
        visit(.cart, columns, row, instant)
        anomalies.other(instant, columns.receivedAts[row])
        funnel(.cart, row, instant)
    }

    /// The key of a purchase's order. An empty order id names no order, so it never merges two purchases.
    @inline(__always)
    static func orderKey(_ columns: EventBatch.Columns, _ row: Int) -> IDKey? {
        guard columns.presence[row] & EventField.orderID.bit != 0 else { return nil }
        let order = columns.strings(.orderID)[row]
        guard order.count > 0 else { return nil }
        let hash = KeyHash(order.start, count: order.count)
        return IDKey(high: hash.nonzero, rest: UInt32(truncatingIfNeeded: hash.low))
    }

    @inline(__always)
    private func purchase(
        _ batch: EventBatch, _ columns: EventBatch.Columns, _ row: Int, _ instant: Int64, _ moment: Moment
    ) {
        let state = state
        let channel = hashes.channel(row)
        funnel(.purchase, row, instant)
        if let key = ShopStream.orderKey(columns, row) {
            if state.pointee.orders.contains(key) {
                visit(.other, columns, row, instant)
                state.pointee.counters.repeatedOrders &+= 1
                return
            }
            _ = state.pointee.orders.slot(key)
        }
        let day = state.pointee.calendar.day(of: instant)
        let currency = CurrencyCode(columns.strings(.currency)[row])
        let amount = columns.moneys(.totalAmount)[row]
        visit(.order, columns, row, instant, amount: currency == reportingCurrency ? amount : 0)
        let cell = state.pointee.cube.moment(
            instant, day: day, today: moment.arrivalDay, offset: state.pointee.calendar.offset(at: instant))
        let items = batch.items(row)
        for item in items { state.pointee.cube.prefetch(.product, columns.itemProducts[item], currency, cell) }
        state.pointee.cube.prefetch(.store, text(.storeID, columns, row), currency, cell)
        state.pointee.cube.prefetch(.country, text(.country, columns, row), currency, cell)
        // Scored while the memory of the sums is on its way.
        if watchesFraud { fraud.purchase(batch, columns, row) }
        let isWatched = anomalies.order(
            instant, columns.receivedAts[row], channel: channel, country: text(.country, columns, row),
            device: text(.device, columns, row),
            isPromoted: columns.presence[row] & (EventField.coupon.bit | EventField.campaign.bit) != 0,
            amount: currency == reportingCurrency ? amount : nil)
        var totals = SalesTotals()
        totals.orders = 1
        totals.revenue = Int128(amount)
        for item in items {
            let quantity = Int64(columns.itemQuantities[item])
            totals.units &+= quantity
            // An order that holds a product on two lines is one order of it.
            let isRepeated = (items.lowerBound..<item).contains {
                isSame(columns.itemProducts[$0], columns.itemProducts[item])
            }
            var line = SalesTotals()
            line.orders = isRepeated ? 0 : 1
            line.units = quantity
            line.revenue = Int128(quantity) * Int128(columns.itemPrices[item])
            state.pointee.cube.count(line, .product, columns.itemProducts[item], currency, cell)
            if isWatched {
                anomalies.item(
                    instant, product: columns.itemProducts[item], isFirstLine: item == items.lowerBound,
                    revenue: currency == reportingCurrency
                        ? quantity.multipliedSaturated(by: columns.itemPrices[item]) : 0)
            }
            guard day == moment.today, let product = state.pointee.products.product(columns.itemProducts[item]) else {
                continue
            }
            product.pointee.units += quantity
            product.pointee.orders += line.orders
            if currency == reportingCurrency { product.pointee.revenue += line.revenue }
        }
        state.pointee.sales.count(
            totals, minute: instant / Timestamp.minute, day: day, channel: channel, currency: currency,
            oldestMinute: moment.oldestMinute)
        state.pointee.cube.count(totals, channel: channel, currency, cell)
        state.pointee.cube.count(totals, .store, text(.storeID, columns, row), currency, cell)
        state.pointee.cube.count(totals, .country, text(.country, columns, row), currency, cell)
    }

    private func isSame(_ a: StringRef, _ b: StringRef) -> Bool {
        a.count == b.count && memcmp(a.start, b.start, a.count) == 0
    }
}
