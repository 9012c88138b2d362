import Foundation

/// Turns a column's text into an instant; remembers the time zone's offsets by day.
struct TimestampReader {
    private let format: TimestampFormat
    private var clock: LocalClock

    init(_ format: TimestampFormat) {
        self.format = format
        clock = LocalClock(zone: format.zone)
    }

    /// Microseconds since 1970-01-01T00:00:00Z; nil when the text is not an instant of the years 1 to 9999.
    mutating func instant(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        var time: CalendarTime?
        switch format.pattern {
        case .epoch(let perSecond): return epoch(text, perSecond: perSecond)
        case .iso8601: time = TimestampReader.iso8601(text)
        case .parts(let parts): time = TimestampReader.match(parts, text)
        }
        guard let time, let seconds = time.seconds else { return nil }
        let utc = time.offset.map { seconds - $0 } ?? clock.utc(local: seconds)
        return inRange(utc) ? utc * 1_000_000 + time.microsecond : nil
    }

    private func inRange(_ seconds: Int) -> Bool { seconds >= -62_135_596_800 && seconds <= 253_402_300_799 }

    private func epoch(_ text: UnsafeBufferPointer<UInt8>, perSecond: Int) -> Int? {
        guard let ratio = Ratio(text), let value = ratio.rounded(places: 6) else { return nil }
        // 10^6 times the number is microseconds for seconds, and a thousand too many for milliseconds.
        let micros = value / Int128(perSecond)
        guard let result = Int(exactly: micros), inRange(CalendarTime.floorDivide(result, 1_000_000).quotient) else {
            return nil
        }
        return result
    }

    private static func match(
        _ parts: [TimestampFormat.Pattern.Part], _ text: UnsafeBufferPointer<UInt8>
    ) -> CalendarTime? {
        var cursor = DigitCursor(text: text)
        var time = CalendarTime()
        var afternoon: Bool?
        var hour12: Int?
        for part in parts {
            switch part {
            case .literal(let byte):
                guard cursor.take(byte) else { return nil }
            case .halfDay:
                guard let half = cursor.halfDay() else { return nil }
                afternoon = half
            case .number(let unit, let least, let most):
                guard let value = cursor.number(least, most) else { return nil }
                switch unit {
                case .year: time.year = value
                case .month: time.month = value
                case .day: time.day = value
                case .hour: time.hour = value
                case .hour12: hour12 = value
                case .minute: time.minute = value
                case .second: time.second = value
                case .fraction: time.microsecond = micros(value, digits: most)
                }
            }
        }
        guard cursor.isAtEnd else { return nil }
        if let hour12, let afternoon {
            guard (1...12).contains(hour12) else { return nil }
            time.hour = hour12 % 12 + (afternoon ? 12 : 0)
        }
        return time
    }

    private static func micros(_ value: Int, digits: Int) -> Int {
        var value = value
        for _ in 0..<max(0, 6 - digits) { value *= 10 }
        for _ in 0..<max(0, digits - 6) { value /= 10 }
        return value
    }

