internal import CBytes

extension KeyedTable {
    /// Has the processor fetch the slot that looking for a key begins at, up to a cache line's length of it.
    @inline(__always)
    func prefetch(_ key: Key) {
        let hash = key.stateHash
        let run = run(of: hash).pointee
        let slot = UnsafeRawPointer(run.slots + (Int(truncatingIfNeeded: hash) & run.mask))
        let line = 64
        cbytes_prefetch(slot)
        // Slots of another size than a line's even parts lie across two of them.
        if line % MemoryLayout<Slot>.stride != 0 { cbytes_prefetch(slot + (min(MemoryLayout<Slot>.stride, line) - 1)) }
    }

    /// Calls `body` with the slots of some key groups, in no particular order.
    func forEach(in groups: Range<Int>, _ body: (UnsafeMutablePointer<Slot>) -> Void) {
        guard !groups.isEmpty else { return }
        guard runMask > 0 else {
            var slots = slots()
            while let slot = slots.next() {
                if groups.contains(KeyGroup.of(slot.pointee.key)) { body(slot) }
            }
            return
        }
        for group in groups {
            let run = runs[group]
            for index in 0...run.mask where run.slots[index].key != Key.vacant { body(run.slots + index) }
        }
        if let vacantSlot, groups.contains(KeyGroup.of(Key.vacant)) { body(vacantSlot) }
    }

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
