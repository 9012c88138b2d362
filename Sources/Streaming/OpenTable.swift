import CBytes

/// A hash table with open addressing and linear probing, from non-zero 64-bit keys to plain values.
///
/// Keys should be hashes already or are mixed here; a table is owned by one thread. `Value` must be trivial (no
/// references), so that slots can be moved and written to a checkpoint as bytes.
package struct OpenTable<Value: BitwiseCopyable>: ~Copyable {
    private struct Slot {
        var key: UInt64
        var value: Value
    }

    /// How many keys it holds.
    package private(set) var count = 0
    /// How many slots it has.
    package private(set) var capacity: Int
    private var slots: UnsafeMutablePointer<Slot>
    private let empty: Value
    private let valueOffset: Int

    /// An empty table whose new values begin as `empty`.
    package init(empty: Value, capacity: Int = 1 << 8) {
        precondition(capacity.nonzeroBitCount == 1, "the capacity is a power of two")
        self.empty = empty
        self.capacity = capacity
        // After the key, at the value's own alignment.
        let alignment = MemoryLayout<Value>.alignment
        valueOffset = (MemoryLayout<UInt64>.size + alignment - 1) / alignment * alignment
        slots = OpenTable.allocate(capacity, empty)
    }

    deinit { slots.deallocate() }

    private static func allocate(_ capacity: Int, _ empty: Value) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        slots.initialize(repeating: Slot(key: 0, value: empty), count: capacity)
        return slots
    }

    @inline(__always)
    private func home(_ key: UInt64) -> Int {
        // Fibonacci hashing spreads packed keys; the high bits are the well mixed ones.
        Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 32) & (capacity &- 1)
    }

    /// The value of a key, put in as `empty` when it is new. The pointer is valid until the next call.
    @inline(__always)
    package mutating func value(_ key: UInt64) -> UnsafeMutablePointer<Value> {
        assert(key != 0)
        var index = home(key)
        while true {
            let slot = slots + index
            if slot.pointee.key == key { return pointer(to: slot) }
            if slot.pointee.key == 0 { return insert(key, at: index) }
            index = (index &+ 1) & (capacity &- 1)
        }
    }

    /// The value of a key that is in the table, or nil. The pointer is valid until the next change.
    @inline(__always)
    package func find(_ key: UInt64) -> UnsafeMutablePointer<Value>? {
        var index = home(key)
        while true {
            let slot = slots + index
            if slot.pointee.key == key { return pointer(to: slot) }
            if slot.pointee.key == 0 { return nil }
            index = (index &+ 1) & (capacity &- 1)
        }
    }

    /// Has the processor fetch the slot that looking for a key begins at.
    @inline(__always)
    func prefetch(_ key: UInt64) { cbytes_prefetch(slots + home(key)) }

    @inline(__always)
    private func pointer(to slot: UnsafeMutablePointer<Slot>) -> UnsafeMutablePointer<Value> {
        (UnsafeMutableRawPointer(slot) + valueOffset).assumingMemoryBound(to: Value.self)
    }

    @inline(never)
    private mutating func insert(_ key: UInt64, at index: Int) -> UnsafeMutablePointer<Value> {
        var index = index
        if (count &+ 1) &* 3 > capacity &* 2 {
            grow()
            index = home(key)
            while slots[index].key != 0 { index = (index &+ 1) & (capacity &- 1) }
        }
        slots[index].key = key
        count &+= 1
        return pointer(to: slots + index)
    }

    private mutating func grow() {
        let old = slots
        let oldCapacity = capacity
        capacity = oldCapacity * 2
        slots = OpenTable.allocate(capacity, empty)
        for i in 0..<oldCapacity where old[i].key != 0 {
            var index = home(old[i].key)
            while slots[index].key != 0 { index = (index &+ 1) & (capacity &- 1) }
            slots[index] = old[i]
        }
        old.deallocate()
    }

    /// Calls `body` with every key and value, in no particular order.
    package func forEach(_ body: (UInt64, UnsafeMutablePointer<Value>) -> Void) {
        for i in 0..<capacity where slots[i].key != 0 { body(slots[i].key, pointer(to: slots + i)) }
    }

    /// Keeps only the entries that `isKept` says to keep.
    package mutating func filter(_ isKept: (UInt64, Value) -> Bool) {
        var kept = OpenTable(empty: empty)
        for i in 0..<capacity where slots[i].key != 0 && isKept(slots[i].key, slots[i].value) {
            kept.value(slots[i].key).pointee = slots[i].value
        }
        self = kept
    }

    /// The bytes that the slots take.
    var byteCount: Int { capacity * MemoryLayout<Slot>.stride }
}
