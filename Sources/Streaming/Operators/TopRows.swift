/// A row and the place it has now among its key's, from 1.
public struct Ranked<Key: StateKey, R: Row>: Row {
    /// The key.
    public var key: Key
    /// Its place, from 1.
    public var rank: Int64
    /// The row.
    public var row: R

    @inlinable
    init(key: Key, rank: Int64, row: R) {
        self.key = key
        self.rank = rank
        self.row = row
    }

    /// Calls `body` with each of its texts.
    @inlinable @inline(__always)
    public mutating func forEachText(_ body: (inout TextRef) -> Void) { row.forEachText(body) }
}

/// The rows with the highest scores of each key; of equal scores the first to arrive. By the key `Whole`, of all rows.
///
/// The output is a stream of *upserts* by key and rank: a new row gives its rank and all ranks below it that moved. Texts
/// in it are valid until the next element.
public struct TopRows<Key: StateKey, R: Row, Score: Mapping>: Operator, ~Copyable
where Score.Input == R, Score.Output == Int64 {
    /// What it takes.
    public typealias Input = Keyed<Key, R>
    /// What it gives.
    public typealias Output = Ranked<Key, R>

    /// A row of a key, with the place of the one below it.
    @usableFromInline
    struct Place: BitwiseCopyable {
        @usableFromInline var row: R
        @usableFromInline var score: Int64
        @usableFromInline var next: UInt32

        @inlinable
        init(row: R, score: Int64, next: UInt32) {
            self.row = row
            self.score = score
            self.next = next
        }
    }

    @usableFromInline
    struct Top: BitwiseCopyable {
        @usableFromInline var count: UInt32
        @usableFromInline var first: UInt32
        @usableFromInline var lowest: Int64

        @inlinable
        init(count: UInt32, first: UInt32, lowest: Int64) {
            self.count = count
            self.first = first
            self.lowest = lowest
        }
    }

    @inlinable static var none: UInt32 { .max }

    @usableFromInline let rows: UInt32
    @usableFromInline let score: Score
    @usableFromInline var budget: StateBudget
    @usableFromInline var table: KeyedTable<Key, Top>
    @usableFromInline var places = Pool<Place>()
    @usableFromInline var texts = TextArena()

    /// Up to `rows` for each key.
    @inlinable
    public init(_ rows: Int, by score: Score, limitBytes: Int) {
        precondition(rows >= 1)
        self.rows = UInt32(rows)
        self.score = score
        budget = StateBudget("top rows", limitBytes: limitBytes)
        table = KeyedTable(empty: Top(count: 0, first: .max, lowest: .max))
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let score = score.map(element.value)
        let slot = try table.slot(element.key, &budget)
        if slot.pointee.value.count == rows && score <= slot.pointee.value.lowest { return }
        try insert(element, score, time, slot, into: &next)
    }

    @inlinable
    mutating func insert<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, _ score: Int64, _ time: Int64, _ slot: UnsafeMutablePointer<KeyedTable<Key, Top>.Slot>,
        into next: inout Next
    ) throws(StreamError) {
        let kept = try texts.keep(element.value, &budget)
        let new = try places.add(Place(row: kept, score: score, next: Self.none), &budget)
        var above = Self.none
        var below = slot.pointee.value.first
        var rank: UInt32 = 1
        while below != Self.none && places[below].pointee.score >= score {
            above = below
            below = places[below].pointee.next
            rank &+= 1
        }
        places[new].pointee.next = below
        if above == Self.none { slot.pointee.value.first = new } else { places[above].pointee.next = new }

        // From the new row down, each has another rank than before; the one past the last falls out.
        var place = new
        var last = above
        while place != Self.none && rank <= rows {
            try next.receive(
                Output(key: element.key, rank: Int64(rank), row: places[place].pointee.row), at: time)
            last = place
            place = places[place].pointee.next
            rank &+= 1
        }
        if place != Self.none {
            texts.drop(places[place].pointee.row, &budget)
            places.remove(place)
            places[last].pointee.next = Self.none
        } else {
            slot.pointee.value.count = rank &- 1
        }
        slot.pointee.value.lowest = places[last].pointee.score
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        writer.begin("top rows", version: 1)
        var slots = table.slots()
        while let slot = slots.next() {
            guard groups.contains(KeyGroup.of(slot.pointee.key)) else { continue }
            var place = slot.pointee.value.first
            while place != Self.none {
                writer.entry()
                writer.put(slot.pointee.key)
                writer.put(row: places[place].pointee.row)
                place = places[place].pointee.next
            }
        }
        writer.end()
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try reader.begin("top rows", version: 1)
        var ignored = CountOnly<Output>()
        while reader.nextEntry() {
            let key = try reader.take(Key.self)
            // Rows were written from the first down, so that equal scores keep their order.
            try reader.takeRow(R.self) { row throws(StreamError) in
                guard groups.contains(KeyGroup.of(key)) else { return }
                try receive(Keyed(key, row), at: 0, into: &ignored)
            }
        }
        try reader.end()
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) { body(StateUsage(budget, entries: places.count)) }
}

extension Operator where Self: ~Copyable {
    /// The rows with the highest scores of each key.
    @inlinable
    public consuming func top<Key: StateKey, R: Row, Score: Mapping>(
        _ rows: Int, by score: Score, limitBytes: Int = 1 << 30
    ) -> Then<Self, TopRows<Key, R, Score>>
    where Output == Keyed<Key, R>, Score.Input == R, Score.Output == Int64 {
        then(TopRows(rows, by: score, limitBytes: limitBytes))
    }
}
