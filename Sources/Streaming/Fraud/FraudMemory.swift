import Events

/// Bounds of what is remembered for fraud scores. Past each, what was not seen for longest is forgotten.
public struct FraudLimits: Sendable {
    /// Users, and each of cards, devices, addresses and IP addresses.
    public var keys = 1 << 20
    /// Products.
    public var products = 1 << 17
    /// Orders whose cancellation or return is still counted, and whose label is still learnt: the last so many, 216 bytes
    /// each. Two months of a shop with 8,700 orders a day.
    public var orders = 1 << 19
    /// Bytes of what hangs on keys: older counts, and other keys seen with a key.
    public var runBytes = 1 << 29

    /// The bounds of a server.
    public init() {}
}

/// The parts of a purchase that fraud features are made of. Keys are hashes; 0 where the purchase has none.
struct FraudPurchase {
    /// Of the user, card, device, address and IP address.
    typealias Keys = (UInt64, UInt64, UInt64, UInt64, UInt64)

    var keys: Keys = (0, 0, 0, 0, 0)
    var order: UInt64 = 0
    var country: UInt64 = 0
    /// Microseconds since 1970 UTC.
    var instant: Int64 = 0
    /// In ten-thousandths of the shop's currency; 0 in another one.
    var amount: Int64 = 0
    var isOtherCurrency = false
    var isInStore = false
    var units: Int64 = 0
    var lines = 0
    var priceMax: Int64 = 0
    /// Up to 16 different products.
    var products = InlineArray<16, UInt64>(repeating: 0)
    var productCount = 0
}

/// Everything that is remembered about users, cards, devices, addresses, IP addresses and products, and the features
/// of a purchase read from it in the pass that adds the purchase.
///
/// A function of the purchases and order states in their order alone: time is that of the events, and each key has its
/// own clock, the newest hour of what it took part in. So an event with a wrong time moves only the clocks of the keys
/// that it names.
struct FraudMemory: ~Copyable {
    /// Entries of one table that a purchase looks at for what is over: more than the six that come until it is the
    /// table's turn again.
    static let sweepSteps = 8
    /// Without a purchase before, the gap to it: a month of seconds.
    static let gapMax: Float = 2_592_000

    let limits: FraudLimits
    var runs: FraudRuns
    var users: FraudTable<FraudAccount>
    var cards: FraudTable<FraudTrait>
    var devices: FraudTable<FraudTrait>
    var addresses: FraudTable<FraudTrait>
    var ips: FraudTable<FraudTrait>
    var products: FraudTable<FraudProduct>
    var orders: FraudOrders
    /// The newest hour of any event.
    var newest: UInt32 = 0
    /// What was forgotten for want of room.
    var evicted: Int64 = 0
    /// The table that gives way next when lists take too much.
    var nextTable = 0
    /// The table that is looked through next for what is over.
    var nextSweep = 0
    /// States of orders whose purchase is not remembered.
    var unknownOrders: Int64 = 0
    /// While a state is put together: which pieces of the runs were read.
    var covered: [[UInt64]] = []

    init(_ limits: FraudLimits) {
        self.limits = limits
        runs = FraudRuns(bytes: limits.runBytes)
        users = FraudTable(limit: limits.keys)
        cards = FraudTable(limit: limits.keys)
        devices = FraudTable(limit: limits.keys)
        addresses = FraudTable(limit: limits.keys)
        ips = FraudTable(limit: limits.keys)
        products = FraudTable(limit: limits.products)
        orders = FraudOrders(limit: limits.orders)
    }

    /// The bytes it takes.
    var byteCount: Int {
        users.byteCount + cards.byteCount + devices.byteCount + addresses.byteCount + ips.byteCount
            + products.byteCount + runs.pieces.byteCount + orders.byteCount
    }

    /// Keys of all kinds that are remembered.
    var keyCount: Int {
        users.count + cards.count + devices.count + addresses.count + ips.count + products.count
    }

