package import Events

/// What one product did today.
public struct ProductTotals: BitwiseCopyable, Sendable {
    /// Views.
    public var clicks: Int64 = 0
    /// Items sold.
    public var units: Int64 = 0
    /// Orders that hold it.
    public var orders: Int64 = 0
    /// Quantity times unit price, in ten-thousandths, in the reporting currency.
    public var revenue: Int128 = 0
    /// Where its id stands in the job's list.
    var name: Int32 = -1
}

/// The best sellers of the current business day.
package struct ProductJob: ~Copyable {
    /// The most products told apart in a day; further ones are not ranked.
    static let products = 1 << 20

    private(set) var day = Int32.min
    private(set) var table = OpenTable<ProductTotals>(empty: ProductTotals())
    private(set) var names: [String] = []

    private let owned: Range<Int>

    /// A ranking without a day.
    ///
    /// - Parameter owned: the key groups of the products that are counted here.
    package init(owned: Range<Int> = KeyGroup.all) { self.owned = owned }

    /// Begins a new day; does nothing when it is the present one.
    package mutating func begin(day: Int32) {
        guard day != self.day else { return }
        self.day = day
        table = OpenTable<ProductTotals>(empty: ProductTotals())
        names = []
    }

    /// The key of a product.
    @inline(__always)
    static func key(_ id: StringRef) -> UInt64 { TextHash.nonzero(id) }

    static func key(_ id: String) -> UInt64 { TextHash.nonzero(id) }

    /// Has the processor fetch what counting a product looks at.
    @inline(__always)
    func prefetch(_ key: UInt64) { table.prefetch(key) }

    /// The counts of a product, or nil when there is no room for another.
    @inline(__always)
    package mutating func product(_ id: StringRef) -> UnsafeMutablePointer<ProductTotals>? {
        product(id, ProductJob.key(id))
    }

    /// The same with the ``key(_:)`` at hand.
    @inline(__always)
    mutating func product(_ id: StringRef, _ key: UInt64) -> UnsafeMutablePointer<ProductTotals>? {
        if let known = table.find(key) { return known }
        guard owned.count == KeyGroup.count || owned.contains(KeyGroup.of(Int64(bitPattern: key))) else { return nil }
        guard table.count < ProductJob.products else { return nil }
        let fresh = table.value(key)
        fresh.pointee.name = Int32(names.count)
        names.append(id.string)
        return fresh
    }

    /// The products with the highest revenue, ties by units, clicks, then id.
    package func top(_ count: Int) -> [(id: String, totals: ProductTotals)] {
        var best: [(id: String, totals: ProductTotals)] = []
        func isBefore(_ a: (id: String, totals: ProductTotals), _ b: (id: String, totals: ProductTotals)) -> Bool {
            let left = (a.totals.revenue, a.totals.units, a.totals.clicks)
            let right = (b.totals.revenue, b.totals.units, b.totals.clicks)
            return left != right ? left > right : a.id < b.id
        }
        table.forEach { _, totals in
            let entry = (id: names[Int(totals.pointee.name)], totals: totals.pointee)
            guard best.count < count || isBefore(entry, best[best.count - 1]) else { return }
            let place = best.firstIndex { isBefore(entry, $0) } ?? best.count
            best.insert(entry, at: place)
            if best.count > count { best.removeLast() }
        }
        return best
    }

    mutating func restore(day: Int32, _ id: String, _ totals: ProductTotals) {
        self.day = day
        let fresh = table.value(ProductJob.key(id))
        fresh.pointee = totals
        fresh.pointee.name = Int32(names.count)
        names.append(id)
    }
}
