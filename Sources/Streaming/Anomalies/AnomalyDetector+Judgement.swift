import Events

extension AnomalyDetector {
    /// The share of the expected events below which missing data go on being missing.
    private static let missingShare = 0.05
    /// What is left of the orders' amounts a minute later: half after two weeks.
    private static let amountsKeep = 1 - 0.693_147 / (14 * 1_440)

    /// Whether enough was learned for alarms.
    func isTesting(_ minute: Int64) -> Bool {
        hasBegun && minute - firstMinute >= AnomalyBounds.warmUpLiveMinutes
            && Double(minute - firstMinute) / 1_440 + historyDays >= AnomalyBounds.warmUpDays
    }

    /// Judges one minute in all series.
    func judge(_ minute: Int64) {
        let total = live.pointee.counts.totalIfKept(minute)
        let sum = live.pointee.counts.sum(minute)
        let minuteOfWeek = season(minute)
        let taught = season(minute - AnomalyBounds.memoryMinutes)
        let testing = isTesting(minute)
        learnAmounts(sum, total)
        noteMissing(minute, Double(total.events), minuteOfWeek, testing)
        let isBlind = state.missing != nil
        // What one visit holds is known sooner of all channels together than of a small one.
        let visit = state.series[AnomalySeries.index(.clicks)].estimate(window: 0).unit
        for (i, one) in AnomalySeries.all.enumerated() {
            let (observed, exposure, floor) = reading(one, minute, sum, total)
            state.series[i].unitFloor = one.metric == .clicks && one.channel != nil ? visit : floor
            let isMoney = one.metric == .revenue || one.metric == .orderValue
            let change = state.series[i].step(
                minute, observed: observed, exposure: exposure, minuteOfWeek: minuteOfWeek,
                isBlind: isBlind && !one.metric.isError, isTesting: testing, taughtMinuteOfWeek: taught,
                largest: { isMoney ? self.largest(minute, $0) : 0 })
            switch change {
            case .opened: opened(i)
            case .closed(let episode, let isNormal): closed(i, episode, isNormal: isNormal)
            case nil: break
            }
        }
        forgetEnded(minute)
    }

    /// What a series reads in a minute: the count, what it is out of, and the least that one bundle counts for.
    private func reading(
        _ series: AnomalySeries, _ minute: Int64, _ sum: MinuteCounts.Cell, _ total: MinuteCounts.Total
    ) -> (observed: Double, exposure: Double, unitFloor: Double) {
        switch (series.metric, series.channel) {
        case (.traffic, _): return (Double(total.events), 1, 1)
        case (.clicks, let channel?): return (Double(live.pointee.counts.cell(minute, Int(channel)).clicks), 1, 1)
        case (.orders, let channel?): return (Double(live.pointee.counts.cell(minute, Int(channel)).orders), 1, 1)
        case (.clicks, nil): return (Double(sum.clicks), 1, 1)
        case (.orders, nil): return (Double(sum.orders), 1, 1)
        case (.revenue, _): return (Double(sum.revenue) / 10_000, 1, max(moneyUnit.perOrder, 1e-4))
        case (.conversion, _): return (Double(sum.orders), Double(sum.clicks), 1)
        case (.orderValue, _):
            return (Double(sum.revenue) / 10_000, Double(sum.paid), max(moneyUnit.withinOrders, 1e-4))
        case (.quarantineShare, _): return (Double(total.quarantined), Double(total.received), 1)
        case (.lateShare, _): return (Double(total.late), Double(total.accepted), 1)
        case (.duplicateShare, _): return (Double(total.duplicates), Double(total.accepted), 1)
        }
    }

    private func learnAmounts(_ sum: MinuteCounts.Cell, _ total: MinuteCounts.Total) {
        state.amounts = state.amounts * Self.amountsKeep + Double(sum.revenue) / 10_000
        state.squares = state.squares * Self.amountsKeep + Double(total.squares) / 10_000
        state.amountCount = state.amountCount * Self.amountsKeep + Double(sum.paid)
    }

    /// Variance over mean of money: of a sum over a random number of orders, E[v²]/E[v]; and of a sum over a given
    /// number of them, Var[v]/E[v].
    private var moneyUnit: (perOrder: Double, withinOrders: Double) {
        guard state.amountCount > 0, state.amounts > 0 else { return (1, 1) }
        let mean = state.amounts / state.amountCount
        let perOrder = max(state.squares / state.amounts, mean)
        return (perOrder, max(perOrder - mean, mean * 0.1))
    }

    private func largest(_ minute: Int64, _ window: Int64) -> Double {
        var largest: Int64 = 0
        for t in (minute - window + 1)...minute { largest = max(largest, live.pointee.counts.totalIfKept(t).largest) }
        return Double(largest) / 10_000
    }

    // MARK: Missing data

