import CBytes

/// The values of the fast path. Each function returns the position behind the value, or nil when it is none of the
/// common layout.
extension EventDecoder {
    /// Reads a string that has escapes or other characters than ASCII, from behind its quote, as the general path does.
    @inline(never)
    static func otherString(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<StringRef>,
        _ batch: EventBatch
    ) -> UnsafePointer<UInt8>? {
        guard p <= end else { return nil }
        var cursor = JSONCursor(p - 1, count: end - p + 1)
        guard let string = cursor.string(), UTF8Validity.isValid(string.start, count: string.count) else { return nil }
        column.initialize(to: resolved(string, batch))
        return cursor.p
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

    @inline(never)
    static func otherInteger(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ template: UnsafePointer<KeyTemplate>,
        _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        guard let (value, next) = longInteger(p, end), let field = EventField(rawValue: template.pointee.field),
            EventLimits.bounds(field).contains(value)
        else { return nil }
        column.pointee = value
        return next
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
    static func longMoney(
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

    /// Reads an instant's text, from behind its quote, into `column`.
    @inline(__always)
    borrowing func timestamp(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        guard cbytes_is_token(p, UnsafeRawPointer(order), 0xffff) != 0 else {
            return otherTimestamp(p, end, column)
        }
        let tens = p[17] &- 48
        let units = p[18] &- 48
        let seconds = Int64(tens) &* 10 &+ Int64(units)
        guard p[16] == 0x3a, tens < 10, units < 10, seconds <= 60 else { return nil }
        var zone = p + 19
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

    /// Reads an instant's text in any form, from behind its quote, and remembers its minute.
    @inline(never)
    borrowing func otherTimestamp(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        let length = cbytes_scan_ascii_string(p)
        guard p[length] == 0x22, let instant = Timestamp.parse(p, count: length), let minutes = Timestamp.minutes(p)
        else { return nil }
        let text = UnsafeRawPointer(p)
        order.pointee.minuteText = (
            text.loadUnaligned(as: UInt64.self), text.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
        order.pointee.minute = minutes &* Timestamp.minute
        column.pointee = instant
        return p + (length &+ 1)
    }

    /// Reads an instant in milliseconds.
    @inline(never)
    static func epoch(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ column: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<UInt8>? {
        guard let (value, next) = longInteger(p, end) else { return nil }
        let (micros, over) = value.multipliedReportingOverflow(by: 1_000)
        guard !over else { return nil }
        column.pointee = micros
        return next
    }
}
