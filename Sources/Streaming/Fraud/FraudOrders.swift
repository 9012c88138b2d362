/// The keys of the last purchases, by their order's hash: a ring, in which the oldest order makes room.
struct FraudOrders: ~Copyable {
    /// A purchase's keys; 0 where it has none.
    struct Entry: BitwiseCopyable {
        var order: UInt64 = 0
        /// Where its features wait for their label.
        var place: UInt32 = 0
        var keys: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
    }

    let limit: Int
    private var pool = FraudPool(stride: MemoryLayout<Entry>.stride)
    private var index = FraudIndex()
    /// The number that gives way next, once there are as many as may be.
    private var next: UInt32 = 1

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
    }

    var byteCount: Int { pool.byteCount + index.byteCount }

    @inline(__always)
    private func entry(_ number: UInt32) -> UnsafeMutablePointer<Entry> {
        pool[number].assumingMemoryBound(to: Entry.self)
    }

    /// Fetches the place of an order ahead.
    @inline(__always)
    func prefetch(_ order: UInt64) { index.prefetch(order) }

    /// The keys of an order that is remembered.
    @inline(__always)
    func find(_ order: UInt64) -> UnsafeMutablePointer<Entry>? {
        let number = index.find(order) { entry($0).pointee.order == order }
        return number == 0 ? nil : entry(number)
    }

    /// Remembers an order, and where its features wait.
    mutating func add(_ order: UInt64, _ keys: (UInt64, UInt64, UInt64, UInt64, UInt64), place: UInt32) {
        if let known = find(order) {
            (known.pointee.keys, known.pointee.place) = (keys, place)
            return
        }
        let number: UInt32
        if pool.count < limit {
            number = pool.take()
        } else {
            number = next
            next = Int(next) == limit ? 1 : next &+ 1
            index.remove(entry(number).pointee.order, number)
        }
        entry(number).pointee = Entry(order: order, place: place, keys: keys)
        index.insert(order, number)
    }

    // MARK: - Snapshots

    func save(_ writer: inout FraudWriter) {
        pool.save(&writer)
        writer.put(UInt64(next))
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        _ = try pool.restore(&reader)
        let next = try reader.count(of: 0)
        guard pool.count <= limit, pool.count == pool.numbers - 1, (1...limit).contains(next) else {
            throw reader.damaged("orders are out of bounds")
        }
        self.next = UInt32(next)
        for number in 1..<max(1, pool.numbers) {
            let order = entry(UInt32(number)).pointee.order
            guard order != 0, find(order) == nil else { throw reader.damaged("an order is there twice") }
            index.insert(order, UInt32(number))
        }
    }
}
