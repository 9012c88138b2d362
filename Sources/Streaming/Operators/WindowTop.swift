/// A row's score in one window.
public struct WindowScore: BitwiseCopyable {
    /// The first moment of the window.
    public var start: Int64
    /// The first moment after it.
    public var end: Int64
    /// The score.
    public var score: Int64
    /// Whether the row may set the window's highest score, or is only given where it equals it.
    public var counts: Bool

    /// A score in a window.
    @inlinable
    public init(start: Int64, end: Int64, score: Int64, counts: Bool = true) {
        self.start = start
        self.end = end
        self.score = score
        self.counts = counts
    }
}

/// The rows that have the highest score of each window, all of them where several do.
///
/// A window is given when the watermark has passed its end by `grace`. A row whose window was given is late.
public struct WindowTop<R: Row, Late: Receiver & ~Copyable>: Operator, ~Copyable
where Late.Input == WindowTopRow<R> {
    /// What it takes.
    public typealias Input = WindowTopRow<R>
    /// What it gives.
    public typealias Output = WindowTopRow<R>

    @usableFromInline
    struct Window: BitwiseCopyable {
        @usableFromInline let end: Int64
        @usableFromInline var best: Int64

        @inlinable
        init(end: Int64, best: Int64) {
            self.end = end
            self.best = best
        }
    }

    /// How many windows there may be at once.
    @inlinable static var windowsMax: Int { 4_096 }

    @usableFromInline let grace: Int64
    @usableFromInline var budget: StateBudget
    /// Where rows go that are too late.
    public var late: Late
    /// By their ends.
    @usableFromInline var windows: [Window] = []
    @usableFromInline var current = 0
    @usableFromInline var rows = RowChains<Int64, WindowTopRow<R>>()
    @usableFromInline var watermark = Int64.min

    /// No rows yet.
    @inlinable
    public init(grace: Int64, limitBytes: Int, late: consuming Late) {
        self.grace = grace
        self.late = late
        budget = StateBudget("window top", limitBytes: limitBytes)
    }

    /// Takes one element.
    @inlinable @inline(__always)
    public mutating func receive<Next: Receiver<Output> & ~Copyable>(
        _ element: Input, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let score = element.score
        if current >= windows.count || windows[current].end != score.end {
            guard try find(score.end) else {
                try late.receive(element, at: time)
                return
            }
        }
        let best = windows[current].best
        if score.score < best { return }
        if score.counts && score.score > best {
            windows[current].best = score.score
            // What was kept may be higher all the same: rows that do not count.
            rows.removeRows(score.end, before: score.score, &budget)
        }
        // Kept by score in the place of time.
        try rows.add(element, key: score.end, time: score.score, &budget)
    }

    @inlinable @inline(never)
    mutating func find(_ end: Int64) throws(StreamError) -> Bool {
        if watermark > Int64.min &+ grace && end <= watermark &- grace { return false }
        var index = windows.count
        while index > 0 && windows[index &- 1].end > end { index &-= 1 }
        if index == 0 || windows[index &- 1].end != end {
            guard windows.count < Self.windowsMax else {
                throw .refused(operatorName: "window top", reason: "more than \(Self.windowsMax) windows at once")
            }
            windows.insert(Window(end: end, best: .min), at: index)
            current = index
        } else {
            current = index &- 1
        }
        return true
    }

    /// Hears that the watermark rose.
    @inlinable
    public mutating func advance<Next: Receiver<Output> & ~Copyable>(
        to watermark: Int64, into next: inout Next
    ) throws(StreamError) {
        self.watermark = watermark
        var over = 0
        while over < windows.count && windows[over].end <= watermark &- grace {
            let window = windows[over]
            var best = rows.rows(window.end)
            while let link = best.next() {
                if link.pointee.row.score.score == window.best && window.best != .min {
                    try next.receive(link.pointee.row, at: window.end &- 1)
                }
            }
            rows.removeAll(window.end, &budget)
            over &+= 1
        }
        if over > 0 {
            windows.removeFirst(over)
            current = 0
        }
    }

    /// Writes its state of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        writer.begin("window top", version: 1)
        writer.put(watermark)
        // The whole belongs to one key group.
        let isOurs = groups.contains(KeyGroup.of(Whole()))
        writer.put(Int64(isOurs ? windows.count : 0))
        if isOurs {
            for window in windows { writer.put(window) }
            rows.write(to: &writer, groups: KeyGroup.all)
        }
        writer.end()
    }

    /// Adds the state of some key groups.
    public mutating func restore(from reader: inout StateReader, groups: Range<Int>) throws(StreamError) {
        try reader.begin("window top", version: 1)
        watermark = try reader.take(Int64.self)
        let count = try reader.take(Int64.self)
        let isOurs = groups.contains(KeyGroup.of(Whole()))
        guard count >= 0, count <= Self.windowsMax else { throw reader.damaged("it has \(count) windows") }
        for _ in 0..<count {
            let window = try reader.take(Window.self)
            guard isOurs else { continue }
            guard try find(window.end) else { throw reader.damaged("a window is older than the watermark") }
            windows[current].best = max(windows[current].best, window.best)
        }
        try rows.restore(from: &reader, groups: isOurs ? KeyGroup.all : 0..<0, &budget) {
            _, _, _ throws(StreamError) in
        }
        try reader.end()
    }

    /// Calls `body` with what it holds.
    public func reportState(_ body: (StateUsage) -> Void) { body(StateUsage(budget, entries: rows.count)) }
}

/// A row with its score and its window.
public struct WindowTopRow<R: Row>: Row {
    /// The score.
    public var score: WindowScore
    /// The row.
    public var row: R

    /// A row with its score.
    @inlinable
    public init(_ row: R, _ score: WindowScore) {
        self.row = row
        self.score = score
    }

    /// Calls `body` with each of its texts.
    @inlinable @inline(__always)
    public mutating func forEachText(_ body: (inout TextRef) -> Void) { row.forEachText(body) }
}

extension Operator where Self: ~Copyable {
    /// The rows with the highest score of each window.
    @inlinable
    public consuming func topOfWindow<R: Row>(
        grace: Int64 = 0, limitBytes: Int = 1 << 30
    ) -> Then<Self, WindowTop<R, CountOnly<WindowTopRow<R>>>>
    where Output == WindowTopRow<R> {
        then(WindowTop(grace: grace, limitBytes: limitBytes, late: CountOnly()))
    }
}
