/// What a key's value is now, and what it was before.
public struct Revision<Value: BitwiseCopyable>: BitwiseCopyable {
    /// The value now.
    public var new: Value
    /// Of no meaning where `isFirst`.
    public var old: Value
    /// Whether there was no value before.
    public var isFirst: Bool

    /// A change.
    @inlinable
    public init(new: Value, old: Value, isFirst: Bool) {
        self.new = new
        self.old = old
        self.isFirst = isFirst
    }
}

/// A key's value that changed, with the element that changed it.
public struct RunningChange<Key: StateKey, Cause: BitwiseCopyable, Value: BitwiseCopyable>: BitwiseCopyable {
    /// The key.
    public var key: Key
    /// The element that changed it.
    public var cause: Cause
    /// The value, and the one before.
    public var revision: Revision<Value>

    @inlinable
    init(key: Key, cause: Cause, revision: Revision<Value>) {
        self.key = key
        self.cause = cause
        self.revision = revision
    }
}

/// Aggregates by key without windows. Each element that changes its key's value gives the new value and the old one:
/// who only keeps the newest has an *upsert*, who adds up further takes the old one out (`RevisedAggregate`).
public struct RunningAggregate<Key: StateKey, A: Aggregate>: Operator, ~Copyable where A.Output: Equatable {
    /// What it takes.
    public typealias Input = Keyed<Key, A.Input>
    /// What it gives.
    public typealias Output = RunningChange<Key, A.Input, A.Output>

    @usableFromInline
    struct Running: BitwiseCopyable {
        @usableFromInline var partial: A.Partial
        /// 1 after the first element. A number, since a snapshot's bytes may be any.
        @usableFromInline var isUsed: UInt8

        @inlinable
        init(partial: A.Partial, isUsed: UInt8) {
            self.partial = partial
            self.isUsed = isUsed
        }
    }

    @usableFromInline let aggregate: A
    @usableFromInline var budget: StateBudget
    @usableFromInline var table: KeyedTable<Key, Running>

    /// No element came yet.
    @inlinable
    public init(_ aggregate: A, limitBytes: Int) {
        self.aggregate = aggregate
        budget = StateBudget("running aggregate", limitBytes: limitBytes)
        table = KeyedTable(empty: Running(partial: aggregate.empty, isUsed: 0))
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let slot = try table.slot(element.key, &budget)
        let isFirst = slot.pointee.value.isUsed == 0
        let old = aggregate.result(slot.pointee.value.partial)
        aggregate.add(element.value, to: &slot.pointee.value.partial)
        slot.pointee.value.isUsed = 1
        let new = aggregate.result(slot.pointee.value.partial)
        guard isFirst || new != old else { return }
        try next.receive(
            Output(key: element.key, cause: element.value, revision: Revision(new: new, old: old, isFirst: isFirst)),
            at: time)
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        table.write("running aggregate", version: 1, to: &writer, groups: groups)
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try KeyedTable<Key, Running>.read("running aggregate", version: 1, from: &reader, groups: groups) {
            kept throws(StreamError) in
            try table.slot(kept.key, &budget).pointee.value = kept.value
        }
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) { body(StateUsage(budget, entries: table.count)) }
}

/// Aggregates values that change: the old value is taken out of its key's aggregate and the new one put in. Gives the
/// key's aggregate after each, an *upsert*.
public struct RevisedAggregate<Key: StateKey, A: InvertibleAggregate>: Operator, ~Copyable {
    /// What it takes.
    public typealias Input = Keyed<Key, Revision<A.Input>>
    /// What it gives.
    public typealias Output = Keyed<Key, A.Output>

    @usableFromInline let aggregate: A
    @usableFromInline var budget: StateBudget
    @usableFromInline var table: KeyedTable<Key, A.Partial>

    /// No value came yet.
    @inlinable
    public init(_ aggregate: A, limitBytes: Int) {
        self.aggregate = aggregate
        budget = StateBudget("revised aggregate", limitBytes: limitBytes)
        table = KeyedTable(empty: aggregate.empty)
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let slot = try table.slot(element.key, &budget)
        if !element.value.isFirst { aggregate.remove(element.value.old, from: &slot.pointee.value) }
        aggregate.add(element.value.new, to: &slot.pointee.value)
        try next.receive(Keyed(element.key, aggregate.result(slot.pointee.value)), at: time)
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        table.write("revised aggregate", version: 1, to: &writer, groups: groups)
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try KeyedTable<Key, A.Partial>.read("revised aggregate", version: 1, from: &reader, groups: groups) {
            kept throws(StreamError) in
            let slot = try table.slot(kept.key, &budget)
            aggregate.merge(kept.value, into: &slot.pointee.value)
        }
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) { body(StateUsage(budget, entries: table.count)) }
}

extension Operator where Self: ~Copyable {
    /// Aggregates by key, without windows.
    @inlinable
    public consuming func running<Key: StateKey, A: Aggregate>(
        _ aggregate: A, limitBytes: Int = 1 << 30
    ) -> Then<Self, RunningAggregate<Key, A>> where Output == Keyed<Key, A.Input>, A.Output: Equatable {
        then(RunningAggregate(aggregate, limitBytes: limitBytes))
    }

    /// Aggregates values that change, by key.
    @inlinable
    public consuming func revised<Key: StateKey, A: InvertibleAggregate>(
        _ aggregate: A, limitBytes: Int = 1 << 30
    ) -> Then<Self, RevisedAggregate<Key, A>> where Output == Keyed<Key, Revision<A.Input>> {
        then(RevisedAggregate(aggregate, limitBytes: limitBytes))
    }
}
