import Events

/// What sales are counted by.
package enum SalesDimension: UInt8, CaseIterable, Sendable {
    /// The channel, with views and carts.
    case channel = 1
    /// The store that an order names.
    case store
    /// The country that an order names.
    case country
    /// The product on an order's lines: `orders` counts those that hold it, `revenue` is quantity times unit price.
    case product

    /// Its word in the API.
    package var word: String {
        switch self {
        case .channel: "channel"
        case .store: "store"
        case .country: "country"
        case .product: "product"
        }
    }

    /// The dimension of a word.
    package init?(word: String) {
        guard let found = SalesDimension.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

/// How long the stretches of time are that sales are counted in, and how many are kept.
package enum SalesGrain: UInt8, CaseIterable, Sendable {
    case minute, hour, day

    /// How many are kept before the newest arrival: 3 hours of minutes, 8 days of hours, 5 weeks of business days.
    package var kept: Int64 {
        switch self {
        case .minute: 180
        case .hour: 192
        case .day: 35
        }
    }

    /// Its word in the API.
    package var word: String {
        switch self {
        case .minute: "minute"
        case .hour: "hour"
        case .day: "day"
        }
    }

    /// The grain of a word.
    package init?(word: String) {
        guard let found = SalesGrain.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

/// What one cell of the cube is for. The group of a cell is that of its name, so that a shard has the names of its cells.
package struct SalesCell: StateKey {
    /// The hash of the name, with the dimension as its seed.
    var name: UInt64
    /// The stretch's beginning: minutes since 1970 UTC, or the business day.
    var time: Int32
    var currency: UInt16
    var grain: UInt8
    var dimension: UInt8

    package static var vacant: SalesCell { SalesCell(name: 0, time: 0, currency: 0, grain: 0, dimension: 0) }

    package var stateHash: UInt64 {
        let rest =
            UInt64(UInt32(bitPattern: time)) << 32 | UInt64(currency) << 16 | UInt64(grain) << 8 | UInt64(dimension)
        return name & ~(~0 >> 7) | mixed(name ^ rest) >> 7
    }

    @inline(__always)
    package static func == (left: SalesCell, right: SalesCell) -> Bool {
        left.name == right.name && left.time == right.time && left.currency == right.currency
            && left.grain == right.grain && left.dimension == right.dimension
    }
}

/// Sales by minute, hour and business day, by channel, store, country and product, each amount in its currency.
///
/// Exact for the stretches that are kept; what happened before them is not counted here any more (the days by channel and
/// currency are kept for ever in `SalesJob`). Which are kept follows the newest arrival, so that the cube is a function of
/// the log. Hours are the shop's: they begin at full hours of its zone.
package struct SalesCube: ~Copyable {
    /// The most names of stores, countries and products that are told apart.
    static let namesMax = 1 << 20
    /// The most bytes of cells; further ones are not counted, and how many is told.
    static let cellBytes = 512 << 20
    /// The name of what an event does not say.
    static let unknown = "unknown"

    private var cells = TrackedTable<SalesCell, SalesTotals>(
        "sales cube", empty: SalesTotals(), limitBytes: SalesCube.cellBytes)
    private var names = NameBook("names of the sales cube", most: SalesCube.namesMax)
    /// The cells of each stretch of time, by its grain and beginning.
    private var stretches: [Stretch: [SalesCell]] = [:]
    private let owned: Range<Int>
    /// The newest arrival, in microseconds since 1970 UTC.
    private(set) var clock = Int64.min
    private var tidiedMinute = Int64.min
    /// Counts that found no room.
    package private(set) var unkept: Int64 = 0
    private let channelNames: [UInt64]
    private let unknownNames: [UInt64]

    struct Stretch: Hashable {
        var grain: UInt8
        var time: Int32
    }

    /// An empty cube.
    ///
    /// - Parameter owned: the key groups of the names that are counted here.
    package init(owned: Range<Int> = KeyGroup.all) {
        self.owned = owned
        channelNames = (0..<ChannelCode.count).map {
            SalesCube.hash(ChannelCode(code: UInt8($0)).name, SalesDimension.channel)
        }
        unknownNames = (0...Int(SalesDimension.product.rawValue)).map {
            SalesCube.hash(SalesCube.unknown, SalesDimension(rawValue: UInt8($0)) ?? .channel)
        }
    }

    private static func hash(_ name: String, _ dimension: SalesDimension) -> UInt64 {
        KeyHash(name, seed: UInt64(dimension.rawValue)).nonzero
    }

    @inline(__always)
    private static func hash(_ name: StringRef, _ dimension: SalesDimension) -> UInt64 {
        KeyHash(name.start, count: name.count, seed: UInt64(dimension.rawValue)).nonzero
    }

    /// When an event happened, as the grains see it, and the oldest stretches that are kept.
    package struct Moment {
        var times: (minute: Int32, hour: Int32, day: Int32)
        var oldest: (minute: Int32, hour: Int32, day: Int32)
    }

    /// What has arrived by now.
    @inline(__always)
    mutating func arrive(_ receivedAt: Int64) {
        guard receivedAt > clock else { return }
        clock = receivedAt
    }

    /// The moment of an event.
    ///
    /// - Parameters:
    ///   - day: its business day.
    ///   - today: that of the newest arrival.
    ///   - offset: the zone's, in microseconds.
    @inline(__always)
    func moment(_ instant: Int64, day: Int32, today: Int32, offset: Int64) -> Moment {
        let minute = Int32(truncatingIfNeeded: instant / Timestamp.minute)
        let local = minute &+ Int32(truncatingIfNeeded: offset / Timestamp.minute)
        let now = Int32(truncatingIfNeeded: clock / Timestamp.minute)
        return Moment(
            times: (minute, minute &- local % 60, day),
            oldest: (
                now &- Int32(SalesGrain.minute.kept), now &- Int32(SalesGrain.hour.kept) &* 60,
                today &- Int32(SalesGrain.day.kept)
            ))
    }

    /// Counts for a channel.
    @inline(__always)
    mutating func count(_ totals: SalesTotals, channel: ChannelCode, _ currency: CurrencyCode, _ moment: Moment) {
        count(totals, channelNames[Int(channel.code)], .channel, currency, moment)
    }

    /// Has the processor fetch what counting for a store, country or product looks at.
    @inline(__always)
    func prefetch(_ dimension: SalesDimension, _ name: StringRef?, _ currency: CurrencyCode, _ moment: Moment) {
        // What is unknown is counted so often that it is at hand.
        guard let name, name.count > 0 else { return }
        let hash = SalesCube.hash(name, dimension)
        func prefetch(_ time: Int32, _ grain: SalesGrain) {
            cells.prefetch(
                SalesCell(
                    name: hash, time: time, currency: currency.code, grain: grain.rawValue,
                    dimension: dimension.rawValue))
        }
        prefetch(moment.times.minute, .minute)
        prefetch(moment.times.hour, .hour)
        prefetch(moment.times.day, .day)
    }

    /// Counts for a store, country or product; nil where the event does not say.
    @inline(__always)
    mutating func count(
        _ totals: SalesTotals, _ dimension: SalesDimension, _ name: StringRef?, _ currency: CurrencyCode,
        _ moment: Moment
    ) {
        guard let name, name.count > 0 else {
            return count(totals, unknownNames[Int(dimension.rawValue)], dimension, currency, moment)
        }
        let key = SalesCube.hash(name, dimension)
        guard owned.count == KeyGroup.count || owned.contains(SalesCube.group(key)) else { return }
        guard names.note(key, name) else {
            unkept += 1
            return
        }
        count(totals, key, dimension, currency, moment)
    }

    private static func group(_ name: UInt64) -> Int { Int(name >> 57) }

    @inline(__always)
    private mutating func count(
        _ totals: SalesTotals, _ name: UInt64, _ dimension: SalesDimension, _ currency: CurrencyCode, _ moment: Moment
    ) {
        guard owned.count == KeyGroup.count || owned.contains(SalesCube.group(name)) else { return }
        if moment.times.minute > moment.oldest.minute {
            add(totals, name, moment.times.minute, dimension, .minute, currency)
        }
        if moment.times.hour > moment.oldest.hour { add(totals, name, moment.times.hour, dimension, .hour, currency) }
        if moment.times.day > moment.oldest.day { add(totals, name, moment.times.day, dimension, .day, currency) }
    }

    @inline(__always)
    private mutating func add(
        _ totals: SalesTotals, _ name: UInt64, _ time: Int32, _ dimension: SalesDimension, _ grain: SalesGrain,
        _ currency: CurrencyCode
    ) {
        let key = SalesCell(
            name: name, time: time, currency: currency.code, grain: grain.rawValue, dimension: dimension.rawValue)
        do {
            let before = cells.count
            let slot = try cells.change(key)
            slot.pointee.value.value += totals
            if cells.count != before { enlist(key) }
        } catch {
            // The bound is reached: told as `unkept`, and the rest goes on.
            unkept += 1
        }
    }

    @inline(never)
    private mutating func enlist(_ key: SalesCell) {
        stretches[Stretch(grain: key.grain, time: key.time), default: []].append(key)
    }

    /// Forgets the stretches that are no longer kept; does something once a minute of arrivals, and says so.
    mutating func tidy(today: Int32) -> Bool {
        let minute = clock / Timestamp.minute
        guard clock > .min, minute != tidiedMinute else { return false }
        tidiedMinute = minute
        let now = Int32(truncatingIfNeeded: minute)
        for (stretch, keys) in stretches {
            let isOver =
                switch SalesGrain(rawValue: stretch.grain) {
                case .minute: stretch.time <= now - Int32(SalesGrain.minute.kept)
                case .hour: stretch.time <= now - Int32(SalesGrain.hour.kept) * 60
                default: stretch.time <= today - Int32(SalesGrain.day.kept)
                }
            guard isOver else { continue }
            for key in keys { cells.remove(key) }
            stretches[stretch] = nil
        }
        return true
    }

    /// One line of an answer.
    package struct Line: Equatable, Sendable {
        /// The stretch's beginning: minutes since 1970 UTC, or the business day.
        package var time: Int32
        /// The channel, store, country or product.
        package var name: String
        /// The amounts' currency; none for views and carts.
        package var currency: CurrencyCode
        /// What it adds up to.
        package var totals: SalesTotals
    }

    /// The lines of a dimension and grain, by time, name and currency.
    ///
    /// - Parameter times: of which stretches.
    package func lines(_ dimension: SalesDimension, _ grain: SalesGrain, in times: ClosedRange<Int32>) -> [Line] {
        var found: [Line] = []
        for (stretch, keys) in stretches where stretch.grain == grain.rawValue && times.contains(stretch.time) {
            for key in keys where key.dimension == dimension.rawValue {
                guard let slot = cells.find(key) else { continue }
                found.append(
                    Line(
                        time: key.time, name: name(key.name, dimension), currency: CurrencyCode(code: key.currency),
                        totals: slot.pointee.value.value))
            }
        }
        return found.sorted { ($0.time, $0.name, $0.currency.code) < ($1.time, $1.name, $1.currency.code) }
    }

    /// The products that sold most since a stretch of time in one currency: by revenue, ties by units and name.
    package func bestSellers(
        _ count: Int, _ grain: SalesGrain, since oldest: Int32, _ currency: CurrencyCode
    ) -> [(name: String, totals: SalesTotals)] {
        var sums: [UInt64: SalesTotals] = [:]
        for (stretch, keys) in stretches where stretch.grain == grain.rawValue && stretch.time >= oldest {
            for key in keys where key.dimension == SalesDimension.product.rawValue && key.currency == currency.code {
                if let slot = cells.find(key) { sums[key.name, default: SalesTotals()] += slot.pointee.value.value }
            }
        }
        // The names of those that may be among them alone.
        let least = sums.values.map(\.revenue).sorted(by: >).prefix(count).last ?? 0
        return sums.filter { $0.value.revenue >= least }.map { (name($0.key, .product), $0.value) }.sorted {
            ($1.1.revenue, $1.1.units, $0.0) < ($0.1.revenue, $0.1.units, $1.0)
        }.prefix(count).map { (name: $0.0, totals: $0.1) }
    }

    private func name(_ hash: UInt64, _ dimension: SalesDimension) -> String {
        if dimension == .channel, let code = channelNames.firstIndex(of: hash) {
            return ChannelCode(code: UInt8(code)).name
        }
        return names.name(hash) ?? SalesCube.unknown
    }

    /// What it holds.
    package var usages: [StateUsage] { [cells.usage, names.usage] }

    var needsWhole: Bool { cells.needsWhole || names.needsWhole }

    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        writer.put(clock)
        writer.put(unkept)
        names.write(to: &writer, scope)
        cells.write(to: &writer, scope)
    }

    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        clock = max(clock, try reader.raw(Int64.self))
        unkept = max(unkept, try reader.raw(Int64.self))
        try names.restore(from: &reader, isKept)
        try cells.restore(from: &reader, isKept)
    }

    /// Puts together what follows from the restored cells.
    mutating func finishRestoring() {
        stretches = [:]
        var all: [Stretch: [SalesCell]] = [:]
        cells.forEach { key, _ in all[Stretch(grain: key.grain, time: key.time), default: []].append(key) }
        stretches = all
        tidiedMinute = .min
    }
}
