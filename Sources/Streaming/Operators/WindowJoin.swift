/// Joins two streams of rows by key within windows side by side: every left row with every right row of its key in the
/// same window. A pair is given when the second of them comes, at the later time of the two. A row whose window is over
/// is late.
public struct WindowJoin<Key: StateKey, Left: Row, Right: Row, Late: Receiver & ~Copyable>: Operator, ~Copyable
where Late.Input == Either<Keyed<Key, Left>, Keyed<Key, Right>> {
    /// What it takes.
    public typealias Input = Either<Keyed<Key, Left>, Keyed<Key, Right>>
    /// What it gives.
    public typealias Output = Joined<Left, Right>

    @usableFromInline let span: WindowSpan
    @usableFromInline var budget: StateBudget
    /// Where rows go that are too late.
    public var late: Late
    @usableFromInline var lefts = RowChains<Pair<Key, Int64>, Left>()
    @usableFromInline var rights = RowChains<Pair<Key, Int64>, Right>()
    @usableFromInline var timers: Timers<Pair<Key, Int64>>
    @usableFromInline var watermark = Int64.min

    /// No rows yet.
    @inlinable
    public init(_ span: WindowSpan, limitBytes: Int, late: consuming Late) {
        precondition(span.size == span.slide, "windows side by side")
        self.span = span
        self.late = late
        budget = StateBudget("window join", limitBytes: limitBytes)
        timers = Timers(width: span.size)
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let start = span.lastStart(time)
        if start &+ span.size <= watermark {
            try late.receive(element, at: time)
            return
        }
        switch element {
        case .left(let left):
            let key = Pair(left.key, start)
            try remember(key)
            try lefts.add(left.value, key: key, time: time, &budget)
            var rights = rights.rows(key)
            while let right = rights.next() {
                try next.receive(Joined(left.value, right.pointee.row), at: max(time, right.pointee.time))
            }
        case .right(let right):
            let key = Pair(right.key, start)
            try remember(key)
            try rights.add(right.value, key: key, time: time, &budget)
            var lefts = lefts.rows(key)
            while let left = lefts.next() {
                try next.receive(Joined(left.pointee.row, right.value), at: max(time, left.pointee.time))
            }
        }
    }

    /// Sees to it that a new key is forgotten with its window.
    @inlinable
    mutating func remember(_ key: Pair<Key, Int64>) throws(StreamError) {
        guard !lefts.has(key) && !rights.has(key) else { return }
        try timers.set(key, due: key.b &+ span.size, &budget)
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        self.watermark = watermark
        while let timer = timers.next(due: watermark, &budget) {
            lefts.removeAll(timer.key, &budget)
            rights.removeAll(timer.key, &budget)
        }
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        // Groups follow the key alone, so that a shard finds its rows again.
        writer.begin("window join", version: 1)
        writer.put(watermark)
        writer.end()
        write("window join, left", lefts, to: &writer, groups)
        write("window join, right", rights, to: &writer, groups)
    }

    private func write<R: Row>(
        _ name: StaticString, _ chains: borrowing RowChains<Pair<Key, Int64>, R>, to writer: inout StateWriter,
        _ groups: Range<Int>
    ) {
        writer.begin(name, version: 1)
        chains.write(to: &writer) { groups.contains(KeyGroup.of($0.a)) }
        writer.end()
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try reader.begin("window join", version: 1)
        watermark = try reader.take(Int64.self)
        try reader.end()
        var known: [Pair<Key, Int64>] = []
        try reader.begin("window join, left", version: 1)
        try lefts.restore(from: &reader, where: { groups.contains(KeyGroup.of($0.a)) }, &budget) {
            key, _, _ throws(StreamError) in known.append(key)
        }
        try reader.end()
        try reader.begin("window join, right", version: 1)
        try rights.restore(from: &reader, where: { groups.contains(KeyGroup.of($0.a)) }, &budget) {
            key, _, _ throws(StreamError) in known.append(key)
        }
        try reader.end()
        for key in known { try timers.set(key, due: key.b &+ span.size, &budget) }
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) {
        body(StateUsage(budget, entries: lefts.count + rights.count))
    }
}

extension Operator where Self: ~Copyable {
    /// Joins two streams by key within windows; what is late is counted.
    @inlinable
    public consuming func join<Key: StateKey, Left: Row, Right: Row>(
        in span: WindowSpan, limitBytes: Int = 1 << 30
    ) -> Then<Self, WindowJoin<Key, Left, Right, CountOnly<Output>>>
    where Output == Either<Keyed<Key, Left>, Keyed<Key, Right>> {
        then(WindowJoin(span, limitBytes: limitBytes, late: CountOnly()))
    }
}
