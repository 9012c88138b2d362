/// What is to happen at which turn: a binary heap of (turn, index), earliest first, ties by the smaller index.
struct Agenda: Sendable {
    /// One appointment.
    struct Entry: Sendable {
        /// The turn at which it is due.
        var due: UInt64
        /// Whose appointment it is.
        var index: UInt32

        @inline(__always)
        func isBefore(_ other: Entry) -> Bool {
            due < other.due || (due == other.due && index < other.index)
        }
    }

    private var entries: [Entry] = []

    /// How many appointments there are.
    var count: Int { entries.count }

    /// The turn of the earliest appointment; the end of time when there is none.
    @inline(__always)
    var earliest: UInt64 { entries.isEmpty ? .max : entries[0].due }

    /// Adds an appointment.
    mutating func add(_ index: UInt32, due: UInt64) {
        let entry = Entry(due: due, index: index)
        entries.append(entry)
        entries.withUnsafeMutableBufferPointer { heap in
            var hole = heap.count - 1
            while hole > 0 {
                let parent = (hole - 1) / 2
                guard entry.isBefore(heap[parent]) else { break }
                heap[hole] = heap[parent]
                hole = parent
            }
            heap[hole] = entry
        }
    }

    /// Moves the earliest appointment to a later turn.
    mutating func postponeEarliest(to due: UInt64) {
        entries.withUnsafeMutableBufferPointer { heap in
            Agenda.sink(Entry(due: due, index: heap[0].index), heap)
        }
    }

    /// The index of the earliest appointment, which stays.
    var first: UInt32 { entries[0].index }

    /// Removes the earliest appointment.
    mutating func removeEarliest() {
        let last = entries.removeLast()
        guard !entries.isEmpty else { return }
        entries.withUnsafeMutableBufferPointer { Agenda.sink(last, $0) }
    }

    /// Puts an entry where the root is and lets it sink to its place.
    @inline(__always)
    private static func sink(_ entry: Entry, _ heap: UnsafeMutableBufferPointer<Entry>) {
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(entry) else { break }
            heap[hole] = heap[child]
            hole = child
        }
        heap[hole] = entry
    }
}
