/// Customers in the shop: who comes, what they do next, and when they go.
extension ShopSimulator {
    /// Lets the customer who is due take a step, or lets in a new one.
    @inline(__always)
    mutating func advanceVisit(_ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        if visitAgenda.earliest <= turn {
            let index = visitAgenda.first
            var visit = visits[Int(index)]
            let facts = act(&visit, stamp, &buffer)
            if decide(&visit) {
                visits[Int(index)] = visit
                visitAgenda.postponeEarliest(to: turn &+ pause())
            } else {
                visitAgenda.removeEarliest()
                freeVisits.append(index)
            }
            return facts
        }
        var visit = arrive()
        return enter(&visit, stamp, &buffer)
    }

    /// Lets somebody in, who takes the first step.
    @inline(__always)
    mutating func enter(_ visit: inout Visit, _ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        let facts = act(&visit, stamp, &buffer)
        if decide(&visit) {
            let index: UInt32
            if let free = freeVisits.popLast() {
                index = free
                visits[Int(free)] = visit
            } else {
                index = UInt32(visits.count)
                visits.append(visit)
            }
            visitAgenda.add(index, due: turn &+ pause())
        }
        return facts
    }

    /// How many turns until the customer's next step. A shop that just opened fills slowly: with long pauses from the
    /// start, its first thousands of events would all be arrivals.
    @inline(__always)
    private mutating func pause() -> UInt64 {
        1 &+ random.next(below: 2 &* min(pauseTarget, 64 &+ (turn &>> 5)))
    }

    private mutating func arrive() -> Visit {
        let isNewcomer = shop.scenario.newcomers > 0 && random.roll() < shop.scenario.newcomers
        let customer = isNewcomer ? newAccount() : drawCustomer(&random)
        let profile = Customer(customer, seed: shop.settings.seed, in: shop.market)
        visitCount &+= 1
        var visit = Visit(
            number: visitCount, customer: customer, channel: profile.channel, device: profile.device,
            country: profile.country, store: profile.store)
        // Most use what they always use; some are on another device or go to the website this time.
        if random.roll() < 1_500 { visit.device = UInt8(shop.market.deviceWeights.draw(&random)) }
        if random.roll() < 1_500 { visit.channel = .website }
        if visit.isInStore {
            visit.device = shop.market.till
            return visit
        }
        let day = Buyers.day(of: turn, shop.settings)
        let trip = shop.buyers.trip(customer, day: day, countries: shop.market.countries.count)
        if trip > 0 {
            visit.isAway = true
            visit.country = UInt8((Int(visit.country) + trip) % shop.market.countries.count)
        }
        if random.roll() < shop.scenario.fromCampaign, shop.campaigns.count > 0 {
            visit.campaign = UInt8(random.index(below: shop.campaigns.count))
            visit.origin = .campaign
        } else {
            visit.referrer = UInt8(shop.market.referrerWeights.draw(&random))
        }
        if random.roll() < shop.scenario.searchesFirst { visit.step = .search }
        return visit
    }

    /// Decides what the customer does next; false when they leave.
    @inline(__always)
    private mutating func decide(_ visit: inout Visit) -> Bool {
        let chances: Scenario.Chances
        switch visit.step {
        case .purchase:
            return false
        case .search:
            visit.step = .click
            return true
        case .click, .wishlist:
            chances =
                visit.kind.chances.map { $0.browsing }
                ?? (visit.isInStore
                    ? shop.scenario.inStore : visit.cart.count == 0 ? shop.scenario.browsing : shop.scenario.shopping)
        case .addToCart, .updateCart, .removeFromCart:
            chances =
                visit.kind.chances.map { visit.cart.count == 0 ? $0.browsing : $0.atCart }
                ?? (visit.isInStore
                    ? shop.scenario.atTill : visit.cart.count == 0 ? shop.scenario.browsing : shop.scenario.atCart)
        }
        guard let step = step(random.roll(), chances) else { return false }
        visit.step = step
        switch step {
        case .updateCart, .removeFromCart:
            if visit.cart.count == 0 { visit.step = .click }
        case .purchase:
            return visit.cart.count > 0
        case .click, .search, .addToCart, .wishlist:
            break
        }
        return true
    }