    /// The hour since 1970 of an instant; hours are kept in 32 bits with room for the arithmetic of windows.
    @inline(__always)
    static func hour(_ instant: Int64) -> UInt32 {
        UInt32(truncatingIfNeeded: max(0, min(instant / 3_600_000_000, Int64(hourMax))))
    }

    /// The latest hour.
    static var hourMax: UInt32 { 1 << 31 }

    // MARK: - A purchase

    /// Adds a purchase and writes its features into a row of zeros.
    mutating func add(_ purchase: borrowing FraudPurchase, _ row: UnsafeMutablePointer<Float>) {
        let hour = FraudMemory.hour(purchase.instant)
        newest = max(newest, hour)
        let (user, card, device, address, ip) = purchase.keys
        prefetch(purchase)
        makeRoom(purchase)

        // All entries are found before the first is read further: they come from memory at the same time.
        let account = users.value(user)
        let cardTrait = card == 0 ? nil : cards.value(card)
        let deviceTrait = device == 0 ? nil : devices.value(device)
        let addressTrait = address == 0 ? nil : addresses.value(address)
        let ipTrait = ip == 0 ? nil : ips.value(ip)
        let trait = UnsafeMutableRawPointer(account).assumingMemoryBound(to: FraudTrait.self)
        runs.prefetch(trait)
        if let cardTrait { runs.prefetch(cardTrait) }
        if let deviceTrait { runs.prefetch(deviceTrait) }
        if let addressTrait { runs.prefetch(addressTrait) }
        if let ipTrait { runs.prefetch(ipTrait) }

        let isFirst = account.pointee.purchases == 0
        readHistory(account, purchase, row)
        let aDevice = FraudMemory.half(device), aCard = FraudMemory.half(card), aUser = FraudMemory.half(user)
        let met = add(trait, purchase, hour, aDevice, aCard, row + 0)
        row[FraudFeature.newDevice] = met.0.isNew && met.0.hadAny ? 1 : 0
        row[FraudFeature.newCard] = met.1.isNew && met.1.hadAny ? 1 : 0
        account.pointee.since = min(account.pointee.since, hour)
        row[FraudFeature.age] = Float(Double(trait.pointee.clock - account.pointee.since) / 24)
        if address != 0 {
            let other = runs.meet(&account.pointee.addresses, FraudMemory.half(address), hour, trait.pointee.clock)
            row[FraudFeature.newAddress] = other.isNew && other.hadAny ? 1 : 0
        }
        if ip != 0 {
            let other = runs.meet(&account.pointee.ips, FraudMemory.half(ip), hour, trait.pointee.clock)
            row[FraudFeature.newIP] = other.isNew && other.hadAny ? 1 : 0
        }
        writeHistory(account, purchase)
        if let cardTrait { _ = add(cardTrait, purchase, hour, aUser, aDevice, row + 20) }
        if let deviceTrait { _ = add(deviceTrait, purchase, hour, aUser, aCard, row + 40) }
        if let addressTrait { _ = add(addressTrait, purchase, hour, aUser, aCard, row + 60) }
        if let ipTrait { _ = add(ipTrait, purchase, hour, aUser, aCard, row + 80) }
        addProducts(purchase, hour, isFirst, row)

        row[FraudFeature.units] = Float(purchase.units)
        row[FraudFeature.lines] = Float(purchase.lines)
        row[FraudFeature.priceMax] = FraudMemory.money(purchase.priceMax)
        row[FraudFeature.amount] = FraudMemory.money(purchase.amount)
        row[FraudFeature.noCard] = card == 0 ? 1 : 0
        row[FraudFeature.noDevice] = device == 0 ? 1 : 0
        row[FraudFeature.noAddress] = address == 0 ? 1 : 0
        row[FraudFeature.noIP] = ip == 0 ? 1 : 0
        row[FraudFeature.inStore] = purchase.isInStore ? 1 : 0
        row[FraudFeature.otherCurrency] = purchase.isOtherCurrency ? 1 : 0
        row[FraudFeature.firstPurchase] = isFirst ? 1 : 0
        row[FraudFeature.newTraits] =
            row[FraudFeature.newCard] + row[FraudFeature.newDevice] + row[FraudFeature.newAddress]
            + row[FraudFeature.newIP] + row[FraudFeature.newCountry]
    }

