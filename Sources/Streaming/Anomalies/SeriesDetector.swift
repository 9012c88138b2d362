/// Judges one series minute by minute: what is usual, how far sums over six windows stray from it, when an anomaly began
/// and ended. Plain data: a copy of it can look ahead without leaving a trace.
struct SeriesDetector: Equatable {
    /// The windows that alarm, in minutes: the shortest for large shops, the longest for small ones.
    static let windows: [Int64] = [1, 5, 15, 60, 240, 720]
    /// The level forgets half in so many minutes.
    static let levelKeep = 1 - 0.693_147 / 360
    /// The level is drawn towards what the profile says by so many bundles.
    static let levelPrior = 50.0
    private static let mask = Int64(AnomalyBounds.ringMinutes - 1)

    /// One minute as the series saw it.
    struct Minute: BitwiseCopyable, Equatable {
        var observed = 0.0
        var exposure = 0.0
        /// The expectation at level 1; 0 where there is none.
        var base = 0.0
        var variance = 0.0
        var level = 1.0
        /// The level's sums before this minute.
        var levelObserved = 0.0
        var levelBase = 0.0
        private var anomalous: UInt8 = 0
        var isAnomalous: Bool {
            get { anomalous != 0 }
            set { anomalous = newValue ? 1 : 0 }
        }
        /// Sums of all that counts up to here.
        var sums = AnomalyEpisode.Sums()

        var expected: Double { base * level }
    }

    /// What a minute brought.
    enum Change: Equatable {
        case opened
        case closed(AnomalyEpisode, isNormal: Bool)
    }

    var profile = SeasonalRate()
    var dispersions = [Dispersion](repeating: Dispersion(), count: windows.count)
    var minutes = [Minute](repeating: Minute(), count: AnomalyBounds.ringMinutes)
    /// The first and the last minute judged; last < first before the first.
    var first: Int64 = 0
    var last: Int64 = -1
    var levelObserved = 0.0
    var levelBase = 0.0
    var open: AnomalyEpisode?
    /// The smallest unit of variance over mean.
    var unitFloor = 1.0
    // The slot that is being gathered for teaching.
    var slot = -1
    var gathered = AnomalyEpisode.Sums()
    var isDoubtful = false

    init() {}

    /// The minute's numbers, if it is among those kept.
    func minute(_ t: Int64) -> Minute? {
        t >= first && t <= last && t > last - Int64(AnomalyBounds.ringMinutes)
            ? minutes[Int(t & SeriesDetector.mask)] : nil
    }

    /// The variance of sums over a window; the prior of each window is the estimate of the shorter one.
    func estimate(window index: Int) -> Dispersion.Estimate {
        var estimate = Dispersion.Estimate(unit: unitFloor, relative: 0.02)
        for i in 0...index {
            estimate = dispersions[i].estimate(prior: estimate, priorWeight: 20 * Double(SeriesDetector.windows[i]))
            estimate.unit = max(estimate.unit, unitFloor)
            estimate.relative = max(estimate.relative, 0.000_5)
        }
        return estimate
    }

    private func estimates() -> [Dispersion.Estimate] {
        var all: [Dispersion.Estimate] = []
        all.reserveCapacity(SeriesDetector.windows.count)
        var estimate = Dispersion.Estimate(unit: unitFloor, relative: 0.02)
        for (i, dispersion) in dispersions.enumerated() {
            estimate = dispersion.estimate(prior: estimate, priorWeight: 20 * Double(SeriesDetector.windows[i]))
            estimate.unit = max(estimate.unit, unitFloor)
            estimate.relative = max(estimate.relative, 0.000_5)
            all.append(estimate)
        }
        return all
    }

    /// How a stretch is judged: −log₁₀ of its probability, towards one side.
    static func score(
        _ sums: AnomalyEpisode.Sums, isUp: Bool, _ estimate: Dispersion.Estimate, largest: Double = 0
    ) -> Double {
        let mean = sums.expected / estimate.unit
        // One order alone, however large, does not make a sum anomalous.
        let count = max(0, (sums.observed - (isUp ? largest : 0)) / estimate.unit)
        let relative = estimate.relative + sums.variance
        return isUp
            ? CountTail.upper(count, mean: mean, dispersion: relative)
            : CountTail.lower(count, mean: mean, dispersion: relative)
    }