    /// `2024-01-31`, with a time after `T` or a space, seconds and fraction optional, then `Z`, `+07:00` or nothing.
    private static func iso8601(_ text: UnsafeBufferPointer<UInt8>) -> CalendarTime? {
        var cursor = DigitCursor(text: text)
        var time = CalendarTime()
        guard let year = cursor.number(4, 4), cursor.take(UInt8(ascii: "-")), let month = cursor.number(2, 2),
            cursor.take(UInt8(ascii: "-")), let day = cursor.number(2, 2)
        else { return nil }
        (time.year, time.month, time.day) = (year, month, day)
        if cursor.isAtEnd { return time }
        guard cursor.take(UInt8(ascii: "T")) || cursor.take(UInt8(ascii: "t")) || cursor.take(UInt8(ascii: " ")),
            let hour = cursor.number(2, 2), cursor.take(UInt8(ascii: ":")), let minute = cursor.number(2, 2)
        else { return nil }
        (time.hour, time.minute) = (hour, minute)
        if cursor.take(UInt8(ascii: ":")) {
            guard let second = cursor.number(2, 2) else { return nil }
            time.second = second
            if cursor.take(UInt8(ascii: ".")) {
                let start = cursor.at
                guard let fraction = cursor.number(1, 9) else { return nil }
                time.microsecond = micros(fraction, digits: cursor.at - start)
            }
        }
        if cursor.isAtEnd { return time }
        if cursor.take(UInt8(ascii: "Z")) || cursor.take(UInt8(ascii: "z")) {
            time.offset = 0
            return cursor.isAtEnd ? time : nil
        }
        let west = cursor.take(UInt8(ascii: "-"))
        guard west || cursor.take(UInt8(ascii: "+")), let hours = cursor.number(2, 2), hours < 24 else { return nil }
        _ = cursor.take(UInt8(ascii: ":"))
        guard let minutes = cursor.number(2, 2), minutes < 60, cursor.isAtEnd else { return nil }
        time.offset = (hours * 3_600 + minutes * 60) * (west ? -1 : 1)
        return time
    }
}

/// Reads digits and single bytes from a text.
private struct DigitCursor {
    let text: UnsafeBufferPointer<UInt8>
    private(set) var at = 0

    init(text: UnsafeBufferPointer<UInt8>) { self.text = text }

    var isAtEnd: Bool { at == text.count }

    mutating func take(_ byte: UInt8) -> Bool {
        guard at < text.count, text[at] == byte else { return false }
        at += 1
        return true
    }

    mutating func number(_ least: Int, _ most: Int) -> Int? {
        var value = 0
        let start = at
        while at < text.count, at - start < most, text[at] &- 48 < 10 {
            value = value * 10 + Int(text[at] &- 48)
            at += 1
        }
        return at - start >= least ? value : nil
    }

    /// AM or PM in either case; true for PM.
    mutating func halfDay() -> Bool? {
        guard at + 1 < text.count, text[at + 1] | 0x20 == UInt8(ascii: "m") else { return nil }
        let letter = text[at] | 0x20
        guard letter == UInt8(ascii: "a") || letter == UInt8(ascii: "p") else { return nil }
        at += 2
        return letter == UInt8(ascii: "p")
    }
}

/// A time zone's wall clock. Where clocks are set back the first of the two instants is meant; a time that clocks skip
/// is read with the offset before the change.
struct LocalClock {
    private enum Offset {
        case all(Int)
        case changes(before: Int, after: Int)
    }

    private static let daysKept = 4_096

    private let zone: TimeZone
    private var days: [Int: Offset] = [:]
    private var last: (day: Int, offset: Offset)?

    init(zone: TimeZone) { self.zone = zone }

    /// Seconds since the epoch of a wall-clock time given as if it were UTC.
    mutating func utc(local: Int) -> Int {
        let day = CalendarTime.floorDivide(local, 86_400).quotient
        switch offset(of: day) {
        case .all(let offset): return local - offset
        case .changes(let before, let after):
            if seconds(at: local - before) == before { return local - before }
            return seconds(at: local - after) == after ? local - after : local - before
        }
    }

    private mutating func offset(of day: Int) -> Offset {
        if let last, last.day == day { return last.offset }
        let found: Offset
        if let known = days[day] {
            found = known
        } else {
            // All zones lie within 14 hours of UTC, so this span holds the whole local day.
            let before = seconds(at: day * 86_400 - 50_400)
            let after = seconds(at: day * 86_400 + 86_400 + 50_400)
            found = before == after ? .all(before) : .changes(before: before, after: after)
            if days.count >= LocalClock.daysKept { days.removeAll(keepingCapacity: true) }
            days[day] = found
        }
        last = (day, found)
        return found
    }

    private func seconds(at utc: Int) -> Int {
        zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(utc)))
    }
}
