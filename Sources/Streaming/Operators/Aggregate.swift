/// How elements become one number or a few: a monoid with its inputs and its result, as a type without state.
public protocol Aggregate<Input, Output>: BitwiseCopyable {
    /// What is added up.
    associatedtype Input: BitwiseCopyable
    /// What is known of the elements so far. Kept in state, merged across slices of windows.
    associatedtype Partial: BitwiseCopyable
    /// What comes out.
    associatedtype Output: BitwiseCopyable

    /// Of no elements.
    var empty: Partial { get }
    /// Adds an element.
    func add(_ element: Input, to partial: inout Partial)
    /// Adds what is known of other elements. The order does not matter.
    func merge(_ other: Partial, into partial: inout Partial)
    /// What comes out.
    func result(_ partial: Partial) -> Output
}

/// An aggregate that elements can be taken out of again.
public protocol InvertibleAggregate<Input, Output>: Aggregate {
    /// Takes out an element that was added.
    func remove(_ element: Input, from partial: inout Partial)
}

/// How many elements.
public struct Count<Input: BitwiseCopyable>: InvertibleAggregate {
    /// One of it.
    @inlinable public init() {}
    /// Of no elements.
    @inlinable public var empty: Int64 { 0 }
    /// Adds an element.
    @inlinable @inline(__always)
    public func add(_ element: Input, to partial: inout Int64) { partial &+= 1 }
    /// Takes an element out.
    @inlinable @inline(__always)
    public func remove(_ element: Input, from partial: inout Int64) { partial &-= 1 }
    /// Adds what is known of other elements.
    @inlinable @inline(__always)
    public func merge(_ other: Int64, into partial: inout Int64) { partial &+= other }
    /// What comes out.
    @inlinable @inline(__always)
    public func result(_ partial: Int64) -> Int64 { partial }
}

/// The exact sum of whole numbers: 2⁶³ of them cannot overflow it.
public struct Sum<Number: Mapping>: InvertibleAggregate where Number.Output == Int64 {
    /// What it takes.
    public typealias Input = Number.Input
    @usableFromInline let number: Number
    /// Of a number that elements have.
    @inlinable public init(_ number: Number) { self.number = number }
    /// Of no elements.
    @inlinable public var empty: Int128 { 0 }
    /// Adds an element.
    @inlinable @inline(__always)
    public func add(_ element: Input, to partial: inout Int128) { partial &+= Int128(number.map(element)) }
    /// Takes an element out.
    @inlinable @inline(__always)
    public func remove(_ element: Input, from partial: inout Int128) { partial &-= Int128(number.map(element)) }
    /// Adds what is known of other elements.
    @inlinable @inline(__always)
    public func merge(_ other: Int128, into partial: inout Int128) { partial &+= other }
    /// What comes out.
    @inlinable @inline(__always)
    public func result(_ partial: Int128) -> Int128 { partial }
}

/// The smallest number.
public struct Minimum<Number: Mapping>: Aggregate where Number.Output == Int64 {
    /// What it takes.
    public typealias Input = Number.Input
    @usableFromInline let number: Number
    /// Of a number that elements have.
    @inlinable public init(_ number: Number) { self.number = number }
    /// Of no elements.
    @inlinable public var empty: Int64 { .max }
    /// Adds an element.
    @inlinable @inline(__always)
    public func add(_ element: Input, to partial: inout Int64) { partial = min(partial, number.map(element)) }
    /// Adds what is known of other elements.
    @inlinable @inline(__always)
    public func merge(_ other: Int64, into partial: inout Int64) { partial = min(partial, other) }
    /// What comes out.
    @inlinable @inline(__always)
    public func result(_ partial: Int64) -> Int64 { partial }
}

