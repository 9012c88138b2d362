/// Aggregates by key and window of fixed length, tumbling or hopping.
///
/// Time is cut into slices that windows are made of, and an element is added once, to its slice, however many windows
/// it belongs to (the panes of Li et al., "No pane, no gain", 2005). When the watermark reaches the end of a window, its
/// slices are merged, and one result is given for each key, at the last moment of the window.
///
/// An element that is late for all its windows goes to `late`. With an allowed lateness, windows are kept that much
/// longer, and an element that comes after its window was given gives the window's new result for its key at once: an
/// *upsert* (`WindowResult.isUpdate`), not a retraction.
public struct SlicedWindows<Key: StateKey, A: Aggregate, Late: Receiver & ~Copyable>: Operator, ~Copyable
where Late.Input == Keyed<Key, A.Input> {
    /// What it takes.
    public typealias Input = Keyed<Key, A.Input>
    /// What it gives.
    public typealias Output = WindowResult<Key, A.Output>

    /// The elements of one stretch of time.
    @usableFromInline
    struct Slice: ~Copyable {
        @usableFromInline let start: Int64
        /// The ends of the first and of the last window that it is part of.
        @usableFromInline let firstEnd: Int64
        @usableFromInline let lastEnd: Int64
        @usableFromInline var table: KeyedTable<Key, A.Partial>

        @inlinable
        init(start: Int64, firstEnd: Int64, lastEnd: Int64, table: consuming KeyedTable<Key, A.Partial>) {
            self.start = start
            self.firstEnd = firstEnd
            self.lastEnd = lastEnd
            self.table = table
        }
    }

    /// How many slices there may be at once.
    @inlinable static var slicesMax: Int { 4_096 }

    @usableFromInline let span: WindowSpan
    @usableFromInline let width: UInt64
    @usableFromInline let lateness: Int64
    @usableFromInline let aggregate: A
    @usableFromInline var budget: StateBudget
    /// Where elements go that are too late.
    public var late: Late

    /// In the order of their beginnings.
    @usableFromInline var slices: UnsafeMutablePointer<Slice>
    @usableFromInline var sliceCount = 0
    @usableFromInline var sliceCapacity = 8
    /// The slice of the element before: most often the next one's too.
    @usableFromInline var current: UnsafeMutablePointer<Slice>?
    @usableFromInline var currentStart: Int64 = 0
    @usableFromInline var merged: KeyedTable<Key, A.Partial>
    @usableFromInline var watermark = Int64.min
    /// The end of the last window that was given, or that was over without any elements.
    @usableFromInline var givenThrough = Int64.min

    /// Windows without elements.
    @inlinable
    public init(
        _ span: WindowSpan, _ aggregate: A, lateness: Int64 = 0, limitBytes: Int, late: consuming Late
    ) {
        precondition(lateness >= 0)
        self.span = span
        self.aggregate = aggregate
        self.lateness = lateness
        self.late = late
        width = UInt64(span.slice)
        budget = StateBudget("windows", limitBytes: limitBytes)
        slices = .allocate(capacity: 8)
        merged = KeyedTable(empty: aggregate.empty)
    }

    deinit {
        slices.deinitialize(count: sliceCount)
        slices.deallocate()
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        if current == nil || UInt64(bitPattern: time &- currentStart) >= width {
            guard try find(time) else {
                try late.receive(element, at: time)
                return
            }
        }
        guard let slice = current else { return }
        let slot = try slice.pointee.table.slot(element.key, &budget)
        aggregate.add(element.value, to: &slot.pointee.value)
        if lateness > 0 && slice.pointee.firstEnd <= givenThrough { try update(element.key, slice, into: &next) }
    }

    /// Makes the slice of a time the current one; false where the time is too late for all its windows.
    @inlinable @inline(never)
    mutating func find(_ time: Int64) throws(StreamError) -> Bool {
        let sliceSpan = WindowSpan.tumbling(span.slice, offset: span.offset % span.slice)
        let start = sliceSpan.lastStart(time)
        var index = sliceCount
        while index > 0 && slices[index &- 1].start > start { index &-= 1 }
        if index > 0 && slices[index &- 1].start == start {
            current = slices + (index &- 1)
        } else {
            let lastEnd = span.lastStart(time) &+ span.size
            if lastEnd <= horizon { return false }
            try insert(start, lastEnd, at: index)
        }
        currentStart = start
        return true
    }

    /// Windows that ended before or at this time are over for good.
    @inlinable var horizon: Int64 { watermark < Int64.min &+ lateness ? .min : watermark &- lateness }

    @inlinable
    mutating func insert(_ start: Int64, _ lastEnd: Int64, at index: Int) throws(StreamError) {
        guard sliceCount < Self.slicesMax else {
            throw .refused(operatorName: "windows", reason: "more than \(Self.slicesMax) slices of time at once")
        }
        if sliceCount == sliceCapacity {
            let old = slices
            slices = .allocate(capacity: sliceCapacity &* 2)
            slices.moveInitialize(from: old, count: sliceCount)
            sliceCapacity &*= 2
            old.deallocate()
        }
        (slices + (index &+ 1)).moveInitialize(from: slices + index, count: sliceCount &- index)
        (slices + index).initialize(
            to: Slice(
                start: start, firstEnd: span.firstEnd(start), lastEnd: lastEnd,
                table: KeyedTable(empty: aggregate.empty)))
        sliceCount &+= 1
        current = slices + index
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        self.watermark = watermark
        while let end = nextEnd(), end <= watermark {
            try give(end, into: &next)
            givenThrough = end
        }
        // Windows that nothing was in are over too: what comes for them now is not to open them again.
        if watermark > Int64.min &+ span.size {
            givenThrough = max(givenThrough, span.lastStart(watermark &- span.size) &+ span.size)
        }
        var over = 0
        while over < sliceCount && slices[over].lastEnd <= horizon { over &+= 1 }
        guard over > 0 else { return }
        for index in 0..<over { slices[index].table.release(&budget) }
        slices.deinitialize(count: over)
        slices.moveInitialize(from: slices + over, count: sliceCount &- over)
        sliceCount &-= over
        current = nil
    }

    /// The end of the next window that has elements.
    @inlinable
    func nextEnd() -> Int64? {
        for index in 0..<sliceCount {
            let end = givenThrough < slices[index].firstEnd ? slices[index].firstEnd : givenThrough &+ span.slide
            if end <= slices[index].lastEnd { return end }
        }
        return nil
    }

    @inlinable
    mutating func give<Next: Receiver<Output> & ~Copyable>(_ end: Int64, into next: inout Next) throws(StreamError) {
        let start = end &- span.size
        var first = 0
        while first < sliceCount && slices[first].start < start { first &+= 1 }
        var last = first
        while last < sliceCount && slices[last].start < end { last &+= 1 }
        if last &- first == 1 {
            try give(slices[first].table.slots(), start, end, into: &next)
            return
        }
        merged.removeAll(&budget)
        for index in first..<last {
            var slots = slices[index].table.slots()
            while let slot = slots.next() {
                let sum = try merged.slot(slot.pointee.key, &budget)
                aggregate.merge(slot.pointee.value, into: &sum.pointee.value)
            }
        }
        try give(merged.slots(), start, end, into: &next)
    }

    @inlinable
    func give<Next: Receiver<Output> & ~Copyable>(
        _ slots: KeyedTable<Key, A.Partial>.Slots, _ start: Int64, _ end: Int64, into next: inout Next
    ) throws(StreamError) {
        var slots = slots
        while let slot = slots.next() {
            let value = aggregate.result(slot.pointee.value)
            try next.receive(
                Output(key: slot.pointee.key, start: start, end: end, value: value, isUpdate: false), at: end &- 1)
        }
    }

    /// Gives the windows anew that a late element still changed, for its key.
    @inlinable @inline(never)
    mutating func update<Next: Receiver<Output> & ~Copyable>(
        _ key: Key, _ slice: UnsafeMutablePointer<Slice>, into next: inout Next
    ) throws(StreamError) {
        var end = slice.pointee.firstEnd
        while end <= min(slice.pointee.lastEnd, givenThrough) {
            if end > horizon {
                var sum = aggregate.empty
                for index in 0..<sliceCount
                where slices[index].start >= end &- span.size && slices[index].start < end {
                    if let slot = slices[index].table.find(key) { aggregate.merge(slot.pointee.value, into: &sum) }
                }
                try next.receive(
                    Output(
                        key: key, start: end &- span.size, end: end, value: aggregate.result(sum), isUpdate: true),
                    at: end &- 1)
            }
            end &+= span.slide
        }
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        writer.begin("windows", version: 1)
        writer.put(watermark)
        writer.put(givenThrough)
        for index in 0..<sliceCount {
            var slots = slices[index].table.slots()
            while let slot = slots.next() {
                guard groups.contains(KeyGroup.of(slot.pointee.key)) else { continue }
                writer.entry()
                writer.put(slices[index].start)
                writer.put(slot.pointee)
            }
        }
        writer.end()
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try reader.begin("windows", version: 1)
        // All shards hear of the same watermarks, and a snapshot is taken between two of them.
        watermark = try reader.take(Int64.self)
        givenThrough = try reader.take(Int64.self)
        while reader.nextEntry() {
            let start = try reader.take(Int64.self)
            let kept = try reader.take(KeyedTable<Key, A.Partial>.Slot.self)
            guard groups.contains(KeyGroup.of(kept.key)) else { continue }
            guard try find(start), let slice = current, currentStart == start else {
                throw reader.damaged("a slice is older than the watermark")
            }
            let slot = try slice.pointee.table.slot(kept.key, &budget)
            aggregate.merge(kept.value, into: &slot.pointee.value)
        }
        try reader.end()
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) {
        var entries = 0
        for index in 0..<sliceCount { entries += slices[index].table.count }
        body(StateUsage(budget, entries: entries))
    }
}

extension Operator where Self: ~Copyable {
    /// Aggregates by key and window; what is too late is counted.
    @inlinable
    public consuming func window<Key: StateKey, A: Aggregate>(
        _ span: WindowSpan, _ aggregate: A, lateness: Int64 = 0, limitBytes: Int = 1 << 30
    ) -> Then<Self, SlicedWindows<Key, A, CountOnly<Keyed<Key, A.Input>>>> where Output == Keyed<Key, A.Input> {
        window(span, aggregate, lateness: lateness, limitBytes: limitBytes, late: CountOnly())
    }

    /// Aggregates by key and window; what is too late goes to `late`.
    @inlinable
    public consuming func window<Key: StateKey, A: Aggregate, Late: Receiver<Output> & ~Copyable>(
        _ span: WindowSpan, _ aggregate: A, lateness: Int64 = 0, limitBytes: Int = 1 << 30, late: consuming Late
    ) -> Then<Self, SlicedWindows<Key, A, Late>> where Output == Keyed<Key, A.Input> {
        then(SlicedWindows(span, aggregate, lateness: lateness, limitBytes: limitBytes, late: late))
    }
}
