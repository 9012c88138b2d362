import Glibc

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
        let entry = 1 + MemoryLayout<Key>.size + MemoryLayout<Value>.size
        let changed = changes.take()
        var rows = StateRows(most: table.count + changed.count, bytesEach: entry)
        table.forEach(in: scope.whole.clamped(to: scope.owned)) { slot in
            rows.put(UInt8(1))
            rows.put(slot.pointee.key)
            rows.put(slot.pointee.value.value)
        }
        Changes.forEach(changed, prefetch: { table.prefetch($0) }) { key in
            guard scope.isChange(KeyGroup.of(key)) else { return }
            let slot = table.find(key)
            rows.put(UInt8(slot == nil ? 0 : 1))
            rows.put(key)
            if let slot {
                rows.put(slot.pointee.value.value)
            } else {
                rows.skip(MemoryLayout<Value>.size)
            }
        }
        rows.append(to: &writer)
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

/// Keys that changed since the last checkpoint.
struct Changes<Key: BitwiseCopyable> {
    /// The most changes that are noted; past it the next checkpoint is written whole.
    static var most: Int { 8 << 20 }

    /// The number of the checkpoint that changes are noted for.
    private(set) var epoch: UInt32 = 1
    private(set) var areTooMany = false
    private var keys: [Key] = []

    var byteCount: Int { keys.capacity * MemoryLayout<Key>.stride }

    @inline(__always)
    mutating func note(_ key: Key) {
        guard keys.count < Changes.most else {
            areTooMany = true
            return
        }
        keys.append(key)
    }

    /// Hands over the keys, and notes for the next checkpoint from now on.
    mutating func take() -> [Key] {
        let taken = keys
        keys = []
        epoch = epoch == .max ? 1 : epoch + 1
        areTooMany = false
        return taken
    }

    /// Calls `body` with each key, and `prefetch` some keys before its turn.
    static func forEach(_ keys: [Key], prefetch: (Key) -> Void, _ body: (Key) -> Void) {
        let ahead = 16
        for index in keys.indices {
            if index + ahead < keys.count { prefetch(keys[index + ahead]) }
            body(keys[index])
        }
    }
}

/// Rows of equal size on their way into a checkpoint, in memory that is not looked after for each value.
struct StateRows: ~Copyable {
    private let memory: UnsafeMutableRawPointer
    private let most: Int
    private let bytesEach: Int
    private var used = 0

    /// Room for `most` rows.
    init(most: Int, bytesEach: Int) {
        self.most = most
        self.bytesEach = bytesEach
        memory = .allocate(byteCount: max(1, most * bytesEach), alignment: 16)
    }

    deinit { memory.deallocate() }

    @inline(__always)
    mutating func put<T: BitwiseCopyable>(_ value: T) {
        precondition(used &+ MemoryLayout<T>.size <= most &* bytesEach, "more rows than there is room for")
        memory.storeBytes(of: value, toByteOffset: used, as: T.self)
        used &+= MemoryLayout<T>.size
    }

    /// Leaves bytes zero.
    mutating func skip(_ count: Int) {
        precondition(used &+ count <= most &* bytesEach, "more rows than there is room for")
        memset(memory + used, 0, count)
        used &+= count
    }

    /// Their number, and then they.
    func append(to writer: inout ByteWriter) {
        writer.put(Int64(used / bytesEach))
        writer.bytes.append(contentsOf: UnsafeRawBufferPointer(start: memory, count: used))
    }
}
