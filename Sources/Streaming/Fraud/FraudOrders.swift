/// The last purchases by their order's hash, with their keys and their features: a ring, in which the oldest order makes
/// room. What became of an order is counted for its keys; its features wait for a label.
struct FraudOrders: ~Copyable {
    /// A purchase; 0 for keys that it has not.
    struct Entry: BitwiseCopyable {
        var order: UInt64 = 0
        var keys: FraudPurchase.Keys = (0, 0, 0, 0, 0)
        /// The rules that held.
        var rules: UInt64 = 0
        var features = FraudDigest()
        /// Whether its truth is known.
        var isLabelled = false
    }

    private var pool: FraudPool
    private var index = FraudIndex()
    /// The number that gives way next, once there are as many as may be.
    private var next: UInt32 = 1
    private var covered: [UInt64] = []

    init(limit: Int) { pool = FraudPool(stride: MemoryLayout<Entry>.stride, limit: limit) }

    var byteCount: Int { pool.byteCount + index.byteCount }

    @inline(__always)
    private func entry(_ number: UInt32) -> UnsafeMutablePointer<Entry> {
        pool[number].assumingMemoryBound(to: Entry.self)
    }

    @inline(__always)
    private func number(_ order: UInt64) -> UInt32 { index.find(order) { entry($0).pointee.order == order } }

    /// Fetches the place of an order ahead.
    @inline(__always)
    func prefetch(_ order: UInt64) { index.prefetch(order) }

    /// An order that is remembered; not to be written to.
    @inline(__always)
    func find(_ order: UInt64) -> UnsafeMutablePointer<Entry>? {
        let number = number(order)
        return number == 0 ? nil : entry(number)
    }

    /// Takes the features of an order that has no label yet, and takes it as labelled.
    mutating func label(_ order: UInt64) -> UnsafePointer<Entry>? {
        let number = number(order)
        guard number != 0, !entry(number).pointee.isLabelled else { return nil }
        entry(number).pointee.isLabelled = true
        pool.touch(number)
        return UnsafePointer(entry(number))
    }

    /// Remembers an order with its features.
    mutating func add(
        _ order: UInt64, _ keys: FraudPurchase.Keys, _ rules: UInt64,
        _ row: UnsafePointer<Float>
    ) {
        var number = number(order)
        if number == 0 {
            if pool.count < pool.limit {
                number = pool.take()
            } else {
                number = next
                next = Int(next) == pool.limit ? 1 : next &+ 1
                index.remove(entry(number).pointee.order, number)
            }
            index.insert(order, number)
        }
        pool.touch(number)
        let entry = entry(number)
        (entry.pointee.order, entry.pointee.keys, entry.pointee.rules) = (order, keys, rules)
        entry.pointee.isLabelled = false
        FraudDigest.write(row, to: &entry.pointee.features)
    }

    // MARK: - Checkpoints

    func write(to out: inout ByteWriter, whole: Range<Int>, isLast: Bool) {
        out.raw(next)
        pool.write(to: &out, whole: whole, isLast: isLast)
    }

    func touchAll() { pool.touchAll() }

    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        next = try reader.raw(UInt32.self)
        try pool.restore(from: &reader, &covered, isKept)
    }

    /// Checks what was put together, and finds orders from now on.
    mutating func finish(_ reader: ByteReader) throws {
        _ = try pool.finish(reader, covered)
        covered = []
        guard pool.count == pool.numbers - 1, (1...pool.limit).contains(Int(next)) else {
            throw reader.damaged("orders of the fraud state are out of bounds")
        }
        for number in 1..<max(1, pool.numbers) {
            let order = entry(UInt32(number)).pointee.order
            guard order != 0, find(order) == nil else {
                throw reader.damaged("an order of the fraud state is there twice")
            }
            index.insert(order, UInt32(number))
        }
    }

    /// Works out anew which rules held: after the rules were changed.
    func judge(_ rules: FraudRules) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: FraudFeature.count) { row in
            let start = row.baseAddress.unsafelyUnwrapped
            for number in 1..<max(1, pool.numbers) {
                let entry = entry(UInt32(number))
                FraudDigest.read(entry.pointee.features, into: start)
                entry.pointee.rules = rules.holding(start)
                pool.touch(UInt32(number))
            }
        }
    }
}
