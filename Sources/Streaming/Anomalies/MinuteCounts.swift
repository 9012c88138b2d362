/// What happened in each of the last minutes, by event time, in a ring; and what arrived, by the time of arrival.
///
/// Whole numbers only, so that the order in which events come leaves no trace.
struct MinuteCounts: ~Copyable {
    /// One cell's counts: of a channel, a country, a device.
    struct Cell: BitwiseCopyable, Equatable {
        var clicks: UInt32 = 0
        var orders: UInt32 = 0
        /// Ten-thousandths of the reporting currency.
        var revenue: Int64 = 0
        /// Orders in the reporting currency: those that the revenue is of.
        var paid: UInt32 = 0
    }

    /// The whole minute.
    struct Total: BitwiseCopyable, Equatable {
        /// Events of any kind that happened in it.
        var events: UInt32 = 0
        /// The largest order, in ten-thousandths.
        var largest: Int64 = 0
        /// The sum of the squares of what orders paid, in hundredths.
        var squares: UInt128 = 0
        /// Events that arrived in it and were accepted.
        var accepted: UInt32 = 0
        /// Of these, more than a day late.
        var late: UInt32 = 0
        /// Of these, repeats.
        var duplicates: UInt32 = 0
        /// Events that arrived in it, as far as the log's totals tell.
        var received: UInt32 = 0
        /// Of these, rejected.
        var quarantined: UInt32 = 0
    }

    /// The largest amount whose square is summed, in hundredths.
    static let amountLimit: Int64 = 1_000_000_000_000
    private static let mask = Int64(AnomalyBounds.ringMinutes - 1)
    static let width = DimensionNames.cells

    private let tags: UnsafeMutablePointer<Int64>
    private let totals: UnsafeMutablePointer<Total>
    private let cells: UnsafeMutablePointer<Cell>

    init() {
        tags = .allocate(capacity: AnomalyBounds.ringMinutes)
        tags.initialize(repeating: .min, count: AnomalyBounds.ringMinutes)
        totals = .allocate(capacity: AnomalyBounds.ringMinutes)
        totals.initialize(repeating: Total(), count: AnomalyBounds.ringMinutes)
        cells = .allocate(capacity: AnomalyBounds.ringMinutes * MinuteCounts.width)
        cells.initialize(repeating: Cell(), count: AnomalyBounds.ringMinutes * MinuteCounts.width)
    }

    deinit {
        tags.deallocate()
        totals.deallocate()
        cells.deallocate()
    }

    static var byteCount: Int {
        AnomalyBounds.ringMinutes
            * (MemoryLayout<Int64>.stride + MemoryLayout<Total>.stride + width * MemoryLayout<Cell>.stride)
    }

    @inline(__always)
    private func place(_ minute: Int64) -> Int {
        let i = Int(minute & MinuteCounts.mask)
        if tags[i] != minute { begin(i, minute) }
        return i
    }

    @inline(never)
    private func begin(_ i: Int, _ minute: Int64) {
        tags[i] = minute
        totals[i] = Total()
        (cells + i * MinuteCounts.width).update(repeating: Cell(), count: MinuteCounts.width)
    }

    /// Where a minute is counted.
    struct Place {
        let total: UnsafeMutablePointer<Total>
        let cells: UnsafeMutablePointer<Cell>
    }

    /// Where a minute is counted; the minute must be within the ring's reach.
    func place(of minute: Int64) -> Place {
        let place = place(minute)
        return Place(total: totals + place, cells: cells + place * MinuteCounts.width)
    }

    /// A minute's totals, to add to; the minute must be within the ring's reach.
    @inline(__always)
    func total(_ minute: Int64) -> UnsafeMutablePointer<Total> { totals + place(minute) }

    /// A minute's cells, to add to.
    @inline(__always)
    func row(_ minute: Int64) -> UnsafeMutablePointer<Cell> { cells + place(minute) * MinuteCounts.width }

    /// Whether anything was counted in a minute.
    func holds(_ minute: Int64) -> Bool { tags[Int(minute & MinuteCounts.mask)] == minute }

    /// A minute's totals; nothing where it is not kept.
    func totalIfKept(_ minute: Int64) -> Total { holds(minute) ? totals[Int(minute & MinuteCounts.mask)] : Total() }

    /// A minute's cell; nothing where it is not kept.
    @inline(__always)
    func cell(_ minute: Int64, _ cell: Int) -> Cell {
        holds(minute) ? cells[Int(minute & MinuteCounts.mask) * MinuteCounts.width + cell] : Cell()
    }

    /// The minute's counts over all channels.
    func sum(_ minute: Int64) -> Cell {
        guard holds(minute) else { return Cell() }
        var sum = Cell()
        let row = cells + Int(minute & MinuteCounts.mask) * MinuteCounts.width
        for channel in 0..<ChannelCode.count { sum.add(row[channel]) }
        return sum
    }

    /// Forgets everything.
    func removeAll() { tags.update(repeating: .min, count: AnomalyBounds.ringMinutes) }

    /// Calls `body` with every minute kept that has something in it, oldest first.
    func forEachMinute(_ body: (Int64, Total) -> Void) {
        let kept = (0..<AnomalyBounds.ringMinutes).filter { tags[$0] != .min }.sorted { tags[$0] < tags[$1] }
        for i in kept { body(tags[i], totals[i]) }
    }
}

extension MinuteCounts.Cell {
    mutating func add(_ other: MinuteCounts.Cell) {
        clicks = clicks.addingSaturated(other.clicks)
        orders = orders.addingSaturated(other.orders)
        revenue = revenue.addingSaturated(other.revenue)
        paid = paid.addingSaturated(other.paid)
    }
}

extension FixedWidthInteger {
    /// The sum, or the largest number where it does not fit; for amounts that are not negative.
    @inline(__always)
    func addingSaturated(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The product, or the largest number where it does not fit; for numbers that are not negative.
    @inline(__always)
    func multipliedSaturated(by other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
