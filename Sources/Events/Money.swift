/// An exact amount of money: a whole number of ten-thousandths of the currency's unit.
public struct Money: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The amount in ten-thousandths.
    public var tenThousandths: Int64

    /// An amount from its ten-thousandths.
    public init(tenThousandths: Int64) { self.tenThousandths = tenThousandths }

    /// Nothing.
    public static let zero = Money(tenThousandths: 0)

    /// Orders by amount.
    public static func < (a: Money, b: Money) -> Bool { a.tenThousandths < b.tenThousandths }

    /// The amount as a decimal with at least two places and no more than it needs, such as `12.30` or `0.3333`.
    public var description: String { Money.text(tenThousandths: Int128(tenThousandths)) }

    /// A sum of amounts, which may be larger than any one of them, in the form of `description`.
    public static func text(tenThousandths: Int128) -> String {
        let magnitude = tenThousandths.magnitude
        let whole = magnitude / 10_000
        var fraction = String(magnitude % 10_000)
        fraction = String(repeating: "0", count: 4 - fraction.count) + fraction
        while fraction.count > 2, fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(tenThousandths < 0 ? "-" : "")\(whole).\(fraction)"
    }

    /// Reads `-?digits[.up to four digits]`, exactly; nil when the text is anything else or too large.
    public init?(_ text: some StringProtocol) {
        var body = Substring(text)
        let negative = body.hasPrefix("-")
        if negative { body.removeFirst() }
        let parts = body.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
            let units = Int64(whole)
        else { return nil }
        var fraction: Int64 = 0
        if parts.count == 2 {
            let places = parts[1]
            guard (1...4).contains(places.utf8.count), places.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
                let value = Int64(places)
            else { return nil }
            fraction = value
            for _ in places.utf8.count..<4 { fraction *= 10 }
        }
        let (scaled, over) = units.multipliedReportingOverflow(by: 10_000)
        guard !over, scaled <= EventLimits.moneyMax - fraction else { return nil }
        tenThousandths = negative ? -(scaled + fraction) : scaled + fraction
    }
}
