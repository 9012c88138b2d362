/// The events as JSON, field by field in the order of the contract.
extension Shop {
    func writeClick(_ visit: Visit, dwell: Int, _ event: UInt64, _ stamp: StampText, _ buffer: inout LineBuffer)
        -> LineFacts
    {
        buffer.addLine { line in
            begin(#"{"type":"click","event_id":""#, event, &line)
            writeWho(visit, &line)
            line.put(#"","product_id":""#)
            line.put(product: visit.product)
            writeTime(stamp, &line)
            line.put(#"","page":"/p/"#)
            line.put(product: visit.product)
            line.put(#"","referrer":""#)
            writeReferrer(visit, &line)
            writeChannel(visit, &line)
            writeStore(visit, &line)
            writeDevice(visit, &line)
            line.put(#"","country":""#)
            line.put(market.countries, Int(visit.country))
            if visit.campaign != Visit.noCampaign {
                line.put(#"","campaign":""#)
                line.put(campaigns, Int(visit.campaign))
            }
            line.put(#"","dwell_ms":"#)
            line.put(dwell)
            line.put(byte: 0x7d)
        }
        return facts(.click, visit)
    }

    func writeSearch(_ visit: Visit, results: Int, _ event: UInt64, _ stamp: StampText, _ buffer: inout LineBuffer)
        -> LineFacts
    {
        buffer.addLine { line in
            begin(#"{"type":"search","event_id":""#, event, &line)
            writeWho(visit, &line)
            writeTime(stamp, &line)
            line.put(#"","query":""#)
            line.put(market.queries, Int(visit.query))
            line.put(#"","results":"#)
            line.put(results)
            line.put(#","channel":""#)
            line.put(market.channels, Int(visit.channel.rawValue))
            writeDevice(visit, &line)
            line.put(#""}"#)
        }
        return facts(.search, visit)
    }

    func writeCart(
        _ visit: Visit, _ action: StaticString, _ product: UInt32, _ quantity: UInt32, _ event: UInt64,
        _ stamp: StampText, _ buffer: inout LineBuffer
    ) -> LineFacts {
        buffer.addLine { line in
            begin(#"{"type":"cart","event_id":""#, event, &line)
            writeWho(visit, &line)
            line.put(#"","product_id":""#)
            line.put(product: product)
            line.put(#"","quantity":"#)
            line.put(Int(quantity))
            line.put(#","ts":""#)
            line.put(stamp)
            line.put(#"","action":""#)
            line.put(action)
            line.put(#"","unit_price":"#)
            line.put(cents: Int64(catalogue[product].priceCents))
            line.put(#","currency":""#)
            line.put(currency, 0)
            writeChannel(visit, &line)
            line.put(#""}"#)
        }
        return facts(.cart, visit)
    }

    func writeWishlist(
        _ visit: Visit, _ action: StaticString, _ product: UInt32, _ event: UInt64, _ stamp: StampText,
        _ buffer: inout LineBuffer
    ) -> LineFacts {
        buffer.addLine { line in
            begin(#"{"type":"wishlist","event_id":""#, event, &line)
            writeWho(visit, &line)
            line.put(#"","product_id":""#)
            line.put(product: product)
            writeTime(stamp, &line)
            line.put(#"","action":""#)
            line.put(action)
            writeChannel(visit, &line)
            line.put(#""}"#)
        }
        return facts(.wishlist, visit)
    }

    func writePurchase(
        _ visit: Visit, order: UInt64, _ bill: Bill, coupon: Int?, payment: Int, _ buyer: Buyer, _ event: UInt64,
        _ stamp: StampText, _ buffer: inout LineBuffer
    ) -> LineFacts {
        buffer.addLine { line in
            begin(#"{"type":"purchase","event_id":""#, event, &line)
            writeWho(visit, &line)
            line.put(#"","items":["#)
            for index in 0..<visit.cart.count {
                line.put(index == 0 ? #"{"product_id":""# : #",{"product_id":""#)
                line.put(product: visit.cart.products[index])
                line.put(#"","quantity":"#)
                line.put(Int(visit.cart.quantities[index]))
                line.put(#","unit_price":"#)
                line.put(cents: Int64(catalogue[visit.cart.products[index]].priceCents))
                line.put(byte: 0x7d)
            }
            line.put(#"],"total_amount":"#)
            line.put(cents: bill.total)
            line.put(#","currency":""#)
            line.put(currency, 0)
            writeTime(stamp, &line)
            line.put(#"","order_id":"o-"#)
            identity.writeNumber(order, &line)
            line.put(#"","discount":"#)
            line.put(cents: bill.discount)
            line.put(#","shipping":"#)
            line.put(cents: bill.shipping)
            line.put(#","tax":"#)
            line.put(cents: bill.tax)
            if let coupon {
                line.put(#","coupon":""#)
                line.put(coupons, coupon)
                line.put(byte: 0x22)
            }
            line.put(#","payment_method":""#)
            line.put(market.payments, payment)
            writeChannel(visit, &line)
            writeStore(visit, &line)
            line.put(#"","country":""#)
            line.put(market.countries, Int(visit.country))
            writeDevice(visit, &line)
            write(buyer, &line)
            line.put(#""}"#)
        }
        var facts = facts(.purchase, visit)
        facts.bill = bill
        return facts
    }

    func writeOrderStatus(_ order: Order, _ event: UInt64, _ stamp: StampText, _ buffer: inout LineBuffer)
        -> LineFacts
    {
        buffer.addLine { line in
            begin(#"{"type":"order_status","event_id":""#, event, &line)
            line.put(#"","order_id":"o-"#)
            identity.writeNumber(order.number, &line)
            line.put(#"","user_id":""#)
            line.put(customer: order.customer)
            line.put(#"","status":""#)
            line.put(market.statuses, Int(order.next.rawValue))
            writeTime(stamp, &line)
            if let status = order.status {
                line.put(#"","previous_status":""#)
                line.put(market.statuses, Int(status.rawValue))
            }
            if !order.isInStore {
                switch order.next {
                case .packed, .shipped, .delivered, .returned:
                    line.put(#"","warehouse_id":""#)
                    line.put(market.warehouses, Int(order.warehouse))
                case .pending, .paid, .cancelled:
                    break
                }
                if order.next == .shipped || order.next == .delivered {
                    line.put(#"","carrier":""#)
                    line.put(market.carriers, Int(order.carrier))
                }
            }
            line.put(#""}"#)
        }
        return LineFacts(kind: .orderStatus)
    }

    func writeStock(_ move: StockMove, lot: UInt64, _ event: UInt64, _ stamp: StampText, _ buffer: inout LineBuffer)
        -> LineFacts
    {
        let product = catalogue[move.product]
        buffer.addLine { line in
            begin(#"{"type":"stock","event_id":""#, event, &line)
            line.put(#"","product_id":""#)
            line.put(product: move.product)
            line.put(#"","warehouse_id":""#)
            line.put(market.warehouses, Int(product.warehouse))
            line.put(#"","change":"#)
            line.put(Int(move.change))
            line.put(#","ts":""#)
            line.put(stamp)
            switch move.reason {
            case .sale: line.put(#"","reason":"sale"}"#)
            case .cancellation: line.put(#"","reason":"cancellation"}"#)
            case .customerReturn: line.put(#"","reason":"return"}"#)
            case .restock:
                line.put(#"","reason":"restock","unit_cost":"#)
                // The shop buys at 60 % of what it sells for.
                line.put(cents: Int64(product.priceCents) * 60 / 100)
                line.put(#","lot_id":"l-"#)
                identity.writeNumber(lot, &line)
                line.put(#""}"#)
            }
        }
        return LineFacts(kind: .stock)
    }

    // MARK: - Fields. Each begins by closing the string before it and leaves its own open.

    @inline(__always)
    func begin(_ text: StaticString, _ event: UInt64, _ line: inout LineWriter) {
        line.put(text)
        identity.writeEvent(event, &line)
    }

    @inline(__always)
    private func writeWho(_ visit: Visit, _ line: inout LineWriter) {
        line.put(#"","user_id":""#)
        line.put(customer: visit.customer)
        line.put(#"","session_id":"s-"#)
        identity.writeNumber(visit.number, &line)
    }

    @inline(__always)
    private func writeTime(_ stamp: StampText, _ line: inout LineWriter) {
        line.put(#"","ts":""#)
        line.put(stamp)
    }

    @inline(__always)
    private func writeChannel(_ visit: Visit, _ line: inout LineWriter) {
        line.put(#"","channel":""#)
        line.put(market.channels, Int(visit.channel.rawValue))
    }

    @inline(__always)
    private func writeStore(_ visit: Visit, _ line: inout LineWriter) {
        guard visit.isInStore else { return }
        line.put(#"","store_id":""#)
        line.put(market.stores, Int(visit.store))
    }

    @inline(__always)
    private func writeDevice(_ visit: Visit, _ line: inout LineWriter) {
        line.put(#"","device":""#)
        line.put(market.devices, Int(visit.device))
    }

    /// Who buys, as far as the purchase says it.
    private func write(_ buyer: Buyer, _ line: inout LineWriter) {
        line.put(#"","ip":"10."#)
        line.put(Int(buyer.ip >> 16 & 255))
        line.put(byte: 0x2e)
        line.put(Int(buyer.ip >> 8 & 255))
        line.put(byte: 0x2e)
        line.put(Int(buyer.ip & 255))
        if buyer.card != 0 {
            line.put(#"","card":"c-"#)
            line.put(hex: buyer.card, digits: 16)
        }
        if buyer.address != 0 {
            line.put(#"","address":"a-"#)
            line.put(hex: buyer.address, digits: 16)
        }
        line.put(#"","device_id":"d-"#)
        line.put(hex: buyer.device, digits: 16)
    }

    @inline(__always)
    private func writeReferrer(_ visit: Visit, _ line: inout LineWriter) {
        switch visit.origin {
        case .outside:
            if visit.isInStore { return }
            line.put(market.referrers, Int(visit.referrer))
        case .campaign:
            line.put(campaignReferrers, Int(visit.campaign))
        case .search:
            line.put("/search?q=")
            line.put(market.queryAddresses, Int(visit.query))
        case .category:
            line.put("/c/")
            line.put(market.categories, Int(catalogue[visit.product].category))
        case .product:
            line.put("/p/")
            line.put(product: visit.previousProduct)
        }
    }

    @inline(__always)
    private func facts(_ kind: SimulatedKind, _ visit: Visit) -> LineFacts {
        LineFacts(kind: kind, channel: visit.channel, opensSession: visit.isNew)
    }
}
