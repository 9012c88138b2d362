internal import CBytes

extension EventDecoder {
    /// Reads a purchase's items, whose bracket is at `p`, into the rows from `itemCount` on. Returns the position
    /// behind the closing bracket; nil when they are not of the common layout or not all acceptable.
    @inline(never)
    borrowing func fastItems(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ itemCount: inout Int, _ batch: EventBatch
    ) -> UnsafePointer<UInt8>? {
        guard p < end, p[0] == 0x5b else { return nil }
        let most = itemCount + EventLimits.items
        var p = p + 1
        var next = itemCount
        while true {
            guard p < end, p[0] == 0x7b, next < most else { return nil }
            if next == batch.fill.pointee.itemCapacity { batch.fill.pointee.growItems() }
            guard let after = fastItem(p + 1, end, next, batch) else { return nil }
            next += 1
            p = after
            if p[0] == 0x2c {
                p += p[1] == 0x20 ? 2 : 1
                continue
            }
            guard p[0] == 0x5d else { return nil }
            itemCount = next
            return p + 1
        }
    }

    /// Reads the item whose first key's quote is at `p` into a row. Returns the position behind its brace.
    @inline(__always)
    private borrowing func fastItem(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ row: Int, _ batch: EventBatch
    ) -> UnsafePointer<UInt8>? {
        let guesses = order.pointee.row(FieldOrder.items)
        let needed = EventField.productID.bit | EventField.quantity.bit | EventField.unitPrice.bit
        var seen: FieldSet = 0
        var previous = FieldOrder.start
        var p = start
        while true {
            guard p < end, p[0] == 0x22 else { return nil }
            let raw = UnsafeRawPointer(p)
            let first = raw.loadUnaligned(fromByteOffset: 1, as: UInt64.self)
            let second = raw.loadUnaligned(fromByteOffset: 9, as: UInt64.self)
            var field = Int(guesses[previous])
            var shape = tables.shapes + field
            if (first ^ shape.pointee.first) & shape.pointee.firstMask
                | (second ^ shape.pointee.second) & shape.pointee.secondMask != 0
            {
                let length = cbytes_scan_ascii_string(p + 1)
                guard let entry = tables.fields.entry(p + 1, length), p[length + 1] == 0x22,
                    needed & (1 &<< UInt64(entry.pointee.value)) != 0
                else {
                    // Other fields mean nothing in an item.
                    guard let next = EventDecoder.skipUnknown(p, end, tables) else { return nil }
                    p = next
                    if p[0] == 0x22 { continue }
                    p += 1
                    break
                }
                field = Int(entry.pointee.value)
                shape = tables.shapes + field
                guesses[previous] = entry.pointee.value
            }
            p += shape.pointee.keyBytes
            guard p[0] == 0x3a else { return nil }
            p += p[1] == 0x20 ? 2 : 1
            let bit: FieldSet = 1 &<< UInt64(truncatingIfNeeded: field)
            guard seen & bit == 0 else { return nil }
            seen |= bit
            previous = field
            if bit == EventField.productID.bit {
                guard p[0] == 0x22, let next = EventDecoder.string(p, end, batch.fill.pointee.itemProducts + row, batch) else {
                    return nil
                }
                guard batch.fill.pointee.itemProducts[row].count &- 1 < EventLimits.idBytes, batch.fill.pointee.itemProducts[row].count >= 1
                else { return nil }
                p = next
            } else if bit == EventField.quantity.bit {
                let digits = Digits(p)
                guard digits.isShort, p[0] != 0x30, digits.number <= EventLimits.quantity else {
                    return nil
                }
                batch.fill.pointee.itemQuantities[row] = Int32(truncatingIfNeeded: digits.number)
                p += digits.count
            } else {
                guard let next = EventDecoder.money(p, end, batch.fill.pointee.itemPrices + row) else { return nil }
                p = next
            }
            if p[0] == 0x2c {
                p += p[1] == 0x20 ? 2 : 1
                continue
            }
            guard p[0] == 0x7d else { return nil }
            p += 1
            break
        }
        return seen == needed ? p : nil
    }
}
