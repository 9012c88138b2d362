import Events
import Glibc

extension AnomalyDetector {
    /// An episode in the words and numbers that are told.
    func describe(_ i: Int, _ episode: AnomalyEpisode, isOpen: Bool) -> Anomaly {
        let series = AnomalySeries.all[i]
        // While it goes on its minutes so far count, when it is over those up to its end.
        let sums = isOpen ? episode.sums : episode.best
        let end = isOpen ? (state.series[i].last + 1) : episode.bestEnd
        let length = max(1, end - episode.start)
        let window = SeriesDetector.windows.lastIndex { $0 <= length } ?? 0
        let estimate = state.series[i].estimate(window: window)
        let deviation = estimate.variance(sums.expected, extra: sums.variance).squareRoot()
        let scale = series.metric.isRatio ? max(sums.exposure, 1e-9) : 1
        let drivers = drivers(series, episode, until: end, sums)
        var kind = Anomaly.Kind.unexplained
        if series.metric == .traffic { kind = .missingData }
        if isPromotion(series, episode, until: end, sums) { kind = .promotion }
        let stake = stake(series, sums)
        let change = sums.expected > 0 ? sums.observed / sums.expected - 1 : 1
        var anomaly = Anomaly(
            id: AnomalyDetector.id(i, episode), incident: state.incidents[i] ?? AnomalyDetector.id(i, episode),
            metric: series.metric.word, channel: series.channel.map { ChannelCode(code: $0).name },
            direction: episode.isUp ? "up" : "down", kind: kind, severity: .info,
            start: Timestamp.text(episode.start * Timestamp.minute, fraction: 0),
            end: isOpen ? nil : Timestamp.text(end * Timestamp.minute, fraction: 0),
            noticed: Timestamp.text((episode.alarmedAt + 1) * Timestamp.minute, fraction: 0),
            observed: sums.observed / scale, expected: sums.expected / scale,
            expectedLow: max(0, sums.expected - 2.576 * deviation) / scale,
            expectedHigh: (sums.expected + 2.576 * deviation) / scale,
            improbability: min(episode.score, 1_000), stake: stake, drivers: drivers.told, summary: "",
            startMinute: episode.start, endMinute: isOpen ? nil : end, noticedMinute: episode.alarmedAt + 1)
        anomaly.severity = severity(series, anomaly, change: change, sums)
        anomaly.summary = words(series, anomaly, change, drivers.asUsual)
        return anomaly
    }

    /// What it cost (below zero) or brought, in the reporting currency.
    private func stake(_ series: AnomalySeries, _ sums: AnomalyEpisode.Sums) -> Double? {
        let orderValue = state.series[AnomalySeries.index(.orderValue)].profile.average
        let conversion = state.series[AnomalySeries.index(.conversion)].profile.average
        let difference = sums.observed - sums.expected
        switch series.metric {
        case .orders, .conversion: return difference * orderValue
        case .revenue, .orderValue: return difference
        case .clicks: return difference * conversion * orderValue
        case .traffic:
            let traffic = state.series[0].profile.average
            let revenue = state.series[AnomalySeries.index(.revenue)].profile.average
            return traffic > 0 ? difference * revenue / traffic : nil
        case .quarantineShare, .lateShare, .duplicateShare: return nil
        }
    }

    /// Both how improbable it is and what is at stake: critical are great losses only, and data that are missing or
    /// refused; what is more than usual is a warning at most, a promotion only ever told.
    private func severity(
        _ series: AnomalySeries, _ anomaly: Anomaly, change: Double, _ sums: AnomalyEpisode.Sums
    ) -> Anomaly.Severity {
        let day = state.series[AnomalySeries.index(.revenue)].profile.usualDay
        let part = day > 0 ? abs(anomaly.stake ?? 0) / day : 0
        switch series.metric {
        case _ where anomaly.kind == .promotion: return .info
        case .traffic: return part >= 0.005 || sums.exposure >= 15 ? .critical : .warning
        case .quarantineShare:
            guard anomaly.direction == "up" else { return .info }
            return anomaly.observed >= 0.1 ? .critical : anomaly.observed >= 0.01 ? .warning : .info
        case .lateShare, .duplicateShare:
            return anomaly.direction == "up" && anomaly.observed >= 0.05 ? .warning : .info
        default: break
        }
        if anomaly.direction == "down" {
            if anomaly.improbability >= 10, change <= -0.5 && part >= 0.002 || part >= 0.02 { return .critical }
            return change <= -0.3 || part >= 0.005 ? .warning : .info
        }
        // More than usual is often a mistake as well: prices, robots, orders sent twice.
        return change >= 0.5 && (part >= 0.005 || series.metric == .clicks || series.metric == .orders)
            ? .warning : .info
    }

