/// What follows from a purchase: the bill, the order's way to the customer, and the shelves.
extension ShopSimulator {
    /// Fewer pieces than this on a shelf and it is filled up.
    private static let safetyStock: Int32 = 20

    /// Sells what is in the cart.
    mutating func purchase(_ visit: Visit, _ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        var coupon: Int?
        if random.roll() < shop.scenario.withCoupon, shop.coupons.count > 0 {
            coupon = random.index(below: shop.coupons.count)
        }
        let bill = bill(visit, coupon)
        var payment = (visit.isInStore ? shop.market.tillPaymentWeights : shop.market.paymentWeights).draw(&random)
        // Thieves have cards.
        if visit.kind == .cardTesting || visit.kind == .accountTakeover { payment = shop.market.card }
        orderCount &+= 1
        let event = nextEvent()
        let facts = shop.writePurchase(
            visit, order: orderCount, bill, coupon: coupon, payment: payment, buyer(visit, payment), event, stamp,
            &buffer)
        label(event, visit.kind)

        for line in 0..<visit.cart.count {
            sell(visit.cart.products[line], Int32(visit.cart.quantities[line]))
        }
        let order = Order(
            number: orderCount, customer: visit.customer, cart: visit.cart,
            warehouse: shop.catalogue[visit.cart.products[0]].warehouse,
            carrier: UInt8(random.index(below: shop.market.carriers.count)), isInStore: visit.isInStore,
            kind: visit.kind)
        let index: UInt32
        if let free = freeOrders.popLast() {
            index = free
            orders[Int(free)] = order
        } else {
            index = UInt32(orders.count)
            orders.append(order)
        }
        orderAgenda.add(index, due: turn &+ 1)
        return facts
    }

    /// What the purchase says of whoever makes it.
    private func buyer(_ visit: Visit, _ payment: Int) -> Buyer {
        let paysByToken = payment == shop.market.card || payment == shop.market.wallet
        if var buyer = visit.buyer {
            if !paysByToken { buyer.card = 0 }
            return buyer
        }
        let day = Buyers.day(of: turn, shop.settings)
        if visit.isInStore {
            return shop.buyers.buyer(atStore: visit.store, visit.customer, day: day, paysByToken: paysByToken)
        }
        return shop.buyers.buyer(
            visit.customer, order: orderCount, day: day, country: visit.country, isAway: visit.isAway,
            paysByToken: paysByToken)
    }

    /// What the cart comes to. Shares of a cent are rounded half up, once for the discount and once for the tax.
    private func bill(_ visit: Visit, _ coupon: Int?) -> Bill {
        var bill = Bill()
        for line in 0..<visit.cart.count {
            let quantity = visit.cart.quantities[line]
            bill.units += Int(quantity)
            bill.items += Int64(shop.catalogue[visit.cart.products[line]].priceCents) * Int64(quantity)
        }
        var isSentFree = visit.isInStore
        if let coupon {
            let terms = shop.scenario.coupons[coupon]
            bill.discount = (bill.items * Int64(terms.percentOff) + 50) / 100
            isSentFree = isSentFree || terms.freeShipping
        }
        let goods = bill.items - bill.discount
        if !isSentFree, goods < shop.market.freeShippingFrom { bill.shipping = shop.market.postage[Int(visit.country)] }
        bill.tax = (goods * shop.market.taxes[Int(visit.country)] + 5_000) / 10_000
        return bill
    }

    // MARK: - The order's way

    /// Moves the order that is due into its next state.
    mutating func advanceOrder(_ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        let index = orderAgenda.first
        let order = orders[Int(index)]
        let facts = shop.writeOrderStatus(order, nextEvent(), stamp, &buffer)
        orders[Int(index)].status = order.next
        if let (next, seconds) = future(of: order) {
            orders[Int(index)].next = next
            orderAgenda.postponeEarliest(to: turn &+ turns(around: seconds))
        } else {
            orderAgenda.removeEarliest()
            freeOrders.append(index)
            if order.next != .delivered { takeBack(order) }
        }
        return facts
    }

    /// What comes after the state that the order just reached, and after how many seconds in life.
    private mutating func future(of order: Order) -> (Order.Status, seconds: UInt64)? {
        // Half of the cancellations come before the payment, half after it.
        var cancelled = shop.scenario.cancelled / 2
        var returned = shop.scenario.returned
        switch order.kind {
        case .honest: if shop.scenario.fraudShare > 0, shop.buyers.isParticular(order.customer) { returned = 4_500 }
        case .cardTesting:
            // The bank declines within minutes.
            if order.next == .pending, random.roll() < 6_000 { return (.cancelled, 90) }
        case .accountTakeover: cancelled = 600
        case .refundAbuse: returned = 8_000
        case .botScalping: break
        }
        switch order.next {
        case .pending:
            if order.isInStore { return (.paid, 20) }
            return random.roll() < cancelled ? (.cancelled, 1_800) : (.paid, 180)
        case .paid:
            if order.isInStore { return (.delivered, 60) }
            return random.roll() < cancelled ? (.cancelled, 3_600) : (.packed, 7_200)
        case .packed:
            return (.shipped, 36_000)
        case .shipped:
            return (.delivered, 172_800)
        case .delivered:
            return random.roll() < returned ? (.returned, 432_000) : nil
        case .cancelled, .returned:
            return nil
        }
    }

    /// How many turns that many seconds in life take here: half to one and a half times as many, at least one.
    private mutating func turns(around seconds: UInt64) -> UInt64 {
        let percent = 50 + random.next(below: 101)
        let divisor = UInt64(shop.settings.fulfilmentSpeedup) * UInt64(shop.settings.rateSeconds) * 100
        return max(1, seconds * UInt64(shop.settings.rate) * percent / divisor)
    }

    // MARK: - The shelves

    /// Takes pieces off a shelf, which is filled up first where it would run low; so no shelf is ever below zero.
    private mutating func sell(_ product: UInt32, _ quantity: Int32) {
        if shelves[Int(product)] - quantity < ShopSimulator.safetyStock {
            let lot = 200 + Int32(random.index(below: 201))
            move(StockMove(product: product, change: lot, reason: .restock))
        }
        move(StockMove(product: product, change: -quantity, reason: .sale))
    }

    /// Puts the pieces of an order that was cancelled or returned back.
    private mutating func takeBack(_ order: Order) {
        for line in 0..<order.cart.count {
            let quantity = Int32(order.cart.quantities[line])
            let reason: StockMove.Reason = order.next == .cancelled ? .cancellation : .customerReturn
            move(StockMove(product: order.cart.products[line], change: quantity, reason: reason))
        }
    }

    private mutating func move(_ move: StockMove) {
        shelves[Int(move.product)] += move.change
        stockMoves.add(move)
    }

    /// Writes a stock move.
    mutating func write(_ move: StockMove, _ stamp: StampText, _ buffer: inout LineBuffer) -> LineFacts {
        if move.reason == .restock { lotCount &+= 1 }
        return shop.writeStock(move, lot: lotCount, nextEvent(), stamp, &buffer)
    }
}
