/// Thieves in the shop, and the honest crowds that look like them.
extension ShopSimulator {
    /// Whether it is time for another ring.
    @inline(__always)
    var wantsRing: Bool {
        let share = UInt64(shop.scenario.fraudShare)
        return share > 0 && orderCount >= Fraud.ordersBefore && fraud.planned &* 10_000 < share &* orderCount
            && fraud.agenda.count < Fraud.ringsMax
    }

    /// Begins a ring of some kind, and with every one that buys up a product an honest crowd after another product.
    mutating func beginRing() {
        // Weights that make about as many purchases of each kind: a ring that buys much is begun less often.
        let kinds: [FraudKind] = [.cardTesting, .accountTakeover, .refundAbuse, .botScalping]
        let weights = [12, 170, 24, 9]
        var left = fraud.random.index(below: weights.reduce(0, +))
        var kind = FraudKind.cardTesting
        for (index, weight) in weights.enumerated() where left >= 0 {
            kind = kinds[index]
            left -= weight
        }
        begin(kind)
        if kind == .botScalping { begin(.honest) }
    }

    private mutating func begin(_ kind: FraudKind) {
        fraud.count &+= 1
        let visits: Int
        let gap: UInt64
        switch kind {
        case .honest: (visits, gap) = (25 + fraud.random.index(below: 50), 10 + fraud.random.next(below: 40))
        case .cardTesting: (visits, gap) = (15 + fraud.random.index(below: 45), 30 + fraud.random.next(below: 400))
        case .accountTakeover: (visits, gap) = (1 + fraud.random.index(below: 5), 900 + fraud.random.next(below: 9_000))
        case .refundAbuse: (visits, gap) = (12 + fraud.random.index(below: 16), 130_000)
        case .botScalping: (visits, gap) = (25 + fraud.random.index(below: 45), 4 + fraud.random.next(below: 25))
        }
        var ring = FraudRing(
            kind: kind, number: shop.buyers.once(fraud.count &* 4_096), left: visits, visits: visits, gapSeconds: gap,
            product: shop.catalogue.draw(&fraud.random),
            country: UInt8(shop.market.countryWeights.draw(&fraud.random)),
            isCareful: fraud.random.roll() < 3_000)
        if kind == .refundAbuse {
            // Who works together over weeks: opened together, or old customers who found out that it works.
            ring.memberCount = 2 + fraud.random.index(below: 3)
            for member in 0..<ring.memberCount {
                ring.members[member] = fraud.random.roll() < 5_000 ? newAccount() : drawCustomer(&fraud.random)
            }
        }
        if kind.isFraud { fraud.planned &+= UInt64(visits) }
        let index: UInt32
        if let free = fraud.free.popLast() {
            index = free
            fraud.rings[Int(free)] = ring
        } else {
            index = UInt32(fraud.rings.count)
            fraud.rings.append(ring)
        }
        fraud.agenda.add(
            index, due: turn &+ 1 &+ fraud.random.next(below: max(1, shop.settings.turns(inSeconds: 3_600))))
    }

    /// Opens an account: its number is the next one, whoever opens it.
    mutating func newAccount() -> UInt32 {
        defer { accountCount &+= 1 }
        return UInt32(truncatingIfNeeded: accountCount)
    }

    /// A customer as they come: low numbers, the oldest ones, come more often.
    @inline(__always)
    func drawCustomer(_ random: inout RandomSource) -> UInt32 {
        UInt32(random.next(below: random.next(below: accountCount) + 1))
    }

    /// Lets in the visitor of the ring that is due.
    mutating func advanceRing(_ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        let index = fraud.agenda.first
        var ring = fraud.rings[Int(index)]
        var visit = visitor(of: &ring)
        ring.left -= 1
        fraud.rings[Int(index)] = ring
        if ring.left > 0 {
            var gap = shop.settings.turns(inSeconds: ring.gapSeconds)
            // People who send back wait for the parcel, so their pace is that of the orders.
            if ring.kind == .refundAbuse { gap /= UInt64(shop.settings.fulfilmentSpeedup) }
            fraud.agenda.postponeEarliest(to: turn &+ 1 &+ fraud.random.next(below: 2 &* gap &+ 1))
        } else {
            fraud.agenda.removeEarliest()
            fraud.free.append(index)
        }
        return enter(&visit, stamp, &buffer)
    }

