extension KeyedTable {
    /// Writes a section of its own: the keys of some key groups with their values.
    func write(_ section: StaticString, version: UInt16, to writer: inout StateWriter, groups: Range<Int>) {
        writer.begin(section, version: version)
        var slots = slots()
        while let slot = slots.next() {
            guard groups.contains(KeyGroup.of(slot.pointee.key)) else { continue }
            writer.entry()
            writer.put(slot.pointee)
        }
        writer.end()
    }

    /// Reads such a section, and calls `body` with each key of some key groups and its value.
    static func read(
        _ section: StaticString, version: UInt16, from reader: inout StateReader, groups: Range<Int>,
        _ body: (Slot) throws(StreamError) -> Void
    ) throws(StreamError) {
        try reader.begin(section, version: version)
        while reader.nextEntry() {
            let kept = try reader.take(Slot.self)
            if groups.contains(KeyGroup.of(kept.key)) { try body(kept) }
        }
        try reader.end()
    }
}
