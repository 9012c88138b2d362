import CBytes

/// What a table keeps of a key: when it was last heard of, and pieces that must be given back. All zero is empty.
protocol FraudEntry: BitwiseCopyable {
    /// The key's hash; never 0.
    var key: UInt64 { get set }
    /// The newest hour of anything it took part in.
    var clock: UInt32 { get }
    /// Hours of silence after which it is forgotten.
    static var retentionHours: UInt32 { get }
    /// An entry of which nothing is known yet.
    static var empty: Self { get }
    /// Gives its pieces back.
    static func release(_ entry: UnsafeMutablePointer<Self>, _ runs: inout FraudRuns)
}

/// A bounded table from hashes to plain values: the values lie close together in a pool, an index finds them. Old ones
/// are taken out a few at a time, in the order in which they lie: no pause grows with the table, but for the doubling of
/// the index.
struct FraudTable<Entry: FraudEntry>: ~Copyable {
    private var pool: FraudPool
    private var index = FraudIndex()
    private var hand: UInt32 = 1
    private var covered: [UInt64] = []

    /// A table of at most so many keys.
    init(limit: Int) {
        precondition(limit >= 16)
        pool = FraudPool(stride: MemoryLayout<Entry>.stride, limit: limit)
    }

    /// The most keys it may hold.
    var limit: Int { pool.limit }

    /// Keys it holds.
    var count: Int { pool.count }
    /// Whether one of the keys to come must first make another go.
    var isFull: Bool { pool.count >= limit }
    /// The bytes it takes.
    var byteCount: Int { pool.byteCount + index.byteCount }

    @inline(__always)
    private func entry(_ number: UInt32) -> UnsafeMutablePointer<Entry> {
        pool[number].assumingMemoryBound(to: Entry.self)
    }

    @inline(__always)
    private func number(_ key: UInt64) -> UInt32 { index.find(key) { entry($0).pointee.key == key } }

    /// Whether a key is there.
    @inline(__always)
    func holds(_ key: UInt64) -> Bool { number(key) != 0 }

    /// The value of a key that is there, to be changed.
    @inline(__always)
    func change(_ key: UInt64) -> UnsafeMutablePointer<Entry>? {
        let number = number(key)
        guard number != 0 else { return nil }
        pool.touch(number)
        return entry(number)
    }

    /// The value of a key to be changed, empty when it is new; stays where it is until it is taken out. There must be
    /// room: see `isFull`.
    @inline(__always)
    mutating func value(_ key: UInt64) -> UnsafeMutablePointer<Entry> {
        let number = number(key)
        guard number != 0 else { return insert(key) }
        pool.touch(number)
        return entry(number)
    }

    @inline(never)
    private mutating func insert(_ key: UInt64) -> UnsafeMutablePointer<Entry> {
        let number = pool.take()
        entry(number).initialize(to: Entry.empty)
        entry(number).pointee.key = key
        index.insert(key, number)
        return entry(number)
    }

    /// Fetches the place in the index ahead.
    @inline(__always)
    func prefetchIndex(_ key: UInt64) { index.prefetch(key) }

    /// Fetches the value ahead.
    @inline(__always)
    func prefetchEntry(_ key: UInt64) {
        let number = index.guess(key)
        guard number != 0 else { return }
        let start = pool[number]
        cbytes_prefetch(start)
        cbytes_prefetch(start + (MemoryLayout<Entry>.size &- 1))
        if MemoryLayout<Entry>.size > 128 { cbytes_prefetch(start + 64) }
    }

    /// Fetches what hangs on the value ahead.
    @inline(__always)
    func prefetchRuns(_ key: UInt64, _ runs: borrowing FraudRuns) {
        let number = index.guess(key)
        guard number != 0 else { return }
        runs.prefetch(pool[number].assumingMemoryBound(to: FraudTrait.self))
    }

    /// Looks at the next `steps` values and takes out those that were silent for longer than they are kept.
    @inline(__always)
    mutating func sweep(_ steps: Int, newest: UInt32, _ runs: inout FraudRuns) {
        for _ in 0..<steps {
            advance()
            let here = entry(hand)
            if here.pointee.key != 0, here.pointee.clock &+ Entry.retentionHours < newest { remove(hand, &runs) }
        }
    }

    @inline(__always)
    private mutating func advance() {
        hand &+= 1
        if Int(hand) >= pool.numbers { hand = 1 }
    }

    /// Takes out one of the next 32 values: the one that was silent for longest.
    mutating func evict(_ runs: inout FraudRuns) {
        var oldest: UInt32 = 0
        var lowest = UInt32.max
        var left = min(32, count)
        while left > 0 {
            advance()
            guard entry(hand).pointee.key != 0 else { continue }
            let clock = entry(hand).pointee.clock
            if oldest == 0 || clock < lowest { (oldest, lowest) = (hand, clock) }
            left -= 1
        }
        if oldest != 0 { remove(oldest, &runs) }
    }

    private mutating func remove(_ number: UInt32, _ runs: inout FraudRuns) {
        index.remove(entry(number).pointee.key, number)
        Entry.release(entry(number), &runs)
        pool.give(number)
    }

    /// Calls `body` with each value.
    func forEach(_ body: (UnsafeMutablePointer<Entry>) throws -> Void) rethrows {
        for number in 1..<max(1, pool.numbers) where entry(UInt32(number)).pointee.key != 0 {
            try body(entry(UInt32(number)))
        }
    }

    // MARK: - Checkpoints

    func write(to out: inout ByteWriter, whole: Range<Int>, isLast: Bool) {
        out.raw(hand)
        pool.write(to: &out, whole: whole, isLast: isLast)
    }

    func touchAll() { pool.touchAll() }

    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        hand = try reader.raw(UInt32.self)
        try pool.restore(from: &reader, &covered, isKept)
    }

    /// Checks what was put together, and finds keys from now on.
    mutating func finish(_ reader: ByteReader) throws {
        let isFree = try pool.finish(reader, covered)
        covered = []
        guard hand >= 1, hand < max(2, pool.numbers) else {
            throw reader.damaged("a table of the fraud state is out of bounds")
        }
        for number in 1..<max(1, pool.numbers) {
            let key = entry(UInt32(number)).pointee.key
            guard (key == 0) == isFree[number] else { throw reader.damaged("a free value has a key") }
            guard key != 0 else { continue }
            guard !holds(key) else { throw reader.damaged("a key of the fraud state is there twice") }
            index.insert(key, UInt32(number))
        }
    }
}
