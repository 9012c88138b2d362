/// Keys with the times at which they are due, for one thread.
///
/// Times fall into buckets of a fixed width; the buckets of the near future are a ring, and what is further away waits in
/// one list until the ring reaches it (a timing wheel of two levels: Varghese and Lauck, 1987). Setting a timer costs one
/// append. A timer is not moved or taken back: who hears of one looks whether it still means something.
public struct Timers<Key: StateKey>: ~Copyable {
    /// How many buckets ahead the ring reaches.
    @inlinable static var ringBuckets: Int64 { 1_024 }

    /// A key and when it is due.
    public struct Timer: BitwiseCopyable {
        /// When it is due.
        public var due: Int64
        /// The key.
        public var key: Key

        @inlinable
        init(due: Int64, key: Key) {
            self.due = due
            self.key = key
        }
    }

    /// How long a bucket is.
    public let width: Int64
    @usableFromInline var waiting = 0
    /// How many timers are set.
    @inlinable public var count: Int { waiting }
    @usableFromInline var ring: [[Timer]]
    @usableFromInline var far: [Timer] = []
    /// The bucket that the search has reached; never ahead of the time that was last asked for. Nil before the first time:
    /// until then all timers are far.
    @usableFromInline var first: Int64?
    /// How far into the first bucket's list the search for due timers went.
    @usableFromInline var looked = 0

    /// No timers yet. Timers are found a bucket at a time, so a bucket should be as long as a few advances of the watermark.
    @inlinable
    public init(width: Int64) {
        precondition(width > 0)
        self.width = width
        ring = Array(repeating: [], count: Int(Timers.ringBuckets))
    }

    /// The bytes that a timer takes.
    @inlinable public static var bytes: Int { MemoryLayout<Timer>.stride * 2 }

    @inlinable
    func bucket(_ time: Int64) -> Int64 {
        time >= 0 ? time / width : -((-(time &+ 1)) / width) - 1
    }

    @inlinable
    func place(_ bucket: Int64) -> Int { Int(bucket & (Timers.ringBuckets - 1)) }

    /// Sets a timer.
    @inlinable
    public mutating func set(_ key: Key, due: Int64, _ budget: inout StateBudget) throws(StreamError) {
        try budget.take(Timers.bytes)
        waiting += 1
        file(Timer(due: due, key: key))
    }

    @inlinable
    mutating func file(_ timer: Timer) {
        guard let first else {
            far.append(timer)
            return
        }
        // What is due before the bucket that was reached is due with it.
        let at = max(bucket(timer.due), first)
        if at - first < Timers.ringBuckets { ring[place(at)].append(timer) } else { far.append(timer) }
    }

    /// A timer that is due at or before `time`, taken out; nil where there is none. Times must not go back.
    @inlinable
    public mutating func next(due time: Int64, _ budget: inout StateBudget) -> Timer? {
        guard count > 0 else { return nil }
        let last = bucket(time)
        if first == nil { start(notPast: last) }
        while let first {
            let place = place(first)
            while looked < ring[place].count {
                let timer = ring[place][looked]
                if timer.due <= time {
                    ring[place].swapAt(looked, ring[place].count - 1)
                    ring[place].removeLast()
                    waiting -= 1
                    budget.give(Timers.bytes)
                    return timer
                }
                looked += 1
            }
            looked = 0
            // Those of this bucket that are not due yet stay, and so does the bucket.
            guard ring[place].isEmpty && first < last else { return nil }
            step(from: first, notPast: last)
        }
        return nil
    }

    @inlinable
    mutating func start(notPast last: Int64) {
        first = far.reduce(last) { min($0, bucket($1.due)) }
        fileFar()
    }

    /// On to the next bucket that has timers. The far ones come into the ring every half turn of it.
    @inlinable
    mutating func step(from first: Int64, notPast last: Int64) {
        if far.count == count {
            // The ring is empty: go straight to the earliest far timer.
            let earliest = far.reduce(Int64.max) { min($0, bucket($1.due)) }
            self.first = min(max(first + 1, earliest), last)
        } else {
            self.first = first + 1
            guard (first + 1) & (Timers.ringBuckets / 2 - 1) == 0 else { return }
        }
        fileFar()
    }

    @inlinable
    mutating func fileFar() {
        let timers = far
        far.removeAll(keepingCapacity: true)
        for timer in timers { file(timer) }
    }

    /// Calls `body` with every timer.
    @inlinable
    public func forEach(_ body: (Timer) -> Void) {
        for bucket in ring { bucket.forEach(body) }
        far.forEach(body)
    }
}
