/// A hash table with open addressing, from keys to plain values, for one thread.
///
/// It begins as one small run of slots. From `splitSlots` on it is one run for each key group, and each grows by itself:
/// the longest pause is the rehash of a 128th of the keys. Removal shifts the slots behind back into place, so that a
/// table whose keys come and go has no tombstones to be cleaned. Slots can be written to a snapshot as bytes.
public struct KeyedTable<Key: StateKey, Value: BitwiseCopyable>: ~Copyable {
    /// A key with its value. A pointer to a slot holds until the table's next insertion or removal.
    public struct Slot: BitwiseCopyable {
        /// The key.
        public var key: Key
        /// The value.
        public var value: Value

        @inlinable
        init(key: Key, value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// The slots of one key group, or of all.
    @usableFromInline
    struct Run: BitwiseCopyable {
        @usableFromInline var slots: UnsafeMutablePointer<Slot>
        @usableFromInline var mask: Int
        @usableFromInline var count: Int

        @inlinable
        init(slots: UnsafeMutablePointer<Slot>, mask: Int, count: Int) {
            self.slots = slots
            self.mask = mask
            self.count = count
        }
    }

    /// How many slots the one run may have before it becomes one for each key group.
    @inlinable static var splitSlots: Int { 1 << 15 }
    @inlinable static var slotsAtFirst: Int { 16 }

    @usableFromInline var keys = 0
    /// How many keys it holds.
    @inlinable public var count: Int { keys }
    @usableFromInline var runs: UnsafeMutablePointer<Run>
    /// One less than the number of runs: 0 or 127.
    @usableFromInline var runMask = 0
    /// The value of the key that marks empty slots elsewhere.
    @usableFromInline var vacantSlot: UnsafeMutablePointer<Slot>?
    @usableFromInline let empty: Value

    /// An empty table whose new values begin as `empty`. It takes memory only with its first key.
    @inlinable
    public init(empty: Value) {
        self.empty = empty
        runs = .allocate(capacity: KeyGroup.count)
        // No slot is ever written here: a count of zero in one slot is full.
        runs[0] = Run(slots: .allocate(capacity: 1), mask: 0, count: 0)
        runs[0].slots.initialize(to: Slot(key: Key.vacant, value: empty))
    }

    deinit {
        for run in 0...runMask { runs[run].slots.deallocate() }
        runs.deallocate()
        vacantSlot?.deallocate()
    }

    @inlinable @inline(__always)
    func run(of hash: UInt64) -> UnsafeMutablePointer<Run> {
        runs + (Int(truncatingIfNeeded: hash >> 57) & runMask)
    }

    /// The slot of a key, or nil.
    @inlinable @inline(__always)
    public func find(_ key: Key) -> UnsafeMutablePointer<Slot>? {
        if key == Key.vacant { return vacantSlot }
        let hash = key.stateHash
        let run = run(of: hash).pointee
        var index = Int(truncatingIfNeeded: hash) & run.mask
        while true {
            let slot = run.slots + index
            if slot.pointee.key == key { return slot }
            if slot.pointee.key == Key.vacant { return nil }
            index = (index &+ 1) & run.mask
        }
    }

    /// The slot of a key, put in with the empty value where it is new.
    ///
    /// - Throws: `StreamError.stateFull` where the table has to grow and may not.
    @inlinable @inline(__always)
    public mutating func slot(
        _ key: Key, _ budget: inout StateBudget
    ) throws(StreamError) -> UnsafeMutablePointer<Slot> {
        if let slot = find(key) { return slot }
        return try insert(key, &budget)
    }

    /// Puts in a key that is not there.
    @inlinable @inline(never)
    public mutating func insert(
        _ key: Key, _ budget: inout StateBudget
    ) throws(StreamError) -> UnsafeMutablePointer<Slot> {
        if key == Key.vacant { return try insertVacant(&budget) }
        let hash = key.stateHash
        var run = run(of: hash)
        if (run.pointee.count &+ 1) &* 4 > (run.pointee.mask &+ 1) &* 3 {
            try grow(run, &budget)
            run = self.run(of: hash)
        }
        let slot = KeyedTable.place(Slot(key: key, value: empty), hash, in: run.pointee)
        run.pointee.count &+= 1
        keys &+= 1
        return slot
    }

    @inlinable
    static func place(_ slot: Slot, _ hash: UInt64, in run: Run) -> UnsafeMutablePointer<Slot> {
        var index = Int(truncatingIfNeeded: hash) & run.mask
        while run.slots[index].key != Key.vacant { index = (index &+ 1) & run.mask }
        run.slots[index] = slot
        return run.slots + index
    }

    @inlinable @inline(never)
    mutating func insertVacant(_ budget: inout StateBudget) throws(StreamError) -> UnsafeMutablePointer<Slot> {
        try budget.take(MemoryLayout<Slot>.stride)
        let slot = UnsafeMutablePointer<Slot>.allocate(capacity: 1)
        slot.initialize(to: Slot(key: Key.vacant, value: empty))
        vacantSlot = slot
        keys &+= 1
        return slot
    }

    @inlinable
    func newRun(_ slots: Int) -> Run {
        let memory = UnsafeMutablePointer<Slot>.allocate(capacity: slots)
        let vacant = Slot(key: Key.vacant, value: empty)
        memory.initialize(repeating: vacant, count: slots)
        return Run(slots: memory, mask: slots &- 1, count: 0)
    }

    @inlinable @inline(never)
    mutating func grow(_ run: UnsafeMutablePointer<Run>, _ budget: inout StateBudget) throws(StreamError) {
        let old = run.pointee
        let oldSlots = old.mask &+ 1
        let bytes = MemoryLayout<Slot>.stride
        if runMask == 0 && oldSlots >= KeyedTable.splitSlots {
            let each = oldSlots &* 2 / KeyGroup.count
            try budget.take(each &* KeyGroup.count &* bytes)
            for group in 0..<KeyGroup.count { runs[group] = newRun(each) }
            runMask = KeyGroup.count &- 1
        } else {
            let slots = Swift.max(oldSlots &* 2, KeyedTable.slotsAtFirst)
            try budget.take(slots &* bytes)
            run.pointee = newRun(slots)
        }
        for index in 0..<oldSlots where old.slots[index].key != Key.vacant {
            let hash = old.slots[index].key.stateHash
            let home = self.run(of: hash)
            // One group may get more than its share of few keys.
            if (home.pointee.count &+ 1) &* 4 > (home.pointee.mask &+ 1) &* 3 { try grow(home, &budget) }
            _ = KeyedTable.place(old.slots[index], hash, in: home.pointee)
            home.pointee.count &+= 1
        }
        old.slots.deallocate()
        // The slot that an empty table has was never taken from the budget.
        if oldSlots > 1 { budget.give(oldSlots &* bytes) }
    }

    /// Takes a key out; whether it was there.
    @discardableResult @inlinable
    public mutating func remove(_ key: Key, _ budget: inout StateBudget) -> Bool {
        guard let slot = find(key) else { return false }
        if key == Key.vacant {
            slot.deallocate()
            vacantSlot = nil
            budget.give(MemoryLayout<Slot>.stride)
        } else {
            let run = run(of: key.stateHash)
            KeyedTable.close(slot - run.pointee.slots, in: run.pointee)
            run.pointee.count &-= 1
        }
        keys &-= 1
        return true
    }

    /// Fills the gap that a removed slot leaves with a slot behind it that would rather be there (Knuth, volume 3,
    /// algorithm 6.4R).
    @inlinable
    static func close(_ gap: Int, in run: Run) {
        var gap = gap
        var index = gap
        while true {
            index = (index &+ 1) & run.mask
            let key = run.slots[index].key
            if key == Key.vacant { break }
            let home = Int(truncatingIfNeeded: key.stateHash) & run.mask
            // It may move when the gap lies between its home and where it is, in the order of probing.
            if (index &- home) & run.mask >= (index &- gap) & run.mask {
                run.slots[gap] = run.slots[index]
                gap = index
            }
        }
        run.slots[gap].key = Key.vacant
    }

    /// Takes out everything. The memory stays for what comes next, but not more than four times what was used.
    @inlinable
    public mutating func removeAll(_ budget: inout StateBudget) {
        let slots = slotCount
        if slots > KeyedTable.slotsAtFirst && count &* 4 < slots {
            release(&budget)
            return
        }
        for run in 0...runMask {
            for index in 0...runs[run].mask { runs[run].slots[index].key = Key.vacant }
            runs[run].count = 0
        }
        forgetVacant(&budget)
    }

    /// Takes out everything and gives the memory back.
    @inlinable
    public mutating func release(_ budget: inout StateBudget) {
        for run in 0...runMask {
            let slots = runs[run].mask + 1
            runs[run].slots.deallocate()
            if slots > 1 { budget.give(slots * MemoryLayout<Slot>.stride) }
        }
        runMask = 0
        runs[0] = Run(slots: .allocate(capacity: 1), mask: 0, count: 0)
        runs[0].slots.initialize(to: Slot(key: Key.vacant, value: empty))
        forgetVacant(&budget)
    }

    @inlinable
    mutating func forgetVacant(_ budget: inout StateBudget) {
        if let vacantSlot {
            vacantSlot.deallocate()
            self.vacantSlot = nil
            budget.give(MemoryLayout<Slot>.stride)
        }
        keys = 0
    }

    @inlinable
    var slotCount: Int {
        var slots = 0
        for run in 0...runMask { slots &+= runs[run].mask &+ 1 }
        return slots
    }

    /// Goes through the slots, in no particular order. The table must not change meanwhile.
    @inlinable
    public func slots() -> Slots { Slots(runs: runs, runsLeft: runMask &+ 1, vacantSlot: vacantSlot) }

    /// The slots of a table, one after another.
    public struct Slots {
        @usableFromInline var runs: UnsafeMutablePointer<Run>
        @usableFromInline var runsLeft: Int
        @usableFromInline var vacantSlot: UnsafeMutablePointer<Slot>?
        @usableFromInline var index = 0

        @inlinable
        init(runs: UnsafeMutablePointer<Run>, runsLeft: Int, vacantSlot: UnsafeMutablePointer<Slot>?) {
            self.runs = runs
            self.runsLeft = runsLeft
            self.vacantSlot = vacantSlot
        }

        /// The next one.
        @inlinable @inline(__always)
        public mutating func next() -> UnsafeMutablePointer<Slot>? {
            while runsLeft > 0 {
                let run = runs.pointee
                while index <= run.mask {
                    let slot = run.slots + index
                    index &+= 1
                    if slot.pointee.key != Key.vacant { return slot }
                }
                index = 0
                runs += 1
                runsLeft &-= 1
            }
            let last = vacantSlot
            vacantSlot = nil
            return last
        }
    }
}
