/// Instants as microseconds since 1970-01-01T00:00:00Z, read and written as RFC 3339.
public enum Timestamp {
    /// Microseconds in a second, a minute and a day.
    public static let second: Int64 = 1_000_000
    /// Microseconds in a minute.
    public static let minute: Int64 = 60 * second
    /// Microseconds in a day.
    public static let day: Int64 = 86_400 * second

    /// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
    ///
    /// The method counts years from March in 400-year eras (Howard Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms", days_from_civil).
    @inlinable
    public static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year &- 1 : year
        let era = (y >= 0 ? y : y &- 399) / 400
        let yearOfEra = y &- era &* 400
        let dayOfYear = (153 &* (month &+ (month > 2 ? -3 : 9)) &+ 2) / 5 &+ day &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        return era &* 146_097 &+ dayOfEra &- 719_468
    }

    /// The date of a day number: the inverse of `days(year:month:day:)`.
    public static func date(ofDay days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let mp = (5 * dayOfYear + 2) / 153
        let month = mp < 10 ? mp + 3 : mp - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * mp + 2) / 5 + 1)
    }

    @inline(__always)
    private static func twoDigits(_ p: UnsafePointer<UInt8>, _ bad: inout Bool) -> Int64 {
        let a = p[0] &- 48
        let b = p[1] &- 48
        if a > 9 || b > 9 { bad = true }
        return Int64(a) &* 10 &+ Int64(b)
    }

    /// Reads a whole RFC 3339 date-time: any offset, up to nine fractional digits (kept to the microsecond, cut, not
    /// rounded), `T` or a space between date and time, a leap second as the second after it. Nil when it is anything
    /// else. The text must be followed by readable bytes (the decoder's padding).
    public static func parse(_ p: UnsafePointer<UInt8>, count: Int) -> Int64? {
        guard count >= 20, count <= 35, let minutesOfDate = minutes(p) else { return nil }
        var bad = false
        let secondOfMinute = twoDigits(p + 17, &bad)
        guard !bad, p[16] == 0x3a, secondOfMinute <= 60 else { return nil }
        var at = 19
        var micros: Int64 = 0
        if p[at] == 0x2e {
            at += 1
            let first = at
            var unit: Int64 = 100_000
            while at < count, p[at] &- 48 <= 9 {
                micros &+= Int64(p[at] &- 48) &* unit
                unit /= 10
                at += 1
            }
            guard at > first, at - first <= 9 else { return nil }
        }
        var offsetMinutes: Int64 = 0
        guard at < count else { return nil }
        if p[at] == 0x5a || p[at] == 0x7a {
            at += 1
        } else {
            guard p[at] == 0x2b || p[at] == 0x2d, at + 6 == count, p[at + 3] == 0x3a else { return nil }
            let hours = twoDigits(p + at + 1, &bad)
            let minutes = twoDigits(p + at + 4, &bad)
            guard !bad, hours < 24, minutes < 60 else { return nil }
            offsetMinutes = (hours &* 60 &+ minutes) &* (p[at] == 0x2d ? -1 : 1)
            at += 6
        }
        guard at == count else { return nil }
        return (minutesOfDate &- offsetMinutes) &* minute &+ secondOfMinute &* second &+ micros
    }

    /// Minutes from 1970 to the local date and time in the 16 bytes `yyyy-mm-ddThh:mm` at `p`; nil when there is none.
    static func minutes(_ p: UnsafePointer<UInt8>) -> Int64? {
        var bad = false
        let year = twoDigits(p, &bad) &* 100 &+ twoDigits(p + 2, &bad)
        let month = twoDigits(p + 5, &bad)
        let dayOfMonth = twoDigits(p + 8, &bad)
        let hour = twoDigits(p + 11, &bad)
        let minuteOfHour = twoDigits(p + 14, &bad)
        guard !bad, p[4] == 0x2d, p[7] == 0x2d, p[10] == 0x54 || p[10] == 0x74 || p[10] == 0x20, p[13] == 0x3a,
            hour < 24, minuteOfHour < 60, month >= 1, month <= 12, dayOfMonth >= 1,
            dayOfMonth <= daysIn(month: month, year: year)
        else { return nil }
        return (days(year: year, month: month, day: dayOfMonth) &* 24 &+ hour) &* 60 &+ minuteOfHour
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Reads an RFC 3339 date-time from a string; nil when it is not one.
    public static func parse(_ text: String) -> Int64? {
        let bytes = PaddedBytes(copying: Array(text.utf8))
        return bytes.withBytes { text in
            text.assumingMemoryBound(to: UInt8.self).baseAddress.flatMap { parse($0, count: text.count) }
        }
    }

    /// The instant in UTC, with milliseconds when `fraction` is 3 and microseconds when it is 6.
    public static func text(_ micros: Int64, fraction: Int = 3) -> String {
        let dayNumber = micros >= 0 ? micros / day : (micros - day + 1) / day
        let inDay = micros - dayNumber * day
        let seconds = inDay / second
        var text = dateText(ofDay: dayNumber)
        text += "T" + pad(seconds / 3_600, 2) + ":" + pad(seconds / 60 % 60, 2) + ":" + pad(seconds % 60, 2)
        if fraction == 3 { text += "." + pad(inDay % second / 1_000, 3) }
        if fraction == 6 { text += "." + pad(inDay % second, 6) }
        return text + "Z"
    }

    /// A day number as `yyyy-MM-dd`.
    public static func dateText(ofDay dayNumber: Int64) -> String {
        let date = date(ofDay: dayNumber)
        return pad(date.year, 4) + "-" + pad(date.month, 2) + "-" + pad(date.day, 2)
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
