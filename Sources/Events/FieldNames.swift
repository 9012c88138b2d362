/// Finds the field that a JSON key names, by one multiplication and two compared words.
struct FieldNames: ~Copyable {
    private struct Slot {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var length = 0
        var field: UInt8 = 0
    }

    private static let slotCount = 256
    private let slots: UnsafeMutablePointer<Slot>
    private let multiplier: UInt64

    init() {
        slots = .allocate(capacity: FieldNames.slotCount)
        // Tries multipliers in a fixed order until no two names share a slot.
        var candidate: UInt64 = 0x9e37_79b9_7f4a_7c15
        while !FieldNames.fill(slots, with: candidate) { candidate = candidate &* 0x5851_f42d_4c95_7f2d &+ 2 }
        multiplier = candidate
    }

    deinit { slots.deallocate() }

    private static func fill(_ slots: UnsafeMutablePointer<Slot>, with multiplier: UInt64) -> Bool {
        slots.initialize(repeating: Slot(), count: slotCount)
        for field in EventField.allCases {
            let bytes = PaddedBytes(copying: Array(field.name.utf8))
            let isFree = bytes.withBytes { name in
                guard let start = name.assumingMemoryBound(to: UInt8.self).baseAddress else { return false }
                let (first, second) = words(start, name.count)
                let index = self.index(first, second, name.count, multiplier)
                guard slots[index].length == 0 else { return false }
                slots[index] = Slot(first: first, second: second, length: name.count, field: field.rawValue)
                return true
            }
            guard isFree else { return false }
        }
        return true
    }

    @inline(__always)
    private static func words(_ p: UnsafePointer<UInt8>, _ count: Int) -> (UInt64, UInt64) {
        let raw = UnsafeRawPointer(p)
        let first = raw.loadUnaligned(as: UInt64.self)
        if count <= 8 { return (first & (~0 >> UInt64(64 &- 8 &* count)), 0) }
        let second = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        return (first, second & (~0 >> UInt64(128 &- 8 &* count)))
    }

    @inline(__always)
    private static func index(_ first: UInt64, _ second: UInt64, _ count: Int, _ multiplier: UInt64) -> Int {
        Int(truncatingIfNeeded: ((first ^ (second &* 3) &+ UInt64(count)) &* multiplier) >> 56)
    }

    /// The field named by `count` bytes at `p` (followed by readable padding), or nil.
    @inline(__always)
    borrowing func field(_ p: UnsafePointer<UInt8>, _ count: Int) -> EventField? {
        guard count >= 1, count <= 16 else { return nil }
        let (first, second) = FieldNames.words(p, count)
        let slot = slots + FieldNames.index(first, second, count, multiplier)
        guard slot.pointee.length == count, slot.pointee.first == first, slot.pointee.second == second else {
            return nil
        }
        return EventField(rawValue: slot.pointee.field)
    }
}
