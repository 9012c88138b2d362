import CBytes
package import Events
import Glibc

/// Remembers the most recent ids, so that an event counts once.
///
/// Ids are kept as 96 bits of their hash beside 32 bits of their content's, in two generations: when the young one is
/// full it becomes the old one and the oldest ids are forgotten. So it remembers between `generation` and twice as
/// many ids. With 2 million ids kept, the chance that a new id is taken for a known one is 2·10⁶ / 2⁹⁶ ≈ 3·10⁻²³.
package struct DuplicateFilter: ~Copyable {
    /// What the filter says of an id.
    package enum Verdict: Sendable {
        /// Not remembered.
        case new
        /// Seen before with the same content.
        case duplicate
        /// Seen before with other content.
        case conflict
    }

    /// How many ids a generation holds.
    let generation: Int
    private var young: Generation
    private var old: Generation
    /// How many generations have been begun; rises by one each time ids are forgotten.
    package private(set) var rotations = 0

    /// A filter that knows no id yet.
    package init(generation: Int) {
        self.generation = generation
        young = Generation()
        old = Generation()
    }

    /// Says whether an id was seen before, and remembers it when it was not.
    @inline(__always)
    package mutating func check(_ id: KeyHash, content: UInt32) -> Verdict {
        let rest = UInt32(truncatingIfNeeded: id.low)
        let key = id.nonzero
        if let known = young.find(key, rest) { return known == content ? .duplicate : .conflict }
        if let known = old.find(key, rest) { return known == content ? .duplicate : .conflict }
        young.insert(key, rest, content)
        if young.count >= generation {
            swap(&young, &old)
            young.removeAll()
            rotations += 1
        }
        return .new
    }

    /// Has the processor fetch what a check of this id looks at.
    @inline(__always)
    func prefetch(_ id: KeyHash) {
        let key = id.nonzero
        young.prefetch(key)
        old.prefetch(key)
    }

    /// How many ids are remembered.
    package var count: Int { young.count + old.count }

    /// The bytes it takes.
    var byteCount: Int { (young.capacity + old.capacity) * MemoryLayout<Generation.Slot>.stride }

    private struct Generation: ~Copyable {
        struct Slot {
            var key: UInt64 = 0
            var rest: UInt32 = 0
            var content: UInt32 = 0
        }

        private(set) var count = 0
        private(set) var capacity = 1 << 10
        private var slots: UnsafeMutablePointer<Slot>

        init() {
            slots = Generation.allocate(1 << 10)
        }

        deinit { slots.deallocate() }

        /// Vacant slots. Many of them lie in large pages where the system has some: ids are all over the memory, and the
        /// processor would look for the address of every other one first.
        private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
            let pageBytes = 2 << 20
            let bytes = capacity * MemoryLayout<Slot>.stride
            let memory = UnsafeMutableRawPointer.allocate(
                byteCount: bytes, alignment: bytes >= pageBytes ? pageBytes : 64)
            // Where there are none it is as before.
            if bytes >= pageBytes { _ = madvise(memory, bytes, MADV_HUGEPAGE) }
            let slots = memory.bindMemory(to: Slot.self, capacity: capacity)
            slots.initialize(repeating: Slot(), count: capacity)
            return slots
        }

        @inline(__always)
        func find(_ key: UInt64, _ rest: UInt32) -> UInt32? {
            var index = Int(truncatingIfNeeded: key) & (capacity &- 1)
            while slots[index].key != 0 {
                if slots[index].key == key, slots[index].rest == rest { return slots[index].content }
                index = (index &+ 1) & (capacity &- 1)
            }
            return nil
        }

        @inline(__always)
        mutating func insert(_ key: UInt64, _ rest: UInt32, _ content: UInt32) {
            if (count &+ 1) &* 3 > capacity &* 2 { grow() }
            place(Slot(key: key, rest: rest, content: content))
            count &+= 1
        }

        @inline(__always)
        private func place(_ slot: Slot) {
            var index = Int(truncatingIfNeeded: slot.key) & (capacity &- 1)
            while slots[index].key != 0 { index = (index &+ 1) & (capacity &- 1) }
            slots[index] = slot
        }

        @inline(__always)
        func prefetch(_ key: UInt64) { cbytes_prefetch(slots + (Int(truncatingIfNeeded: key) & (capacity &- 1))) }

        /// Forgets everything. The memory stays for the ids that come next.
        mutating func removeAll() {
            slots.update(repeating: Slot(), count: capacity)
            count = 0
        }

        private mutating func grow() {
            let old = slots
            let oldCapacity = capacity
            capacity = oldCapacity * 2
            slots = Generation.allocate(capacity)
            for i in 0..<oldCapacity where old[i].key != 0 { place(old[i]) }
            old.deallocate()
        }
    }
}
