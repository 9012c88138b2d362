/// How clicks, orders and revenue are usually shared out among channels, countries and devices, by the hour of the day.
///
/// Counts with forgetting, an hour's drawn towards those of all hours: the shares of a Dirichlet prior.
struct UsualShares: Equatable {
    /// What is shared out.
    enum Measure: Int, CaseIterable { case clicks, orders, revenue }

    /// What is left of an hour's counts a day later: half after ten days.
    static let keep = 0.933
    /// How many orders' worth of the whole day's shares an hour's are mixed with.
    static let prior = 20.0
    private static let measures = Measure.allCases.count
    private static let width = DimensionNames.cells * measures

    private(set) var sums = [Double](repeating: 0, count: 25 * width)
    private(set) var hour = -1

    @inline(__always)
    private static func place(_ hour: Int, _ cell: Int, _ measure: Measure) -> Int {
        hour * width + cell * measures + measure.rawValue
    }

    /// Learns a minute of an hour of the day.
    mutating func learn(_ counts: borrowing MinuteCounts, _ minute: Int64, hour: Int) {
        if hour != self.hour {
            self.hour = hour
            for i in hour * UsualShares.width..<(hour + 1) * UsualShares.width { sums[i] *= UsualShares.keep }
            // The whole day's forgets a twenty-fourth as fast an hour.
            for i in 24 * UsualShares.width..<25 * UsualShares.width { sums[i] *= 0.997_1 }
        }
        guard counts.holds(minute) else { return }
        for cell in 0..<DimensionNames.cells {
            let count = counts.cell(minute, cell)
            guard count.clicks != 0 || count.orders != 0 else { continue }
            for h in [hour, 24] {
                sums[UsualShares.place(h, cell, .clicks)] += Double(count.clicks)
                sums[UsualShares.place(h, cell, .orders)] += Double(count.orders)
                sums[UsualShares.place(h, cell, .revenue)] += Double(count.revenue)
            }
        }
    }

    private func total(_ hour: Int, _ measure: Measure) -> Double {
        (0..<ChannelCode.count).reduce(0) { $0 + sums[UsualShares.place(hour, $1, measure)] }
    }

    /// A cell's usual share in an hour of the day.
    func share(_ cell: Int, _ measure: Measure, hour: Int) -> Double {
        let all = total(24, measure)
        guard all > 0 else { return 0 }
        let overall = sums[UsualShares.place(24, cell, measure)] / all
        let orders = total(24, .orders)
        let prior = UsualShares.prior * (orders > 0 ? all / orders : 1)
        return (sums[UsualShares.place(hour, cell, measure)] + prior * overall) / (total(hour, measure) + prior)
    }

    /// The usual ratio of one measure to another in a cell over all hours, drawn towards that of all cells; 0 when unknown.
    func ratio(_ cell: Int, _ measure: Measure, per other: Measure) -> Double {
        let all = total(24, other)
        guard all > 0 else { return 0 }
        let overall = total(24, measure) / all
        let orders = total(24, .orders)
        let prior = UsualShares.prior * (orders > 0 ? all / orders : 1)
        return (sums[UsualShares.place(24, cell, measure)] + prior * overall)
            / (sums[UsualShares.place(24, cell, other)] + prior)
    }

    mutating func restore(_ sums: [Double], hour: Int) {
        self.sums = sums
        self.hour = hour
    }
    static var size: Int { 25 * width }
}
