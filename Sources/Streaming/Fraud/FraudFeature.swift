/// Whom or what a purchase has in common with others.
public enum FraudKey: Int, CaseIterable, Sendable {
    case user, card, device, address, ip

    /// The word that names of features begin with.
    public var name: String { ["user", "card", "device", "address", "ip"][rawValue] }

    /// What is counted beside each: two kinds of other keys, as their features call them.
    var partners: (String, String) {
        switch self {
        case .user: ("devices", "cards")
        case .card: ("users", "devices")
        case .device, .address, .ip: ("users", "cards")
        }
    }
}

/// The features of a purchase by name: places in a row of `FraudFeature.count` numbers.
///
/// Twenty for each key (`card_count_7d`, `ip_users_1d`, …), then those of the purchase, its customer and its products.
/// A window of 1 day is the 24 clock hours up to the newest that the key has seen, windows of 7 and 30 days are as many
/// days of UTC; all include the purchase itself. docs/fraud.md says what each means.
public struct FraudFeature: Hashable, Sendable {
    /// The place in the row.
    public let index: Int

    init(_ index: Int) { self.index = index }

    /// How many there are: a multiple of 8, so that rows are read eight numbers at a time.
    public static let count = 128
    /// Features of one key.
    static let perKey = 20

    // Places within a key's twenty.
    static let counts = 0, amounts = 3, cancelled = 6, returned = 9, partnersA = 12, partnersB = 15, age = 18, gap = 19

    // The places after the keys'.
    static let amount = 100, units = 101, lines = 102, userPurchases = 103, amountRatio = 104, amountZ = 105
    static let amountOverMax = 106, cancelledShare = 107, returnedShare = 108, newCard = 109, newDevice = 110
    static let newAddress = 111, newIP = 112, newCountry = 113, noCard = 114, noDevice = 115, noAddress = 116
    static let noIP = 117, inStore = 118, otherCurrency = 119, product10min = 120, product10minNew = 121
    static let product1d = 122, product7d = 123, productSurge = 124, firstPurchase = 125, priceMax = 126
    static let newTraits = 127

    private static let own = [
        "amount", "units", "lines", "user_purchases", "user_amount_ratio", "user_amount_z", "user_amount_over_max",
        "user_cancelled_share", "user_returned_share", "new_card", "new_device", "new_address", "new_ip",
        "new_country", "no_card", "no_device", "no_address", "no_ip", "in_store", "other_currency", "product_10min",
        "product_10min_new", "product_1d", "product_7d", "product_surge", "first_purchase", "price_max", "new_traits",
    ]

    /// All names, by place.
    public static let names: [String] =
        FraudKey.allCases.flatMap { key in
            let (a, b) = key.partners
            return ["count", "amount", "cancelled", "returned", a, b].flatMap { word in
                ["1d", "7d", "30d"].map { "\(key.name)_\(word)_\($0)" }
            } + ["\(key.name)_age_days", "\(key.name)_gap_s"]
        } + own

    private static let places: [String: Int] = Dictionary(
        uniqueKeysWithValues: names.enumerated().map { ($0.element, $0.offset) })

    /// The feature of that name, if there is one.
    public init?(name: String) {
        guard let index = FraudFeature.places[name] else { return nil }
        self.index = index
    }

    /// Its name.
    public var name: String { FraudFeature.names[index] }

    /// A value of the feature in words, for whoever reads why a purchase was held.
    public func words(_ value: Float) -> String {
        let number = FraudFeature.text(value)
        if index < FraudFeature.amount {
            let key = FraudKey(rawValue: index / FraudFeature.perKey) ?? .user
            let place = index % FraudFeature.perKey
            let this = ["this customer", "this card", "this device", "this address", "this IP address"][key.rawValue]
            if place == FraudFeature.age { return "\(this) was first seen \(number) days ago" }
            if place == FraudFeature.gap { return "\(number) seconds since the last purchase with \(this)" }
            let window = ["a day", "7 days", "30 days"][place % 3]
            switch place / 3 * 3 {
            case FraudFeature.counts: return "\(number) purchases with \(this) within \(window)"
            case FraudFeature.amounts: return "\(number) spent with \(this) within \(window)"
            case FraudFeature.cancelled: return "\(number) cancelled orders with \(this) within \(window)"
            case FraudFeature.returned: return "\(number) returned orders with \(this) within \(window)"
            case FraudFeature.partnersA: return "\(number) \(key.partners.0) with \(this) within \(window)"
            default: return "\(number) \(key.partners.1) with \(this) within \(window)"
            }
        }
        switch index {
        case FraudFeature.amount: return "an amount of \(number)"
        case FraudFeature.units: return "\(number) pieces"
        case FraudFeature.lines: return "\(number) lines"
        case FraudFeature.userPurchases: return "\(number) purchases of this customer before"
        case FraudFeature.amountRatio: return "\(number) times what this customer usually pays"
        case FraudFeature.amountZ: return "\(number) standard deviations above what this customer usually pays"
        case FraudFeature.amountOverMax: return "\(number) times the most this customer ever paid"
        case FraudFeature.cancelledShare: return "\(number) of this customer's orders were cancelled"
        case FraudFeature.returnedShare: return "\(number) of this customer's orders came back"
        case FraudFeature.newCard: return "a card that this customer never used"
        case FraudFeature.newDevice: return "a device that this customer never used"
        case FraudFeature.newAddress: return "an address that this customer never used"
        case FraudFeature.newIP: return "an IP address that this customer never used"
        case FraudFeature.newCountry: return "a country that this customer never bought from"
        case FraudFeature.noCard: return "no card"
        case FraudFeature.noDevice: return "no device given"
        case FraudFeature.noAddress: return "no address given"
        case FraudFeature.noIP: return "no IP address given"
        case FraudFeature.inStore: return "at the till of a store"
        case FraudFeature.otherCurrency: return "in another currency than the shop's"
        case FraudFeature.product10min: return "\(number) purchases of one of its products within 10 minutes"
        case FraudFeature.product10minNew: return "\(number) first purchases of one of its products within 10 minutes"
        case FraudFeature.product1d: return "\(number) purchases of one of its products within a day"
        case FraudFeature.product7d: return "\(number) purchases of one of its products within 7 days"
        case FraudFeature.productSurge: return "one of its products sells \(number) times as fast as it did"
        case FraudFeature.firstPurchase: return "the first purchase of this customer"
        case FraudFeature.priceMax: return "a product for \(number)"
        default: return "\(number) of card, device, address, IP address and country are new for this customer"
        }
    }

    /// A number with as many digits as a reader needs.
    static func text(_ value: Float) -> String {
        let hundredths = (Double(value) * 100).rounded()
        guard abs(hundredths) < 1e15 else { return "\(value)" }
        let whole = Int64(hundredths)
        let rest = whole.magnitude % 100
        let sign = whole < 0 ? "-" : ""
        if rest == 0 { return "\(sign)\(whole.magnitude / 100)" }
        return "\(sign)\(whole.magnitude / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
