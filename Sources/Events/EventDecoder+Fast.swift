import CBytes

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
        let templates = tables.pointee.templates
        var guesses = order.pointee.row(FieldOrder.untyped)
        var previous = FieldOrder.start
        // A key given twice makes the sum of the bits another number than their union.
        var seen: FieldSet = 0
        var sum: FieldSet = 0
        var absent: FieldSet = 0
        var type = -1
        var action: UInt8 = 0
        var itemCount = batch.itemCount

        var p = start
        let last = end - 1
        // `p` is at the brace or the comma before a key, and the closing brace is not there before the last byte. Each
        // turn reads at most 60 bytes on before it is compared with the end again, unless a string goes further: that
        // one ends at the zero bytes behind the buffer at the latest.
        members: while p < last {
            let guess = guesses + previous
            let guessed = guess.pointee
            var templateIndex = Int(guessed & 0xffff)
            var template = templates + templateIndex
            var next = p + Int(template.pointee.count)
            if !EventDecoder.matches(p, template) {
                templateIndex = Int(guessed &>> 16)
                template = templates + templateIndex
                next = p + Int(template.pointee.count)
                if !EventDecoder.matches(p, template) {
                    let key = otherKey(p, end, guess, first: p == start)
                    guard let behind = key.next else { return false }
                    guard let other = key.template else {
                        p = behind
                        if previous == FieldOrder.start { previous = FieldOrder.unknown }
                        continue
                    }
                    template = other
                    next = behind
                    templateIndex = other - templates
                }
            }
            let bit = template.pointee.bit
            seen |= bit
            sum &+= bit
            previous = templateIndex &>> KeyTemplate.indexBits

            while true {
                switch template.pointee.value {
                case .id:
                    let column = strings + Int(template.pointee.column) &* capacity
                    var length = cbytes_scan_word(next)
                    if next[length] == 0x22 {
                        column.initialize(to: StringRef(next, length))
                        p = next + (length &+ 1)
                    } else {
                        guard let behind = EventDecoder.otherString(next, end, column, batch) else { return false }
                        p = behind
                        length = column.pointee.count
                    }
                    if UInt(bitPattern: length &- 1) >= UInt(EventLimits.idBytes) {
                        // An empty id is as good as none.
                        guard length == 0 else { return false }
                        absent |= bit
                    }
                    continue members
                case .text:
                    let column = strings + Int(template.pointee.column) &* capacity
                    let length = cbytes_scan_ascii_string(next)
                    if next[length] == 0x22 {
                        column.initialize(to: StringRef(next, length))
                        p = next + (length &+ 1)
                    } else {
                        guard let behind = EventDecoder.otherString(next, end, column, batch) else { return false }
                        p = behind
                    }
                    continue members
                case .word:
                    guard let word = tables.pointee.words.quoted(next),
                        word.pointee.lists & template.pointee.lists != 0
                    else { return false }
                    if bit == EventField.action.bit { action = word.pointee.lists }
                    let length = Int(word.pointee.count)
                    (strings + Int(template.pointee.column) &* capacity).initialize(to: StringRef(next, length))
                    p = next + (length &+ 1)
                    continue members
                case .currency:
                    guard next[3] == 0x22, Currency.isKnown(next[0], next[1], next[2], in: tables.pointee.currencies)
                    else { return false }
                    (strings + Int(template.pointee.column) &* capacity).initialize(to: StringRef(next, 3))
                    p = next + 4
                    continue members
                case .type:
                    guard let word = tables.pointee.words.quoted(next), word.pointee.lists & WordList.type != 0
                    else { return false }
                    type = Int(word.pointee.type)
                    guesses = order.pointee.row(type)
                    p = next + (Int(word.pointee.count) &+ 1)
                    continue members
                case .timestamp:
                    guard let behind = timestamp(next, end, batch.timestamps + index) else { return false }
                    p = behind
                    let instant = batch.timestamps[index]
                    guard instant >= EventLimits.earliestMicroseconds, instant <= latest else { return false }
                    continue members
                case .integer:
                    let digits = Digits(next)
                    let column = integers + Int(template.pointee.column) &* capacity
                    if digits.isShort, next[0] != 0x30 || digits.count == 1 {
                        let value = digits.number
                        guard value <= template.pointee.most else { return false }
                        column.pointee = value
                        p = next + digits.count
                    } else {
                        guard EventDecoder.beginsNumber(next) else { break }
                        guard let behind = EventDecoder.otherInteger(next, end, template, column) else { return false }
                        p = behind
                    }
                    continue members
                case .money:
                    guard EventDecoder.beginsNumber(next) || next[0] == 0x22 else { break }
                    guard let behind = EventDecoder.money(next, end, moneys + Int(template.pointee.column) &* capacity)
                    else { return false }
                    p = behind
                    continue members
                case .epoch:
                    guard EventDecoder.beginsNumber(next) else { break }
                    guard let behind = EventDecoder.epoch(next, end, batch.timestamps + index) else { return false }
                    p = behind
                    let instant = batch.timestamps[index]
                    guard instant >= EventLimits.earliestMicroseconds, instant <= latest else { return false }
                    continue members
                case .items:
                    guard next[0] == 0x5b else { break }
                    batch.itemStarts[index] = Int32(truncatingIfNeeded: itemCount)
                    guard let items = fastItems(next, end, itemCount, batch) else { return false }
                    p = items.next
                    batch.itemCounts[index] = Int32(truncatingIfNeeded: items.count &- itemCount)
                    itemCount = items.count
                    continue members
                case .null:
                    absent |= bit
                    p = next
                    continue members
                }
                // The guess was right as far as it went, which is not far enough: behind the colon of a number's
                // template stand a space, null or a string.
                let key = otherKey(p, end, guess, first: p == start)
                guard let behind = key.next, let other = key.template, other != template else { return false }
                template = other
                next = behind
            }
        }
        guard p == last, p[0] == 0x7d, seen == sum, type >= 0 else { return false }
        var present = seen & ~absent
        guard tables.pointee.required[type] & ~present == 0 else { return false }
        present &= tables.pointee.known[type]
        batch.presence[index] = present
        var mismatch = false
        if type == Int(EventType.cart.rawValue) {
            // Nothing is a quantity only where the action does not add.
            guard action == 0 || action & WordList.cartAction != 0,
                integers[EventField.quantity.integerIndex &* capacity] != 0
                    || action != 0 && action & WordList.adding == 0
            else { return false }
        } else if type == Int(EventType.wishlist.rawValue) {
            guard action & WordList.wishlistAction != 0 else { return false }
        } else if type == Int(EventType.purchase.rawValue) {
            mismatch = totalMismatch(index, batch)
        }
        batch.types[index] = UInt8(truncatingIfNeeded: type)
        batch.raws[index] = StringRef(start, count)
        batch.warnings[index] = mismatch
        batch.itemCount = itemCount
        batch.count = index &+ 1
        return true
    }

    // MARK: - Keys

    /// Whether the template's bytes stand at `p`.
    @inline(__always)
    static func matches(_ p: UnsafePointer<UInt8>, _ template: UnsafePointer<KeyTemplate>) -> Bool {
        let mask = template.pointee.mask
        return cbytes_is_token(p, template, mask & 0xffff) != 0
            && (mask <= 0xffff || cbytes_is_token(p + 16, UnsafeRawPointer(template) + 16, mask >> 16) != 0)
    }

    /// What was found where another key was guessed: the template of a field and where its value begins; or, for a
    /// key that names no field, no template and where its value ends. Neither when it is not of the common layout.
    struct OtherKey {
        var template: UnsafePointer<KeyTemplate>?
        var next: UnsafePointer<UInt8>?
    }

    /// Reads the separator and the key at `p` when they are not the ones guessed, and learns the new ones.
    @inline(never)
    borrowing func otherKey(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ guess: UnsafeMutablePointer<UInt32>, first: Bool
    ) -> OtherKey {
        guard p[0] == (first ? 0x7b : 0x2c) else { return OtherKey() }
        let quote = p + (p[1] == 0x20 ? 2 : 1)
        guard quote[0] == 0x22 else { return OtherKey() }
        let length = cbytes_near_quote(quote + 1)
        guard let entry = tables.pointee.fields.entry(quote + 1, length),
            let field = EventField(rawValue: entry.pointee.value)
        else { return OtherKey(template: nil, next: EventDecoder.skipUnknown(quote, end)) }
        let colon = quote + (length &+ 2)
        guard colon[0] == 0x3a else { return OtherKey() }
        let spacing = KeyTemplate.spacing(comma: p[1] == 0x20, colon: colon[1] == 0x20)
        let value = colon + (colon[1] == 0x20 ? 2 : 1)
        let form: KeyTemplate.Form
        var next = value
        switch KeyTemplate.value(of: field) {
        case .integer, .money, .items, .epoch, .null:
            form = EventDecoder.isNull(value) ? .null : .usual
        case .id, .text, .word, .currency, .type, .timestamp:
            if value[0] == 0x22 {
                form = .usual
                next += 1
            } else if EventDecoder.isNull(value) {
                form = .null
            } else {
                form = .number
            }
        }
        if form == .null { next += 4 }
        // No value but a string names a type, and of the other strings only an instant may be a number.
        guard field != .type || form == .usual, field == .ts || form != .number else { return OtherKey() }
        let index = KeyTemplate.index(entry.pointee.value, form, spacing, first: first)
        guess.pointee = guess.pointee &<< 16 | UInt32(truncatingIfNeeded: index)
        return OtherKey(template: tables.pointee.templates + index, next: next)
    }

    @inline(__always)
    static func beginsNumber(_ p: UnsafePointer<UInt8>) -> Bool { p[0] &- 0x30 < 10 || p[0] == 0x2d }

    @inline(__always)
    static func isNull(_ p: UnsafePointer<UInt8>) -> Bool {
        // "null" as a little-endian word.
        UInt32(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt32.self)) == 0x6c6c_756e
    }

    /// Steps over a key that names no field, whose opening quote is at `p`, and its value. Returns the position behind
    /// the value; nil when one of them is malformed.
    @inline(never)
    static func skipUnknown(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        guard p < end else { return nil }
        var cursor = JSONCursor(p, count: end - p)
        // A key with escapes may name a field.
        guard let key = cursor.string(), !key.escaped else { return nil }
        cursor.skipSpace()
        guard cursor.take(0x3a), cursor.skipValue() else { return nil }
        return UTF8Validity.isValid(p, count: cursor.p - p) ? cursor.p : nil
    }
}
