import Events
import Glibc

extension AnomalyDetector {
    /// The most drivers told.
    private static let driversTold = 3
    /// The most of one dimension.
    private static let driversOfDimension = 2
    /// The least part of the whole difference that a driver explains.
    private static let leastContribution = 0.15

    private struct Candidate {
        var dimension: String
        var value: String
        var observed: Double
        var expected: Double
        var surprise = 0.0
    }

    /// Which parts of the shop the difference comes from.
    ///
    /// By Adtributor (Bhagwan et al., NSDI 2014): each dimension shares out the whole difference among its values; that
    /// one explains it best whose shares changed most (Jensen-Shannon divergence of expected to observed shares), and of
    /// its values those that hold most of the difference.
    func drivers(
        _ series: AnomalySeries, _ episode: AnomalyEpisode, until end: Int64, _ sums: AnomalyEpisode.Sums
    ) -> (told: [Anomaly.Driver], asUsual: [String]) {
        let difference = sums.observed - sums.expected
        guard difference != 0, let measures = AnomalyDetector.measures(series.metric) else { return ([], []) }
        let start = max(episode.start, end - AnomalyBounds.memoryMinutes)
        if let channel = series.channel { return ([], otherChannels(series.metric, but: channel, start, end)) }
        var groups: [[Candidate]] = []
        var asUsual: [String] = []
        for dimension in DimensionNames.Dimension.allCases where dimension != .promotion {
            let group = candidates(dimension, series, measures, start, end, sums)
            if dimension == .channel {
                asUsual = group.filter { AnomalyDetector.isAsUsual($0.observed, $0.expected) }.map(\.value)
            }
            groups.append(group)
        }
        if series.metric == .orders || series.metric == .revenue {
            groups.append(productCandidates(series.metric, start, end, sums))
        }
        var told: [Anomaly.Driver] = []
        let ranked = groups.map { (surprise: $0.reduce(0) { $0 + $1.surprise }, group: $0) }
            .enumerated().sorted { ($0.element.surprise, $1.offset) > ($1.element.surprise, $0.offset) }
        for (_, entry) in ranked {
            // Where all parts changed alike, naming one would mislead.
            guard entry.surprise > 0.01 else { continue }
            let best = entry.group.filter { ($0.observed - $0.expected) / difference >= Self.leastContribution }
                .sorted {
                    let a = ($0.observed - $0.expected) / difference
                    let b = ($1.observed - $1.expected) / difference
                    return a != b ? a > b : $0.value < $1.value
                }
            for candidate in best.prefix(Self.driversOfDimension) where told.count < Self.driversTold {
                told.append(
                    Anomaly.Driver(
                        dimension: candidate.dimension, value: candidate.value, observed: candidate.observed,
                        expected: candidate.expected,
                        contribution: (candidate.observed - candidate.expected) / difference))
            }
        }
        return (told, asUsual)
    }

    /// The other channels of which enough is expected to tell, and which are as usual.
    private func otherChannels(
        _ metric: AnomalyMetric, but channel: UInt8, _ start: Int64, _ end: Int64
    ) -> [String] {
        AnomalySeries.all.indices.compactMap { i in
            let other = AnomalySeries.all[i]
            guard other.metric == metric, let code = other.channel, code != channel else { return nil }
            var sums = AnomalyEpisode.Sums()
            for t in start..<end {
                guard let minute = state.series[i].minute(t) else { continue }
                sums.add(minute.observed, minute.expected, minute.exposure, minute.variance)
            }
            return AnomalyDetector.isAsUsual(sums.observed, sums.expected) ? ChannelCode(code: code).name : nil
        }
    }

    /// Whether a part is within a tenth of what is usual, or within two standard deviations where it is small.
    private static func isAsUsual(_ observed: Double, _ expected: Double) -> Bool {
        expected >= 8 && abs(observed / expected - 1) < max(0.1, 2 / expected.squareRoot())
    }

