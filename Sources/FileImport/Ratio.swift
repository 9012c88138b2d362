/// An exact fraction, for the arithmetic of mappings: amounts are never binary floating point.
struct Ratio: Sendable, Equatable {
    /// Any sign.
    private(set) var numerator: Int128
    /// At least one.
    private(set) var denominator: Int128

    static let zero = Ratio(numerator: 0, denominator: 1)

    /// The most digits before and after the point that a number in a file may have.
    static let digits = 18

    private init(numerator: Int128, denominator: Int128) {
        self.numerator = numerator
        self.denominator = denominator
    }

    /// Reads `[+-]digits[.digits]` with the given decimal mark; nil for anything else or more than 18 digits on a side.
    init?(_ text: UnsafeBufferPointer<UInt8>, mark: UInt8 = UInt8(ascii: ".")) {
        var at = 0
        var negative = false
        if let first = text.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            negative = first == UInt8(ascii: "-")
            at = 1
        }
        var whole: Int64 = 0
        var wholeDigits = 0
        var significant = 0
        while at < text.count, text[at] &- 48 < 10 {
            if whole != 0 || text[at] != 48 { significant += 1 }
            guard significant <= Ratio.digits else { return nil }
            whole = whole &* 10 &+ Int64(text[at] &- 48)
            wholeDigits += 1
            at += 1
        }
        var fraction: Int64 = 0
        var scale: Int64 = 1
        var places = 0
        if at < text.count, text[at] == mark {
            at += 1
            while at < text.count, text[at] &- 48 < 10 {
                guard places < Ratio.digits else { return nil }
                fraction = fraction &* 10 &+ Int64(text[at] &- 48)
                scale = scale &* 10
                places += 1
                at += 1
            }
            guard places > 0 else { return nil }
        }
        guard at == text.count, wholeDigits + places > 0, wholeDigits > 0 || places > 0 else { return nil }
        let value = Int128(whole) * Int128(scale) + Int128(fraction)
        self.init(numerator: negative ? -value : value, denominator: Int128(scale))
    }

    var isNegative: Bool { numerator < 0 }

    /// How many decimals the number is written with, when it comes from decimals: 2 for 12.00; otherwise 0.
    var writtenPlaces: Int {
        var rest = denominator
        var places = 0
        while rest % 10 == 0 {
            rest /= 10
            places += 1
        }
        return rest == 1 ? places : 0
    }

    var negated: Ratio { Ratio(numerator: -numerator, denominator: denominator) }

    /// The sum; nil when it does not fit.
    func adding(_ other: Ratio) -> Ratio? {
        if denominator == other.denominator {
            return Ratio.checked(numerator.addingReportingOverflow(other.numerator), (denominator, false))
        }
        // Scale to the larger denominator where one divides the other, as decimals do, so that sums do not grow.
        if denominator % other.denominator == 0 {
            let (scaled, over) = other.numerator.multipliedReportingOverflow(by: denominator / other.denominator)
            return over ? nil : Ratio.checked(numerator.addingReportingOverflow(scaled), (denominator, false))
        }
        if other.denominator % denominator == 0 { return other.adding(self) }
        let (left, overLeft) = numerator.multipliedReportingOverflow(by: other.denominator)
        let (right, overRight) = other.numerator.multipliedReportingOverflow(by: denominator)
        if overLeft || overRight { return nil }
        return Ratio.checked(
            left.addingReportingOverflow(right), denominator.multipliedReportingOverflow(by: other.denominator))?
            .reduced
    }

    /// The product; nil when it does not fit.
    func multiplied(by other: Ratio) -> Ratio? {
        Ratio.checked(
            numerator.multipliedReportingOverflow(by: other.numerator),
            denominator.multipliedReportingOverflow(by: other.denominator))
    }

    /// The quotient; nil when it does not fit or the divisor is zero.
    func divided(by other: Ratio) -> Ratio? {
        if other.numerator == 0 { return nil }
        let inverse = Ratio(
            numerator: other.numerator < 0 ? -other.denominator : other.denominator,
            denominator: other.numerator < 0 ? -other.numerator : other.numerator)
        return multiplied(by: inverse)
    }

    private static func checked(
        _ numerator: (partialValue: Int128, overflow: Bool), _ denominator: (partialValue: Int128, overflow: Bool)
    ) -> Ratio? {
        // The smallest value is left out, so that negation always fits.
        if numerator.overflow || denominator.overflow || numerator.partialValue == .min { return nil }
        return Ratio(numerator: numerator.partialValue, denominator: denominator.partialValue)
    }

    private var reduced: Ratio {
        var a = numerator.magnitude
        var b = denominator.magnitude
        while b != 0 { (a, b) = (b, a % b) }
        let divisor = Int128(max(a, 1))
        return Ratio(numerator: numerator / divisor, denominator: denominator / divisor)
    }

    /// The value times 10^places, halves rounded away from zero; nil when it does not fit.
    func rounded(places: Int) -> Int128? {
        guard let (scaled, divisor) = scaled(places: places) else { return nil }
        let (quotient, remainder) = scaled.quotientAndRemainder(dividingBy: divisor)
        // Compared without doubling, which could overflow.
        let up = remainder.magnitude >= divisor.magnitude - remainder.magnitude && remainder != 0
        return up ? quotient + (scaled < 0 ? -1 : 1) : quotient
    }

    /// The value times 10^places when that is whole; nil otherwise.
    func exact(places: Int) -> Int128? {
        guard let (scaled, divisor) = scaled(places: places), scaled % divisor == 0 else { return nil }
        return scaled / divisor
    }

    private func scaled(places: Int) -> (Int128, Int128)? {
        var factor: Int128 = 1
        for _ in 0..<places { factor *= 10 }
        // Dividing the denominator first keeps what decimals need well inside the range.
        if denominator % factor == 0 { return (numerator, denominator / factor) }
        let (value, over) = numerator.multipliedReportingOverflow(by: factor)
        return over ? nil : (value, denominator)
    }
}

/// Numbers as JSON writes them.
enum JSONNumber {
    /// Whether a mapping's plain word is a number that can be copied into JSON: no exponent, no leading zeros.
    static func isConstant(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        if bytes.first == UInt8(ascii: "-") { bytes.removeFirst() }
        let whole = bytes.prefix { $0 &- 48 < 10 }
        guard !whole.isEmpty, whole.count <= Ratio.digits, whole.count == 1 || whole.first != 48 else { return false }
        bytes = bytes.dropFirst(whole.count)
        if bytes.isEmpty { return true }
        let fraction = bytes.dropFirst()
        return bytes.first == UInt8(ascii: ".") && !fraction.isEmpty && fraction.count <= Ratio.digits
            && fraction.allSatisfy { $0 &- 48 < 10 }
    }

    /// Appends `value` / 10^places, without zeros at the end of its fraction beyond `kept` places.
    static func append(_ value: Int64, places: Int, keeping kept: Int, to out: inout [UInt8]) {
        var rest = value.magnitude
        var places = places
        while places > kept, rest % 10 == 0 {
            rest /= 10
            places -= 1
        }
        if value < 0 { out.append(UInt8(ascii: "-")) }
        // The digits come last one first, and are turned round where they lie.
        let start = out.count
        var count = 0
        while rest != 0 || count <= places {
            if count == places, places > 0 { out.append(UInt8(ascii: ".")) }
            out.append(UInt8(truncatingIfNeeded: rest % 10) + 48)
            rest /= 10
            count += 1
        }
        out[start...].reverse()
    }
}
