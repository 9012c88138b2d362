/// Turns the bytes of one JSON event into a row of a batch, or says why not.
///
/// Strict where the contract is: the whole event must be JSON and UTF-8, the fields it knows must have the right type.
/// Any key order, white space and escapes are fine; a key given twice counts with its last value, as in ECMAScript;
/// `null` counts as absent. Decoding depends on nothing but the bytes and `now`, so the same bytes read again from the
/// log decode the same.
///
/// A decoder learns how its senders lay their events out, which makes the next event faster and changes nothing else.
/// So one that lives on is better than a new one for each event; it is used by one thread at a time.
public struct EventDecoder: ~Copyable {
    let latest: Int64
    let tables = DecodingTables.shared
    /// What was learnt of the senders' layout: it speeds up the next event and decides nothing.
    let order: UnsafeMutablePointer<FieldOrder>

    /// The row being decoded: which fields have a value and what was wrong with the others.
    struct Row {
        var present: FieldSet = 0
        var wrong: FieldSet = 0
        var bad: FieldSet = 0
        var type: EventType?
        var typeText: StringRef?
        var itemsReason: RejectionReason?
    }

    /// A decoder that rejects events more than a day after `now` (microseconds since 1970 UTC).
    public init(now: Int64) {
        order = EventDecoder.newOrder()
        latest = now.addingReportingOverflow(EventLimits.futureMicroseconds).partialValue
    }

    /// A decoder for events that were accepted before: the clock plays no part.
    public init() {
        order = EventDecoder.newOrder()
        latest = .max
    }

    deinit {
        order.pointee.deallocate()
        order.deallocate()
    }

    private static func newOrder() -> UnsafeMutablePointer<FieldOrder> {
        let order = UnsafeMutablePointer<FieldOrder>.allocate(capacity: 1)
        order.initialize(to: FieldOrder())
        return order
    }

    /// Decodes the event in `count` bytes at `start`, which must be followed by `EventLimits.padding` readable bytes.
    ///
    /// - Returns: nil when the event is now the last row of the batch; the reason when it was rejected and the batch
    ///   is as before.
    public borrowing func decode(
        _ start: UnsafePointer<UInt8>, count: Int, into batch: EventBatch
    ) -> RejectionReason? {
        precondition(!batch.isFull, "the batch is full")
        guard count <= EventLimits.eventBytes else { return RejectionReason(.tooLarge) }
        return decodeFast(start, count: count, into: batch) ? nil : decodeGeneral(start, count: count, into: batch)
    }

    /// Decodes an event of any layout, and alone says what is wrong with one.
    @inline(never)
    package borrowing func decodeGeneral(
        _ start: UnsafePointer<UInt8>, count: Int, into batch: EventBatch
    ) -> RejectionReason? {
        guard count <= EventLimits.eventBytes else { return RejectionReason(.tooLarge) }
        guard UTF8Validity.isValid(start, count: count) else { return RejectionReason(.badUTF8) }
        let itemsBefore = batch.itemCount
        var row = Row()
        var cursor = JSONCursor(start, count: count)
        var reason: RejectionReason?
        if object(&cursor, &row, batch) {
            reason = verdict(&row, batch)
        } else {
            reason = RejectionReason(.notJSON)
        }
        if let reason {
            batch.itemCount = itemsBefore
            return reason
        }
        guard let type = row.type else { return RejectionReason(.missingField, .type) }
        let index = batch.count
        batch.types[index] = type.rawValue
        batch.presence[index] = row.present & tables.pointee.known[Int(type.rawValue)]
        batch.raws[index] = StringRef(start, count)
        batch.warnings[index] = type == .purchase && totalMismatch(index, batch)
        batch.count = index + 1
        return nil
    }

    // MARK: - Reading

    @inline(__always)
    private borrowing func object(_ cursor: inout JSONCursor, _ row: inout Row, _ batch: EventBatch) -> Bool {
        cursor.skipSpace()
        guard cursor.take(0x7b) else { return false }
        cursor.skipSpace()
        if !cursor.take(0x7d) {
            while true {
                cursor.skipSpace()
                guard let key = cursor.string() else { return false }
                cursor.skipSpace()
                guard cursor.take(0x3a) else { return false }
                cursor.skipSpace()
                if let field = fieldOfKey(key, batch) {
                    guard value(of: field, &cursor, &row, batch) else { return false }
                } else {
                    guard cursor.skipValue() else { return false }
                }
                cursor.skipSpace()
                if cursor.take(0x2c) { continue }
                guard cursor.take(0x7d) else { return false }
                break
            }
        }
        cursor.skipSpace()
        return cursor.p == cursor.end
    }

