/// The most recently used keys in two generations: when the young one is full it becomes the old one, and the old one is
/// forgotten. So it remembers between one generation and two. Knows what changed since the last checkpoint, as
/// ``TrackedTable`` does.
package struct GenerationTable<Key: StateKey, Value: BitwiseCopyable>: ~Copyable {
    private typealias Table = KeyedTable<Key, TrackedTable<Key, Value>.Cell>
    /// A key with its value.
    package typealias Slot = KeyedTable<Key, TrackedTable<Key, Value>.Cell>.Slot

    /// How many keys a generation holds.
    let generation: Int
    private var young: Table
    private var old: Table
    private var budget: StateBudget
    private let empty: Value
    private var changes = Changes<Key>()
    /// How many generations have been begun; rises by one each time keys are forgotten.
    package private(set) var rotations: UInt32 = 0
    /// How many keys were forgotten.
    package private(set) var forgotten: Int64 = 0

    /// An empty table whose new values begin as `empty`.
    package init(_ name: StaticString, empty: Value, generation: Int) {
        self.empty = empty
        self.generation = generation
        young = Table(empty: TrackedTable.Cell(value: empty, changedIn: 0))
        old = Table(empty: TrackedTable.Cell(value: empty, changedIn: 0))
        // Far more than two generations of slots take; what bounds it is the number of keys.
        budget = StateBudget(name, limitBytes: 64 * max(generation, 1 << 16) * MemoryLayout<Slot>.stride)
    }

    /// How many keys it holds; one that is in both generations counts twice.
    package var count: Int { young.count + old.count }

    /// What it holds.
    package var usage: StateUsage { StateUsage(budget, entries: count, more: changes.byteCount) }

    /// Has the processor fetch what looking for a key looks at.
    @inline(__always)
    func prefetch(_ key: Key) {
        young.prefetch(key)
        old.prefetch(key)
    }

    /// Whether a key is remembered.
    @inline(__always)
    package func contains(_ key: Key) -> Bool { young.find(key) != nil || old.find(key) != nil }

    /// The slot of a key in the young generation; valid until the next call. Whoever changes its value says so by
    /// `changed`.
    @inline(__always)
    package mutating func slot(_ key: Key) -> UnsafeMutablePointer<Slot> { young.find(key) ?? renew(key) }

    /// Notes that the value of a slot changed.
    @inline(__always)
    package mutating func changed(_ slot: UnsafeMutablePointer<Slot>) {
        guard slot.pointee.value.changedIn != changes.epoch else { return }
        slot.pointee.value.changedIn = changes.epoch
        changes.note(slot.pointee.key)
    }

    @inline(never)
    private mutating func renew(_ key: Key) -> UnsafeMutablePointer<Slot> {
        if young.count >= generation { rotate() }
        let earlier = old.find(key)?.pointee.value.value
        let slot = GenerationTable.slot(key, in: &young, &budget)
        if let earlier { slot.pointee.value.value = earlier }
        changed(slot)
        return slot
    }

    /// The memory is bounded by the number of keys, so that its budget cannot be used up.
    private static func slot(
        _ key: Key, in table: inout Table, _ budget: inout StateBudget
    ) -> UnsafeMutablePointer<Slot> {
        do {
            return try table.slot(key, &budget)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private mutating func rotate() {
        forgotten += Int64(old.count)
        swap(&young, &old)
        young.removeAll(&budget)
        rotations += 1
    }

    /// Writes the keys of the groups `whole`, and of the others of `owned` those that changed since the last time.
    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        writer.raw(rotations)
        writer.put(forgotten)
        let epoch = changes.epoch
        let changed = changes.take()
        writer.reserve((count + 2 * changed.count) * (4 + MemoryLayout<Key>.size + MemoryLayout<Value>.size))
        writer.rows { out in
            var rows = 0
            func write(_ generation: UInt32, _ slot: UnsafeMutablePointer<Slot>, _ out: inout ByteWriter) {
                out.raw(generation)
                out.raw(slot.pointee.key)
                out.raw(slot.pointee.value.value)
                rows += 1
            }
            let whole = scope.whole.clamped(to: scope.owned)
            old.forEach(in: whole) { write(rotations &- 1, $0, &out) }
            young.forEach(in: whole) { write(rotations, $0, &out) }
            Changes.forEach(changed, prefetch: { prefetch($0) }) { key in
                guard scope.isChange(KeyGroup.of(key)) else { return }
                // What changed while it was young, and is old by now.
                if let slot = old.find(key), slot.pointee.value.changedIn == epoch {
                    write(rotations &- 1, slot, &out)
                }
                if let slot = young.find(key) { write(rotations, slot, &out) }
            }
            return rows
        }
    }

    /// Whether changes are no longer noted, so that the next checkpoint has to hold everything.
    var needsWhole: Bool { changes.areTooMany }

    /// Applies what `write` wrote.
    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        let rotations = try reader.raw(UInt32.self)
        let forgotten = try reader.raw(Int64.self)
        while self.rotations < rotations {
            swap(&young, &old)
            young.release(&budget)
            // Further rotations would only swap empty tables.
            self.rotations = rotations - self.rotations > 2 ? rotations - 2 : self.rotations + 1
        }
        self.forgotten = forgotten
        for _ in 0..<(try reader.count()) {
            let generation = try reader.raw(UInt32.self)
            let key = try reader.raw(Key.self)
            let value = try reader.raw(Value.self)
            guard isKept(KeyGroup.of(key)) else { continue }
            if generation == rotations {
                restore(young: true, key, value)
            } else if generation &+ 1 == rotations {
                restore(young: false, key, value)
            }

        }
    }

    /// Puts a key into a generation, as it was.
    mutating func restore(young isYoung: Bool, _ key: Key, _ value: Value) {
        let cell = TrackedTable<Key, Value>.Cell(value: value, changedIn: 0)
        if isYoung {
            GenerationTable.slot(key, in: &young, &budget).pointee.value = cell
        } else {
            GenerationTable.slot(key, in: &old, &budget).pointee.value = cell
        }
    }

    /// Takes in the keys of another one, which has none of this one's.
    mutating func merge(_ other: borrowing GenerationTable) {
        rotations = max(rotations, other.rotations)
        forgotten += other.forgotten
        other.old.forEach(in: KeyGroup.all) { restore(young: false, $0.pointee.key, $0.pointee.value.value) }
        other.young.forEach(in: KeyGroup.all) { restore(young: true, $0.pointee.key, $0.pointee.value.value) }
    }

    mutating func restoreForgotten(_ count: Int64) { forgotten = count }
}

/// An id as 96 bits of its hash. With 2 million of them the chance that a new one is taken for a known one is
/// 2·10⁶ / 2⁹⁶ ≈ 3·10⁻²³.
package struct IDKey: StateKey {
    let high: UInt64
    let rest: UInt32

    package init(high: UInt64, rest: UInt32) {
        self.high = high
        self.rest = rest
    }

    package static var vacant: IDKey { IDKey(high: 0, rest: 0) }
    package var stateHash: UInt64 { high }

    @inline(__always)
    package static func == (left: IDKey, right: IDKey) -> Bool { left.high == right.high && left.rest == right.rest }
}
