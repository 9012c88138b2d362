/// A table by key that knows which keys changed since the last checkpoint, so that a checkpoint writes these and a part of
/// the rest, not everything.
///
/// A value carries the number of the checkpoint that it was last changed for, and a key is noted the first time. What is
/// taken out is noted too.
package struct TrackedTable<Key: StateKey, Value: BitwiseCopyable>: ~Copyable {
    /// A value, and the checkpoint that it was last changed for.
    package struct Cell: BitwiseCopyable {
        /// The value.
        package var value: Value
        var changedIn: UInt32
    }

    /// A key with its cell.
    package typealias Slot = KeyedTable<Key, Cell>.Slot

    private(set) var table: KeyedTable<Key, Cell>
    private(set) var budget: StateBudget
    private var changes = Changes<Key>()

    /// An empty table whose new values begin as `empty`.
    package init(_ name: StaticString, empty: Value, limitBytes: Int) {
        table = KeyedTable(empty: Cell(value: empty, changedIn: 0))
        budget = StateBudget(name, limitBytes: limitBytes)
    }

    /// How many keys it holds.
    package var count: Int { table.count }

    /// What it holds, the notes of changes included.
    package var usage: StateUsage { StateUsage(budget, entries: table.count, more: changes.byteCount) }

    /// Has the processor fetch what looking for a key looks at.
    @inline(__always)
    func prefetch(_ key: Key) { table.prefetch(key) }

    /// The slot of a key, or nil. Not to be written to.
    @inline(__always)
    package func find(_ key: Key) -> UnsafeMutablePointer<Slot>? { table.find(key) }

    /// The slot of a key that is about to change, put in with the empty value where it is new; valid until the next call.
    ///
    /// - Throws: `StreamError.stateFull` where the table has to grow and may not.
    @inline(__always)
    package mutating func change(_ key: Key) throws(StreamError) -> UnsafeMutablePointer<Slot> {
        let slot = try table.slot(key, &budget)
        if slot.pointee.value.changedIn != changes.epoch {
            slot.pointee.value.changedIn = changes.epoch
            changes.note(key)
        }
        return slot
    }

    /// Takes a key out.
    package mutating func remove(_ key: Key) {
        guard table.remove(key, &budget) else { return }
        changes.note(key)
    }

    /// Calls `body` with every key and value, in no particular order.
    package func forEach(_ body: (Key, Value) -> Void) {
        var slots = table.slots()
        while let slot = slots.next() { body(slot.pointee.key, slot.pointee.value.value) }
    }

    /// Writes the keys of the groups `whole`, and of the others of `owned` those that changed since the last time.
    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        let changed = changes.take()
        writer.reserve((table.count + changed.count) * (1 + MemoryLayout<Key>.size + MemoryLayout<Value>.size))
        writer.rows { out in
            var rows = 0
            table.forEach(in: scope.whole.clamped(to: scope.owned)) { slot in
                out.raw(UInt8(1))
                out.raw(slot.pointee.key)
                out.raw(slot.pointee.value.value)
                rows += 1
            }
            Changes.forEach(changed, prefetch: { table.prefetch($0) }) { key in
                guard scope.isChange(KeyGroup.of(key)) else { return }
                let slot = table.find(key)
                out.raw(UInt8(slot == nil ? 0 : 1))
                out.raw(key)
                if let slot { out.raw(slot.pointee.value.value) } else { out.zeros(MemoryLayout<Value>.size) }
                rows += 1
            }
            return rows
        }
    }

    /// Calls `body` with what `write` would write, of keys that are there, and notes changes for the next checkpoint.
    mutating func forEachWritten(_ scope: CheckpointScope, _ body: (Key, Value) -> Void) {
        table.forEach(in: scope.whole.clamped(to: scope.owned)) { body($0.pointee.key, $0.pointee.value.value) }
        for key in changes.take() {
            guard scope.isChange(KeyGroup.of(key)), let slot = table.find(key) else { continue }
            body(key, slot.pointee.value.value)
        }
    }

    /// Takes all that is there as not changed.
    mutating func forgetChanges() { _ = changes.take() }

    /// Whether changes are no longer noted, so that the next checkpoint has to hold everything.
    var needsWhole: Bool { changes.areTooMany }

    /// Applies what `write` wrote.
    ///
    /// - Parameter isKept: whether a group's entries count.
    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        for _ in 0..<(try reader.count()) {
            let isThere = try reader.raw(UInt8.self) == 1
            let key = try reader.raw(Key.self)
            let value = try reader.raw(Value.self)
            guard isKept(KeyGroup.of(key)) else { continue }
            if isThere {
                try table.slot(key, &budget).pointee.value = Cell(value: value, changedIn: 0)
            } else {
                table.remove(key, &budget)
            }
        }
    }
}

/// What of the keyed state goes into one checkpoint.
package struct CheckpointScope: Sendable {
    /// The groups that the state has.
    package var owned: Range<Int>
    /// The groups that are written whole; of the others what changed.
    package var whole: Range<Int>

    func isChange(_ group: Int) -> Bool { owned.contains(group) && !whole.contains(group) }
}
