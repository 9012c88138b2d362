/// Decimals as text.
enum DecimalText {
    static func text(_ unscaled: Int128, scale: Int) -> String {
        guard scale > 0 else { return String(unscaled) }
        let digits = String(unscaled.magnitude)
        let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        return (unscaled < 0 ? "-" : "") + padded.dropLast(scale) + "." + padded.suffix(scale)
    }
}

/// Dates and times as text, by the proleptic Gregorian calendar.
enum CalendarText {
    static func date(_ days: Int32) -> String {
        // DuckDB's own spelling of its two endless dates.
        if days == Int32.max { return "infinity" }
        if days == -Int32.max { return "-infinity" }
        let (year, month, day) = civil(Int(days))
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    static func timestamp(_ microseconds: Int64, separator: String, zone: String) -> String {
        if microseconds == Int64.max { return "infinity" }
        if microseconds == -Int64.max { return "-infinity" }
        let day = 86_400_000_000 as Int64
        let days = microseconds >= 0 ? microseconds / day : -((-(microseconds + 1)) / day) - 1
        return date(Int32(clamping: days)) + separator + time(microseconds - days * day) + zone
    }

    /// A time of day, with as many decimals of a second as it needs.
    static func time(_ microseconds: Int64) -> String {
        let seconds = Int(microseconds / 1_000_000)
        var text = "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
        let rest = Int(microseconds % 1_000_000)
        if rest != 0 {
            var decimals = padded(rest, 6)
            while decimals.last == "0" { decimals.removeLast() }
            text += "." + decimals
        }
        return text
    }

    /// Counts years from March, so that the leap day is the last of its year.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number.magnitude)
        return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// Strings as JSON.
enum JSONText {
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