    /// Tells a hole from zeros: so long without any event of any kind as would not happen once in 10⁸.
    private func noteMissing(_ minute: Int64, _ events: Double, _ minuteOfWeek: Int, _ isTesting: Bool) {
        let traffic = state.series[0]
        let level = traffic.open?.level ?? traffic.level(unit: traffic.estimate(window: 0).unit)
        let usual = traffic.expectation(minuteOfWeek: minuteOfWeek)
        let expected = (usual?.rate ?? 0) * level
        defer { if events > 0 { state.lastEvents = minute } }
        if var episode = state.missing {
            if events > Self.missingShare * expected {
                state.missing = nil
                episode.bestEnd = minute
                closed(0, episode, isNormal: false)
            } else {
                episode.sums.add(events, expected, 1, usual?.variance ?? 0)
                episode.best = episode.sums
                episode.bestEnd = minute + 1
                episode.score = max(episode.score, missingScore(episode.sums))
                state.missing = episode
            }
            return
        }
        guard events == 0, isTesting, state.lastEvents < minute else { return }
        let start = max(state.lastEvents + 1, minute - AnomalyBounds.memoryMinutes + 1)
        var sums = AnomalyEpisode.Sums()
        for t in start..<minute {
            guard let past = traffic.minute(t) else { continue }
            sums.add(0, past.expected, 1, past.variance)
        }
        sums.add(0, expected, 1, usual?.variance ?? 0)
        let score = missingScore(sums)
        guard score >= AnomalyBounds.threshold else { return }
        var episode = AnomalyEpisode(
            start: start, isUp: false, level: level, window: minute - start + 1, alarmedAt: minute, score: score,
            bestEnd: minute + 1)
        episode.sums = sums
        episode.best = sums
        state.missing = episode
        state.incidents[0] = incident(of: 0, episode)
        for i in state.series.indices where !AnomalySeries.all[i].metric.isError { state.series[i].blind(from: start) }
    }

    private func missingScore(_ sums: AnomalyEpisode.Sums) -> Double {
        let length = Int64(sums.exposure)
        let window = SeriesDetector.windows.lastIndex { $0 <= length } ?? 0
        return SeriesDetector.score(sums, isUp: false, state.series[0].estimate(window: window))
    }

    // MARK: Opening and closing

    private func opened(_ i: Int) {
        guard AnomalySeries.all[i].metric != .traffic, let episode = state.series[i].open else { return }
        let before = state.ended.lastIndex {
            $0.series == i && $0.episode.isUp == episode.isUp && $0.anomaly.kind != .newNormal
                && episode.start - $0.episode.bestEnd <= AnomalyBounds.mergeMinutes
        }
        if let before {
            state.series[i].reopen(state.ended[before].episode)
            state.incidents[i] = state.ended[before].anomaly.incident
            state.ended.remove(at: before)
        } else {
            state.incidents[i] = incident(of: i, episode)
        }
    }

    /// The incident of one that overlaps it or ended a quarter of an hour before it began at most; else its own id.
    private func incident(of i: Int, _ episode: AnomalyEpisode) -> String {
        for other in state.series.indices where other != i {
            if state.series[other].open != nil, let incident = state.incidents[other] { return incident }
        }
        if i != 0, state.missing != nil, let incident = state.incidents[0] { return incident }
        let recent = state.ended.last { episode.start - $0.episode.bestEnd <= AnomalyBounds.latenessMinutes }
        return recent?.anomaly.incident ?? Self.id(i, episode)
    }

    private func closed(_ i: Int, _ episode: AnomalyEpisode, isNormal: Bool) {
        defer { state.incidents[i] = nil }
        guard AnomalySeries.all[i].metric != .traffic || !isNormal && state.incidents[0] != nil else { return }
        var anomaly = describe(i, episode, isOpen: false)
        if isNormal { anomaly.kind = .newNormal }
        state.ended.append(Ended(series: i, episode: episode, anomaly: anomaly, json: anomaly.json))
    }

    private func forgetEnded(_ minute: Int64) {
        let oldest = minute - AnomalyBounds.rememberedDays * 1_440
        while state.ended.count > AnomalyBounds.remembered || (state.ended.first?.episode.bestEnd ?? .max) < oldest {
            state.ended.removeFirst()
        }
    }

    static func id(_ i: Int, _ episode: AnomalyEpisode) -> String {
        let series = AnomalySeries.all[i]
        let channel = series.channel.map { "." + ChannelCode(code: $0).name } ?? ""
        return "\(series.metric.word)\(channel).\(episode.isUp ? "up" : "down")."
            + Timestamp.text(episode.start * Timestamp.minute, fraction: 0)
    }

    // MARK: Telling

    /// Everything that is known now: what is over, what is settled and goes on, and what the minutes not settled yet
    /// show so far.
    public func report() -> AnomalyReport {
        var report = AnomalyReport()
        guard hasBegun else {
            report.waitsFor = "live events"
            report.anomalies = state.ended.reversed().map(\.anomaly)
            return report
        }
        report.isReady = isTesting(clock)
        if !report.isReady {
            let live = AnomalyBounds.warmUpLiveMinutes
            let days = Int64((AnomalyBounds.warmUpDays - historyDays) * 1_440)
            let ready = Timestamp.text((firstMinute + max(live, days)) * Timestamp.minute, fraction: 0)
            report.waitsFor = "enough history: alarms begin at \(ready)"
        }
        report.settledUntil = Timestamp.text((settled + 1) * Timestamp.minute, fraction: 0)
        let kept = state
        let until = clock - 1 - AnomalyBounds.settleMinutes
        if settled < until { for minute in (settled + 1)...until { judge(minute) } }
        var all = state.ended.map(\.anomaly)
        if let missing = state.missing { all.append(describe(0, missing, isOpen: true)) }
        for i in state.series.indices where AnomalySeries.all[i].metric != .traffic {
            if let episode = state.series[i].open { all.append(describe(i, episode, isOpen: true)) }
        }
        state = kept
        report.anomalies = all.sorted { ($0.startMinute, $1.id) > ($1.startMinute, $0.id) }
        return report
    }

    /// Anomalies that are over for good.
    package var endedAnomalies: [Anomaly] { state.ended.map(\.anomaly) }
}