    /// What the series expects now at level 1.
    func expectation(minuteOfWeek: Int) -> SeasonalRate.Expectation? {
        profile.expectation(minuteOfWeek: minuteOfWeek, unit: max(estimate(window: 0).unit, unitFloor))
    }

    /// The multiple of the profile that holds now.
    func level(unit: Double) -> Double {
        let prior = SeriesDetector.levelPrior * unit
        return (levelObserved + prior) / (levelBase + prior)
    }

    /// Judges the next minute.
    ///
    /// - Parameters:
    ///   - isBlind: nothing is known of this minute (the data are missing): it neither alarms nor teaches.
    ///   - isTesting: whether enough was learned for alarms.
    ///   - taughtMinuteOfWeek: the minute of the week, in the shop's zone, of the minute that now teaches: the one
    ///     `memoryMinutes` before `t`.
    ///   - largest: the largest single amount in the last minutes of a length, where the series is money.
    mutating func step(
        _ t: Int64, observed: Double, exposure: Double, minuteOfWeek: Int, isBlind: Bool, isTesting: Bool,
        taughtMinuteOfWeek: Int, largest: (Int64) -> Double = { _ in 0 }
    ) -> Change? {
        if last < first { first = t }
        let estimates = estimates()
        var minute = Minute()
        minute.observed = isBlind ? 0 : observed
        minute.exposure = isBlind ? 0 : exposure
        minute.levelObserved = levelObserved
        minute.levelBase = levelBase
        if !isBlind, let usual = profile.expectation(minuteOfWeek: minuteOfWeek, unit: estimates[0].unit) {
            minute.base = usual.rate * exposure
            minute.variance = usual.variance
        }
        minute.level = open?.level ?? level(unit: estimates[0].unit)
        minute.sums = last >= first ? minutes[Int(last & SeriesDetector.mask)].sums : AnomalyEpisode.Sums()
        minute.isAnomalous = open != nil
        if open == nil, minute.base > 0 {
            minute.sums.add(minute.observed, minute.expected, minute.exposure, minute.variance)
        }
        minutes[Int(t & SeriesDetector.mask)] = minute
        last = t
        defer { teach(t - AnomalyBounds.memoryMinutes, taughtMinuteOfWeek, estimates) }
        if open != nil { return follow(t, minute, estimates) }
        guard minute.base > 0 else { return nil }
        learnLevel(minute, estimates[0])
        return judge(t, isTesting: isTesting, estimates, largest)
    }

    private mutating func learnLevel(_ minute: Minute, _ estimate: Dispersion.Estimate) {
        let mean = minute.expected
        let reach = 4 * estimate.variance(mean, extra: minute.variance).squareRoot() + 4 * estimate.unit
        let clipped = min(max(minute.observed, mean - reach), mean + reach)
        levelObserved = levelObserved * SeriesDetector.levelKeep + clipped
        levelBase = levelBase * SeriesDetector.levelKeep + minute.base
    }

    private mutating func judge(
        _ t: Int64, isTesting: Bool, _ estimates: [Dispersion.Estimate], _ largest: (Int64) -> Double
    ) -> Change? {
        let now = minutes[Int(t & SeriesDetector.mask)].sums
        var best: (score: Double, window: Int64, isUp: Bool)?
        for (i, window) in SeriesDetector.windows.enumerated() where t - window >= first {
            let sums = now - minutes[Int((t - window) & SeriesDetector.mask)].sums
            guard sums.expected > 0 else { continue }
            let estimate = estimates[i]
            let error = sums.observed - sums.expected
            let variance = estimate.variance(sums.expected, extra: sums.variance)
            if isTesting, error * error > 9 * variance, abs(error) >= AnomalyBounds.leastChange * sums.expected,
                error < 0 || sums.observed >= AnomalyBounds.leastCount * estimate.unit
            {
                let largest = error > 0 ? largest(window) : 0
                let score = SeriesDetector.score(sums, isUp: error > 0, estimate, largest: largest)
                if score >= AnomalyBounds.threshold, score > best?.score ?? 0 { best = (score, window, error > 0) }
            }
            dispersions[i].learn(sums.observed, mean: sums.expected, extra: sums.variance, under: estimate)
        }
        guard let best else { return nil }
        begin(t, best.score, best.window, isUp: best.isUp, estimates)
        return .opened
    }

