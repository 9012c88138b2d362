/// What a table keeps of a key: when it was last heard of, and lists that must be given back.
protocol FraudEntry: BitwiseCopyable {
    /// The newest hour of anything it took part in.
    var clock: UInt32 { get }
    /// Hours of silence after which it is forgotten.
    static var retentionHours: UInt32 { get }
    /// Gives its lists back.
    static func release(_ entry: UnsafeMutablePointer<Self>, _ lists: inout FraudLists)
}

/// A bounded hash table with open addressing from non-zero 64-bit keys to plain values, whose old entries are taken out
/// a few slots at a time: no pause grows with the table, but for its doubling.
struct FraudTable<Value: FraudEntry>: ~Copyable {
    private struct Slot {
        var key: UInt64
        var value: Value
    }

    /// Keys it holds.
    private(set) var count = 0
    private var capacity = 1 << 8
    private var slots: UnsafeMutablePointer<Slot>
    private var hand = 0
    private let empty: Value
    /// The most keys it may hold.
    let limit: Int

    init(empty: Value, limit: Int) {
        precondition(limit >= 16)
        self.empty = empty
        self.limit = limit
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(key: 0, value: empty), count: capacity)
    }

    deinit { slots.deallocate() }

    @inline(__always)
    private func home(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 24) & (capacity &- 1)
    }

    @inline(__always)
    private static func value(of slot: UnsafeMutablePointer<Slot>) -> UnsafeMutablePointer<Value> {
        (UnsafeMutableRawPointer(slot) + offset).assumingMemoryBound(to: Value.self)
    }

    @inline(__always)
    private static var offset: Int {
        let alignment = MemoryLayout<Value>.alignment
        return (8 + alignment - 1) / alignment * alignment
    }

    /// The value of a key that is there. Valid until the next change.
    @inline(__always)
    func find(_ key: UInt64) -> UnsafeMutablePointer<Value>? {
        var index = home(key)
        while slots[index].key != 0 {
            if slots[index].key == key { return Self.value(of: slots + index) }
            index = (index &+ 1) & (capacity &- 1)
        }
        return nil
    }

    /// The value of a key, empty when it is new. Valid until the next change. There must be room: see `isFull`.
    @inline(__always)
    mutating func value(_ key: UInt64) -> UnsafeMutablePointer<Value> {
        var index = home(key)
        while slots[index].key != 0 {
            if slots[index].key == key { return Self.value(of: slots + index) }
            index = (index &+ 1) & (capacity &- 1)
        }
        return insert(key)
    }

    @inline(never)
    private mutating func insert(_ key: UInt64) -> UnsafeMutablePointer<Value> {
        if (count &+ 1) &* 3 > capacity &* 2 { grow() }
        var index = home(key)
        while slots[index].key != 0 { index = (index &+ 1) & (capacity &- 1) }
        slots[index].key = key
        count &+= 1
        return Self.value(of: slots + index)
    }

    private mutating func grow() {
        let (old, oldCapacity) = (slots, capacity)
        capacity = oldCapacity * 2
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(key: 0, value: empty), count: capacity)
        for at in 0..<oldCapacity where old[at].key != 0 {
            var index = home(old[at].key)
            while slots[index].key != 0 { index = (index &+ 1) & (capacity &- 1) }
            slots[index] = old[at]
        }
        hand = 0
        old.deallocate()
    }

    /// Whether one of the keys to come must first make another go.
    var isFull: Bool { count >= limit }

    /// Looks at the next `steps` slots and takes out the entries that were silent for longer than they are kept.
    @inline(__always)
    mutating func sweep(_ steps: Int, newest: UInt32, _ lists: inout FraudLists) {
        for _ in 0..<steps {
            let value = Self.value(of: slots + hand)
            if slots[hand].key != 0, value.pointee.clock + Value.retentionHours < newest {
                Value.release(value, &lists)
                // What moves into the gap is looked at next.
                remove(at: hand)
            } else {
                hand = (hand &+ 1) & (capacity &- 1)
            }
        }
    }

    /// Takes out one of the next 32 entries: the one that was silent for longest.
    mutating func evict(_ lists: inout FraudLists) {
        var oldest = -1
        var lowest = UInt32.max
        var left = min(32, count)
        while left > 0 {
            if slots[hand].key != 0 {
                let clock = Self.value(of: slots + hand).pointee.clock
                if oldest < 0 || clock < lowest { (oldest, lowest) = (hand, clock) }
                left -= 1
            }
            hand = (hand &+ 1) & (capacity &- 1)
        }
        guard oldest >= 0 else { return }
        Value.release(Self.value(of: slots + oldest), &lists)
        remove(at: oldest)
    }

    /// Takes a slot's entry out and moves those behind it that hung on it (Knuth, volume 3, 6.4, algorithm R).
    private mutating func remove(at place: Int) {
        let mask = capacity &- 1
        var gap = place
        var index = place
        while true {
            index = (index &+ 1) & mask
            guard slots[index].key != 0 else { break }
            let distance = (index &- home(slots[index].key)) & mask
            if distance >= (index &- gap) & mask {
                slots[gap] = slots[index]
                gap = index
            }
        }
        slots[gap] = Slot(key: 0, value: empty)
        count &-= 1
    }

    /// The bytes it takes.
    var byteCount: Int { capacity * MemoryLayout<Slot>.stride }

    /// Calls `body` with each key and value, in no particular order.
    func forEach(_ body: (UInt64, UnsafeMutablePointer<Value>) throws -> Void) rethrows {
        for index in 0..<capacity where slots[index].key != 0 {
            try body(slots[index].key, Self.value(of: slots + index))
        }
    }

    // MARK: - Snapshots: the slots as they lie, since what the hand meets next depends on them.

    func save(_ writer: inout FraudWriter) {
        writer.put(UInt64(capacity))
        writer.put(UInt64(hand))
        writer.put(UInt64(count))
        for index in 0..<capacity where slots[index].key != 0 {
            writer.put(UInt64(index))
            writer.put(slots[index].key)
            writer.put(Self.value(of: slots + index).pointee)
        }
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        let capacity = try reader.count(of: 0)
        let hand = try reader.count(of: 0)
        let count = try reader.count(of: 16 + MemoryLayout<Value>.size)
        guard capacity >= 1 << 8, capacity.nonzeroBitCount == 1, hand < capacity, count * 3 <= capacity * 2,
            count <= limit, capacity <= max(1 << 8, limit * 4)
        else { throw reader.damaged("a table is out of bounds") }
        slots.deallocate()
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(key: 0, value: empty), count: capacity)
        (self.capacity, self.hand, self.count) = (capacity, hand, count)
        for _ in 0..<count {
            let index = try reader.count(of: 0)
            let key = try reader.get(UInt64.self)
            guard index < capacity, key != 0, slots[index].key == 0 else { throw reader.damaged("a slot is taken") }
            slots[index].key = key
            Self.value(of: slots + index).pointee = try reader.get(Value.self)
        }
        // Every key must be found from its home, or it would be put in a second time.
        for index in 0..<capacity where slots[index].key != 0 {
            guard find(slots[index].key) == Self.value(of: slots + index) else {
                throw reader.damaged("a key is not where it belongs")
            }
        }
    }
}
