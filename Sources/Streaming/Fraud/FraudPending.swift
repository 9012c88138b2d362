/// The features of the last purchases until their labels come: a ring, in which the oldest purchase makes room. Whoever
/// remembers orders remembers the places.
struct FraudPending: ~Copyable {
    let limit: Int
    private let rows: UnsafeMutablePointer<Float>
    /// The orders; 0 where nothing waits.
    private let orders: UnsafeMutablePointer<UInt64>
    /// The place that is taken next.
    private(set) var next: UInt32 = 0

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
        let raw = UnsafeMutableRawPointer.allocate(byteCount: limit * FraudFeature.count * 4, alignment: 64)
        rows = raw.bindMemory(to: Float.self, capacity: limit * FraudFeature.count)
        orders = .allocate(capacity: limit)
        orders.initialize(repeating: 0, count: limit)
        clear()
    }

    deinit {
        UnsafeMutableRawPointer(rows).deallocate()
        orders.deallocate()
    }

    var byteCount: Int { limit * (FraudFeature.count * 4 + 8) }

    @inline(__always)
    private func row(_ place: UInt32) -> UnsafeMutablePointer<Float> { rows + Int(place) &* FraudFeature.count }

    /// Where the features of the purchase that is looked at now belong: all 0.
    @inline(__always) var here: UnsafeMutablePointer<Float> { row(next) }

    @inline(__always)
    private func clear() { here.initialize(repeating: 0, count: FraudFeature.count) }

    /// Keeps the features that were written `here`, which from now on is elsewhere.
    ///
    /// - Returns: where they are.
    @inline(__always)
    mutating func keep(_ order: UInt64) -> UnsafeMutablePointer<Float> {
        let kept = here
        orders[Int(next)] = order
        next = Int(next) &+ 1 == limit ? 0 : next &+ 1
        // One purchase waits less: the place of the oldest one is written next.
        orders[Int(next)] = 0
        clear()
        return kept
    }

    /// The features of a purchase at its place, once; until the next one is kept.
    mutating func take(_ order: UInt64, at place: UInt32) -> UnsafePointer<Float>? {
        guard Int(place) < limit, orders[Int(place)] == order else { return nil }
        orders[Int(place)] = 0
        return UnsafePointer(row(place))
    }

    // MARK: - Snapshots

    func save(_ writer: inout FraudWriter) {
        writer.put(UInt64(limit))
        writer.put(UInt64(next))
        var count: UInt64 = 0
        for place in 0..<limit where orders[place] != 0 { count += 1 }
        writer.put(count)
        for place in 0..<limit where orders[place] != 0 {
            writer.put(UInt64(place))
            writer.put(orders[place])
            writer.put(UnsafeBufferPointer(start: row(UInt32(place)), count: FraudFeature.count))
        }
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        guard try reader.count(of: 0) == limit else { throw reader.damaged("it has another limit of purchases") }
        let next = try reader.count(of: 0)
        guard next < limit else { throw reader.damaged("a place is out of bounds") }
        for _ in 0..<(try reader.count(of: 16)) {
            let place = try reader.count(of: 0)
            let order = try reader.get(UInt64.self)
            guard place < limit, place != next, order != 0, orders[place] == 0 else {
                throw reader.damaged("a place is taken")
            }
            orders[place] = order
            try reader.get(UnsafeMutableBufferPointer(start: row(UInt32(place)), count: FraudFeature.count))
        }
        self.next = UInt32(next)
        clear()
    }
}
