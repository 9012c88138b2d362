/// Gives an element where it is the latest of its key by event time so far; of equal times the later to arrive.
///
/// The output is a stream of *upserts*: each takes the place of what was given for its key before. Only the times are
/// kept. With a memory, a key is forgotten when the watermark has passed its latest time by more than that.
public struct LatestByTime<Key: StateKey, Value: BitwiseCopyable>: Operator, ~Copyable {
    /// What it takes.
    public typealias Input = Keyed<Key, Value>
    /// What it gives.
    public typealias Output = Keyed<Key, Value>

    @usableFromInline let memory: Int64?
    @usableFromInline var budget: StateBudget
    @usableFromInline var table: KeyedTable<Key, Int64>
    @usableFromInline var timers: Timers<Key>

    /// No element came yet.
    @inlinable
    public init(memory: Int64?, limitBytes: Int) {
        self.memory = memory
        budget = StateBudget("latest by time", limitBytes: limitBytes)
        table = KeyedTable(empty: .min)
        timers = Timers(width: max(1, (memory ?? 1) / 64))
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let slot = try table.slot(element.key, &budget)
        let latest = slot.pointee.value
        guard time >= latest else { return }
        slot.pointee.value = time
        if let memory, latest == .min { try timers.set(element.key, due: time &+ memory &+ 1, &budget) }
        try next.receive(element, at: time)
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        guard let memory else { return }
        while let timer = timers.next(due: watermark, &budget) {
            guard let slot = table.find(timer.key) else { continue }
            let due = slot.pointee.value &+ memory &+ 1
            if due <= watermark {
                table.remove(timer.key, &budget)
            } else {
                try timers.set(timer.key, due: due, &budget)
            }
        }
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        table.write("latest by time", version: 1, to: &writer, groups: groups)
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try KeyedTable<Key, Int64>.read("latest by time", version: 1, from: &reader, groups: groups) {
            kept throws(StreamError) in
            try table.slot(kept.key, &budget).pointee.value = kept.value
            if let memory { try timers.set(kept.key, due: kept.value &+ memory &+ 1, &budget) }
        }
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) { body(StateUsage(budget, entries: table.count)) }
}

extension Operator where Self: ~Copyable {
    /// Gives each element that is the latest of its key so far.
    @inlinable
    public consuming func keepLast<Key: StateKey, Value: BitwiseCopyable>(
        memory: Int64? = nil, limitBytes: Int = 1 << 30
    ) -> Then<Self, LatestByTime<Key, Value>> where Output == Keyed<Key, Value> {
        then(LatestByTime(memory: memory, limitBytes: limitBytes))
    }
}