    /// Fetches what the purchase needs, in two steps: where the keys are, and what is known of them.
    @inline(__always)
    private func prefetch(_ purchase: borrowing FraudPurchase) {
        let (user, card, device, address, ip) = purchase.keys
        users.prefetchIndex(user)
        cards.prefetchIndex(card)
        devices.prefetchIndex(device)
        addresses.prefetchIndex(address)
        ips.prefetchIndex(ip)
        orders.prefetch(purchase.order)
        for index in 0..<purchase.productCount { products.prefetchIndex(purchase.products[index]) }
        users.prefetchEntry(user)
        cards.prefetchEntry(card)
        devices.prefetchEntry(device)
        addresses.prefetchEntry(address)
        ips.prefetchEntry(ip)
        for index in 0..<purchase.productCount { products.prefetchEntry(purchase.products[index]) }
    }

    /// Fetches what purchases to come need, of all of them at once: where their keys are, then what is known of these, then
    /// where that goes on. Each step waits for memory that the one before it fetched.
    func prefetch(_ keys: UnsafeBufferPointer<FraudPurchase.Keys>, orders ids: UnsafePointer<UInt64>) {
        for (index, keys) in keys.enumerated() {
            users.prefetchIndex(keys.0)
            cards.prefetchIndex(keys.1)
            devices.prefetchIndex(keys.2)
            addresses.prefetchIndex(keys.3)
            ips.prefetchIndex(keys.4)
            orders.prefetch(ids[index])
        }
        for keys in keys {
            users.prefetchEntry(keys.0)
            cards.prefetchEntry(keys.1)
            devices.prefetchEntry(keys.2)
            addresses.prefetchEntry(keys.3)
            ips.prefetchEntry(keys.4)
        }
        for keys in keys {
            users.prefetchRuns(keys.0, runs)
            cards.prefetchRuns(keys.1, runs)
            devices.prefetchRuns(keys.2, runs)
            addresses.prefetchRuns(keys.3, runs)
            ips.prefetchRuns(keys.4, runs)
        }
    }

    /// The upper half of a key, by which it is remembered in lists; 0 for none.
    @inline(__always)
    private static func half(_ key: UInt64) -> UInt32 {
        key == 0 ? 0 : max(1, UInt32(truncatingIfNeeded: key >> 32))
    }

    /// Ten-thousandths as a number of whole units.
    @inline(__always)
    static func money(_ amount: Int64) -> Float { Float(Double(amount) / 10_000) }

    /// Adds a purchase to one of its keys and writes the key's twenty features.
    @inline(__always)
    private mutating func add(
        _ trait: UnsafeMutablePointer<FraudTrait>, _ purchase: borrowing FraudPurchase, _ hour: UInt32, _ a: UInt32,
        _ b: UInt32,
        _ row: UnsafeMutablePointer<Float>
    ) -> (FraudRuns.Met, FraudRuns.Met) {
        runs.add(purchase.amount, purchases: 1, cancelled: 0, returned: 0, to: trait, at: hour)
        runs.sums(trait, row)
        let clock = trait.pointee.clock
        let metA =
            a == 0
            ? runs.seen(trait.pointee.partnersA, clock) : runs.meet(&trait.pointee.partnersA, a, hour, clock)
        let metB =
            b == 0
            ? runs.seen(trait.pointee.partnersB, clock) : runs.meet(&trait.pointee.partnersB, b, hour, clock)
        row[12] = Float(metA.within.0)
        row[13] = Float(metA.within.1)
        row[14] = Float(metA.within.2)
        row[15] = Float(metB.within.0)
        row[16] = Float(metB.within.1)
        row[17] = Float(metB.within.2)
        row[18] = Float(Double(clock - trait.pointee.first) / 24)
        let last = trait.pointee.last
        let seconds = last == .min ? FraudMemory.gapMax : Float(Double(max(0, purchase.instant &- last)) / 1e6)
        row[19] = min(seconds, FraudMemory.gapMax)
        trait.pointee.last = max(last, purchase.instant)
        return (metA, metB)
    }