    @inline(__always)
    private func step(_ roll: Int, _ chances: Scenario.Chances) -> Visit.Step? {
        var left = roll - chances.click
        if left < 0 { return .click }
        left -= chances.search
        if left < 0 { return .search }
        left -= chances.addToCart
        if left < 0 { return .addToCart }
        left -= chances.updateCart
        if left < 0 { return .updateCart }
        left -= chances.removeFromCart
        if left < 0 { return .removeFromCart }
        left -= chances.wishlist
        if left < 0 { return .wishlist }
        left -= chances.purchase
        return left < 0 ? .purchase : nil
    }

    @inline(__always)
    private mutating func act(_ visit: inout Visit, _ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        defer { visit.isNew = false }
        switch visit.step {
        case .click:
            return click(&visit, stamp, &buffer)
        case .search:
            visit.query = UInt8(random.index(below: shop.market.queries.count))
            visit.hasSearched = true
            return shop.writeSearch(visit, results: random.index(below: 240), nextEvent(), stamp, &buffer)
        case .addToCart:
            let roll = random.roll()
            let quantity: UInt32 = roll < 8_000 ? 1 : roll < 9_500 ? 2 : 3
            guard visit.cart.add(visit.product, quantity) else {
                // No room in the cart: they look on.
                visit.step = .click
                return click(&visit, stamp, &buffer)
            }
            return shop.writeCart(visit, "add", visit.product, quantity, nextEvent(), stamp, &buffer)
        case .updateCart:
            let line = random.index(below: visit.cart.count)
            let quantity = visit.cart.quantities[line] % 3 + 1
            visit.cart.setQuantity(quantity, ofLine: line)
            return shop.writeCart(visit, "update", visit.cart.products[line], quantity, nextEvent(), stamp, &buffer)
        case .removeFromCart:
            let line = random.index(below: visit.cart.count)
            let (product, quantity) = (visit.cart.products[line], visit.cart.quantities[line])
            visit.cart.removeLine(line)
            return shop.writeCart(visit, "remove", product, quantity, nextEvent(), stamp, &buffer)
        case .wishlist:
            let takesOff = visit.wished != Visit.noProduct && random.roll() < 3_500
            if !takesOff { visit.wished = visit.product }
            let product = visit.wished
            if takesOff { visit.wished = Visit.noProduct }
            return shop.writeWishlist(visit, takesOff ? "remove" : "add", product, nextEvent(), stamp, &buffer)
        case .purchase:
            return purchase(visit, stamp, &buffer)
        }
    }

    private mutating func click(_ visit: inout Visit, _ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        if visit.kind.isFraud || visit.wanted != Visit.noProduct { lookFor(&visit) } else { look(&visit) }
        // Most look for a few seconds, few for more than a minute.
        let dwell = 400 + random.index(below: random.index(below: 90_000) + 1)
        return shop.writeClick(visit, dwell: dwell, nextEvent(), stamp, &buffer)
    }

    /// Chooses the product to look at, and how the customer came to it.
    @inline(__always)
    private mutating func look(_ visit: inout Visit) {
        visit.previousProduct = visit.product
        if visit.hasSearched {
            visit.hasSearched = false
            visit.origin = .search
            visit.product = shop.catalogue.draw(
                &random, category: UInt8(Int(visit.query) / shop.market.queriesPerCategory))
        } else if visit.product == Visit.noProduct {
            // The page that the advertisement or the search engine led to.
            visit.product = shop.catalogue.draw(&random)
        } else if random.roll() < 4_500 {
            visit.origin = .category
            visit.product = shop.catalogue.draw(&random, category: shop.catalogue[visit.product].category)
        } else {
            visit.origin = .product
            visit.product = shop.catalogue.draw(&random)
        }
    }
}
