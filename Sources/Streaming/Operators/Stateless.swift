/// Decides about elements. A type of its own, most often without any property, so that the compiler sees through it.
public protocol Predicate<Input>: BitwiseCopyable {
    /// What it looks at.
    associatedtype Input: BitwiseCopyable
    /// Whether an element is kept.
    func isKept(_ element: Input) -> Bool
}

/// Makes one value out of another.
public protocol Mapping<Input, Output>: BitwiseCopyable {
    /// What it is given.
    associatedtype Input: BitwiseCopyable
    /// What it makes.
    associatedtype Output: BitwiseCopyable
    /// The value for an element.
    func map(_ element: Input) -> Output
}

/// Makes any number of elements, none included, out of each.
public protocol FlatMapping<Input, Output>: BitwiseCopyable {
    /// What it is given.
    associatedtype Input: BitwiseCopyable
    /// What it makes.
    associatedtype Output: BitwiseCopyable
    /// Gives what an element becomes to `next`.
    func flatMap<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError)
}

/// An element with the key that state is kept by.
public struct Keyed<Key: StateKey, Value: BitwiseCopyable>: BitwiseCopyable {
    /// The key.
    public var key: Key
    /// The value.
    public var value: Value

    /// A value of a key.
    @inlinable @inline(__always)
    public init(_ key: Key, _ value: Value) {
        self.key = key
        self.value = value
    }
}

extension Keyed: Row where Value: Row {
    /// Calls `body` with each of its texts.
    @inlinable @inline(__always)
    public mutating func forEachText(_ body: (inout TextRef) -> Void) { value.forEachText(body) }
}

/// The beginning of a query over elements of a type.
public struct Source<Element: BitwiseCopyable>: Operator {
    /// What it takes.
    public typealias Input = Element
    /// What it gives.
    public typealias Output = Element

    /// A query that does nothing yet.
    @inlinable public init() {}

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Element> & ~Copyable>(
        _ element: Element, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        try next.receive(element, at: time)
    }
}

/// Keeps the elements that a predicate keeps.
public struct Filter<Condition: Predicate>: Operator {
    /// What it takes.
    public typealias Input = Condition.Input
    /// What it gives.
    public typealias Output = Condition.Input
    @usableFromInline let condition: Condition

    @inlinable init(_ condition: Condition) { self.condition = condition }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        if condition.isKept(element) { try next.receive(element, at: time) }
    }
}

/// Makes another element of each.
public struct Map<Function: Mapping>: Operator {
    /// What it takes.
    public typealias Input = Function.Input
    /// What it gives.
    public typealias Output = Function.Output
    @usableFromInline let function: Function

    @inlinable init(_ function: Function) { self.function = function }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        try next.receive(function.map(element), at: time)
    }
}

/// Makes any number of elements of each.
public struct FlatMap<Function: FlatMapping>: Operator {
    /// What it takes.
    public typealias Input = Function.Input
    /// What it gives.
    public typealias Output = Function.Output
    @usableFromInline let function: Function

    @inlinable init(_ function: Function) { self.function = function }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        try function.flatMap(element, at: time, into: &next)
    }
}

/// Puts the key before each element.
public struct KeyBy<Key: Mapping>: Operator where Key.Output: StateKey {
    /// What it takes.
    public typealias Input = Key.Input
    /// What it gives.
    public typealias Output = Keyed<Key.Output, Key.Input>
    @usableFromInline let key: Key

    @inlinable init(_ key: Key) { self.key = key }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        try next.receive(Keyed(key.map(element), element), at: time)
    }
}

/// Sends the elements that a predicate does not keep to a receiver of their own: a side output.
public struct Divert<Condition: Predicate, Side: Receiver & ~Copyable>: Operator, ~Copyable
where Side.Input == Condition.Input {
    /// What it takes.
    public typealias Input = Condition.Input
    /// What it gives.
    public typealias Output = Condition.Input
    @usableFromInline let condition: Condition
    /// Where the others go.
    public var side: Side

    @inlinable
    init(_ condition: Condition, _ side: consuming Side) {
        self.condition = condition
        self.side = side
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        if condition.isKept(element) {
            try next.receive(element, at: time)
        } else {
            try side.receive(element, at: time)
        }
    }
}

/// Counts what comes, and keeps nothing of it.
public struct CountOnly<Input: BitwiseCopyable>: Receiver {
    /// How many elements came.
    public private(set) var count = 0

    /// None came yet.
    public init() {}

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive(_ element: Input, at time: Int64) throws(StreamError) { increase() }

    @usableFromInline @inline(__always)
    mutating func increase() { count &+= 1 }
}

extension Operator where Self: ~Copyable {
    /// Keeps what the predicate keeps.
    @inlinable
    public consuming func filter<C: Predicate<Output>>(_ condition: C) -> Then<Self, Filter<C>> {
        then(Filter(condition))
    }

    /// Makes another element of each.
    @inlinable
    public consuming func map<F: Mapping>(_ function: F) -> Then<Self, Map<F>> where F.Input == Output {
        then(Map(function))
    }

    /// Makes any number of elements of each.
    @inlinable
    public consuming func flatMap<F: FlatMapping>(_ function: F) -> Then<Self, FlatMap<F>> where F.Input == Output {
        then(FlatMap(function))
    }

    /// Puts the key before each element.
    @inlinable
    public consuming func keyBy<K: Mapping>(_ key: K) -> Then<Self, KeyBy<K>>
    where K.Input == Output, K.Output: StateKey {
        then(KeyBy(key))
    }

    /// Keeps what the predicate keeps, and sends the rest aside.
    @inlinable
    public consuming func divert<C: Predicate<Output>, Side: Receiver<Output> & ~Copyable>(
        unless condition: C, to side: consuming Side
    ) -> Then<Self, Divert<C, Side>> {
        then(Divert(condition, side))
    }
}
