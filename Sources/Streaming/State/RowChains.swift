/// Rows by key, several of one key in the order in which they came, each with its time: what joins remember.
public struct RowChains<Key: StateKey, R: Row>: ~Copyable {
    /// A row and the place of the next one of its key.
    public struct Link: BitwiseCopyable {
        /// The row.
        public var row: R
        /// Its time.
        public var time: Int64
        @usableFromInline var next: UInt32

        @inlinable
        init(row: R, time: Int64, next: UInt32) {
            self.row = row
            self.time = time
            self.next = next
        }
    }

    @usableFromInline
    struct Ends: BitwiseCopyable {
        @usableFromInline var first: UInt32
        @usableFromInline var last: UInt32

        @inlinable
        init(first: UInt32, last: UInt32) {
            self.first = first
            self.last = last
        }
    }

    /// No place.
    @inlinable static var none: UInt32 { .max }

    @usableFromInline var table: KeyedTable<Key, Ends>
    @usableFromInline var links = Pool<Link>()
    @usableFromInline var texts = TextArena()

    /// No rows yet.
    @inlinable
    public init() {
        table = KeyedTable(empty: Ends(first: .max, last: .max))
    }

    /// How many rows it holds.
    @inlinable public var count: Int { links.count }
    /// How many keys have rows.
    @inlinable public var keyCount: Int { table.count }

    /// Keeps a row, its texts copied.
    @inlinable
    public mutating func add(
        _ row: R, key: Key, time: Int64, _ budget: inout StateBudget
    ) throws(StreamError) {
        try link(texts.keep(row, &budget), key: key, time: time, &budget)
    }

    /// Whether a key has rows.
    @inlinable @inline(__always)
    public func has(_ key: Key) -> Bool { table.find(key) != nil }

    /// The rows of a key, in the order in which they came. The chains must not change meanwhile.
    @inlinable @inline(__always)
    public func rows(_ key: Key) -> Rows {
        Rows(pages: links.table, next: table.find(key)?.pointee.value.first ?? RowChains.none)
    }

    /// The rows of one key, one after another.
    public struct Rows {
        @usableFromInline let pages: UnsafeMutablePointer<UnsafeMutablePointer<Link>>
        @usableFromInline var place: UInt32

        @inlinable
        init(pages: UnsafeMutablePointer<UnsafeMutablePointer<Link>>, next: UInt32) {
            self.pages = pages
            place = next
        }

        /// The next one.
        @inlinable @inline(__always)
        public mutating func next() -> UnsafeMutablePointer<Link>? {
            guard place != RowChains.none else { return nil }
            let link = pages[Int(place) / Pool<Link>.pageCount] + Int(place) % Pool<Link>.pageCount
            place = link.pointee.next
            return link
        }
    }

    /// Forgets the rows of a key whose time is before `time`; whether the key has others.
    @discardableResult @inlinable
    public mutating func removeRows(_ key: Key, before time: Int64, _ budget: inout StateBudget) -> Bool {
        guard let slot = table.find(key) else { return false }
        var place = slot.pointee.value.first
        var first = RowChains.none
        var last = RowChains.none
        while place != RowChains.none {
            let link = links[place].pointee
            if link.time < time {
                texts.drop(link.row, &budget)
                links.remove(place)
            } else {
                if first == RowChains.none { first = place } else { links[last].pointee.next = place }
                last = place
            }
            place = link.next
        }
        guard first != RowChains.none else {
            table.remove(key, &budget)
            return false
        }
        links[last].pointee.next = RowChains.none
        slot.pointee.value = Ends(first: first, last: last)
        return true
    }

    /// Forgets all rows of a key.
    @inlinable
    public mutating func removeAll(_ key: Key, _ budget: inout StateBudget) {
        _ = removeRows(key, before: .max, &budget)
    }

    /// Writes the rows of the keys of some key groups.
    public func write(to writer: inout StateWriter, groups: Range<Int>) {
        write(to: &writer) { groups.contains(KeyGroup.of($0)) }
    }

    /// Writes the rows of some keys.
    public func write(to writer: inout StateWriter, where isWritten: (Key) -> Bool) {
        var slots = table.slots()
        while let slot = slots.next() {
            guard isWritten(slot.pointee.key) else { continue }
            var rows = rows(slot.pointee.key)
            while let link = rows.next() {
                writer.entry()
                writer.put(slot.pointee.key)
                writer.put(link.pointee.time)
                writer.put(row: link.pointee.row)
            }
        }
    }

    /// Adds the rows of the keys of some key groups; `body` hears of each key and time.
    public mutating func restore(
        from reader: inout StateReader, groups: Range<Int>, _ budget: inout StateBudget,
        _ body: (Key, Int64, inout StateBudget) throws(StreamError) -> Void
    ) throws(StreamError) {
        try restore(from: &reader, where: { groups.contains(KeyGroup.of($0)) }, &budget, body)
    }

    /// Adds the rows of some keys; `body` hears of each key and time.
    public mutating func restore(
        from reader: inout StateReader, where isOurs: (Key) -> Bool, _ budget: inout StateBudget,
        _ body: (Key, Int64, inout StateBudget) throws(StreamError) -> Void
    ) throws(StreamError) {
        while reader.nextEntry() {
            let key = try reader.take(Key.self)
            let time = try reader.take(Int64.self)
            var found: R?
            // Kept before its bytes go away.
            try reader.takeRow(R.self) { row throws(StreamError) in
                found = isOurs(key) ? try texts.keep(row, &budget) : nil
            }
            guard let kept = found else { continue }
            try link(kept, key: key, time: time, &budget)
            try body(key, time, &budget)
        }
    }

    /// Puts in a row whose texts are already kept.
    @inlinable
    mutating func link(
        _ kept: R, key: Key, time: Int64, _ budget: inout StateBudget
    ) throws(StreamError) {
        let slot = try table.slot(key, &budget)
        let place = try links.add(Link(row: kept, time: time, next: RowChains.none), &budget)
        if slot.pointee.value.first == RowChains.none {
            slot.pointee.value.first = place
        } else {
            links[slot.pointee.value.last].pointee.next = place
        }
        slot.pointee.value.last = place
    }
}