/// The largest number.
public struct Maximum<Number: Mapping>: Aggregate where Number.Output == Int64 {
    /// What it takes.
    public typealias Input = Number.Input
    @usableFromInline let number: Number
    /// Of a number that elements have.
    @inlinable public init(_ number: Number) { self.number = number }
    /// Of no elements.
    @inlinable public var empty: Int64 { .min }
    /// Adds an element.
    @inlinable @inline(__always)
    public func add(_ element: Input, to partial: inout Int64) { partial = max(partial, number.map(element)) }
    /// Adds what is known of other elements.
    @inlinable @inline(__always)
    public func merge(_ other: Int64, into partial: inout Int64) { partial = max(partial, other) }
    /// What comes out.
    @inlinable @inline(__always)
    public func result(_ partial: Int64) -> Int64 { partial }
}

/// A sum and how many numbers it is of.
public struct Mean: BitwiseCopyable, Equatable {
    /// The sum.
    public var sum: Int128
    /// How many.
    public var count: Int64

    /// Of no numbers.
    @inlinable
    public init(sum: Int128 = 0, count: Int64 = 0) {
        self.sum = sum
        self.count = count
    }

    /// The mean towards zero, as SQL divides whole numbers; zero of no numbers.
    @inlinable public var whole: Int64 { count == 0 ? 0 : Int64(truncatingIfNeeded: sum / Int128(count)) }
}

/// The exact mean of whole numbers.
public struct Average<Number: Mapping>: InvertibleAggregate where Number.Output == Int64 {
    /// What it takes.
    public typealias Input = Number.Input
    @usableFromInline let number: Number
    /// Of a number that elements have.
    @inlinable public init(_ number: Number) { self.number = number }
    /// Of no elements.
    @inlinable public var empty: Mean { Mean() }
    /// Adds an element.
    @inlinable @inline(__always)
    public func add(_ element: Input, to partial: inout Mean) {
        partial.sum &+= Int128(number.map(element))
        partial.count &+= 1
    }
    /// Takes an element out.
    @inlinable @inline(__always)
    public func remove(_ element: Input, from partial: inout Mean) {
        partial.sum &-= Int128(number.map(element))
        partial.count &-= 1
    }
    /// Adds what is known of other elements.
    @inlinable @inline(__always)
    public func merge(_ other: Mean, into partial: inout Mean) {
        partial.sum &+= other.sum
        partial.count &+= other.count
    }
    /// What comes out.
    @inlinable @inline(__always)
    public func result(_ partial: Mean) -> Mean { partial }
}

/// Two aggregates of the same elements.
public struct Both<A: Aggregate, B: Aggregate>: Aggregate where A.Input == B.Input {
    /// What it takes.
    public typealias Input = A.Input

    /// What both know, or what comes out of both.
    public struct Two<First: BitwiseCopyable, Second: BitwiseCopyable>: BitwiseCopyable {
        /// Of the first.
        public var first: First
        /// Of the second.
        public var second: Second

        @inlinable
        init(_ first: First, _ second: Second) {
            self.first = first
            self.second = second
        }
    }

    @usableFromInline let first: A
    @usableFromInline let second: B

    /// Of two aggregates.
    @inlinable
    public init(_ first: A, _ second: B) {
        self.first = first
        self.second = second
    }

    /// Of no elements.
    @inlinable public var empty: Two<A.Partial, B.Partial> { Two(first.empty, second.empty) }
    /// Adds an element.
    @inlinable @inline(__always)
    public func add(_ element: Input, to partial: inout Two<A.Partial, B.Partial>) {
        first.add(element, to: &partial.first)
        second.add(element, to: &partial.second)
    }
    /// Adds what is known of other elements.
    @inlinable @inline(__always)
    public func merge(_ other: Two<A.Partial, B.Partial>, into partial: inout Two<A.Partial, B.Partial>) {
        first.merge(other.first, into: &partial.first)
        second.merge(other.second, into: &partial.second)
    }
    /// What comes out.
    @inlinable @inline(__always)
    public func result(_ partial: Two<A.Partial, B.Partial>) -> Two<A.Output, B.Output> {
        Two(first.result(partial.first), second.result(partial.second))
    }
}

/// An element's own number, where the elements are numbers.
public struct Itself: Mapping {
    /// One of it.
    @inlinable public init() {}
    /// The element itself.
    @inlinable @inline(__always)
    public func map(_ element: Int64) -> Int64 { element }
}