    private mutating func visitor(of ring: inout FraudRing) -> Visit {
        let turnDay = Buyers.day(of: turn, shop.settings)
        let customer = account(of: &ring)
        let profile = Customer(customer, seed: shop.settings.seed, in: shop.market)
        visitCount &+= 1
        var visit = Visit(
            number: visitCount, customer: customer, channel: profile.isOnline ? profile.channel : .website,
            device: profile.isOnline ? profile.device : 0, country: profile.country, store: profile.store)
        visit.kind = ring.kind
        visit.wanted = ring.kind == .botScalping || ring.kind == .honest ? ring.product : Visit.noProduct
        visit.referrer = UInt8(shop.market.referrerWeights.draw(&fraud.random))
        guard ring.kind.isFraud else { return visit }
        let step = UInt64(ring.visits - ring.left)
        // A machine or place of the ring's few, and one that is never seen again.
        func few(_ trait: UInt64, _ count: UInt64, _ random: inout RandomSource) -> UInt64 {
            SplitMix64.hash(ring.number, trait, random.next(below: count)) | 1
        }
        func fresh(_ trait: UInt64) -> UInt64 { SplitMix64.hash(ring.number, trait, 1 << 32 | step) | 1 }
        let hides = fraud.random.roll() < (ring.isCareful ? 7_500 : 1_500)
        var buyer = shop.buyers.usual(customer, day: turnDay)
        switch ring.kind {
        case .honest: break
        case .cardTesting:
            buyer.card = fresh(1)
            buyer.device = hides ? fresh(2) : few(2, 3, &fraud.random)
            buyer.ip = Buyers.network(hides ? fresh(3) : few(3, 4, &fraud.random))
            buyer.address = fraud.random.roll() < 4_000 ? fresh(4) : few(4, 3, &fraud.random)
            if fraud.random.roll() < 3_000 { visit.country = ring.country }
        case .accountTakeover:
            // Some have the victim's own session, and the shop sees the victim's own machine.
            if fraud.random.roll() < 8_200 { buyer.device = hides ? fresh(2) : few(2, 2, &fraud.random) }
            buyer.ip = Buyers.network(hides ? fresh(3) : few(3, 2, &fraud.random))
            if fraud.random.roll() < 3_500 { buyer.card = fresh(1) }
            if fraud.random.roll() < 8_500 { buyer.address = few(4, 2, &fraud.random) }
            if fraud.random.roll() < 5_500 { visit.country = ring.country }
            visit.device = UInt8(shop.market.deviceWeights.draw(&fraud.random))
        case .refundAbuse:
            // Their own things, at one of two addresses.
            if !ring.isCareful { buyer.address = few(4, 2, &fraud.random) }
        case .botScalping:
            buyer.card = hides ? fresh(1) : few(1, 8, &fraud.random)
            buyer.device = hides ? fresh(2) : few(2, 10, &fraud.random)
            buyer.ip = Buyers.network(hides ? fresh(3) : few(3, 8, &fraud.random))
            buyer.address = hides ? fresh(4) : few(4, 4, &fraud.random)
            visit.country = ring.country
        }
        visit.buyer = buyer
        return visit
    }

    /// Whose account the next visit of a ring is in.
    private mutating func account(of ring: inout FraudRing) -> UInt32 {
        switch ring.kind {
        case .honest:
            return fraud.random.roll() < 3_000 ? newAccount() : drawCustomer(&fraud.random)
        case .cardTesting:
            return fraud.random.roll() < 7_000 ? newAccount() : drawCustomer(&fraud.random)
        case .accountTakeover:
            // Most rings empty one account and go on to the next.
            if ring.memberCount == 0 || fraud.random.roll() < 5_000 {
                ring.members[0] = drawCustomer(&fraud.random)
                ring.memberCount = 1
            }
            return ring.members[0]
        case .refundAbuse:
            return ring.members[fraud.random.index(below: ring.memberCount)]
        case .botScalping:
            return fraud.random.roll() < 8_500 ? newAccount() : drawCustomer(&fraud.random)
        }
    }

    /// Chooses what a thief, or somebody in a crowd, looks at.
    mutating func lookFor(_ visit: inout Visit) {
        visit.previousProduct = visit.product
        visit.origin = visit.product == Visit.noProduct ? .outside : .product
        visit.hasSearched = false
        if visit.wanted != Visit.noProduct {
            visit.product = visit.wanted
            return
        }
        var product = shop.catalogue.draw(&random)
        let tries: Int
        switch visit.kind {
        case .cardTesting: tries = 4
        case .accountTakeover: tries = 3
        case .refundAbuse: tries = 1
        case .honest, .botScalping: tries = 0
        }
        for _ in 0..<tries {
            let other = shop.catalogue.draw(&random)
            let isDearer = shop.catalogue[other].priceCents > shop.catalogue[product].priceCents
            if isDearer != (visit.kind == .cardTesting) { product = other }
        }
        visit.product = product
    }

    // MARK: - Labels

    /// Keeps the truth about a purchase, where somebody asked for it.
    @inline(__always)
    mutating func label(_ event: UInt64, _ kind: FraudKind) {
        guard shop.settings.keepsLabels else { return }
        labels.append(FraudLabel(event: event, kind: kind))
    }

    /// Moves the labels of the purchases made since the last call into a buffer, one JSON object a line:
    /// `{"event_id":"…","label":1,"kind":"card_testing"}`; an honest purchase has label 0 and kind `honest`.
    ///
    /// There are none unless `SimulationSettings.keepsLabels`. Take them after each batch: until then they are kept.
    public mutating func takeLabels(into buffer: inout LineBuffer) {
        for label in labels { shop.writeLabel(label, &buffer) }
        labels.removeAll(keepingCapacity: true)
    }
}

extension Shop {
    func writeLabel(_ label: FraudLabel, _ buffer: inout LineBuffer) {
        buffer.addLine { line in
            begin(#"{"event_id":""#, label.event, &line)
            line.put(#"","label":"#)
            line.put(label.kind.isFraud ? 1 : 0)
            line.put(#","kind":""#)
            line.put(kinds, Int(label.kind.rawValue))
            line.put(#""}"#)
        }
    }
}
