/// Joins a stream with a table that changes: each row of the stream with the newest version of the table's row of its
/// key. The right side is the table: a row takes the place of the one before it of its key, unless its time is earlier.
///
/// A row of the stream that comes before the table has its key waits, and is joined with the first version that comes;
/// each is joined once. With a patience, it waits until the watermark has passed its time by more than that, and then
/// goes to `unmatched`. The table's rows stay.
public struct TableJoin<Key: StateKey, Left: Row, Right: Row, Unmatched: Receiver & ~Copyable>: Operator, ~Copyable
where Unmatched.Input == Keyed<Key, Left> {
    /// What it takes.
    public typealias Input = Either<Keyed<Key, Left>, Keyed<Key, Right>>
    /// What it gives.
    public typealias Output = Joined<Left, Right>

    @usableFromInline
    struct Version: BitwiseCopyable {
        @usableFromInline var time: Int64
        @usableFromInline var place: UInt32

        @inlinable
        init(time: Int64, place: UInt32) {
            self.time = time
            self.place = place
        }
    }

    @usableFromInline let patience: Int64?
    @usableFromInline var budget: StateBudget
    /// Where rows go that the table had nothing for.
    public var unmatched: Unmatched
    @usableFromInline var table: KeyedTable<Key, Version>
    @usableFromInline var rows = Pool<Right>()
    @usableFromInline var texts = TextArena()
    @usableFromInline var waiting = RowChains<Key, Left>()
    @usableFromInline var timers: Timers<Key>

    /// An empty table.
    @inlinable
    public init(patience: Int64?, limitBytes: Int, unmatched: consuming Unmatched) {
        self.patience = patience
        self.unmatched = unmatched
        budget = StateBudget("table join", limitBytes: limitBytes)
        table = KeyedTable(empty: Version(time: .min, place: .max))
        timers = Timers(width: max(1, (patience ?? 1) / 64))
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        switch element {
        case .left(let left):
            if let slot = table.find(left.key) {
                try next.receive(Joined(left.value, rows[slot.pointee.value.place].pointee), at: time)
            } else {
                try wait(left, time)
            }
        case .right(let right):
            try change(right, time)
            guard waiting.keyCount > 0 else { return }
            var lefts = waiting.rows(right.key)
            while let left = lefts.next() {
                try next.receive(Joined(left.pointee.row, right.value), at: max(time, left.pointee.time))
            }
            waiting.removeAll(right.key, &budget)
        }
    }

    @inlinable
    mutating func wait(_ left: Keyed<Key, Left>, _ time: Int64) throws(StreamError) {
        try waiting.add(left.value, key: left.key, time: time, &budget)
        if let patience { try timers.set(left.key, due: time &+ patience &+ 1, &budget) }
    }

    @inlinable
    mutating func change(_ right: Keyed<Key, Right>, _ time: Int64) throws(StreamError) {
        let slot = try table.slot(right.key, &budget)
        guard time >= slot.pointee.value.time else { return }
        let kept = try texts.keep(right.value, &budget)
        if slot.pointee.value.place == .max {
            slot.pointee.value.place = try rows.add(kept, &budget)
        } else {
            let row = rows[slot.pointee.value.place]
            texts.drop(row.pointee, &budget)
            row.pointee = kept
        }
        slot.pointee.value.time = time
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        guard let patience else { return }
        while let timer = timers.next(due: watermark, &budget) {
            var lefts = waiting.rows(timer.key)
            while let left = lefts.next() {
                guard left.pointee.time < watermark &- patience else { continue }
                try unmatched.receive(Keyed(timer.key, left.pointee.row), at: left.pointee.time)
            }
            waiting.removeRows(timer.key, before: watermark &- patience, &budget)
        }
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        writer.begin("table join, table", version: 1)
        var slots = table.slots()
        while let slot = slots.next() {
            guard groups.contains(KeyGroup.of(slot.pointee.key)) else { continue }
            writer.entry()
            writer.put(slot.pointee.key)
            writer.put(slot.pointee.value.time)
            writer.put(row: rows[slot.pointee.value.place].pointee)
        }
        writer.end()
        writer.begin("table join, waiting", version: 1)
        waiting.write(to: &writer, groups: groups)
        writer.end()
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try reader.begin("table join, table", version: 1)
        while reader.nextEntry() {
            let key = try reader.take(Key.self)
            let time = try reader.take(Int64.self)
            try reader.takeRow(Right.self) { row throws(StreamError) in
                guard groups.contains(KeyGroup.of(key)) else { return }
                try change(Keyed(key, row), time)
            }
        }
        try reader.end()
        try reader.begin("table join, waiting", version: 1)
        var dues: [(Key, Int64)] = []
        let patience = patience
        try waiting.restore(from: &reader, groups: groups, &budget) { key, time, _ throws(StreamError) in
            if let patience { dues.append((key, time &+ patience &+ 1)) }
        }
        for (key, due) in dues { try timers.set(key, due: due, &budget) }
        try reader.end()
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) {
        body(StateUsage(budget, entries: table.count + waiting.count))
    }
}

extension Operator where Self: ~Copyable {
    /// Joins the left stream with the table that the right one is; rows without a match wait, for ever where no
    /// patience is given.
    @inlinable
    public consuming func joinTable<Key: StateKey, Left: Row, Right: Row>(
        patience: Int64? = nil, limitBytes: Int = 1 << 30
    ) -> Then<Self, TableJoin<Key, Left, Right, CountOnly<Keyed<Key, Left>>>>
    where Output == Either<Keyed<Key, Left>, Keyed<Key, Right>> {
        then(TableJoin(patience: patience, limitBytes: limitBytes, unmatched: CountOnly()))
    }
}
