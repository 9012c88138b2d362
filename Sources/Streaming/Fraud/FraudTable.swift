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
    private var pool = FraudPool(stride: MemoryLayout<Entry>.stride)
    private var index = FraudIndex()
    private var hand: UInt32 = 1
    /// The most keys it may hold.
    let limit: Int

    init(limit: Int) {
        precondition(limit >= 16)
        self.limit = limit
    }

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

    /// The value of a key that is there.
    @inline(__always)
    func find(_ key: UInt64) -> UnsafeMutablePointer<Entry>? {
        let number = number(key)
        return number == 0 ? nil : entry(number)
    }

    /// The value of a key, empty when it is new; stays where it is until it is taken out. There must be room: see
    /// `isFull`.
    @inline(__always)
    mutating func value(_ key: UInt64) -> UnsafeMutablePointer<Entry> {
        let number = number(key)
        return number == 0 ? insert(key) : entry(number)
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

    // MARK: - Snapshots

    func save(_ writer: inout FraudWriter) {
        pool.save(&writer)
        writer.put(UInt64(hand))
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        let isFree = try pool.restore(&reader)
        let hand = try reader.count(of: 0)
        guard hand >= 1, hand < max(2, pool.numbers), pool.count <= limit else {
            throw reader.damaged("a table is out of bounds")
        }
        self.hand = UInt32(hand)
        for number in 1..<max(1, pool.numbers) {
            let key = entry(UInt32(number)).pointee.key
            guard (key == 0) == isFree[number] else { throw reader.damaged("a free value has a key") }
            guard key != 0 else { continue }
            guard self.number(key) == 0 else { throw reader.damaged("a key is there twice") }
            index.insert(key, UInt32(number))
        }
    }
}
