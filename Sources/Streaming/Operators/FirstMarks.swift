/// An element, and in which of its classes its key was met for the first time.
public struct Marked<Value: BitwiseCopyable>: BitwiseCopyable {
    /// The value.
    public var value: Value
    /// A bit for each class.
    public var firsts: UInt8

    @inlinable
    init(_ value: Value, firsts: UInt8) {
        self.value = value
        self.firsts = firsts
    }
}

extension Marked: Row where Value: Row {
    /// Calls `body` with each of its texts.
    @inlinable @inline(__always)
    public mutating func forEachText(_ body: (inout TextRef) -> Void) { value.forEachText(body) }
}

/// Says which of up to eight classes an element belongs to, a bit each.
public protocol Classifying<Input>: BitwiseCopyable {
    /// What it looks at.
    associatedtype Input: BitwiseCopyable
    /// The classes of an element.
    func classes(_ element: Input) -> UInt8
}

/// Every element belongs to the one class.
public struct OneClass<Input: BitwiseCopyable>: Classifying {
    /// One of it.
    @inlinable public init() {}
    /// The one class.
    @inlinable @inline(__always)
    public func classes(_ element: Input) -> UInt8 { 1 }
}

/// Marks for each element in which classes its key is met for the first time: the exact set behind deduplication and
/// distinct counts, where one set serves counts of several classes.
///
/// With a memory, a key is forgotten when the watermark has passed its first time by more than that; what comes later is
/// first again. Without one, keys are kept until the bound, where the query stops.
public struct FirstMarks<Key: StateKey, Classes: Classifying>: Operator, ~Copyable {
    /// What it takes.
    public typealias Input = Keyed<Key, Classes.Input>
    /// What it gives.
    public typealias Output = Marked<Classes.Input>

    @usableFromInline
    struct Seen: BitwiseCopyable {
        @usableFromInline var time: Int64
        @usableFromInline var classes: UInt8

        @inlinable
        init(time: Int64, classes: UInt8) {
            self.time = time
            self.classes = classes
        }
    }

    @usableFromInline let classes: Classes
    @usableFromInline let memory: Int64?
    @usableFromInline var budget: StateBudget
    @usableFromInline var table: KeyedTable<Key, Seen>
    @usableFromInline var timers: Timers<Key>

    /// Nothing was met yet.
    @inlinable
    public init(_ classes: Classes, memory: Int64?, limitBytes: Int) {
        self.classes = classes
        self.memory = memory
        budget = StateBudget("first marks", limitBytes: limitBytes)
        table = KeyedTable(empty: Seen(time: 0, classes: 0))
        timers = Timers(width: max(1, (memory ?? 1) / 64))
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let slot = try table.slot(element.key, &budget)
        let seen = slot.pointee.value.classes
        let classes = classes.classes(element.value)
        if seen == 0 {
            slot.pointee.value.time = time
            if let memory { try timers.set(element.key, due: time &+ memory &+ 1, &budget) }
        }
        slot.pointee.value.classes = seen | classes
        try next.receive(Marked(element.value, firsts: classes & ~seen), at: time)
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        while let timer = timers.next(due: watermark, &budget) { table.remove(timer.key, &budget) }
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        table.write("first marks", version: 1, to: &writer, groups: groups)
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try KeyedTable<Key, Seen>.read("first marks", version: 1, from: &reader, groups: groups) {
            kept throws(StreamError) in
            try table.slot(kept.key, &budget).pointee.value = kept.value
            if let memory { try timers.set(kept.key, due: kept.value.time &+ memory &+ 1, &budget) }
        }
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) { body(StateUsage(budget, entries: table.count)) }
}

/// Keeps what was marked as first.
public struct OnlyFirst<Value: BitwiseCopyable>: FlatMapping {
    /// What it takes.
    public typealias Input = Marked<Value>
    /// What it gives.
    public typealias Output = Value

    /// One of it.
    @inlinable public init() {}
    /// Gives what was first.
    @inlinable @inline(__always)
    public func flatMap<Next: Receiver<Value> & ~Copyable>(
        _ element: Marked<Value>, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        if element.firsts != 0 { try next.receive(element.value, at: time) }
    }
}

extension Operator where Self: ~Copyable {
    /// Marks in which classes each key is met for the first time.
    @inlinable
    public consuming func markFirst<Key: StateKey, C: Classifying>(
        _ classes: C, memory: Int64? = nil, limitBytes: Int = 1 << 30
    ) -> Then<Self, FirstMarks<Key, C>> where Output == Keyed<Key, C.Input> {
        then(FirstMarks(classes, memory: memory, limitBytes: limitBytes))
    }

    /// Keeps the first element of each key to arrive.
    @inlinable
    public consuming func keepFirst<Key: StateKey, Value: BitwiseCopyable>(
        memory: Int64? = nil, limitBytes: Int = 1 << 30
    ) -> Then<Then<Self, FirstMarks<Key, OneClass<Value>>>, FlatMap<OnlyFirst<Value>>>
    where Output == Keyed<Key, Value> {
        markFirst(OneClass<Value>(), memory: memory, limitBytes: limitBytes).flatMap(OnlyFirst())
    }
}
