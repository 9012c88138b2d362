/// A string's bytes, in place: in the buffer that was decoded, or in the batch's arena when escapes had to be undone.
public struct StringRef {
    /// The first byte.
    public let start: UnsafePointer<UInt8>
    /// How many bytes.
    public let count: Int

    /// A reference to bytes that somebody else keeps.
    @inlinable
    public init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        self.start = start
        self.count = count
    }

    /// The bytes as a string; bytes that are not UTF-8 are repaired.
    public var string: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
}

/// Decoded events as columns: one row an event, one array a field.
///
/// Strings are not copied: they point into the buffer that was decoded, which must stay where it is for as long as
/// the batch is read. A batch is filled, read and cleared by one thread at a time, and is reused, since fresh pages
/// cost more than decoding.
public final class EventBatch {
    /// How many rows there is room for.
    public let capacity: Int
    /// How many rows are filled.
    @inlinable public internal(set) var count: Int {
        get { fill.pointee.count }
        set { fill.pointee.count = newValue }
    }
    /// How many items all rows together hold.
    @inlinable public internal(set) var itemCount: Int {
        get { fill.pointee.itemCount }
        set { fill.pointee.itemCount = newValue }
    }

    /// What changes from event to event. It lies behind a pointer, since every access to a variable of a class that
    /// other rooms can see is checked for exclusivity at run time.
    @usableFromInline
    struct Fill: ~Copyable {
        @usableFromInline var count = 0
        @usableFromInline var itemCount = 0
        var itemCapacity: Int
        var itemProducts: UnsafeMutablePointer<StringRef>
        var itemQuantities: UnsafeMutablePointer<Int32>
        var itemPrices: UnsafeMutablePointer<Int64>
        var arena = Arena()

        init(itemCapacity: Int) {
            self.itemCapacity = itemCapacity
            itemProducts = .allocate(capacity: itemCapacity)
            itemQuantities = .allocate(capacity: itemCapacity)
            itemPrices = .allocate(capacity: itemCapacity)
        }

        deinit {
            itemProducts.deallocate()
            itemQuantities.deallocate()
            itemPrices.deallocate()
        }

        mutating func growItems() {
            let larger = itemCapacity * 2
            func moved<T>(_ old: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<T> {
                let new = UnsafeMutablePointer<T>.allocate(capacity: larger)
                new.moveInitialize(from: old, count: itemCapacity)
                old.deallocate()
                return new
            }
            itemProducts = moved(itemProducts)
            itemQuantities = moved(itemQuantities)
            itemPrices = moved(itemPrices)
            itemCapacity = larger
        }
    }

    @usableFromInline let fill: UnsafeMutablePointer<Fill>

    let types: UnsafeMutablePointer<UInt8>
    let presence: UnsafeMutablePointer<FieldSet>
    let strings: UnsafeMutablePointer<StringRef>
    let integers: UnsafeMutablePointer<Int64>
    let moneys: UnsafeMutablePointer<Int64>
    let timestamps: UnsafeMutablePointer<Int64>
    let raws: UnsafeMutablePointer<StringRef>
    let warnings: UnsafeMutablePointer<Bool>
    let itemStarts: UnsafeMutablePointer<Int32>
    let itemCounts: UnsafeMutablePointer<Int32>
    let receivedAts: UnsafeMutablePointer<Int64>
    let partitions: UnsafeMutablePointer<Int32>
    let offsets: UnsafeMutablePointer<Int64>

    /// An empty batch with room for `capacity` events.
    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        types = .allocate(capacity: capacity)
        presence = .allocate(capacity: capacity)
        strings = .allocate(capacity: capacity * EventField.stringCount)
        integers = .allocate(capacity: capacity * EventField.integerCount)
        moneys = .allocate(capacity: capacity * EventField.moneyCount)
        timestamps = .allocate(capacity: capacity)
        raws = .allocate(capacity: capacity)
        warnings = .allocate(capacity: capacity)
        itemStarts = .allocate(capacity: capacity)
        itemCounts = .allocate(capacity: capacity)
        receivedAts = .allocate(capacity: capacity)
        partitions = .allocate(capacity: capacity)
        offsets = .allocate(capacity: capacity)
        fill = .allocate(capacity: 1)
        fill.initialize(to: Fill(itemCapacity: capacity + EventLimits.items))
    }

    deinit {
        types.deallocate()
        presence.deallocate()
        strings.deallocate()
        integers.deallocate()
        moneys.deallocate()
        timestamps.deallocate()
        raws.deallocate()
        warnings.deallocate()
        itemStarts.deallocate()
        itemCounts.deallocate()
        receivedAts.deallocate()
        partitions.deallocate()
        offsets.deallocate()
        fill.deinitialize(count: 1)
        fill.deallocate()
    }

    /// Forgets all rows and keeps the room.
    public func removeAll() {
        count = 0
        itemCount = 0
        fill.pointee.arena.removeAll()
    }

    /// Whether there is no room for another event.
    @inlinable public var isFull: Bool { count == capacity }

    /// The type of the event in a row.
    public func type(_ row: Int) -> EventType {
        // Only the decoder writes this column, from an EventType.
        EventType(rawValue: types[row]) ?? .click
    }

    /// Whether the row's event has a value (not null) for the field.
    public func has(_ field: EventField, _ row: Int) -> Bool { presence[row] & field.bit != 0 }

    /// A string field's bytes, where the row has it.
    public func string(_ field: EventField, _ row: Int) -> StringRef? {
        has(field, row) ? strings[Int(field.rawValue) * capacity + row] : nil
    }

    /// An integer field, where the row has it.
    public func integer(_ field: EventField, _ row: Int) -> Int64? {
        has(field, row) ? integers[field.integerIndex * capacity + row] : nil
    }

