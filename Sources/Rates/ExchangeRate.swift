import Engine
import Lake

/// How many units of a currency one euro was worth on a day.
public struct ExchangeRate: Sendable, Hashable {
    /// The least rate that is taken, in millionths: 0.001. Reference rates have been 0.38 to 1,912,400.
    public static let millionthsMin: Int64 = 1_000
    /// The first rate that is too large, in millionths: ten million. Within these bounds no amount of an event grows past
    /// what the models can hold.
    public static let millionthsEnd: Int64 = 10_000_000_000_000
    /// Most decimals of a rate.
    public static let decimalsMax = 6

    /// The day, as days since 1970-01-01.
    public let day: Int32
    /// Three capital letters, as in ISO 4217.
    public let currency: String
    /// Units for one euro, in millionths.
    public let millionths: Int64

    /// A rate; nil outside of the bounds above.
    public init?(day: Int32, currency: String, millionths: Int64) {
        guard Self.isCurrency(currency), currency != "EUR",
            (Self.millionthsMin..<Self.millionthsEnd).contains(millionths)
        else { return nil }
        self.day = day
        self.currency = currency
        self.millionths = millionths
    }

    /// Its day as `2026-03-01`.
    public var date: String { Self.date(day) }

    /// Its rate as a decimal text, such as `1.117200`.
    public var text: String {
        let (whole, rest) = millionths.quotientAndRemainder(dividingBy: 1_000_000)
        let digits = String(rest)
        return "\(whole)." + String(repeating: "0", count: 6 - digits.count) + digits
    }

    /// A day as `2026-03-01`.
    public static func date(_ day: Int32) -> String { Value.date(days: day).text }

    /// `2026-03-01` as days since 1970-01-01; nil for anything else.
    public static func day(_ date: String) -> Int32? { LakeDate.days(date) }

    /// Three capital letters.
    static func isCurrency(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 3 && text.utf8.allSatisfy { (0x41...0x5a).contains($0) }
    }

    /// `1.1172` in millionths; nil for anything but digits, of which at most six follow a point.
    static func millionths(_ text: some StringProtocol) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, (1...7).contains(whole.utf8.count), isDigits(whole) else {
            return nil
        }
        let decimals = parts.count == 2 ? String(parts[1]) : "0"
        guard (1...decimalsMax).contains(decimals.utf8.count), isDigits(decimals),
            let units = Int64(whole),
            let rest = Int64(decimals + String(repeating: "0", count: decimalsMax - decimals.utf8.count))
        else { return nil }
        return units * 1_000_000 + rest
    }

    private static func isDigits(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}

/// Why rates could not be read, fetched or kept: one line that says what to do.
public struct RatesError: Error, CustomStringConvertible, Hashable {
    /// What happened.
    public let description: String

    /// A failure.
    public init(_ description: String) { self.description = description }
}