    private func readHistory(
        _ account: UnsafeMutablePointer<FraudAccount>, _ purchase: borrowing FraudPurchase,
        _ row: UnsafeMutablePointer<Float>
    ) {
        let before = account.pointee
        row[FraudFeature.userPurchases] = Float(before.purchases)
        if before.purchases > 0 {
            row[FraudFeature.cancelledShare] = Float(Double(before.cancelled) / Double(before.purchases))
            row[FraudFeature.returnedShare] = Float(Double(before.returned) / Double(before.purchases))
        }
        row[FraudFeature.amountRatio] = 1
        row[FraudFeature.amountOverMax] = 1
        if before.countries != 0, purchase.country != 0, !FraudMemory.contains(before.countries, purchase.country) {
            row[FraudFeature.newCountry] = 1
        }
        guard before.paid > 0, before.sum > 0, !purchase.isOtherCurrency else { return }
        let count = Double(before.paid)
        let mean = Double(before.sum) / count
        let cents = Double(min(purchase.amount / 100, FraudAccount.centsMax))
        row[FraudFeature.amountRatio] = Float(cents / mean)
        row[FraudFeature.amountOverMax] = Float(cents / Double(before.most))
        guard before.paid > 1 else { return }
        let sum = Double(before.sum)
        let variance = max(0, (before.squares - sum * sum / count) / (count - 1))
        // Somebody who always paid the same is not a million deviations off when they pay a cent more.
        let deviation = max(variance.squareRoot(), mean * 0.1)
        row[FraudFeature.amountZ] = Float(max(-50, min(50, (cents - mean) / deviation)))
    }

    private func writeHistory(_ account: UnsafeMutablePointer<FraudAccount>, _ purchase: borrowing FraudPurchase) {
        account.pointee.purchases &+= 1
        if !purchase.isOtherCurrency { account.pointee.pay(purchase.amount) }
        if purchase.country != 0 {
            account.pointee.countries = FraudMemory.adding(purchase.country, to: account.pointee.countries)
        }
    }

    @inline(__always)
    private static func contains(_ countries: UInt64, _ country: UInt64) -> Bool {
        countries & 0xffff == country || countries >> 16 & 0xffff == country || countries >> 32 & 0xffff == country
            || countries >> 48 == country
    }

    /// Puts a country first of four, the others behind it in their order.
    private static func adding(_ country: UInt64, to countries: UInt64) -> UInt64 {
        var result = country
        var shift: UInt64 = 16
        for index in 0..<4 {
            let other = countries >> UInt64(16 * index) & 0xffff
            if other == country || other == 0 || shift > 48 { continue }
            result |= other << shift
            shift += 16
        }
        return result
    }

    private mutating func addProducts(
        _ purchase: borrowing FraudPurchase, _ hour: UInt32, _ isFirst: Bool, _ row: UnsafeMutablePointer<Float>
    ) {
        let minute = UInt32(truncatingIfNeeded: max(0, min(purchase.instant / 60_000_000, 1 << 31)))
        for index in 0..<purchase.productCount {
            let product = products.value(purchase.products[index])
            if !product.pointee.count(hour: hour, minute: minute, isNew: isFirst) { runs.tooLate &+= 1 }
            let recent = product.pointee.recent
            let lately = product.pointee.lately
            let surge = Float(Double(recent.all) / (1 + Double(lately.week) * 10 / 10_080))
            row[FraudFeature.product10min] = max(row[FraudFeature.product10min], Float(recent.all))
            row[FraudFeature.product10minNew] = max(row[FraudFeature.product10minNew], Float(recent.new))
            row[FraudFeature.product1d] = max(row[FraudFeature.product1d], Float(lately.day))
            row[FraudFeature.product7d] = max(row[FraudFeature.product7d], Float(lately.week))
            row[FraudFeature.productSurge] = max(row[FraudFeature.productSurge], surge)
        }
    }

