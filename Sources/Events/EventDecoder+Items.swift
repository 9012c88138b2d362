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

    /// Reads one item; what is wrong with it becomes the row's reason, the first one wins.
    private borrowing func item(
        _ cursor: inout JSONCursor, _ row: inout Row, _ batch: EventBatch, room: Bool
    ) -> Bool {
        guard cursor.p < cursor.end, cursor.p[0] == 0x7b else {
            note(RejectionReason(.wrongType, .items), &row)
            return cursor.skipValue()
        }
        cursor.p += 1
        var product: StringRef?
        var quantity: Int64?
        var price: Int64?
        var reason: RejectionReason?
        cursor.skipSpace()
        if !cursor.take(0x7d) {
            while true {
                cursor.skipSpace()
                guard let key = cursor.string() else { return false }
                cursor.skipSpace()
                guard cursor.take(0x3a) else { return false }
                cursor.skipSpace()
                guard cursor.p < cursor.end else { return false }
                let next = cursor.p[0]
                let numeric = next == 0x2d || next &- 48 < 10
                switch fieldOfKey(key, batch) {
                case .productID? where next == 0x22:
                    guard let string = cursor.string() else { return false }
                    product = resolved(string, batch)
                case .quantity? where numeric:
                    guard let number = cursor.number() else { return false }
                    quantity = number.isInteger ? DecimalText.integer(number.start, number.count) : nil
                    if quantity == nil { reason = reason ?? RejectionReason(.wrongType, .quantity) }
                case .unitPrice? where numeric:
                    guard let number = cursor.number() else { return false }
                    price = DecimalText.parse(number.start, number.count)
                    if price == nil { reason = reason ?? RejectionReason(.badMoney) }
                case .unitPrice? where next == 0x22:
                    guard let string = cursor.string() else { return false }
                    price = string.escaped ? nil : DecimalText.parse(string.start, string.count)
                    if price == nil { reason = reason ?? RejectionReason(.badMoney) }
                case .productID? where next != 0x6e, .quantity? where next != 0x6e, .unitPrice? where next != 0x6e:
                    reason = reason ?? RejectionReason(.wrongType, fieldOfKey(key, batch))
                    guard cursor.skipValue() else { return false }
                default:
                    guard cursor.skipValue() else { return false }
                }
                cursor.skipSpace()
                if cursor.take(0x2c) { continue }
                guard cursor.take(0x7d) else { return false }
                break
            }
        }
        if let reason {
            note(reason, &row)
        } else if let product, product.count > 0, let quantity, let price {
            if product.count > EventLimits.idBytes {
                note(RejectionReason(.wrongType, .productID), &row)
            } else if quantity < 1 || quantity > EventLimits.quantity {
                note(RejectionReason(.badQuantity), &row)
            } else if price < 0 {
                note(RejectionReason(.badMoney), &row)
            } else if !room {
                note(RejectionReason(.tooLarge), &row)
            } else {
                if batch.itemCount == batch.itemCapacity { batch.growItems() }
                batch.itemProducts[batch.itemCount] = product
                batch.itemQuantities[batch.itemCount] = Int32(truncatingIfNeeded: quantity)
                batch.itemPrices[batch.itemCount] = price
                batch.itemCount += 1
            }
        } else {
            let missing: EventField =
                product == nil || product?.count == 0 ? .productID : quantity == nil ? .quantity : .unitPrice
            note(RejectionReason(.missingField, missing), &row)
        }
        return true
    }

    private borrowing func note(_ reason: RejectionReason, _ row: inout Row) {
        row.itemsReason = row.itemsReason ?? reason
    }

    /// Whether the purchase's total differs from items − discount + shipping + tax by more than the tolerance.
    borrowing func totalMismatch(_ index: Int, _ batch: EventBatch) -> Bool {
        var sum: Int64 = 0
        for item in Int(batch.itemStarts[index])..<Int(batch.itemStarts[index] + batch.itemCounts[index]) {
            let (line, over) = batch.itemPrices[item].multipliedReportingOverflow(by: Int64(batch.itemQuantities[item]))
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