    /// A money field in ten-thousandths, where the row has it.
    public func money(_ field: EventField, _ row: Int) -> Int64? {
        has(field, row) ? moneys[field.moneyIndex * capacity + row] : nil
    }

    /// The event's instant in microseconds since 1970 UTC.
    public func timestamp(_ row: Int) -> Int64 { timestamps[row] }

    /// The event's original bytes.
    public func raw(_ row: Int) -> StringRef { raws[row] }

    /// Whether a purchase's total differs from the sum of its parts (`total_mismatch`, a warning only).
    public func totalMismatch(_ row: Int) -> Bool { warnings[row] }

    /// The indices of the row's items.
    public func items(_ row: Int) -> Range<Int> {
        guard has(.items, row) else { return 0..<0 }
        return Int(itemStarts[row])..<Int(itemStarts[row] + itemCounts[row])
    }

    /// An item's product.
    public func itemProduct(_ item: Int) -> StringRef { fill.pointee.itemProducts[item] }
    /// An item's quantity.
    public func itemQuantity(_ item: Int) -> Int32 { fill.pointee.itemQuantities[item] }
    /// An item's unit price in ten-thousandths.
    public func itemPrice(_ item: Int) -> Int64 { fill.pointee.itemPrices[item] }

    /// When the log took the event in, microseconds since 1970 UTC.
    public func receivedAt(_ row: Int) -> Int64 { receivedAts[row] }
    /// The partition of the event's topic that holds it.
    public func partition(_ row: Int) -> Int32 { partitions[row] }
    /// The event's offset in its partition.
    public func offset(_ row: Int) -> Int64 { offsets[row] }

    /// Records where in the log the last decoded event came from.
    public func setPosition(receivedAt: Int64, partition: Int32, offset: Int64) {
        precondition(count > 0)
        receivedAts[count - 1] = receivedAt
        partitions[count - 1] = partition
        offsets[count - 1] = offset
    }

    /// Direct access to the columns, for the hot paths of other rooms.
    public var columns: Columns { Columns(batch: self) }

    /// The batch's columns as plain pointers. Valid while the batch lives and is not changed.
    public struct Columns {
        /// A bit set a row: which fields have a value.
        public let presence: UnsafePointer<FieldSet>
        /// The events' instants.
        public let timestamps: UnsafePointer<Int64>
        /// The events' original bytes.
        public let raws: UnsafePointer<StringRef>
        /// When the log took the events in.
        public let receivedAts: UnsafePointer<Int64>
        /// The partitions.
        public let partitions: UnsafePointer<Int32>
        /// The offsets.
        public let offsets: UnsafePointer<Int64>
        /// The items' products, quantities and prices, indexed by `itemStarts`.
        public let itemProducts: UnsafePointer<StringRef>
        /// The items' quantities.
        public let itemQuantities: UnsafePointer<Int32>
        /// The items' unit prices in ten-thousandths.
        public let itemPrices: UnsafePointer<Int64>
        /// Each row's first item.
        public let itemStarts: UnsafePointer<Int32>
        /// Each row's number of items.
        public let itemCounts: UnsafePointer<Int32>
        let strings: UnsafePointer<StringRef>
        let integers: UnsafePointer<Int64>
        let moneys: UnsafePointer<Int64>
        let capacity: Int

        init(batch: EventBatch) {
            presence = UnsafePointer(batch.presence)
            timestamps = UnsafePointer(batch.timestamps)
            raws = UnsafePointer(batch.raws)
            receivedAts = UnsafePointer(batch.receivedAts)
            partitions = UnsafePointer(batch.partitions)
            offsets = UnsafePointer(batch.offsets)
            itemProducts = UnsafePointer(batch.fill.pointee.itemProducts)
            itemQuantities = UnsafePointer(batch.fill.pointee.itemQuantities)
            itemPrices = UnsafePointer(batch.fill.pointee.itemPrices)
            itemStarts = UnsafePointer(batch.itemStarts)
            itemCounts = UnsafePointer(batch.itemCounts)
            strings = UnsafePointer(batch.strings)
            integers = UnsafePointer(batch.integers)
            moneys = UnsafePointer(batch.moneys)
            capacity = batch.capacity
        }

        /// A string field's column; rows without the field hold nothing readable.
        public func strings(_ field: EventField) -> UnsafePointer<StringRef> {
            strings + Int(field.rawValue) * capacity
        }

        /// An integer field's column.
        public func integers(_ field: EventField) -> UnsafePointer<Int64> { integers + field.integerIndex * capacity }

        /// A money field's column, in ten-thousandths.
        public func moneys(_ field: EventField) -> UnsafePointer<Int64> { moneys + field.moneyIndex * capacity }
    }
}

/// Blocks of bytes that stay where they are until all are forgotten at once.
package struct Arena: ~Copyable {
    private var blocks: [UnsafeMutablePointer<UInt8>] = []
    private var used = 0
    private var size = 0
    private static let blockBytes = 64 << 10

    package init() {}

    deinit { for block in blocks { block.deallocate() } }

    /// Room for `count` bytes, with the decoder's padding after them.
    package mutating func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        let need = count + EventLimits.padding
        if used + need > size {
            size = max(Arena.blockBytes, need)
            blocks.append(.allocate(capacity: size))
            used = 0
        }
        let start = blocks[blocks.count - 1] + used
        used += need
        return start
    }

    /// Forgets all bytes and keeps one block, so that the next escape costs no allocation.
    package mutating func removeAll() {
        used = 0
        guard blocks.count > 1 || size > Arena.blockBytes else { return }
        for block in blocks { block.deallocate() }
        blocks.removeAll(keepingCapacity: true)
        size = 0
    }
}
