import Foundation

/// How a column writes an instant, and in which time zone when it does not say so itself.
struct TimestampFormat: Sendable {
    let pattern: Pattern
    let zone: TimeZone

    static let known =
        "use iso8601, epoch_seconds, epoch_milliseconds, or a pattern of yyyy MM M dd d HH H hh h mm m ss s SSS a, such as yyyy-MM-dd HH:mm"

    enum Pattern: Sendable, Equatable {
        case iso8601
        case epoch(perSecond: Int)
        case parts([Part])

        enum Part: Sendable, Equatable {
            /// A field of the calendar; digits at least and at most.
            case number(Unit, least: Int, most: Int)
            case halfDay
            case literal(UInt8)
        }

        enum Unit: Sendable, Hashable { case year, month, day, hour, hour12, minute, second, fraction }

        /// A named format or a pattern; nil when it has an unknown letter or no full date.
        init?(_ text: String) {
            switch text {
            case "iso8601": self = .iso8601
            case "epoch_seconds": self = .epoch(perSecond: 1)
            case "epoch_milliseconds": self = .epoch(perSecond: 1_000)
            default:
                guard let parts = Pattern.parts(Array(text.utf8)) else { return nil }
                self = .parts(parts)
            }
        }

        private static func parts(_ bytes: [UInt8]) -> [Part]? {
            var parts: [Part] = []
            var units: Set<Unit> = []
            var hasHalfDay = false
            var at = 0
            while at < bytes.count {
                let letter = bytes[at]
                var run = 1
                while at + run < bytes.count, bytes[at + run] == letter { run += 1 }
                guard (65...90).contains(letter) || (97...122).contains(letter) else {
                    parts.append(.literal(letter))
                    at += 1
                    continue
                }
                at += run
                let unit: Unit
                switch (letter, run) {
                case (UInt8(ascii: "y"), 4): unit = .year
                case (UInt8(ascii: "M"), 1...2): unit = .month
                case (UInt8(ascii: "d"), 1...2): unit = .day
                case (UInt8(ascii: "H"), 1...2): unit = .hour
                case (UInt8(ascii: "h"), 1...2): unit = .hour12
                case (UInt8(ascii: "m"), 1...2): unit = .minute
                case (UInt8(ascii: "s"), 1...2): unit = .second
                case (UInt8(ascii: "S"), 1...9): unit = .fraction
                case (UInt8(ascii: "T"), 1), (UInt8(ascii: "Z"), 1):
                    // The letters of 2024-01-31T10:00:00Z stand for themselves.
                    parts.append(.literal(letter))
                    continue
                case (UInt8(ascii: "a"), 1) where !hasHalfDay:
                    hasHalfDay = true
                    parts.append(.halfDay)
                    continue
                default: return nil
                }
                guard units.insert(unit).inserted else { return nil }
                let fixed = unit == .year || unit == .fraction || run == 2
                parts.append(.number(unit, least: run, most: fixed ? run : 2))
            }
            guard units.isSuperset(of: [.year, .month, .day]), hasHalfDay == units.contains(.hour12),
                !(units.contains(.hour) && units.contains(.hour12))
            else { return nil }
            return parts
        }
    }
}

/// A date and time of day as written, before its time zone is applied.
struct CalendarTime {
    var year = 0
    var month = 0
    var day = 0
    var hour = 0
    var minute = 0
    var second = 0
    var microsecond = 0
    /// Seconds east of UTC, when the text says so.
    var offset: Int?

    /// Seconds since 1970-01-01T00:00:00 as if the time were UTC; nil when there is no such date or time of day.
    var seconds: Int? {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1, day <= CalendarTime.days(year, month),
            (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second)
        else { return nil }
        return CalendarTime.dayNumber(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    static func days(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01, counted in years that begin in March so that the leap day comes last.
    static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Appends `1997-02-14T00:00:00Z`, with microseconds where there are any.
    static func appendUTC(_ instant: Int, to out: inout [UInt8]) {
        let (seconds, micros) = floorDivide(instant, 1_000_000)
        let (dayNumber, time) = floorDivide(seconds, 86_400)
        let shifted = dayNumber + 719_468
        let era = floorDivide(shifted, 146_097).quotient
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        appendDigits(year, 4, to: &out)
        out.append(UInt8(ascii: "-"))
        appendDigits(month < 10 ? month + 3 : month - 9, 2, to: &out)
        out.append(UInt8(ascii: "-"))
        appendDigits(dayOfYear - (153 * month + 2) / 5 + 1, 2, to: &out)
        out.append(UInt8(ascii: "T"))
        appendDigits(time / 3_600, 2, to: &out)
        out.append(UInt8(ascii: ":"))
        appendDigits(time / 60 % 60, 2, to: &out)
        out.append(UInt8(ascii: ":"))
        appendDigits(time % 60, 2, to: &out)
        if micros != 0 {
            out.append(UInt8(ascii: "."))
            appendDigits(micros, 6, to: &out)
        }
        out.append(UInt8(ascii: "Z"))
    }

    static func floorDivide(_ value: Int, _ divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func appendDigits(_ value: Int, _ count: Int, to out: inout [UInt8]) {
        var power = 1
        for _ in 1..<count { power *= 10 }
        while power > 0 {
            out.append(UInt8(truncatingIfNeeded: value / power % 10 + 48))
            power /= 10
        }
    }
}