    /// Whether promoted orders or clicks make up most of what is more; or, where it is a ratio, whether promoted orders
    /// are at least twice their usual share and a third of all.
    private func isPromotion(
        _ series: AnomalySeries, _ episode: AnomalyEpisode, until end: Int64, _ sums: AnomalyEpisode.Sums
    ) -> Bool {
        let measure: UsualShares.Measure
        switch series.metric {
        case .clicks where series.channel == nil: measure = .clicks
        case .revenue: measure = .revenue
        case .orders where series.channel == nil: measure = .orders
        case .clicks, .orders, .conversion, .orderValue: measure = series.metric == .clicks ? .clicks : .orders
        default: return false
        }
        let isCount = !series.metric.isRatio && series.channel == nil
        guard episode.isUp || series.metric == .orderValue else { return false }
        let (observed, expected, all) = promoted(measure, episode, until: end)
        if isCount { return observed - expected >= 0.5 * (sums.observed - sums.expected) }
        return observed >= 2 * expected && observed >= all / 3
    }

    /// What was promoted, what usually is, and everything.
    private func promoted(
        _ measure: UsualShares.Measure, _ episode: AnomalyEpisode, until end: Int64
    ) -> (observed: Double, expected: Double, all: Double) {
        var observed = 0.0
        var expected = 0.0
        var all = 0.0
        let usual = measure == .clicks ? AnomalyMetric.clicks : measure == .orders ? .orders : .revenue
        let detector = state.series[AnomalySeries.index(usual)]
        for t in max(episode.start, end - AnomalyBounds.memoryMinutes)..<end {
            observed += measure.value(live.pointee.counts.cell(t, DimensionNames.promoted))
            all += measure.value(live.pointee.counts.sum(t))
            let share = shares.share(DimensionNames.promoted, measure, hour: season(t) / 60 % 24)
            expected += (detector.minute(t)?.expected ?? 0) * share
        }
        return (observed, expected, all)
    }

    private func words(
        _ series: AnomalySeries, _ anomaly: Anomaly, _ change: Double, _ asUsual: [String]
    ) -> String {
        let of = anomaly.channel.map { " from \($0)" } ?? ""
        let metric = series.metric.name
        if series.metric == .traffic { return "no events at all: the shop, its trackers or the way to here are down" }
        var text = "\(metric)\(of) \(AnomalyDetector.percent(change)) of what is usual"
        if anomaly.kind == .promotion { text += ", most of it promoted" }
        if !anomaly.drivers.isEmpty {
            text +=
                ": "
                + anomaly.drivers.map { driver in
                    let change = driver.expected > 0 ? driver.observed / driver.expected - 1 : .infinity
                    let what = driver.dimension == "promotion" ? driver.value : "\(driver.dimension) \(driver.value)"
                    return "\(what) " + (change.isFinite ? AnomalyDetector.percent(change) : "new")
                }.joined(separator: ", ")
        }
        if !asUsual.isEmpty { text += "; \(asUsual.joined(separator: ", ")) as usual" }
        return text
    }

    /// A change in per cent with its sign: `−62 %`.
    static func percent(_ change: Double) -> String {
        guard change.isFinite else { return "new" }
        let percent = min(max((change * 100).rounded(), -1e9), 1e9)
        return "\(percent < 0 ? "−" : "+")\(Int64(abs(percent))) %"
    }
}

extension AnomalyMetric {
    var name: String {
        switch self {
        case .orderValue: "order value"
        case .quarantineShare: "share of rejected events"
        case .lateShare: "share of late events"
        case .duplicateShare: "share of duplicates"
        default: word
        }
    }
}

extension UsualShares.Measure {
    /// A cell's count of it; money in currency units.
    func value(_ cell: MinuteCounts.Cell) -> Double {
        switch self {
        case .clicks: Double(cell.clicks)
        case .orders: Double(cell.orders)
        case .revenue: Double(cell.revenue) / 10_000
        }
    }
}
