package import EventLog
import Events

extension ShopStream {
    /// How many minutes the view shows.
    static let minutesShown: Int64 = 60
    /// How many products it ranks.
    static let productsShown = 10

    /// The view of this moment. Forgets the minutes that have gone by.
    package func view(
        now: Int64, commit: Int64, cut: LogCut, eventsPerSecond: Double, freshness: LiveView.Freshness,
        anomalies: AnomalyReport = AnomalyReport()
    ) -> LiveView {
        let today = state.pointee.calendar.day(of: now)
        let thisMinute = now / Timestamp.minute
        state.pointee.sales.forgetMinutes(before: thisMinute - SalesJob.minutesKept)
        var byChannel = [SalesTotals](repeating: SalesTotals(), count: ChannelCode.count)
        var others: [UInt16: SalesTotals] = [:]
        state.pointee.sales.days.forEach { key, totals in
            let parts = SalesJob.parts(key)
            guard parts.time == Int64(today) else { return }
            if parts.currency.code == 0 || parts.currency == reportingCurrency {
                byChannel[Int(parts.channel.code)] += totals.pointee
            } else {
                others[parts.currency.code, default: SalesTotals()] += totals.pointee
            }
        }
        let all = byChannel.reduce(into: SalesTotals()) { $0 += $1 }
        let reached = state.pointee.funnel.days[today] ?? FunnelTotals()
        return LiveView(
            commit: commit, at: Timestamp.text(now), businessDay: Timestamp.dateText(ofDay: Int64(today)),
            timezone: calendar.name, currency: reportingCurrency.name,
            today: LiveView.Today(
                orders: all.orders, revenue: all.revenueText, units: all.units, clicks: all.clicks,
                carts: all.carts, aov: Money.average(all.revenue, over: all.orders)),
            eventsPerSecond: eventsPerSecond, minutes: minutes(thisMinute),
            channels: byChannel.enumerated().filter { $0.element != SalesTotals() }.map { code, totals in
                LiveView.Channel(
                    channel: ChannelCode(code: UInt8(code)).name, orders: totals.orders,
                    revenue: totals.revenueText, clicks: totals.clicks, carts: totals.carts)
            },
            funnel: LiveView.Funnel(views: reached.views, carts: reached.carts, purchases: reached.purchases),
            topProducts: state.pointee.products.day == today ? topProducts() : [],
            totals: LiveView.Totals(
                received: cut.totals.received, accepted: cut.totals.accepted, quarantined: cut.totals.quarantined,
                duplicates: counters.duplicates, late: counters.late, conflicts: counters.conflicts),
            otherCurrencies: others.sorted { $0.key < $1.key }.map { code, totals in
                LiveView.OtherCurrency(
                    currency: CurrencyCode(code: code).name, orders: totals.orders,
                    revenue: totals.revenueText)
            },
            freshness: freshness,
            anomalies: anomalies.filtered(since: now - Timestamp.day, limit: LiveView.anomaliesShown),
            fraud: fraud.report().filtered(limit: LiveView.fraudAlertsShown))
    }

    private func minutes(_ thisMinute: Int64) -> [LiveView.Minute] {
        var found: [Int64: [SalesTotals]] = [:]
        state.pointee.sales.minutes.forEach { key, totals in
            let parts = SalesJob.parts(key)
            guard parts.time > thisMinute - ShopStream.minutesShown, parts.time <= thisMinute,
                parts.currency.code == 0 || parts.currency == reportingCurrency
            else { return }
            var channels = found[parts.time] ?? Array(repeating: SalesTotals(), count: ChannelCode.count)
            channels[Int(parts.channel.code)] += totals.pointee
            found[parts.time] = channels
        }
        return found.sorted { $0.key < $1.key }.map { minute, channels in
            let all = channels.reduce(into: SalesTotals()) { $0 += $1 }
            var named: [String: LiveView.Counts] = [:]
            for (code, totals) in channels.enumerated() where totals != SalesTotals() {
                named[ChannelCode(code: UInt8(code)).name] = LiveView.Counts(
                    orders: totals.orders, revenue: totals.revenueText, clicks: totals.clicks,
                    carts: totals.carts)
            }
            return LiveView.Minute(
                minute: Timestamp.text(minute * Timestamp.minute, fraction: 0), orders: all.orders,
                revenue: all.revenueText, clicks: all.clicks, carts: all.carts, channels: named)
        }
    }

    private func topProducts() -> [LiveView.Product] {
        state.pointee.products.top(ShopStream.productsShown).map { id, totals in
            LiveView.Product(
                productID: id, units: totals.units, revenue: Money.text(tenThousandths: totals.revenue),
                orders: totals.orders, clicks: totals.clicks)
        }
    }
}