    // MARK: - An order's state

    /// What became of an order, as far as fraud is concerned.
    enum Outcome { case cancelled, returned }

    /// Counts the end of an order for all keys of its purchase that are still remembered.
    mutating func add(_ outcome: Outcome, order: UInt64, instant: Int64) {
        guard let found = orders.find(order) else {
            unknownOrders &+= 1
            return
        }
        let (user, card, device, address, ip) = found.pointee.keys
        let hour = FraudMemory.hour(instant)
        newest = max(newest, hour)
        if let account = users.change(user) {
            if outcome == .cancelled { account.pointee.cancelled &+= 1 } else { account.pointee.returned &+= 1 }
            add(outcome, UnsafeMutableRawPointer(account).assumingMemoryBound(to: FraudTrait.self), hour)
        }
        if card != 0, let trait = cards.change(card) { add(outcome, trait, hour) }
        if device != 0, let trait = devices.change(device) { add(outcome, trait, hour) }
        if address != 0, let trait = addresses.change(address) { add(outcome, trait, hour) }
        if ip != 0, let trait = ips.change(ip) { add(outcome, trait, hour) }
    }

    private mutating func add(_ outcome: Outcome, _ trait: UnsafeMutablePointer<FraudTrait>, _ hour: UInt32) {
        runs.add(
            0, purchases: 0, cancelled: outcome == .cancelled ? 1 : 0, returned: outcome == .returned ? 1 : 0,
            to: trait, at: hour)
    }

    // MARK: - Bounds

    /// Takes out what is over, a few slots at a time, and in full tables what was silent for longest.
    private mutating func makeRoom(_ purchase: borrowing FraudPurchase) {
        let steps = FraudMemory.sweepSteps
        // One table in turn, so that what is looked at lies together.
        switch nextSweep {
        case 0: users.sweep(steps, newest: newest, &runs)
        case 1: cards.sweep(steps, newest: newest, &runs)
        case 2: devices.sweep(steps, newest: newest, &runs)
        case 3: addresses.sweep(steps, newest: newest, &runs)
        case 4: ips.sweep(steps, newest: newest, &runs)
        default: products.sweep(steps, newest: newest, &runs)
        }
        nextSweep = nextSweep == 5 ? 0 : nextSweep &+ 1
        let (user, card, device, address, ip) = purchase.keys
        if users.isFull, !users.holds(user) { evict(0) }
        if cards.isFull, card != 0, !cards.holds(card) { evict(1) }
        if devices.isFull, device != 0, !devices.holds(device) { evict(2) }
        if addresses.isFull, address != 0, !addresses.holds(address) { evict(3) }
        if ips.isFull, ip != 0, !ips.holds(ip) { evict(4) }
        for index in 0..<purchase.productCount where products.count + FraudMemory.productsMax > products.limit {
            if !products.holds(purchase.products[index]) { evict(5) }
        }
        while runs.pieces.usedBytes + FraudRuns.bytesPerPurchase > limits.runBytes, keyCount > 0 {
            evict(nextTable)
            nextTable = (nextTable + 1) % 6
        }
    }

    private mutating func evict(_ table: Int) {
        evicted &+= 1
        switch table {
        case 0: users.evict(&runs)
        case 1: cards.evict(&runs)
        case 2: devices.evict(&runs)
        case 3: addresses.evict(&runs)
        case 4: ips.evict(&runs)
        default: products.evict(&runs)
        }
    }

    /// Products of one purchase that count.
    static let productsMax = 16
}

extension Int64 {
    /// The sum, or the bound that it would pass.
    @inline(__always)
    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? (other > 0 ? .max : .min) : sum
    }
}