    /// Opens an episode at the minute from which on the deviation is most likely, at the level of before it.
    private mutating func begin(
        _ t: Int64, _ score: Double, _ window: Int64, isUp: Bool, _ estimates: [Dispersion.Estimate]
    ) {
        let unit = estimates[0].unit
        var sums = AnomalyEpisode.Sums()
        var bestRatio = -1.0
        var start = t
        let oldest = max(first, t - min(2 * window + 30, AnomalyBounds.memoryMinutes) + 1)
        for s in stride(from: t, through: oldest, by: -1) {
            let minute = minutes[Int(s & SeriesDetector.mask)]
            if minute.isAnomalous { break }
            guard minute.base > 0 else { continue }
            sums.add(minute.observed, minute.expected, minute.exposure, minute.variance)
            let ratio = AnomalyEpisode.likelihoodRatio(sums, isUp: isUp, unit: unit)
            if ratio > bestRatio {
                bestRatio = ratio
                start = s
            }
        }
        let before = minutes[Int(start & SeriesDetector.mask)]
        levelObserved = before.levelObserved
        levelBase = before.levelBase
        var episode = AnomalyEpisode(
            start: start, isUp: isUp, level: before.level, window: window, alarmedAt: t, score: score,
            bestEnd: start + 1)
        let kept = start > first ? minutes[Int((start - 1) & SeriesDetector.mask)].sums : AnomalyEpisode.Sums()
        for s in start...t {
            let i = Int(s & SeriesDetector.mask)
            minutes[i].isAnomalous = true
            minutes[i].level = before.level
            minutes[i].sums = kept
            let minute = minutes[i]
            episode.add(
                minute: s, minute.observed, minute.expected, minute.exposure, minute.variance, unit: unit)
        }
        open = episode
    }

    /// Goes on with an open episode, and closes it when it is over.
    private mutating func follow(_ t: Int64, _ minute: Minute, _ estimates: [Dispersion.Estimate]) -> Change? {
        guard var episode = open else { return nil }
        episode.add(
            minute: t, minute.observed, minute.expected, minute.exposure, minute.variance, unit: estimates[0].unit)
        let length = episode.bestEnd - episode.start
        let index = SeriesDetector.windows.lastIndex { $0 <= length } ?? 0
        episode.score = max(episode.score, SeriesDetector.score(episode.best, isUp: episode.isUp, estimates[index]))
        open = episode
        if t - episode.start >= AnomalyBounds.normalMinutes {
            // What lasts is usual from now on: the level is what the last hours were.
            adoptLevel(t)
            episode.bestEnd = t + 1
            episode.best = episode.sums
            open = nil
            return .closed(episode, isNormal: true)
        }
        guard t + 1 - episode.bestEnd >= episode.quietMinutes else { return nil }
        open = nil
        resume(from: episode.bestEnd, to: t, estimates)
        return .closed(episode, isNormal: false)
    }

    /// Counts the minutes after an episode's end again, as what they were: usual.
    private mutating func resume(from: Int64, to t: Int64, _ estimates: [Dispersion.Estimate]) {
        let from = max(from, t - AnomalyBounds.memoryMinutes)
        var sums = minutes[Int((from - 1) & SeriesDetector.mask)].sums
        for s in stride(from: from, through: t, by: 1) {
            let i = Int(s & SeriesDetector.mask)
            minutes[i].isAnomalous = false
            minutes[i].levelObserved = levelObserved
            minutes[i].levelBase = levelBase
            if minutes[i].base > 0 {
                sums.add(minutes[i].observed, minutes[i].expected, minutes[i].exposure, minutes[i].variance)
                learnLevel(minutes[i], estimates[0])
            }
            minutes[i].sums = sums
        }
    }

