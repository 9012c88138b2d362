internal import CBytes

/// The fast path: reads the common layout of an event straight into the batch's columns and decides nothing else.
///
/// It takes an event without white space, or with one space after `:` and `,`, in any order of the keys. At the first
/// thing it does not like (a value out of bounds or of the wrong type, a key given twice, a missing field, malformed
/// JSON) it gives up, and the general path decides from scratch. So it only ever accepts, and every rejection has one
/// source. What it accepts, the general path accepts with the same columns.
extension EventDecoder {
    /// Decodes the event as a row of the batch if it is of the common layout; false when it is not, and the batch is
    /// as before.
    package borrowing func decodeFast(_ start: UnsafePointer<UInt8>, count: Int, into batch: EventBatch) -> Bool {
        let end = start + count
        let index = batch.count
        let capacity = batch.capacity
        let strings = batch.strings + index
        let integers = batch.integers + index
        let moneys = batch.moneys + index
        let shapes = tables.shapes
        var guesses = order.pointee.row(FieldOrder.untyped)
        var previous = FieldOrder.start
        var seen: FieldSet = 0
        var present: FieldSet = 0
        var type = -1
        var action: UInt8 = 0
        var itemCount = batch.itemCount

        guard count >= 2, start[0] == 0x7b else { return false }
        var p = start + 1
        // The loop's body is entered with `p` before the end, and reads at most 60 bytes on before it looks again,
        // unless a string goes further: that one ends at the zero bytes behind the buffer at the latest.
        while true {
            guard p[0] == 0x22 else { return false }
            let raw = UnsafeRawPointer(p)
            let first = raw.loadUnaligned(fromByteOffset: 1, as: UInt64.self)
            let second = raw.loadUnaligned(fromByteOffset: 9, as: UInt64.self)
            var field = Int(guesses[previous])
            var shape = shapes + field
            if (first ^ shape.pointee.first) & shape.pointee.firstMask
                | (second ^ shape.pointee.second) & shape.pointee.secondMask != 0
            {
                let length = cbytes_scan_ascii_string(p + 1)
                guard let entry = tables.fields.entry(p + 1, length), p[length + 1] == 0x22 else {
                    guard let next = EventDecoder.skipUnknown(p, end, tables) else { return false }
                    p = next
                    if p[0] == 0x7d {
                        p += 1
                        break
                    }
                    continue
                }
                field = Int(entry.pointee.value)
                shape = shapes + field
                guesses[previous] = entry.pointee.value
            }
            p += shape.pointee.keyBytes
            guard p[0] == 0x3a else { return false }
            p += p[1] == 0x20 ? 2 : 1
            let bit: FieldSet = 1 &<< UInt64(truncatingIfNeeded: field)
            guard seen & bit == 0 else { return false }
            seen |= bit
            previous = field

            switch shape.pointee.kind {
            case .id, .text:
                let column = strings + shape.pointee.column &* capacity
                guard p[0] == 0x22 else {
                    guard let next = EventDecoder.null(p) else { return false }
                    p = next
                    break
                }
                guard let next = EventDecoder.string(p, end, column, batch) else { return false }
                p = next
                let length = Int64(column.pointee.count)
                guard length <= shape.pointee.most else { return false }
                // An empty id is as good as none.
                present |= length >= shape.pointee.least ? bit : 0
            case .word:
                let column = strings + shape.pointee.column &* capacity
                guard p[0] == 0x22 else {
                    guard let next = EventDecoder.null(p) else { return false }
                    p = next
                    break
                }
                let length = cbytes_scan_ascii_string(p + 1)
                guard p[length + 1] == 0x22, let word = tables.words.entry(p + 1, length),
                    word.pointee.lists & shape.pointee.lists != 0
                else { return false }
                if shape.pointee.lists == DecodingTables.WordList.action { action = word.pointee.lists }
                column.initialize(to: StringRef(p + 1, length))
                p += length &+ 2
                present |= bit
            case .currency:
                let column = strings + shape.pointee.column &* capacity
                guard p[0] == 0x22 else {
                    guard let next = EventDecoder.null(p) else { return false }
                    p = next
                    break
                }
                guard p[4] == 0x22, Currency.isKnown(p[1], p[2], p[3], in: tables.currencies) else { return false }
                column.initialize(to: StringRef(p + 1, 3))
                p += 5
                present |= bit
            case .integer:
                let digits = Digits(p)
                if digits.isShort, p[0] != 0x30 || digits.count == 1 {
                    let value = digits.number
                    guard value <= shape.pointee.most else { return false }
                    integers[shape.pointee.column &* capacity] = value
                    p += digits.count
                    present |= bit
                } else {
                    if let next = EventDecoder.null(p) {
                        p = next
                        break
                    }
                    guard let (value, next) = EventDecoder.longInteger(p, end), value >= shape.pointee.least,
                        value <= shape.pointee.most
                    else { return false }
                    integers[shape.pointee.column &* capacity] = value
                    p = next
                    present |= bit
                }
            case .money:
                guard let next = EventDecoder.money(p, end, moneys + shape.pointee.column &* capacity) else {
                    guard let next = EventDecoder.null(p) else { return false }
                    p = next
                    break
                }
                p = next
                present |= bit
            case .timestamp:
                guard let next = timestamp(p, end, batch.timestamps + index) else { return false }
                p = next
                let instant = batch.timestamps[index]
                guard instant >= EventLimits.earliestMicroseconds, instant <= latest else { return false }
                present |= bit
            case .items:
                batch.itemStarts[index] = Int32(truncatingIfNeeded: itemCount)
                guard let next = fastItems(p, end, &itemCount, batch) else { return false }
                p = next
                batch.itemCounts[index] = Int32(truncatingIfNeeded: itemCount) &- batch.itemStarts[index]
                present |= bit
            case .type:
                guard p[0] == 0x22 else { return false }
                let length = cbytes_scan_ascii_string(p + 1)
                guard p[length + 1] == 0x22, let word = tables.words.entry(p + 1, length),
                    word.pointee.lists & DecodingTables.WordList.type != 0
                else { return false }
                type = Int(word.pointee.value)
                guesses = order.pointee.row(type)
                p += length &+ 2
            }

            if p[0] == 0x2c {
                p += p[1] == 0x20 ? 2 : 1
                guard p < end else { return false }
            } else {
                guard p[0] == 0x7d else { return false }
                p += 1
                break
            }
        }

        guard p == end, type >= 0, tables.required[type] & ~present == 0 else { return false }
        present &= tables.known[type]
        var mismatch = false
        switch EventType(rawValue: UInt8(truncatingIfNeeded: type)) {
        case .cart?:
            // Nothing is a quantity only where the action does not add.
            if integers[EventField.quantity.integerIndex &* capacity] == 0,
                action == 0 || action & DecodingTables.WordList.adding != 0
            {
                return false
            }
            guard action == 0 || action & DecodingTables.WordList.cartAction != 0 else { return false }
        case .wishlist?:
            guard action & DecodingTables.WordList.wishlistAction != 0 else { return false }
        case .purchase?:
            batch.presence[index] = present
            mismatch = totalMismatch(index, batch)
        default:
            break
        }
        batch.types[index] = UInt8(truncatingIfNeeded: type)
        batch.presence[index] = present
        batch.raws[index] = StringRef(start, count)
        batch.warnings[index] = mismatch
        batch.itemCount = itemCount
        batch.count = index &+ 1
        return true
    }

