import Events

/// Orders and revenue by product: in the quarters of an hour of the last half day, and usually.
struct ProductSales: ~Copyable {
    /// One product's in a quarter of an hour.
    struct Cell: BitwiseCopyable, Equatable {
        var orders: Int64 = 0
        /// Quantity times price, ten-thousandths of the reporting currency.
        var revenue: Int64 = 0
    }

    private var known = OpenTable<Int32>(empty: -1)
    private(set) var names: [String] = []
    /// The names as they are saved: written once, not at each checkpoint.
    private var writtenNames = ByteWriter()
    private(set) var recent = OpenTable<Cell>(empty: Cell())
    private(set) var usualOrders: [Double] = []
    private(set) var usualRevenue: [Double] = []

    init() {}

    @inline(__always)
    private static func key(_ slot: Int64, _ product: Int32) -> UInt64 {
        1 << 63 | UInt64(truncatingIfNeeded: slot) << 24 & 0x7fff_ffff_ff00_0000 | UInt64(UInt32(bitPattern: product))
    }

    static func parts(_ key: UInt64) -> (slot: Int64, product: Int) {
        (Int64(key & 0x7fff_ffff_ff00_0000) >> 24, Int(key & 0xff_ffff))
    }

    /// Counts an order's line in a quarter of an hour since 1970.
    @inline(__always)
    mutating func add(_ id: StringRef, slot: Int64, isFirstLine: Bool, revenue: Int64) {
        let key = KeyHash(id.start, count: id.count).nonzero
        let product: Int32
        if let found = known.find(key) {
            product = found.pointee
        } else {
            guard names.count < AnomalyBounds.products else { return }
            product = Int32(names.count)
            add(name: id.string, key)
        }
        let cellKey = ProductSales.key(slot, product)
        guard recent.count < AnomalyBounds.productCells || recent.find(cellKey) != nil else { return }
        let cell = recent.value(cellKey)
        cell.pointee.orders += isFirstLine ? 1 : 0
        cell.pointee.revenue = cell.pointee.revenue.addingSaturated(revenue)
    }

    private mutating func add(name: String, _ key: UInt64) {
        known.value(key).pointee = Int32(names.count)
        names.append(name)
        writtenNames.text(name)
        usualOrders.append(0)
        usualRevenue.append(0)
    }

    /// Forgets the quarters before one; they teach what is usual unless something was anomalous in them.
    mutating func forget(before slot: Int64, teaching: Bool) {
        for i in usualOrders.indices {
            // Half after ten days.
            usualOrders[i] *= 0.999_278
            usualRevenue[i] *= 0.999_278
        }
        var left: [(Int, Cell)] = []
        recent.forEach { key, cell in
            let parts = ProductSales.parts(key)
            if parts.slot < slot { left.append((parts.product, cell.pointee)) }
        }
        guard !left.isEmpty else { return }
        if teaching {
            for (product, cell) in left.sorted(by: { $0.0 < $1.0 }) {
                usualOrders[product] += Double(cell.orders)
                usualRevenue[product] += Double(cell.revenue)
            }
        }
        recent.filter { key, _ in ProductSales.parts(key).slot >= slot }
    }

    /// The sums of each product over quarters of an hour, with their usual shares of orders and of revenue.
    func sums(_ slots: ClosedRange<Int64>) -> [(name: String, cell: Cell, orders: Double, revenue: Double)] {
        var found: [Int: Cell] = [:]
        recent.forEach { key, cell in
            let parts = ProductSales.parts(key)
            guard slots.contains(parts.slot) else { return }
            var sum = found[parts.product] ?? Cell()
            sum.orders += cell.pointee.orders
            sum.revenue = sum.revenue.addingSaturated(cell.pointee.revenue)
            found[parts.product] = sum
        }
        let orders = usualOrders.reduce(0, +)
        let revenue = usualRevenue.reduce(0, +)
        return names.indices.map { product in
            (
                names[product], found[product] ?? Cell(), orders > 0 ? usualOrders[product] / orders : 0,
                revenue > 0 ? usualRevenue[product] / revenue : 0
            )
        }
    }

    func save(to out: inout ByteWriter) {
        out.put(Int64(names.count))
        out.append(writtenNames.written)
        usualOrders.withUnsafeBytes { out.append($0) }
        usualRevenue.withUnsafeBytes { out.append($0) }
        out.reserve(8 + recent.count * (8 + MemoryLayout<Cell>.size))
        out.table(recent)
    }

    /// Takes over what `save` wrote; there must be nothing yet.
    mutating func restore(from reader: inout ByteReader) throws {
        let count = try reader.count(atMost: AnomalyBounds.products)
        for _ in 0..<count {
            let name = try reader.text()
            add(name: name, KeyHash(name).nonzero)
        }
        for product in 0..<count { usualOrders[product] = try reader.raw(Double.self) }
        for product in 0..<count { usualRevenue[product] = try reader.raw(Double.self) }
        for _ in 0..<(try reader.count(atMost: AnomalyBounds.productCells)) {
            let key = try reader.raw(UInt64.self)
            guard key != 0, ProductSales.parts(key).product < count else {
                throw reader.damaged("a product is not known")
            }
            recent.value(key).pointee = try reader.raw(Cell.self)
        }
    }

    mutating func removeAll() { self = ProductSales() }

    var byteCount: Int { known.byteCount + recent.byteCount + names.count * 64 + writtenNames.count }
}
