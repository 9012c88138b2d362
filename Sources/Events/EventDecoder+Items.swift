extension EventDecoder {
    /// Reads the `items` list, whose bracket is next; false when the JSON itself is malformed.
    borrowing func items(_ cursor: inout JSONCursor, _ row: inout Row, _ batch: EventBatch) -> Bool {
        // A second `items` key replaces the first: the rows of the first stay behind unused until the batch is cleared.
        let first = batch.itemCount
        row.itemsReason = nil
        cursor.p += 1
        cursor.skipSpace()
        if !cursor.take(0x5d) {
            while true {
                cursor.skipSpace()
                guard item(&cursor, &row, batch, room: batch.itemCount - first < EventLimits.items) else {
                    return false
                }
                cursor.skipSpace()
                if cursor.take(0x2c) { continue }
                guard cursor.take(0x5d) else { return false }
                break
            }
        }
        let count = batch.itemCount - first
        if count == 0, row.itemsReason == nil { row.itemsReason = RejectionReason(.emptyItems) }
        batch.itemStarts[batch.count] = Int32(truncatingIfNeeded: first)
        batch.itemCounts[batch.count] = Int32(truncatingIfNeeded: count)
        row.present |= EventField.items.bit
        return true
    }

    /// One item as it was read so far: a key given twice counts with its last value, right or wrong.
    private struct Item {
        var product: StringRef?
        var quantity: Int64?
        var price: Int64?
        var productFault: RejectionReason?
        var quantityFault: RejectionReason?
        var priceFault: RejectionReason?

        var fault: RejectionReason? { productFault ?? quantityFault ?? priceFault }
    }

    /// Reads one item; what is wrong with it becomes the row's reason, the first one wins.
    private borrowing func item(
        _ cursor: inout JSONCursor, _ row: inout Row, _ batch: EventBatch, room: Bool
    ) -> Bool {
        guard cursor.p < cursor.end, cursor.p[0] == 0x7b else {
            note(RejectionReason(.wrongType, .items), &row)
            return cursor.skipValue()
        }
        cursor.p += 1
        var item = Item()
        cursor.skipSpace()
        if !cursor.take(0x7d) {
            while true {
                cursor.skipSpace()
                guard let key = cursor.string() else { return false }
                cursor.skipSpace()
                guard cursor.take(0x3a) else { return false }
                cursor.skipSpace()
                guard cursor.p < cursor.end, part(fieldOfKey(key, batch), &cursor, &item, batch) else { return false }
                cursor.skipSpace()
                if cursor.take(0x2c) { continue }
                guard cursor.take(0x7d) else { return false }
                break
            }
        }
        if let fault = item.fault ?? keep(item, batch, room: room) { note(fault, &row) }
        return true
    }

    /// Reads the value of one key of an item; false when the JSON itself is malformed.
    @inline(__always)
    private borrowing func part(
        _ field: EventField?, _ cursor: inout JSONCursor, _ item: inout Item, _ batch: EventBatch
    ) -> Bool {
        let next = cursor.p[0]
        let isNumber = next == 0x2d || next &- 48 < 10
        let isNull = next == 0x6e
        switch field {
        case .productID?:
            item.product = nil
            item.productFault = next == 0x22 || isNull ? nil : RejectionReason(.wrongType, .productID)
            guard next == 0x22 else { return cursor.skipValue() }
            guard let string = cursor.string() else { return false }
            item.product = EventDecoder.resolved(string, batch)
        case .quantity?:
            item.quantity = nil
            item.quantityFault = isNumber || isNull ? nil : RejectionReason(.wrongType, .quantity)
            guard isNumber else { return cursor.skipValue() }
            guard let number = cursor.number() else { return false }
            item.quantity = number.isInteger ? DecimalText.integer(number.start, number.count) : nil
            if item.quantity == nil { item.quantityFault = RejectionReason(.wrongType, .quantity) }
        case .unitPrice?:
            item.price = nil
            item.priceFault = isNumber || isNull || next == 0x22 ? nil : RejectionReason(.wrongType, .unitPrice)
            if next == 0x22 {
                guard let string = cursor.string() else { return false }
                item.price = string.escaped ? nil : DecimalText.parse(string.start, string.count)
            } else {
                guard isNumber else { return cursor.skipValue() }
                guard let number = cursor.number() else { return false }
                item.price = DecimalText.parse(number.start, number.count)
            }
            if item.price == nil { item.priceFault = RejectionReason(.badMoney) }
        default:
            return cursor.skipValue()
        }
        return true
    }

    /// Adds a whole item to the batch, or says what is missing or out of bounds.
    private borrowing func keep(_ item: Item, _ batch: EventBatch, room: Bool) -> RejectionReason? {
        guard let product = item.product, product.count > 0 else { return RejectionReason(.missingField, .productID) }
        guard let quantity = item.quantity else { return RejectionReason(.missingField, .quantity) }
        guard let price = item.price else { return RejectionReason(.missingField, .unitPrice) }
        guard product.count <= EventLimits.idBytes else { return RejectionReason(.wrongType, .productID) }
        guard quantity >= 1, quantity <= EventLimits.quantity else { return RejectionReason(.badQuantity) }
        guard price >= 0 else { return RejectionReason(.badMoney) }
        guard room else { return RejectionReason(.tooLarge) }
        if batch.itemCount == batch.fill.pointee.itemCapacity { batch.fill.pointee.growItems() }
        batch.fill.pointee.itemProducts[batch.itemCount] = product
        batch.fill.pointee.itemQuantities[batch.itemCount] = Int32(truncatingIfNeeded: quantity)
        batch.fill.pointee.itemPrices[batch.itemCount] = price
        batch.itemCount += 1
        return nil
    }

    private borrowing func note(_ reason: RejectionReason, _ row: inout Row) {
        row.itemsReason = row.itemsReason ?? reason
    }

    /// Whether the purchase's total differs from items − discount + shipping + tax by more than the tolerance.
    borrowing func totalMismatch(_ index: Int, _ batch: EventBatch) -> Bool {
        var sum: Int64 = 0
        for item in Int(batch.itemStarts[index])..<Int(batch.itemStarts[index] + batch.itemCounts[index]) {
            let (line, over) = batch.fill.pointee.itemPrices[item].multipliedReportingOverflow(
                by: Int64(batch.fill.pointee.itemQuantities[item]))
            let (total, overToo) = sum.addingReportingOverflow(line)
            if over || overToo { return true }
            sum = total
        }
        func amount(_ field: EventField) -> Int64 {
            batch.presence[index] & field.bit != 0 ? batch.moneys[field.moneyIndex * batch.capacity + index] : 0
        }
        let (parts, over) = sum.addingReportingOverflow(amount(.shipping) + amount(.tax) - amount(.discount))
        return over || (parts - amount(.totalAmount)).magnitude > UInt64(EventLimits.totalTolerance)
    }
}
