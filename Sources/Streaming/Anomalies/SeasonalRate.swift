/// What is usual for a minute of the week: a rate per unit of exposure, learned in quarters of an hour.
///
/// A seasonal profile with forgetting, as in Holt-Winters' multiplicative method without its trend, which the
/// detector's level takes over. Three estimates are laid over each other, each drawn towards the one before as far
/// as it rests on little (the mean of a gamma-Poisson model): the quarter of the day, the quarter of the week with its
/// neighbours, and the quarter itself.
struct SeasonalRate: Equatable {
    /// Minutes in a slot.
    static let slotMinutes = 15
    /// Slots in a day.
    static let daySlots = 1_440 / slotMinutes
    /// Slots in a week.
    static let weekSlots = 7 * daySlots
    /// What is left of a slot of the week at its next visit: half after three weeks.
    static let weekKeep = 0.793_7
    /// What is left of a slot of the day at its next visit: half after ten days.
    static let dayKeep = 0.933
    /// The relative variance of days of the week that were not seen yet.
    static let unseenDayVariance = 0.12

    struct Slot: BitwiseCopyable, Equatable {
        var observed = 0.0
        var exposure = 0.0
        var visits = 0.0

        mutating func add(_ y: Double, _ e: Double, keep: Double) {
            observed = observed * keep + y
            exposure = exposure * keep + e
            visits = visits * keep + 1
        }
    }

    var week = [Slot](repeating: Slot(), count: weekSlots)
    var day = [Slot](repeating: Slot(), count: daySlots)

    /// A rate and how sure it is.
    struct Expectation: BitwiseCopyable, Equatable {
        var rate: Double
        /// The rate's relative variance.
        var variance: Double
    }

    /// Learns what a slot held.
    mutating func learn(slot: Int, observed: Double, exposure: Double) {
        week[slot].add(observed, exposure, keep: SeasonalRate.weekKeep)
        day[slot % SeasonalRate.daySlots].add(observed, exposure, keep: SeasonalRate.dayKeep)
    }

    /// The rate at a minute of the week, between the middles of two slots; nil before anything was learned about it.
    ///
    /// - Parameter unit: how many of the counted things come in a bundle, for telling how sure the rate is.
    func expectation(minuteOfWeek: Int, unit: Double) -> Expectation? {
        let half = SeasonalRate.slotMinutes / 2
        let shifted = (minuteOfWeek - half + 10_080) % 10_080
        let first = shifted / SeasonalRate.slotMinutes
        let part = Double(shifted % SeasonalRate.slotMinutes) / Double(SeasonalRate.slotMinutes)
        let a = slotExpectation(first, unit)
        let b = slotExpectation((first + 1) % SeasonalRate.weekSlots, unit)
        guard let a else { return b }
        guard let b else { return a }
        // Between the middles of two slots the rate changes evenly, except where it jumps.
        if max(a.rate, b.rate) > 2 * min(a.rate, b.rate) {
            return minuteOfWeek / SeasonalRate.slotMinutes == first ? a : b
        }
        return Expectation(
            rate: a.rate * (1 - part) + b.rate * part, variance: a.variance * (1 - part) + b.variance * part)
    }

    private func slotExpectation(_ slot: Int, _ unit: Double) -> Expectation? {
        let unit = max(unit, 1e-9)
        guard let coarse = dayRate(slot % SeasonalRate.daySlots, unit) else { return nil }
        let own = week[slot]
        var sum = Slot()
        for offset in -2...2 {
            let other = week[(slot + offset + SeasonalRate.weekSlots) % SeasonalRate.weekSlots]
            let weight = SeasonalRate.weight(own, other, offset, unit)
            sum.observed += weight * other.observed
            sum.exposure += weight * other.exposure
            sum.visits += weight * other.visits
        }
        guard sum.exposure > 0 else {
            return Expectation(rate: coarse.rate, variance: coarse.variance + SeasonalRate.unseenDayVariance)
        }
        let share = sum.visits / (sum.visits + 1)
        let rate = share * sum.observed / sum.exposure + (1 - share) * coarse.rate
        let counted = max(sum.observed / unit, 1)
        return Expectation(
            rate: rate,
            variance: share * share / (counted + 4)
                + (1 - share) * (1 - share) * (coarse.variance + SeasonalRate.unseenDayVariance))
    }

    /// What a neighbour counts for: less the further it is, and nothing where the two differ by more than chance, as on
    /// slopes that much is known of, or where a store closes.
    private static func weight(_ own: Slot, _ other: Slot, _ offset: Int, _ unit: Double) -> Double {
        guard offset != 0 else { return 1 }
        guard own.exposure > 0, other.exposure > 0 else { return 0 }
        let difference = own.observed / own.exposure - other.observed / other.exposure
        let together = (own.observed + other.observed + unit) / (own.exposure + other.exposure)
        let variance = unit * together * (1 / own.exposure + 1 / other.exposure)
        return difference * difference > 4 * variance ? 0 : 1 - Double(abs(offset)) / 3
    }

    private func dayRate(_ slot: Int, _ unit: Double) -> Expectation? {
        let own = day[slot]
        var observed = 0.0
        var exposure = 0.0
        for offset in -2...2 {
            let other = day[(slot + offset + SeasonalRate.daySlots) % SeasonalRate.daySlots]
            let weight = SeasonalRate.weight(own, other, offset, unit)
            observed += weight * other.observed
            exposure += weight * other.exposure
        }
        guard exposure > 0 else { return nil }
        return Expectation(rate: observed / exposure, variance: 1 / (max(observed / unit, 1) + 4))
    }

    /// The average rate over all exposure; 0 before anything was learned.
    var average: Double {
        let sum = day.reduce(into: Slot()) {
            $0.observed += $1.observed
            $0.exposure += $1.exposure
        }
        return sum.exposure > 0 ? sum.observed / sum.exposure : 0
    }

    /// What one day usually holds, where exposure is minutes.
    var usualDay: Double {
        day.reduce(0) { $0 + ($1.exposure > 0 ? $1.observed / $1.exposure : 0) } * Double(SeasonalRate.slotMinutes)
    }
}
