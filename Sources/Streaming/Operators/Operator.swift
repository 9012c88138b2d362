/// What takes elements: an operator's next one, or the end of a query.
///
/// Elements are plain values without references; texts in them are views of the batch. `time` is the element's event time.
/// Times are whole numbers of one unit throughout a query: microseconds in the platform's own.
public protocol Receiver<Input>: ~Copyable {
    /// What it takes.
    associatedtype Input: BitwiseCopyable

    /// Takes one element.
    ///
    /// - Throws: `StreamError` where the element cannot be taken in; the query then stops as a whole.
    mutating func receive(_ element: Input, at time: Int64) throws(StreamError)
}

/// A step of a query: takes elements and time, gives elements to the next step.
///
/// Steps are structs, put together by type (`Then`), and the compiler makes one function of a whole query: nothing is
/// allocated, counted or looked up for an event but state. A watermark `w` promises that no element with a time before
/// `w` is expected any more; what comes all the same is late. A step's output never has a time before the watermark
/// that it was told of, except where it says so.
public protocol Operator<Input, Output>: ~Copyable {
    /// What it takes.
    associatedtype Input: BitwiseCopyable
    /// What it gives.
    associatedtype Output: BitwiseCopyable

    /// Takes one element.
    mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError)

    /// Hears that the watermark rose. `Int64.max` is the end of the input.
    mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError)

    /// Writes its state of some key groups as one or more sections.
    func write(to writer: inout StateWriter, groups: Range<Int>)

    /// Adds the state of some key groups out of sections that `write` wrote, perhaps several times: once for each
    /// shard whose snapshot has such keys.
    mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError)

    /// Calls `body` with what it holds.
    func reportState(_ body: (StateUsage) -> Void)
}

extension Operator where Self: ~Copyable {
    /// Nothing: most steps do not mind time.
    @inlinable @inline(__always)
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {}

    /// Nothing: this step holds nothing.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {}

    /// Nothing: this step holds nothing.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {}

    /// Nothing: this step holds nothing.
    public func reportState(_ body: (StateUsage) -> Void) {}

    /// This step, and then another.
    @inlinable
    public consuming func then<Second: Operator & ~Copyable>(_ second: consuming Second) -> Then<Self, Second>
    where Second.Input == Output {
        Then(self, second)
    }

    /// The whole query, with where its results go.
    @inlinable
    public consuming func into<Sink: Receiver<Output> & ~Copyable>(_ sink: consuming Sink) -> Query<Self, Sink> {
        Query(self, sink)
    }
}

/// Two steps as one.
public struct Then<First: Operator & ~Copyable, Second: Operator & ~Copyable>: Operator, ~Copyable
where First.Output == Second.Input {
    /// What it takes.
    public typealias Input = First.Input
    /// What it gives.
    public typealias Output = Second.Output

    /// The step that the elements come to first.
    public var first: First
    /// The step that takes what the first gives.
    public var second: Second

    @inlinable
    init(_ first: consuming First, _ second: consuming Second) {
        self.first = first
        self.second = second
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        try Link.link(&first, &second, &next) { first, link throws(StreamError) in
            try first.receive(element, at: time, into: &link)
        }
    }

    /// Hears that the watermark rose.
    @inlinable @inline(__always)
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        // What the first step gives because of the watermark comes to the second one before the watermark does.
        try Link.link(&first, &second, &next) { first, link throws(StreamError) in
            try first.advance(to: watermark, into: &link)
        }
        try second.advance(to: watermark, into: &next)
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        first.write(to: &writer, groups: groups)
        second.write(to: &writer, groups: groups)
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try first.restore(from: &reader, groups: groups)
        try second.restore(from: &reader, groups: groups)
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) {
        first.reportState(body)
        second.reportState(body)
    }
}

/// A step with what comes after it, as something that takes elements. It lives for one call.
public struct Link<Step: Operator & ~Copyable, Next: Receiver & ~Copyable>: Receiver where Next.Input == Step.Output {
    /// What it takes.
    public typealias Input = Step.Input
    @usableFromInline let step: UnsafeMutablePointer<Step>
    @usableFromInline let next: UnsafeMutablePointer<Next>