    private static func measures(
        _ metric: AnomalyMetric
    ) -> (of: UsualShares.Measure, per: UsualShares.Measure?)? {
        switch metric {
        case .clicks: (.clicks, nil)
        case .orders: (.orders, nil)
        case .revenue: (.revenue, nil)
        case .conversion: (.orders, .clicks)
        case .orderValue: (.revenue, .orders)
        default: nil
        }
    }

    private func candidates(
        _ dimension: DimensionNames.Dimension, _ series: AnomalySeries,
        _ measures: (of: UsualShares.Measure, per: UsualShares.Measure?), _ start: Int64, _ end: Int64,
        _ sums: AnomalyEpisode.Sums
    ) -> [Candidate] {
        let detector = state.series[AnomalySeries.index(series.metric)]
        let used = dimension.cells.filter { cell in
            shares.share(cell, .clicks, hour: 24) > 0 || shares.share(cell, .orders, hour: 24) > 0
                || (start..<end).contains {
                    live.pointee.counts.cell($0, cell).clicks > 0 || live.pointee.counts.cell($0, cell).orders > 0
                }
        }
        var group = used.map { cell in
            var observed = 0.0
            var expected = 0.0
            var exposure = 0.0
            for t in start..<end {
                let count = live.pointee.counts.cell(t, cell)
                observed += measures.of.value(count)
                if let per = measures.per {
                    exposure += per.value(count)
                } else {
                    expected +=
                        (detector.minute(t)?.expected ?? 0)
                        * shares.share(cell, measures.of, hour: season(t) / 60 % 24)
                }
            }
            if let per = measures.per {
                // Shares keep money in ten-thousandths.
                let unit = measures.of == .revenue ? 10_000.0 : 1
                expected = exposure * shares.ratio(cell, measures.of, per: per) / unit
            }
            return Candidate(
                dimension: dimension.word, value: live.pointee.names.name(cell), observed: observed, expected: expected)
        }
        // What the parts expect adds up to what the whole expects.
        let all = group.reduce(0) { $0 + $1.expected }
        if all > 0, sums.expected > 0 {
            for i in group.indices { group[i].expected *= sums.expected / all }
        }
        AnomalyDetector.surprise(&group)
        return group
    }

    private func productCandidates(
        _ metric: AnomalyMetric, _ start: Int64, _ end: Int64, _ sums: AnomalyEpisode.Sums
    ) -> [Candidate] {
        let slot = Int64(SeasonalRate.slotMinutes)
        let found = live.pointee.products.sums(start / slot...(max(start, end - 1)) / slot)
        let all = found.reduce(0.0) {
            $0 + (metric == .orders ? Double($1.cell.orders) : Double($1.cell.revenue) / 10_000)
        }
        guard all > 0 else { return [] }
        // Quarters of an hour reach beyond the anomaly, and orders have several lines: in proportion to the whole.
        let scale = sums.observed / all
        var group = found.map { product in
            Candidate(
                dimension: "product", value: product.name,
                observed: scale
                    * (metric == .orders ? Double(product.cell.orders) : Double(product.cell.revenue) / 1e4),
                expected: sums.expected * (metric == .orders ? product.orders : product.revenue))
        }
        AnomalyDetector.surprise(&group)
        // Among thousands of products shares always differ by chance: what stands out is one with many times its own.
        for i in group.indices
        where abs(group[i].observed - group[i].expected) < 5 * max(group[i].expected, scale).squareRoot() {
            group[i].surprise = 0
        }
        return group.filter { $0.surprise > 0 }
    }

    /// The terms of the Jensen-Shannon divergence of observed to expected shares.
    private static func surprise(_ group: inout [Candidate]) {
        let observed = group.reduce(0) { $0 + $1.observed }
        let expected = group.reduce(0) { $0 + $1.expected }
        guard observed > 0, expected > 0 else { return }
        for i in group.indices {
            let p = group[i].expected / expected
            let q = group[i].observed / observed
            func term(_ a: Double) -> Double { a > 0 ? a * log(2 * a / (p + q)) : 0 }
            group[i].surprise = 0.5 * (term(p) + term(q))
        }
    }
}
