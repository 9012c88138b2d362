/// Finds the field that a JSON key names by one multiplication and two compared words: the hash has no collisions.
///
/// Made once for the process and never changed or freed.
struct NameTable {
    /// One of the names.
    struct Entry {
        /// The name's first eight bytes, and the rest, each padded with zeros.
        var first: UInt64 = 0
        var second: UInt64 = 0
        /// The name's length; 0 where the slot is free.
        var length: UInt8 = 0
        /// What the name stands for.
        var value: UInt8 = 0
    }

    /// The longest name, in bytes: with its closing quote it fits 16.
    static let longest = 15

    private static let slotCount = 256
    private let slots: UnsafeMutablePointer<Entry>
    private let multiplier: UInt64

    init(_ names: [(name: String, value: UInt8)]) {
        slots = .allocate(capacity: NameTable.slotCount)
        let entries = names.map { NameTable.entry($0.name, $0.value) }
        // Tries multipliers in a fixed order until no two names share a slot.
        var candidate: UInt64 = 0x9e37_79b9_7f4a_7c15
        while !NameTable.fill(slots, entries, candidate) { candidate = candidate &* 0x5851_f42d_4c95_7f2d &+ 2 }
        multiplier = candidate
    }

    private static func entry(_ name: String, _ value: UInt8) -> Entry {
        let bytes = PaddedBytes(copying: Array(name.utf8))
        precondition(bytes.count > 0 && bytes.count <= longest, "a name has 1 to 15 bytes")
        let (first, second) = words(bytes.start, bytes.count)
        return Entry(first: first, second: second, length: UInt8(bytes.count), value: value)
    }

    private static func fill(
        _ slots: UnsafeMutablePointer<Entry>, _ entries: [Entry], _ multiplier: UInt64
    ) -> Bool {
        slots.initialize(repeating: Entry(), count: slotCount)
        for entry in entries {
            let index = index(entry.first, entry.second, Int(entry.length), multiplier)
            guard slots[index].length == 0 else { return false }
            slots[index] = entry
        }
        return true
    }

    /// The first 16 bytes at `p`, zeros from the `count`th on.
    @inline(__always)
    static func words(_ p: UnsafePointer<UInt8>, _ count: Int) -> (UInt64, UInt64) {
        let raw = UnsafeRawPointer(p)
        let first = raw.loadUnaligned(as: UInt64.self)
        let second = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let bits = UInt64(truncatingIfNeeded: count) &* 8
        // A shift by 64 or more leaves nothing, so that no branch depends on the length.
        return (first & ~(~0 << bits), second & ~(~0 << (max(64, bits) &- 64)))
    }

    @inline(__always)
    private static func index(_ first: UInt64, _ second: UInt64, _ count: Int, _ multiplier: UInt64) -> Int {
        Int(truncatingIfNeeded: ((first ^ (second &* 3) &+ UInt64(truncatingIfNeeded: count)) &* multiplier) >> 56)
    }

    /// The entry of the name in `count` bytes at `p` (followed by readable padding), or nil.
    @inline(__always)
    func entry(_ p: UnsafePointer<UInt8>, _ count: Int) -> UnsafePointer<Entry>? {
        guard count >= 1, count <= NameTable.longest else { return nil }
        let (first, second) = NameTable.words(p, count)
        let slot = slots + NameTable.index(first, second, count, multiplier)
        guard (slot.pointee.first ^ first) | (slot.pointee.second ^ second) == 0, slot.pointee.length == count else {
            return nil
        }
        return UnsafePointer(slot)
    }
}