    @inlinable @inline(__always)
    init(step: UnsafeMutablePointer<Step>, next: UnsafeMutablePointer<Next>) {
        self.step = step
        self.next = next
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive(_ element: Step.Input, at time: Int64) throws(StreamError) {
        try step.pointee.receive(element, at: time, into: &next.pointee)
    }

    /// Calls `body` with a first step and a link to the second.
    @inlinable @inline(__always)
    public static func link<First: Operator & ~Copyable>(
        _ first: inout First, _ second: inout Step, _ next: inout Next,
        _ body: (inout First, inout Link) throws(StreamError) -> Void
    ) throws(StreamError) {
        try withUnsafeMutablePointer(to: &second) { second throws(StreamError) in
            try withUnsafeMutablePointer(to: &next) { next throws(StreamError) in
                var link = Link(step: second, next: next)
                try body(&first, &link)
            }
        }
    }
}

/// A whole query: its steps, and where the results go.
public struct Query<Steps: Operator & ~Copyable, Sink: Receiver & ~Copyable>: ~Copyable
where Sink.Input == Steps.Output {
    @usableFromInline let first: UnsafeMutablePointer<Steps>
    @usableFromInline let last: UnsafeMutablePointer<Sink>
    /// The highest watermark so far.
    public private(set) var watermark = Int64.min

    /// The steps and the sink stay at one place on the heap, since steps are linked by their addresses during a call. As
    /// variables of the caller, the compiler (Swift 6.3) may take a value it read before a call for the one after it.
    @inlinable
    init(_ steps: consuming Steps, _ sink: consuming Sink) {
        first = .allocate(capacity: 1)
        first.initialize(to: steps)
        last = .allocate(capacity: 1)
        last.initialize(to: sink)
    }

    deinit {
        first.deinitialize(count: 1)
        first.deallocate()
        last.deinitialize(count: 1)
        last.deallocate()
    }

    /// Where the results go.
    @inlinable public var sink: Sink {
        _read { yield last.pointee }
        _modify { yield &last.pointee }
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive(_ element: Steps.Input, at time: Int64) throws(StreamError) {
        try first.pointee.receive(element, at: time, into: &last.pointee)
    }

    /// Raises the watermark; one that is not higher than before changes nothing.
    @inlinable
    public mutating func advance(to watermark: Int64) throws(StreamError) {
        guard watermark > self.watermark else { return }
        raise(watermark)
        try first.pointee.advance(to: watermark, into: &last.pointee)
    }

    @usableFromInline
    mutating func raise(_ watermark: Int64) { self.watermark = watermark }

    /// Tells of the end of the input: everything that waits for time is given.
    @inlinable
    public mutating func finish() throws(StreamError) { try advance(to: .max) }

    /// The state of some key groups, as bytes.
    public func snapshot(groups: Range<Int> = KeyGroup.all) -> [UInt8] {
        var writer = StateWriter()
        writer.begin("query", version: 1)
        writer.put(watermark)
        writer.end()
        first.pointee.write(to: &writer, groups: groups)
        return writer.bytes
    }

    /// Adds the state of some key groups out of a snapshot.
    ///
    /// - Throws: `StreamError.damagedSnapshot`; the query is then not to be used.
    public mutating func restore(_ snapshot: [UInt8], groups: Range<Int> = KeyGroup.all) throws(StreamError) {
        var reader = StateReader(snapshot)
        try reader.begin("query", version: 1)
        watermark = try max(watermark, reader.take(Int64.self))
        try reader.end()
        try first.pointee.restore(from: &reader, groups: groups)
        guard reader.isAtEnd else { throw reader.damaged("more follows than this query has steps") }
    }

    /// What each step holds.
    public var stateUsage: [StateUsage] {
        var usages: [StateUsage] = []
        first.pointee.reportState { usages.append($0) }
        return usages
    }
}
