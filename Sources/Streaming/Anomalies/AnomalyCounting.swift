import Events

/// What counting an event reads and writes: the minutes' counts, the names of countries, devices and products, and which
/// minutes count.
struct AnomalyCounting: ~Copyable {
    var counts = MinuteCounts()
    var names = DimensionNames()
    var products = ProductSales()

    /// The clock's minute. Which minutes count follows it upwards only, so that what is known of the last one stays right.
    var clock: Int64 = 0
    /// The last minute judged for good.
    private(set) var settled: Int64 = 0
    /// Whether a live event has come.
    private(set) var hasBegun = false
    /// The first instant of the minute that the last event counted in, and its place; the highest number for none.
    private var lastInstant = Int64.max
    private var last: MinuteCounts.Place?

    mutating func settle(_ minute: Int64) {
        settled = minute
        lastInstant = .max
    }

    mutating func begin(_ hasBegun: Bool) {
        self.hasBegun = hasBegun
        lastInstant = .max
    }

    /// Where the minute of an instant is counted; nil where it is settled, too far ahead, or nothing has begun.
    @inline(__always)
    mutating func place(_ instant: Int64) -> MinuteCounts.Place? {
        // Events of one batch are mostly of one minute.
        if UInt64(bitPattern: instant &- lastInstant) < UInt64(Timestamp.minute) { return last }
        return otherPlace(instant)
    }

    @inline(never)
    private mutating func otherPlace(_ instant: Int64) -> MinuteCounts.Place? {
        let minute = instant / Timestamp.minute
        guard hasBegun, minute > settled, minute <= clock &+ AnomalyBounds.aheadMinutes else { return nil }
        last = counts.place(of: minute)
        lastInstant = minute * Timestamp.minute
        return last
    }
}
