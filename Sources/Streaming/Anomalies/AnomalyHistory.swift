/// Quarters of an hour from before the live events, gathered in any order, to teach the profiles at the beginning.
struct AnomalyHistory: Equatable {
    struct Slot: BitwiseCopyable, Equatable {
        var index: Int64 = .min
        var clicks: (Int64, Int64, Int64, Int64, Int64, Int64) = (0, 0, 0, 0, 0, 0)
        var orders: (Int64, Int64, Int64, Int64, Int64, Int64) = (0, 0, 0, 0, 0, 0)
        var revenue: Int64 = 0
        var paid: Int64 = 0

        static func == (a: Slot, b: Slot) -> Bool {
            a.index == b.index && a.clicks == b.clicks && a.orders == b.orders && a.revenue == b.revenue
                && a.paid == b.paid
        }
    }

    /// Slots kept: eight weeks of them.
    static let capacity = Int(AnomalyBounds.historyWeeks) * SeasonalRate.weekSlots
    /// How many different quarters of the day must have orders or clicks, for it to say anything of the day's course.
    static let quartersOfDay = 24

    private(set) var slots: [Slot] = []
    private(set) var newest = Int64.min
    private var wasTouched = false

    var isEmpty: Bool { slots.isEmpty }
    /// Whether nothing came for an hour.
    var isQuiet: Bool { !wasTouched }
    var byteCount: Int { slots.count * MemoryLayout<Slot>.stride }

    mutating func rest() { wasTouched = false }

    /// Counts in a slot of local time; those older than what is kept are left out.
    mutating func add(_ index: Int64, channel: UInt8, clicks: Int64 = 0, orders: Int64 = 0, paid: Int64? = nil) {
        guard index >= 0 else { return }
        if slots.isEmpty { slots = [Slot](repeating: Slot(), count: AnomalyHistory.capacity) }
        newest = max(newest, index)
        guard newest - index < Int64(AnomalyHistory.capacity) else { return }
        wasTouched = true
        let place = Int(index % Int64(AnomalyHistory.capacity))
        if slots[place].index != index {
            slots[place] = Slot()
            slots[place].index = index
        }
        withUnsafeMutableBytes(of: &slots[place].clicks) { $0.bindMemory(to: Int64.self)[Int(channel)] += clicks }
        withUnsafeMutableBytes(of: &slots[place].orders) { $0.bindMemory(to: Int64.self)[Int(channel)] += orders }
        if let paid {
            slots[place].revenue = slots[place].revenue.addingSaturated(paid)
            slots[place].paid += 1
        }
    }

    /// Teaches every series from the oldest slot to the newest whole one. Days without anything are left out: of these
    /// nothing is known.
    ///
    /// - Parameter before: the slot, counted from 1970, that live events begin with; history of eight weeks before it at
    ///   most is used.
    /// - Returns: how many days taught.
    func teach(_ series: inout [SeriesDetector], before: Int64) -> Double {
        let kept = slots.filter {
            $0.index >= 0 && $0.index > newest - Int64(AnomalyHistory.capacity) && $0.index < newest
                && $0.index > before - Int64(AnomalyHistory.capacity)
        }.sorted { $0.index < $1.index }
        let perDay = Int64(SeasonalRate.daySlots)
        guard let first = kept.first, let last = kept.last,
            Set(kept.map { $0.index % perDay }).count >= AnomalyHistory.quartersOfDay
        else { return 0 }
        let known = Dictionary(uniqueKeysWithValues: kept.map { ($0.index, $0) })
        let days = Set(kept.map { $0.index / perDay })
        var taught = 0
        for index in first.index...last.index where days.contains(index / perDay) {
            var slot = known[index] ?? Slot()
            // 1970-01-01 was a Thursday; weeks begin on Monday.
            let place = Int((index + 3 * perDay) % Int64(SeasonalRate.weekSlots))
            let minutes = Double(SeasonalRate.slotMinutes)
            let clicks = withUnsafeBytes(of: &slot.clicks) { Array($0.bindMemory(to: Int64.self)) }
            let orders = withUnsafeBytes(of: &slot.orders) { Array($0.bindMemory(to: Int64.self)) }
            let allClicks = Double(clicks.reduce(0, +))
            let allOrders = Double(orders.reduce(0, +))
            let revenue = Double(slot.revenue) / 10_000
            for (i, one) in AnomalySeries.all.enumerated() {
                switch (one.metric, one.channel) {
                case (.clicks, let channel?):
                    series[i].learnHistory(slot: place, observed: Double(clicks[Int(channel)]), exposure: minutes)
                case (.orders, let channel?):
                    series[i].learnHistory(slot: place, observed: Double(orders[Int(channel)]), exposure: minutes)
                case (.clicks, nil): series[i].learnHistory(slot: place, observed: allClicks, exposure: minutes)
                case (.orders, nil): series[i].learnHistory(slot: place, observed: allOrders, exposure: minutes)
                case (.traffic, _):
                    series[i].learnHistory(slot: place, observed: allClicks + allOrders, exposure: minutes)
                case (.revenue, _): series[i].learnHistory(slot: place, observed: revenue, exposure: minutes)
                case (.conversion, _): series[i].learnHistory(slot: place, observed: allOrders, exposure: allClicks)
                case (.orderValue, _):
                    series[i].learnHistory(slot: place, observed: revenue, exposure: Double(slot.paid))
                default: break
                }
            }
            taught += 1
        }
        return Double(taught) / Double(perDay)
    }

    mutating func restore(_ slot: Slot) {
        guard slot.index >= 0 else { return }
        if slots.isEmpty { slots = [Slot](repeating: Slot(), count: AnomalyHistory.capacity) }
        slots[Int(slot.index % Int64(AnomalyHistory.capacity))] = slot
        newest = max(newest, slot.index)
    }
}
