/// Which distances in time a join allows, both ends included.
public struct JoinInterval: BitwiseCopyable, Sendable {
    /// The least that the right row's time may be after the left one's; negative where it may be before.
    public let lower: Int64
    /// The most.
    public let upper: Int64

    /// Right times from `left + lower` to `left + upper`.
    public init(_ bounds: ClosedRange<Int64>) {
        lower = bounds.lowerBound
        upper = bounds.upperBound
    }

    /// Any distance: rows are remembered for ever, up to the bound of memory.
    public static let unbounded = JoinInterval(Int64.min...Int64.max)

    @inlinable var isUnbounded: Bool { lower == .min && upper == .max }
}

/// Joins two streams of rows by key and time: every left row with every right row of its key whose time is within the
/// interval. A pair is given when the second of them comes, at the later time of the two.
///
/// Rows are forgotten when the watermark says that nothing can be joined with them any more. A row whose time is before
/// the watermark is late, and not joined. Without bounds of time no row is late, and none is forgotten.
public struct IntervalJoin<Key: StateKey, Left: Row, Right: Row, Late: Receiver & ~Copyable>: Operator, ~Copyable
where Late.Input == Either<Keyed<Key, Left>, Keyed<Key, Right>> {
    /// What it takes.
    public typealias Input = Either<Keyed<Key, Left>, Keyed<Key, Right>>
    /// What it gives.
    public typealias Output = Joined<Left, Right>

    @usableFromInline let interval: JoinInterval
    @usableFromInline var budget: StateBudget
    /// Where rows go that are too late.
    public var late: Late
    @usableFromInline var lefts = RowChains<Key, Left>()
    @usableFromInline var rights = RowChains<Key, Right>()
    @usableFromInline var leftTimers: Timers<Key>
    @usableFromInline var rightTimers: Timers<Key>
    @usableFromInline var watermark = Int64.min

    /// No rows yet.
    @inlinable
    public init(_ interval: JoinInterval, limitBytes: Int, late: consuming Late) {
        self.interval = interval
        self.late = late
        budget = StateBudget("interval join", limitBytes: limitBytes)
        let width = interval.isUnbounded ? 1 : max(1, (interval.upper &- interval.lower) / 64)
        leftTimers = Timers(width: width)
        rightTimers = Timers(width: width)
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        if time < watermark && !interval.isUnbounded {
            try late.receive(element, at: time)
            return
        }
        switch element {
        case .left(let left):
            try keep(left: left, time)
            var rights = rights.rows(left.key)
            while let right = rights.next() {
                if matches(left: time, right: right.pointee.time) {
                    try next.receive(Joined(left.value, right.pointee.row), at: max(time, right.pointee.time))
                }
            }
        case .right(let right):
            try keep(right: right, time)
            var lefts = lefts.rows(right.key)
            while let left = lefts.next() {
                if matches(left: left.pointee.time, right: time) {
                    try next.receive(Joined(left.pointee.row, right.value), at: max(time, left.pointee.time))
                }
            }
        }
    }

    @inlinable @inline(__always)
    func matches(left: Int64, right: Int64) -> Bool {
        interval.isUnbounded || (right &- left >= interval.lower && right &- left <= interval.upper)
    }

    @inlinable
    mutating func keep(left: Keyed<Key, Left>, _ time: Int64) throws(StreamError) {
        try lefts.add(left.value, key: left.key, time: time, &budget)
        guard !interval.isUnbounded else { return }
        try leftTimers.set(left.key, due: time &+ max(0, interval.upper) &+ 1, &budget)
    }

    @inlinable
    mutating func keep(right: Keyed<Key, Right>, _ time: Int64) throws(StreamError) {
        try rights.add(right.value, key: right.key, time: time, &budget)
        guard !interval.isUnbounded else { return }
        try rightTimers.set(right.key, due: time &+ max(0, 0 &- interval.lower) &+ 1, &budget)
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        self.watermark = watermark
        while let timer = leftTimers.next(due: watermark, &budget) {
            lefts.removeRows(timer.key, before: watermark &- max(0, interval.upper), &budget)
        }
        while let timer = rightTimers.next(due: watermark, &budget) {
            rights.removeRows(timer.key, before: watermark &- max(0, 0 &- interval.lower), &budget)
        }
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        writer.begin("interval join, left", version: 1)
        writer.put(watermark)
        lefts.write(to: &writer, groups: groups)
        writer.end()
        writer.begin("interval join, right", version: 1)
        rights.write(to: &writer, groups: groups)
        writer.end()
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        let (lower, upper, isUnbounded) = (interval.lower, interval.upper, interval.isUnbounded)
        try reader.begin("interval join, left", version: 1)
        watermark = try reader.take(Int64.self)
        var dues: [(Key, Int64)] = []
        try lefts.restore(from: &reader, groups: groups, &budget) { key, time, _ throws(StreamError) in
            if !isUnbounded { dues.append((key, time &+ max(0, upper) &+ 1)) }
        }
        for (key, due) in dues { try leftTimers.set(key, due: due, &budget) }
        try reader.end()
        dues = []
        try reader.begin("interval join, right", version: 1)
        try rights.restore(from: &reader, groups: groups, &budget) { key, time, _ throws(StreamError) in
            if !isUnbounded { dues.append((key, time &+ max(0, 0 &- lower) &+ 1)) }
        }
        for (key, due) in dues { try rightTimers.set(key, due: due, &budget) }
        try reader.end()
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) {
        body(StateUsage(budget, entries: lefts.count + rights.count))
    }
}

extension Operator where Self: ~Copyable {
    /// Joins two streams by key and time; what is late is counted.
    @inlinable
    public consuming func join<Key: StateKey, Left: Row, Right: Row>(
        within interval: JoinInterval, limitBytes: Int = 1 << 30
    ) -> Then<Self, IntervalJoin<Key, Left, Right, CountOnly<Output>>>
    where Output == Either<Keyed<Key, Left>, Keyed<Key, Right>> {
        then(IntervalJoin(interval, limitBytes: limitBytes, late: CountOnly()))
    }
}