    @inline(__always)
    borrowing func fieldOfKey(
        _ key: (start: UnsafePointer<UInt8>, count: Int, escaped: Bool), _ batch: EventBatch
    ) -> EventField? {
        if !key.escaped { return field(key.start, key.count) }
        let text = EventDecoder.resolved(key, batch)
        return field(text.start, text.count)
    }

    @inline(__always)
    private borrowing func field(_ name: UnsafePointer<UInt8>, _ count: Int) -> EventField? {
        tables.pointee.fields.entry(name, count).flatMap { EventField(rawValue: $0.pointee.value) }
    }

    /// The string's bytes with escapes undone.
    @inline(__always)
    static func resolved(
        _ string: (start: UnsafePointer<UInt8>, count: Int, escaped: Bool), _ batch: EventBatch
    ) -> StringRef {
        guard string.escaped else { return StringRef(string.start, string.count) }
        let room = batch.fill.pointee.arena.allocate(string.count)
        return StringRef(room, JSONCursor.unescape(string.start, string.count, into: room))
    }

    /// Reads one known field's value; false when the JSON itself is malformed.
    @inline(__always)
    private borrowing func value(
        of field: EventField, _ cursor: inout JSONCursor, _ row: inout Row, _ batch: EventBatch
    ) -> Bool {
        let bit = field.bit
        row.present &= ~bit
        row.wrong &= ~bit
        row.bad &= ~bit
        guard cursor.p < cursor.end else { return false }
        let index = batch.count
        switch (field.kind, cursor.p[0]) {
        case (.id, 0x22), (.text, 0x22), (.word, 0x22), (.currency, 0x22):
            guard let string = cursor.string() else { return false }
            batch.strings[Int(field.rawValue) &* batch.capacity &+ index] = EventDecoder.resolved(string, batch)
            row.present |= bit
            return true
        case (.money, 0x22):
            guard let string = cursor.string() else { return false }
            guard !string.escaped, let amount = DecimalText.parse(string.start, string.count) else {
                row.bad |= bit
                return true
            }
            batch.moneys[field.moneyIndex &* batch.capacity &+ index] = amount
            row.present |= bit
            return true
        case (.timestamp, 0x22):
            guard let string = cursor.string() else { return false }
            guard !string.escaped, let instant = Timestamp.parse(string.start, count: string.count) else {
                row.bad |= bit
                return true
            }
            batch.timestamps[index] = instant
            row.present |= bit
            return true
        case (.type, 0x22):
            guard let string = cursor.string() else { return false }
            let text = EventDecoder.resolved(string, batch)
            row.typeText = text
            row.type = type(text)
            return true
        case (.items, 0x5b):
            return items(&cursor, &row, batch)
        case (.money, 0x2d), (.money, 0x30...0x39):
            guard let number = cursor.number() else { return false }
            guard let amount = DecimalText.parse(number.start, number.count) else {
                row.bad |= bit
                return true
            }
            batch.moneys[field.moneyIndex &* batch.capacity &+ index] = amount
            row.present |= bit
            return true
        case (.integer, 0x2d), (.integer, 0x30...0x39), (.timestamp, 0x2d), (.timestamp, 0x30...0x39):
            guard let number = cursor.number() else { return false }
            guard number.isInteger, let value = DecimalText.integer(number.start, number.count) else {
                if field == .ts { row.bad |= bit } else { row.wrong |= bit }
                return true
            }
            if field == .ts {
                let (micros, over) = value.multipliedReportingOverflow(by: 1_000)
                if over {
                    row.bad |= bit
                    return true
                }
                batch.timestamps[index] = micros
            } else {
                batch.integers[field.integerIndex &* batch.capacity &+ index] = value
            }
            row.present |= bit
            return true
        case (.type, 0x6e):
            row.typeText = nil
            row.type = nil
            return cursor.literal("null")
        case (_, 0x6e):
            return cursor.literal("null")
        default:
            if field == .type {
                row.type = nil
                row.typeText = nil
            }
            row.wrong |= bit
            return cursor.skipValue()
        }
    }

    private borrowing func type(_ text: StringRef) -> EventType? {
        guard let word = tables.pointee.words.word(text), word.pointee.lists & WordList.type != 0 else { return nil }
        return EventType(rawValue: word.pointee.type)
    }
}

extension EventDecoder {
    /// Decodes the event in `raw`, which must be followed by `EventLimits.padding` readable bytes.
    public borrowing func decode(_ raw: UnsafeRawBufferPointer, into batch: EventBatch) -> RejectionReason? {
        guard let start = raw.assumingMemoryBound(to: UInt8.self).baseAddress else { return RejectionReason(.notJSON) }
        return decode(start, count: raw.count, into: batch)
    }
}
