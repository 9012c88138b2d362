import CBytes

/// Finds numbers by hash: open addressing over words that hold the upper half of a hash and a number. Whether the number
/// is that of the key asked for is seen where it points.
struct FraudIndex: ~Copyable {
    private(set) var count = 0
    private var mask = (1 << 8) - 1
    private var slots: UnsafeMutablePointer<UInt64>

    init() {
        slots = .allocate(capacity: mask + 1)
        slots.initialize(repeating: 0, count: mask + 1)
    }

    deinit { slots.deallocate() }

    var byteCount: Int { (mask + 1) * 8 }

    /// Where a hash begins to be looked for. Its upper bits are in the slot, so the slot alone says where it belongs.
    @inline(__always)
    private func home(_ upper: UInt64) -> Int { Int(truncatingIfNeeded: upper) & mask }

    /// The number under which `isRight` finds the key, or 0.
    @inline(__always)
    func find(_ hash: UInt64, _ isRight: (UInt32) -> Bool) -> UInt32 {
        let upper = hash >> 32
        var place = home(upper)
        while true {
            let slot = slots[place]
            if slot == 0 { return 0 }
            if slot >> 32 == upper, isRight(UInt32(truncatingIfNeeded: slot)) {
                return UInt32(truncatingIfNeeded: slot)
            }
            place = (place &+ 1) & mask
        }
    }

    /// The first number under a hash's upper half: nearly always the one, and a guess is enough to fetch memory ahead.
    @inline(__always)
    func guess(_ hash: UInt64) -> UInt32 { find(hash) { _ in true } }

    /// Fetches the slot of a hash ahead.
    @inline(__always)
    func prefetch(_ hash: UInt64) { cbytes_prefetch(slots + home(hash >> 32)) }

    /// Puts in a number, which is not 0, under a hash that does not find it yet.
    @inline(__always)
    mutating func insert(_ hash: UInt64, _ number: UInt32) {
        if (count &+ 1) &* 4 > (mask &+ 1) &* 3 { grow() }
        put((hash >> 32) << 32 | UInt64(number))
        count &+= 1
    }

    @inline(__always)
    private func put(_ slot: UInt64) {
        var place = home(slot >> 32)
        while slots[place] != 0 { place = (place &+ 1) & mask }
        slots[place] = slot
    }

    @inline(never)
    private mutating func grow() {
        let (old, oldMask) = (slots, mask)
        mask = oldMask * 2 + 1
        slots = .allocate(capacity: mask + 1)
        slots.initialize(repeating: 0, count: mask + 1)
        for place in 0...oldMask where old[place] != 0 { put(old[place]) }
        old.deallocate()
    }

    /// Takes a number out and moves those behind it that hung on it (Knuth, volume 3, 6.4, algorithm R).
    mutating func remove(_ hash: UInt64, _ number: UInt32) {
        let wanted = (hash >> 32) << 32 | UInt64(number)
        var gap = home(hash >> 32)
        while slots[gap] != wanted {
            if slots[gap] == 0 { return }
            gap = (gap &+ 1) & mask
        }
        var place = gap
        while true {
            place = (place &+ 1) & mask
            guard slots[place] != 0 else { break }
            let distance = (place &- home(slots[place] >> 32)) & mask
            if distance >= (place &- gap) & mask {
                slots[gap] = slots[place]
                gap = place
            }
        }
        slots[gap] = 0
        count &-= 1
    }
}
