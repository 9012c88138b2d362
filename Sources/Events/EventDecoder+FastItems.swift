import CBytes

extension EventDecoder {
    /// Reads a purchase's items, whose bracket is at `p`, into the rows from `itemCount` on. Returns the position
    /// behind the closing bracket and the new count; nil when they are not of the common layout or not all acceptable.
    @inline(never)
    borrowing func fastItems(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ itemCount: Int, _ batch: EventBatch
    ) -> (next: UnsafePointer<UInt8>, count: Int)? {
        guard p[0] == 0x5b else { return nil }
        let most = itemCount + EventLimits.items
        var p = p + 1
        var row = itemCount
        while true {
            guard p < end, row < most else { return nil }
            if row == batch.fill.pointee.itemCapacity { batch.fill.pointee.growItems() }
            guard let behind = fastItem(p, end, row, batch) else { return nil }
            row += 1
            p = behind
            if p[0] == 0x2c {
                p += p[1] == 0x20 ? 2 : 1
                continue
            }
            return p[0] == 0x5d ? (p + 1, row) : nil
        }
    }

    /// Reads the item whose brace is at `start` into a row. Returns the position behind its closing brace.
    @inline(__always)
    private borrowing func fastItem(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ row: Int, _ batch: EventBatch
    ) -> UnsafePointer<UInt8>? {
        let guesses = order.pointee.row(FieldOrder.items)
        var seen: FieldSet = 0
        var sum: FieldSet = 0
        var previous = FieldOrder.start
        var p = start
        while p < end {
            let guess = guesses + previous
            var template = tables.pointee.templates + Int(guess.pointee & 0xffff)
            var next = p + Int(template.pointee.count)
            // A number's template ends at the colon: a space behind it belongs to another one.
            if !EventDecoder.matches(p, template) || next[0] == 0x20 && template.pointee.value != .id {
                if p[0] == 0x7d { break }
                let key = otherKey(p, end, guess, first: p == start)
                guard let behind = key.next else { return nil }
                guard let other = key.template else {
                    p = behind
                    if previous == FieldOrder.start { previous = FieldOrder.unknown }
                    continue
                }
                template = other
                next = behind
            }
            let bit = template.pointee.bit
            seen |= bit
            sum &+= bit
            previous = Int(template.pointee.field)
            switch template.pointee.value {
            case .id where bit == EventField.productID.bit:
                let column = batch.fill.pointee.itemProducts + row
                let length = cbytes_scan_ascii_string(next)
                if next[length] == 0x22 {
                    column.initialize(to: StringRef(next, length))
                    p = next + (length &+ 1)
                } else {
                    guard let behind = EventDecoder.otherString(next, end, column, batch) else { return nil }
                    p = behind
                }
                guard UInt(bitPattern: column.pointee.count &- 1) < UInt(EventLimits.idBytes) else { return nil }
            case .integer where bit == EventField.quantity.bit:
                let digits = Digits(next)
                guard digits.isShort, next[0] != 0x30, digits.number <= EventLimits.quantity else { return nil }
                batch.fill.pointee.itemQuantities[row] = Int32(truncatingIfNeeded: digits.number)
                p = next + digits.count
            case .money where bit == EventField.unitPrice.bit:
                guard let behind = EventDecoder.money(next, end, batch.fill.pointee.itemPrices + row) else {
                    return nil
                }
                p = behind
            default:
                // Other fields mean nothing in an item, and are rare there.
                return nil
            }
        }
        let needed = EventField.productID.bit | EventField.quantity.bit | EventField.unitPrice.bit
        return p < end && seen == needed && sum == needed ? p + 1 : nil
    }
}
