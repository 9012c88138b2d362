import Events

/// How much of a product a warehouse has.
package enum StockState: UInt8, Sendable {
    case enough, low, out

    /// Its word in the API.
    package var word: String {
        switch self {
        case .enough: "enough"
        case .low: "low"
        case .out: "out"
        }
    }
}

/// Stock by product and warehouse: the sum of all changes, and an alert where it runs low or out.
package struct StockJob: ~Copyable {
    /// Fewer pieces than that are low.
    package static let low: Int64 = 20
    /// The most products and warehouses that are told apart, together.
    static let namesMax = 1 << 20
    static let levelBytes = 256 << 20

    /// A product in a warehouse. Its group is the product's.
    struct Shelf: StateKey {
        var product: UInt64
        var warehouse: UInt64

        static var vacant: Shelf { Shelf(product: 0, warehouse: 0) }
        var stateHash: UInt64 { product & ~(~0 >> 7) | mixed(product ^ mixed(warehouse)) >> 7 }

        @inline(__always)
        static func == (left: Shelf, right: Shelf) -> Bool {
            left.product == right.product && left.warehouse == right.warehouse
        }
    }

    struct Level: BitwiseCopyable {
        var pieces: Int64 = 0
        /// When the change that made it what it is happened, in microseconds since 1970 UTC.
        var since: Int64 = 0
        var state: UInt8 = 0
    }

    /// One shelf that runs low or out.
    package struct Alert: Equatable, Sendable {
        package var product: String
        package var warehouse: String
        package var pieces: Int64
        package var state: StockState
        /// The change that it has been so since, in microseconds since 1970 UTC.
        package var since: Int64
    }

    private var levels = TrackedTable<Shelf, Level>(
        "stock levels", empty: Level(), limitBytes: StockJob.levelBytes)
    private var names = NameBook("names of the stock", most: StockJob.namesMax)
    private let owned: Range<Int>
    /// Changes that found no room.
    package private(set) var unkept: Int64 = 0

    init(owned: Range<Int> = KeyGroup.all) { self.owned = owned }

    mutating func change(_ product: StringRef, _ warehouse: StringRef, by pieces: Int64, at instant: Int64) {
        let key = Shelf(product: StockJob.hash(product, 1), warehouse: StockJob.hash(warehouse, 2))
        guard owned.count == KeyGroup.count || owned.contains(KeyGroup.of(key)) else { return }
        guard names.note(key.product, product), names.note(key.warehouse, warehouse) else {
            unkept += 1
            return
        }
        do {
            let level = try levels.change(key)
            level.pointee.value.value.pieces += pieces
            let state = StockJob.state(level.pointee.value.value.pieces)
            if state.rawValue != level.pointee.value.value.state {
                level.pointee.value.value.state = state.rawValue
                level.pointee.value.value.since = instant
            }
        } catch {
            // The bound is reached: told as `unkept`, and the rest goes on.
            unkept += 1
        }
    }

    private static func hash(_ text: StringRef, _ seed: UInt64) -> UInt64 {
        KeyHash(text.start, count: text.count, seed: seed).nonzero
    }

    private static func state(_ pieces: Int64) -> StockState { pieces <= 0 ? .out : pieces < low ? .low : .enough }

    /// The shelves that run low or out, the emptiest first, ties by product and warehouse.
    package func alerts() -> [Alert] {
        var found: [Alert] = []
        levels.forEach { shelf, level in
            guard let state = StockState(rawValue: level.state), state != .enough else { return }
            found.append(
                Alert(
                    product: names.name(shelf.product) ?? "", warehouse: names.name(shelf.warehouse) ?? "",
                    pieces: level.pieces, state: state, since: level.since))
        }
        return found.sorted { ($0.pieces, $0.product, $0.warehouse) < ($1.pieces, $1.product, $1.warehouse) }
    }

    /// All levels, by product and warehouse.
    package func all() -> [(product: String, warehouse: String, pieces: Int64)] {
        var found: [(product: String, warehouse: String, pieces: Int64)] = []
        levels.forEach { shelf, level in
            found.append((names.name(shelf.product) ?? "", names.name(shelf.warehouse) ?? "", level.pieces))
        }
        return found.sorted { ($0.product, $0.warehouse) < ($1.product, $1.warehouse) }
    }

    /// What it holds.
    package var usages: [StateUsage] { [levels.usage, names.usage] }
    var needsWhole: Bool { levels.needsWhole || names.needsWhole }

    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        writer.put(unkept)
        // Warehouses have groups of their own, and are told by every shard that met them.
        names.write(to: &writer, CheckpointScope(owned: KeyGroup.all, whole: scope.whole))
        levels.write(to: &writer, scope)
    }

    mutating func restore(
        from reader: inout ByteReader, _ isKept: (Int) -> Bool, names isName: (Int) -> Bool
    ) throws {
        unkept = max(unkept, try reader.raw(Int64.self))
        try names.restore(from: &reader, isName)
        try levels.restore(from: &reader, isKept)
    }
}
