/// A session of one key: elements without a pause longer than the gap between them.
public struct SessionResult<Key: StateKey, Value: BitwiseCopyable>: BitwiseCopyable {
    /// The key.
    public var key: Key
    /// The time of the first element.
    public var first: Int64
    /// The time of the last one.
    public var last: Int64
    /// The value.
    public var value: Value

    @inlinable
    init(key: Key, first: Int64, last: Int64, value: Value) {
        self.key = key
        self.first = first
        self.last = last
        self.value = value
    }
}

extension SessionResult: Row {}

/// Aggregates by key and session: a pause longer than `gap` ends one. Elements may come in any order; one that lies
/// between two sessions joins them. A session is given once, when the watermark has passed its last element by more than
/// the gap, at that time. An element is late when it would begin a session that is already over.
public struct SessionWindows<Key: StateKey, A: Aggregate, Late: Receiver & ~Copyable>: Operator, ~Copyable
where Late.Input == Keyed<Key, A.Input> {
    /// What it takes.
    public typealias Input = Keyed<Key, A.Input>
    /// What it gives.
    public typealias Output = SessionResult<Key, A.Output>

    @usableFromInline
    struct Session: BitwiseCopyable {
        // What every element looks at comes first, in one cache line with the beginning of the aggregate.
        @usableFromInline var first: Int64
        @usableFromInline var last: Int64
        /// Another session of the same key; there is one only while elements are out of order by more than the gap.
        @usableFromInline var next: UInt32
        /// The checkpoint that the key last changed for; of the session in the table only.
        @usableFromInline var changedIn: UInt32 = 0
        @usableFromInline var partial: A.Partial
        /// When the key's timer is due; of the session in the table only.
        @usableFromInline var timer: Int64

        @inlinable
        init(first: Int64, last: Int64, partial: A.Partial, next: UInt32, timer: Int64) {
            self.first = first
            self.last = last
            self.partial = partial
            self.next = next
            self.timer = timer
        }
    }

    @inlinable static var none: UInt32 { .max }

    @usableFromInline let gap: Int64
    @usableFromInline let aggregate: A
    @usableFromInline var budget: StateBudget
    /// Where elements go that are too late.
    public var late: Late
    @usableFromInline var table: KeyedTable<Key, Session>
    @usableFromInline var others = Pool<Session>()
    @usableFromInline var timers: Timers<Key>
    @usableFromInline var watermark = Int64.min
    /// The number of the checkpoint that changes are noted for; zero where they are not.
    @usableFromInline var epoch: UInt32 = 0
    @usableFromInline var changes = Changes<Key>()

    /// Sessions without elements.
    @inlinable
    public init(gap: Int64, _ aggregate: A, limitBytes: Int, late: consuming Late) {
        precondition(gap > 0)
        self.gap = gap
        self.aggregate = aggregate
        self.late = late
        budget = StateBudget("sessions", limitBytes: limitBytes)
        table = KeyedTable(
            empty: Session(first: .max, last: .min, partial: aggregate.empty, next: .max, timer: .max))
        timers = Timers(width: max(1, gap / 16))
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        if let slot = table.find(element.key) {
            let session = slot.pointee.value
            if time <= session.last &+ gap && time >= session.first &- gap && session.next == Self.none {
                aggregate.add(element.value, to: &slot.pointee.value.partial)
                if time > session.last {
                    slot.pointee.value.last = time
                } else if time < session.first {
                    slot.pointee.value.first = time
                }
                if session.changedIn != epoch { noteChange(slot) }
                return
            }
        }
        try place(element, time)
    }

    /// Notes that the sessions of a key changed.
    @inlinable @inline(never)
    mutating func noteChange(_ slot: UnsafeMutablePointer<KeyedTable<Key, Session>.Slot>) {
        slot.pointee.value.changedIn = epoch
        changes.note(slot.pointee.key)
    }

    /// Of an element that no lone session of its key takes.
    @inlinable @inline(never)
    mutating func place(_ element: Input, _ time: Int64) throws(StreamError) {
        var found = Session(first: time, last: time, partial: aggregate.empty, next: Self.none, timer: .max)
        aggregate.add(element.value, to: &found.partial)
        if table.find(element.key) == nil && isOver(time) {
            try late.receive(element, at: time)
            return
        }
        let slot = try table.slot(element.key, &budget)
        if isOver(time) && !reaches(found, slot.pointee.value) {
            try late.receive(element, at: time)
            return
        }
        try join(found, key: element.key, slot)
    }

    @inlinable func isOver(_ last: Int64) -> Bool { watermark > Int64.min &+ gap && watermark &- gap > last }

    /// Whether a session touches any of a key's.
    @inlinable
    func reaches(_ session: Session, _ head: Session) -> Bool {
        var other = head
        while true {
            if session.first <= other.last &+ gap && session.last >= other.first &- gap { return true }
            guard other.next != Self.none else { return false }
            other = others[other.next].pointee
        }
    }

    /// Adds a session to a key's, and makes one of those that it touches.
    @inlinable
    mutating func join(
        _ session: Session, key: Key, _ slot: UnsafeMutablePointer<KeyedTable<Key, Session>.Slot>
    ) throws(StreamError) {
        var joined = session
        let head = slot.pointee.value
        var kept = Self.none
        var other = head.first == .max ? nil : head
        var place = Self.none
        // What does not touch it stays in the chain; what does is taken in and its place given back.
        while let candidate = other {
            let following = candidate.next
            if joined.first <= candidate.last &+ gap && joined.last >= candidate.first &- gap {
                joined.first = min(joined.first, candidate.first)
                joined.last = max(joined.last, candidate.last)
                aggregate.merge(candidate.partial, into: &joined.partial)
                if place != Self.none { others.remove(place) }
            } else {
                var staying = candidate
                staying.next = kept
                if place == Self.none {
                    kept = try others.add(staying, &budget)
                } else {
                    others[place].pointee = staying
                    kept = place
                }
            }
            place = following
            other = following == Self.none ? nil : others[following].pointee
        }
        joined.next = kept
        joined.timer = head.timer
        joined.changedIn = head.changedIn
        slot.pointee.value = joined
        if joined.changedIn != epoch { noteChange(slot) }
        try setTimer(key, due: joined.last &+ gap &+ 1, slot)
    }

    /// Sees to it that the key is looked at when a session may be over.
    @inlinable
    mutating func setTimer(
        _ key: Key, due: Int64, _ slot: UnsafeMutablePointer<KeyedTable<Key, Session>.Slot>
    ) throws(StreamError) {
        guard due < slot.pointee.value.timer else { return }
        slot.pointee.value.timer = due
        try timers.set(key, due: due, &budget)
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        self.watermark = watermark
        while let timer = timers.next(due: watermark, &budget) {
            guard let slot = table.find(timer.key), slot.pointee.value.timer == timer.due else { continue }
            try giveOver(timer.key, slot, into: &next)
        }
    }

    /// Gives the sessions of a key that are over.
    @inlinable
    mutating func giveOver<Next: Receiver<Output> & ~Copyable>(
        _ key: Key, _ slot: UnsafeMutablePointer<KeyedTable<Key, Session>.Slot>, into next: inout Next
    ) throws(StreamError) {
        var chain = slot.pointee.value
        var place = Self.none
        var open = Self.none
        var earliest = Int64.max
        while true {
            if isOver(chain.last) {
                try next.receive(
                    Output(
                        key: key, first: chain.first, last: chain.last, value: aggregate.result(chain.partial)),
                    at: chain.last &+ gap)
                if place != Self.none { others.remove(place) }
            } else {
                earliest = min(earliest, chain.last)
                var staying = chain
                staying.next = open
                if place == Self.none {
                    open = try others.add(staying, &budget)
                } else {
                    others[place].pointee = staying
                    open = place
                }
            }
            guard chain.next != Self.none else { break }
            place = chain.next
            chain = others[place].pointee
        }
        guard open != Self.none else {
            table.remove(key, &budget)
            if epoch != 0 { changes.note(key) }
            return
        }
        slot.pointee.value = others[open].pointee
        slot.pointee.value.timer = .max
        slot.pointee.value.changedIn = 0
        if epoch != 0 { noteChange(slot) }
        others.remove(open)
        try setTimer(key, due: earliest &+ gap &+ 1, slot)
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        writer.begin("sessions", version: 1)
        writer.put(watermark)
        var slots = table.slots()
        while let slot = slots.next() {
            guard groups.contains(KeyGroup.of(slot.pointee.key)) else { continue }
            var session = slot.pointee.value
            while true {
                writer.entry()
                writer.put(slot.pointee.key)
                writer.put(session.first)
                writer.put(session.last)
                writer.put(session.partial)
                guard session.next != Self.none else { break }
                session = others[session.next].pointee
            }
        }
        writer.end()
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try reader.begin("sessions", version: 1)
        watermark = try reader.take(Int64.self)
        while reader.nextEntry() {
            let key = try reader.take(Key.self)
            let first = try reader.take(Int64.self)
            let last = try reader.take(Int64.self)
            let partial = try reader.take(A.Partial.self)
            guard groups.contains(KeyGroup.of(key)) else { continue }
            guard first <= last else { throw reader.damaged("a session ends before it begins") }
            let slot = try table.slot(key, &budget)
            try join(
                Session(first: first, last: last, partial: partial, next: Self.none, timer: .max), key: key, slot)
        }
        try reader.end()
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) {
        body(StateUsage(budget, entries: table.count + others.count))
    }
}

extension Operator where Self: ~Copyable {
    /// Aggregates by key and session; what is too late is counted.
    @inlinable
    public consuming func sessions<Key: StateKey, A: Aggregate>(
        gap: Int64, _ aggregate: A, limitBytes: Int = 1 << 30
    ) -> Then<Self, SessionWindows<Key, A, CountOnly<Keyed<Key, A.Input>>>> where Output == Keyed<Key, A.Input> {
        then(SessionWindows(gap: gap, aggregate, limitBytes: limitBytes, late: CountOnly()))
    }

    /// Aggregates by key and session; what is too late goes to `late`.
    @inlinable
    public consuming func sessions<Key: StateKey, A: Aggregate, Late: Receiver<Output> & ~Copyable>(
        gap: Int64, _ aggregate: A, limitBytes: Int = 1 << 30, late: consuming Late
    ) -> Then<Self, SessionWindows<Key, A, Late>> where Output == Keyed<Key, A.Input> {
        then(SessionWindows(gap: gap, aggregate, limitBytes: limitBytes, late: late))
    }
}