    private mutating func adoptLevel(_ t: Int64) {
        levelObserved = 0
        levelBase = 0
        for s in (t - AnomalyBounds.memoryMinutes + 1)...t where s >= first {
            let minute = minutes[Int(s & SeriesDetector.mask)]
            guard minute.base > 0 else { continue }
            levelObserved = levelObserved * SeriesDetector.levelKeep + minute.observed
            levelBase = levelBase * SeriesDetector.levelKeep + minute.base
        }
    }

    /// Lets a minute teach that no window reaches any more; those without data do not.
    private mutating func teach(_ t: Int64, _ minuteOfWeek: Int, _ estimates: [Dispersion.Estimate]) {
        guard t >= first else { return }
        let place = minuteOfWeek / SeasonalRate.slotMinutes
        if place != slot {
            flush(estimates)
            slot = place
        }
        let minute = minutes[Int(t & SeriesDetector.mask)]
        guard minute.exposure > 0 else { return }
        isDoubtful = isDoubtful || minute.isAnomalous
        gathered.add(minute.observed, minute.expected, minute.exposure, minute.variance)
    }

    private mutating func flush(_ estimates: [Dispersion.Estimate]) {
        defer {
            gathered = AnomalyEpisode.Sums()
            isDoubtful = false
        }
        guard slot >= 0, gathered.exposure > 0 else { return }
        var observed = gathered.observed
        if gathered.expected > 0 {
            let estimate = estimates[2]
            let variance = estimate.variance(gathered.expected, extra: gathered.variance)
            // An anomaly moves what is usual a little only, but one that comes back every day becomes usual in time.
            let reach =
                isDoubtful ? 1.5 * variance.squareRoot() : 3 * variance.squareRoot() + 3 * estimate.unit
            observed = min(max(observed, gathered.expected - reach), gathered.expected + reach)
        }
        profile.learn(slot: slot, observed: observed, exposure: gathered.exposure)
    }

    /// Learns a quarter of an hour of history.
    mutating func learnHistory(slot: Int, observed: Double, exposure: Double) {
        guard exposure > 0 else { return }
        profile.learn(slot: slot, observed: observed, exposure: exposure)
    }

    /// Forgets what it saw in the last minutes: nothing was known of them. An episode that began there is none.
    mutating func blind(from: Int64) {
        guard from <= last, from > last - AnomalyBounds.memoryMinutes else { return }
        let from = max(from, first)
        if let episode = open, episode.start >= from { open = nil }
        let before = minutes[Int(from & SeriesDetector.mask)]
        if open == nil {
            levelObserved = before.levelObserved
            levelBase = before.levelBase
        }
        let kept = from > first ? minutes[Int((from - 1) & SeriesDetector.mask)].sums : AnomalyEpisode.Sums()
        for s in from...last {
            minutes[Int(s & SeriesDetector.mask)] = Minute()
            minutes[Int(s & SeriesDetector.mask)].level = before.level
            minutes[Int(s & SeriesDetector.mask)].levelObserved = before.levelObserved
            minutes[Int(s & SeriesDetector.mask)].levelBase = before.levelBase
            minutes[Int(s & SeriesDetector.mask)].isAnomalous = open != nil
            minutes[Int(s & SeriesDetector.mask)].sums = kept
        }
    }

    /// Takes back an episode that ended a moment ago, since it goes on.
    mutating func reopen(_ earlier: AnomalyEpisode) {
        guard let episode = open else { return }
        var merged = episode
        merged.start = earlier.start
        merged.window = max(earlier.window, episode.window)
        merged.score = max(earlier.score, episode.score)
        merged.alarmedAt = earlier.alarmedAt
        merged.sums = earlier.best + episode.sums
        merged.best = earlier.best + episode.best
        merged.bestRatio = AnomalyEpisode.likelihoodRatio(
            merged.best, isUp: merged.isUp, unit: max(unitFloor, estimate(window: 0).unit))
        open = merged
    }
}
