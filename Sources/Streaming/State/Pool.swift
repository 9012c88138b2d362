/// Plain values at places that do not move, found by number; places are used again. For one thread.
public struct Pool<Element: BitwiseCopyable>: ~Copyable {
    /// How many places a page has.
    @inlinable static var pageCount: Int { 256 }

    @usableFromInline var pages: [UnsafeMutablePointer<Element>] = []
    @usableFromInline var table: UnsafeMutablePointer<UnsafeMutablePointer<Element>>
    @usableFromInline var tableCapacity = 16
    @usableFromInline var free: [UInt32] = []
    @usableFromInline var used = 0

    /// A pool that holds nothing yet.
    @inlinable
    public init() { table = .allocate(capacity: 16) }

    deinit {
        for page in pages { page.deallocate() }
        table.deallocate()
    }

    /// How many values it holds.
    @inlinable public var count: Int { used - free.count }

    /// The value at a place.
    @inlinable @inline(__always)
    public subscript(_ place: UInt32) -> UnsafeMutablePointer<Element> {
        table[Int(place) / Pool.pageCount] + Int(place) % Pool.pageCount
    }

    /// Puts a value somewhere.
    @inlinable
    public mutating func add(_ element: Element, _ budget: inout StateBudget) throws(StreamError) -> UInt32 {
        if let place = free.popLast() {
            self[place].pointee = element
            return place
        }
        if used == pages.count * Pool.pageCount { try addPage(&budget) }
        let place = UInt32(used)
        used += 1
        self[place].initialize(to: element)
        return place
    }

    @inlinable @inline(never)
    mutating func addPage(_ budget: inout StateBudget) throws(StreamError) {
        // Its number in the list of free places, once it is there, is counted with it.
        try budget.take(Pool.pageCount * (MemoryLayout<Element>.stride + MemoryLayout<UInt32>.stride))
        let page = UnsafeMutablePointer<Element>.allocate(capacity: Pool.pageCount)
        pages.append(page)
        if pages.count > tableCapacity {
            let old = table
            table = .allocate(capacity: tableCapacity * 2)
            table.update(from: old, count: tableCapacity)
            tableCapacity *= 2
            old.deallocate()
        }
        table[pages.count - 1] = page
    }

    /// Gives a place back.
    @inlinable
    public mutating func remove(_ place: UInt32) { free.append(place) }
}
