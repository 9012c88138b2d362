/// The features of the last purchases, by their event's id, until their labels come: a ring, in which the oldest
/// purchase makes room.
struct FraudPending: ~Copyable {
    let limit: Int
    private let rows: UnsafeMutablePointer<Float>
    private let keys: UnsafeMutablePointer<UInt64>
    private var places: OpenTable<UInt32>
    /// The next place to be taken.
    private var next = 0
    /// Keys that `places` has learnt: taken ones are in it until it is made anew.
    private var begun = 0

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
        rows = .allocate(capacity: limit * FraudFeature.count)
        keys = .allocate(capacity: limit)
        keys.initialize(repeating: 0, count: limit)
        places = OpenTable(empty: 0)
    }

    deinit {
        rows.deallocate()
        keys.deallocate()
    }

    var byteCount: Int { limit * (FraudFeature.count * 4 + 8) + places.byteCount }

    /// Keeps a purchase's features.
    mutating func add(_ key: UInt64, _ row: UnsafePointer<Float>) {
        (rows + next * FraudFeature.count).update(from: row, count: FraudFeature.count)
        keys[next] = key
        places.value(key).pointee = UInt32(next)
        begun &+= 1
        next = next + 1 == limit ? 0 : next + 1
        // The table forgets nothing by itself; it is made anew when as many keys are gone as may stay.
        if begun == 2 * limit { index() }
    }

    /// The features of a purchase, once.
    mutating func take(_ key: UInt64) -> UnsafePointer<Float>? {
        guard let place = places.find(key), keys[Int(place.pointee)] == key else { return nil }
        keys[Int(place.pointee)] = 0
        return UnsafePointer(rows + Int(place.pointee) * FraudFeature.count)
    }

    private mutating func index() {
        places = OpenTable(empty: 0)
        begun = 0
        for place in 0..<limit where keys[place] != 0 {
            places.value(keys[place]).pointee = UInt32(place)
            begun &+= 1
        }
    }

    // MARK: - Snapshots

    func save(_ writer: inout FraudWriter) {
        writer.put(UInt64(limit))
        writer.put(UInt64(next))
        var count: UInt64 = 0
        for place in 0..<limit where keys[place] != 0 { count += 1 }
        writer.put(count)
        for place in 0..<limit where keys[place] != 0 {
            writer.put(UInt64(place))
            writer.put(keys[place])
            writer.put(UnsafeBufferPointer(start: rows + place * FraudFeature.count, count: FraudFeature.count))
        }
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        guard try reader.count(of: 0) == limit else { throw reader.damaged("it has another limit of purchases") }
        next = try reader.count(of: 0)
        guard next < limit else { throw reader.damaged("a place is out of bounds") }
        for _ in 0..<(try reader.count(of: 16)) {
            let place = try reader.count(of: 0)
            guard place < limit, keys[place] == 0 else { throw reader.damaged("a place is taken") }
            keys[place] = try reader.get(UInt64.self)
            try reader.get(
                UnsafeMutableBufferPointer(start: rows + place * FraudFeature.count, count: FraudFeature.count))
        }
        index()
    }
}