    // MARK: - Values. Each returns the position behind the value, or nil when it is none of the common layout.

    /// Reads a string, whose opening quote is at `p`, into a column.
    @inline(__always)
    static func string(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<StringRef>,
        _ batch: EventBatch
    ) -> UnsafePointer<UInt8>? {
        let length = cbytes_scan_ascii_string(p + 1)
        guard p[length &+ 1] == 0x22 else { return otherString(p, end, column, batch) }
        column.initialize(to: StringRef(p + 1, length))
        return p + (length &+ 2)
    }

    /// Reads a string with escapes or other characters than ASCII as the general path does.
    @inline(never)
    private static func otherString(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<StringRef>,
        _ batch: EventBatch
    ) -> UnsafePointer<UInt8>? {
        guard p < end else { return nil }
        var cursor = JSONCursor(p, count: end - p)
        guard let string = cursor.string(), UTF8Validity.isValid(string.start, count: string.count) else { return nil }
        column.initialize(to: resolved(string, batch))
        return cursor.p
    }

    @inline(__always)
    static func null(_ p: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        // "null" as a little-endian word.
        UInt32(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt32.self)) == 0x6c6c_756e ? p + 4 : nil
    }

    /// Reads an integer of any length and sign.
    @inline(never)
    static func longInteger(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
    ) -> (value: Int64, next: UnsafePointer<UInt8>)? {
        guard p < end else { return nil }
        var cursor = JSONCursor(p, count: end - p)
        guard let number = cursor.number(), number.isInteger,
            let value = DecimalText.integer(number.start, number.count)
        else { return nil }
        return (value, cursor.p)
    }

    /// Reads an amount of money that is not negative, a number or a string.
    @inline(__always)
    static func money(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        let quote = p[0] == 0x22 ? 1 : 0
        let digits = Digits(p + quote)
        guard digits.isShort else { return longMoney(p, end, column) }
        // A number may not begin with more zeros than one; a string may.
        guard p[0] != 0x30 || digits.count == 1 else { return nil }
        var amount = digits.number &* 10_000
        var next = p + (quote &+ digits.count)
        if next[0] == 0x2e {
            let places = Digits(next + 1)
            guard places.count >= 1, places.count <= 4 else { return nil }
            amount &+= places.tenThousandths
            next += places.count &+ 1
        }
        if quote != 0 {
            guard next[0] == 0x22 else { return nil }
            next += 1
        }
        column.pointee = amount
        return next
    }

    @inline(never)
    private static func longMoney(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        guard p < end else { return nil }
        var cursor = JSONCursor(p, count: end - p)
        let amount: Int64?
        if p[0] == 0x22 {
            guard let string = cursor.string(), !string.escaped else { return nil }
            amount = DecimalText.parse(string.start, string.count)
        } else {
            guard let number = cursor.number() else { return nil }
            amount = DecimalText.parse(number.start, number.count)
        }
        guard let amount, amount >= 0 else { return nil }
        column.pointee = amount
        return cursor.p
    }

    /// Reads an instant into `column`.
    @inline(__always)
    private borrowing func timestamp(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        let text = p + 1
        let raw = UnsafeRawPointer(text)
        let first = raw.loadUnaligned(as: UInt64.self)
        let second = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        guard p[0] == 0x22, (first ^ order.pointee.minuteFirst) | (second ^ order.pointee.minuteSecond) == 0 else {
            return otherTimestamp(p, end, column)
        }
        let tens = text[17] &- 48
        let units = text[18] &- 48
        let seconds = Int64(tens) &* 10 &+ Int64(units)
        guard text[16] == 0x3a, tens < 10, units < 10, seconds <= 60 else { return nil }
        var zone = text + 19
        var micros: Int64 = 0
        if zone[0] == 0x2e {
            let fraction = Digits(zone + 1)
            guard fraction.isShort else { return otherTimestamp(p, end, column) }
            micros = fraction.millionths
            zone += fraction.count &+ 1
        }
        guard zone[0] == 0x5a, zone[1] == 0x22 else { return otherTimestamp(p, end, column) }
        column.pointee = order.pointee.minute &+ seconds &* Timestamp.second &+ micros
        return zone + 2
    }

    /// Reads an instant in any form, and remembers its minute.
    @inline(never)
    private borrowing func otherTimestamp(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        guard p < end else { return nil }
        guard p[0] == 0x22 else {
            guard let (value, next) = EventDecoder.longInteger(p, end) else { return nil }
            let (micros, over) = value.multipliedReportingOverflow(by: 1_000)
            guard !over else { return nil }
            column.pointee = micros
            return next
        }
        var cursor = JSONCursor(p, count: end - p)
        guard let string = cursor.string(), !string.escaped,
            let instant = Timestamp.parse(string.start, count: string.count),
            let minutes = Timestamp.minutes(string.start)
        else { return nil }
        let raw = UnsafeRawPointer(string.start)
        order.pointee.minuteFirst = raw.loadUnaligned(as: UInt64.self)
        order.pointee.minuteSecond = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        order.pointee.minute = minutes &* Timestamp.minute
        column.pointee = instant
        return cursor.p
    }

    /// Steps over a key that names no field, whose opening quote is at `p`, and its value. Returns the position of the
    /// next key's opening quote or of the closing brace; nil when what stands there is anything else, or is malformed.
    @inline(never)
    static func skipUnknown(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ tables: DecodingTables
    ) -> UnsafePointer<UInt8>? {
        guard p < end else { return nil }
        var cursor = JSONCursor(p, count: end - p)
        // A key with escapes may name a field.
        guard let key = cursor.string(), !key.escaped else { return nil }
        cursor.skipSpace()
        guard cursor.take(0x3a), cursor.skipValue() else { return nil }
        guard UTF8Validity.isValid(p, count: cursor.p - p) else { return nil }
        cursor.skipSpace()
        if cursor.take(0x2c) {
            cursor.skipSpace()
            return cursor.p < end && cursor.p[0] == 0x22 ? cursor.p : nil
        }
        return cursor.p < end && cursor.p[0] == 0x7d ? cursor.p : nil
    }
}
