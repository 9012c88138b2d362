/// The scenarios that can be asked for by name.
public enum ScenarioName: String, CaseIterable, Sendable {
    /// An ordinary day.
    case normal
    /// Ordinary days with thieves in the traffic, who are told apart by labels alone.
    case fraud
}

/// How customers behave and what the shop offers them, as data: a new scenario is a new value, not new code.
///
/// All chances are in ten-thousandths, so that they are exact on every machine.
public struct Scenario: Sendable {
    /// What a customer does after something they did, in ten-thousandths; what is left of 10,000 leaves the shop.
    public struct Chances: Sendable {
        /// Looks at another product.
        public var click = 0
        /// Searches.
        public var search = 0
        /// Puts the product at hand in the cart.
        public var addToCart = 0
        /// Changes the quantity of something in the cart.
        public var updateCart = 0
        /// Takes something out of the cart.
        public var removeFromCart = 0
        /// Puts the product at hand on the wishlist, or takes one off it.
        public var wishlist = 0
        /// Buys what is in the cart.
        public var purchase = 0

        /// Chances in ten-thousandths; those not named are zero.
        public init(
            click: Int = 0, search: Int = 0, addToCart: Int = 0, updateCart: Int = 0, removeFromCart: Int = 0,
            wishlist: Int = 0, purchase: Int = 0
        ) {
            self.click = click
            self.search = search
            self.addToCart = addToCart
            self.updateCart = updateCart
            self.removeFromCart = removeFromCart
            self.wishlist = wishlist
            self.purchase = purchase
        }

        var all: [Int] { [click, search, addToCart, updateCart, removeFromCart, wishlist, purchase] }
    }

    /// A code that makes an order cheaper.
    public struct Coupon: Sendable {
        /// What the customer types: ASCII letters, digits, `-` and `_`.
        public var code: String
        /// What it takes off the items, in per cent.
        public var percentOff: Int
        /// Whether it pays for shipping.
        public var freeShipping: Bool

        /// A coupon.
        public init(code: String, percentOff: Int, freeShipping: Bool = false) {
            self.code = code
            self.percentOff = percentOff
            self.freeShipping = freeShipping
        }
    }

    /// Advertising that brings customers.
    public struct Campaign: Sendable {
        /// Its name: ASCII letters, digits, `-` and `_`.
        public var name: String
        /// The page that sent the customer: an absolute URL, or nothing.
        public var referrer: String

        /// A campaign.
        public init(name: String, referrer: String) {
            self.name = name
            self.referrer = referrer
        }
    }

    /// The scenario's name.
    public var name: ScenarioName
    /// The chance that a visit begins with a search.
    public var searchesFirst: Int
    /// After a click, with nothing in the cart.
    public var browsing: Chances
    /// After a click, with something in the cart.
    public var shopping: Chances
    /// After a change to the cart.
    public var atCart: Chances
    /// After scanning a product in a physical store.
    public var inStore: Chances
    /// After a change to the cart in a physical store.
    public var atTill: Chances
    /// The chance that a visit comes from a campaign.
    public var fromCampaign: Int
    /// The campaigns, equally likely.
    public var campaigns: [Campaign]
    /// The chance that an order uses a coupon.
    public var withCoupon: Int
    /// The coupons, equally likely.
    public var coupons: [Coupon]
    /// The chance that an order is cancelled before it is packed.
    public var cancelled: Int
    /// The chance that a delivered order comes back.
    public var returned: Int
    /// The share of purchases that are fraud, about: rings are begun as it takes.
    public var fraudShare = 0
    /// The chance that a visit is the first one of a new account, numbered after those of the settings.
    public var newcomers = 0

    /// The scenario of that name.
    public init(_ name: ScenarioName) {
        switch name {
        case .normal: self = .normal
        case .fraud: self = .fraud
        }
    }

    private init(
        name: ScenarioName, searchesFirst: Int, browsing: Chances, shopping: Chances, atCart: Chances,
        inStore: Chances, atTill: Chances, fromCampaign: Int, campaigns: [Campaign], withCoupon: Int,
        coupons: [Coupon], cancelled: Int, returned: Int
    ) {
        self.name = name
        self.searchesFirst = searchesFirst
        self.browsing = browsing
        self.shopping = shopping
        self.atCart = atCart
        self.inStore = inStore
        self.atTill = atTill
        self.fromCampaign = fromCampaign
        self.campaigns = campaigns
        self.withCoupon = withCoupon
        self.coupons = coupons
        self.cancelled = cancelled
        self.returned = returned
    }

    /// An ordinary day: about 72 % clicks and 2.4 % purchases; a little more than half of the carts are abandoned.
    public static let normal = Scenario(
        name: .normal,
        searchesFirst: 1_600,
        browsing: Chances(click: 7_100, search: 330, addToCart: 720, wishlist: 150),
        shopping: Chances(
            click: 5_900, search: 260, addToCart: 900, updateCart: 150, removeFromCart: 200, wishlist: 90,
            purchase: 1_050),
        atCart: Chances(click: 5_700, updateCart: 350, removeFromCart: 200, purchase: 2_000),
        inStore: Chances(click: 3_000, addToCart: 6_200),
        atTill: Chances(click: 4_300, removeFromCart: 100, purchase: 5_300),
        fromCampaign: 1_800,
        campaigns: [
            Campaign(name: "spring-newsletter", referrer: "https://mail.example.com/"),
            Campaign(name: "social-retargeting", referrer: "https://www.facebook.com/"),
            Campaign(name: "search-ads", referrer: "https://www.google.com/"),
            Campaign(name: "creator-live", referrer: "https://www.tiktok.com/"),
        ],
        withCoupon: 2_200,
        coupons: [
            Coupon(code: "WELCOME10", percentOff: 10),
            Coupon(code: "SAVE5", percentOff: 5),
            Coupon(code: "VIP15", percentOff: 15),
            Coupon(code: "FREESHIP", percentOff: 0, freeShipping: true),
        ],
        cancelled: 400,
        returned: 500
    )

    /// Ordinary days in which about 1.2 % of the purchases are fraud: cards tried out, accounts taken over, goods sent
    /// back as a habit, and products bought up by bots.
    public static let fraud: Scenario = {
        var scenario = Scenario.normal
        scenario.name = .fraud
        scenario.fraudShare = 120
        scenario.newcomers = 250
        return scenario
    }()

    /// What is wrong with the numbers and words, if anything.
    var fault: SimulationError? {
        let tables = [browsing, shopping, atCart, inStore, atTill]
        for table in tables {
            guard table.all.allSatisfy({ (0...10_000).contains($0) }), table.all.reduce(0, +) <= 10_000 else {
                return SimulationError("scenario \(name.rawValue)", "chances after one step must sum to at most 10000")
            }
            // A visit that never ends would keep every other one out.
            guard table.all.reduce(0, +) - table.purchase <= 9_900 else {
                return SimulationError("scenario \(name.rawValue)", "each step must have 1 % to leave or buy")
            }
        }
        let single = [searchesFirst, fromCampaign, withCoupon, cancelled, returned, fraudShare, newcomers]
        guard single.allSatisfy({ (0...10_000).contains($0) }) else {
            return SimulationError("scenario \(name.rawValue)", "a chance must be 0 to 10000")
        }
        guard coupons.allSatisfy({ (0...100).contains($0.percentOff) }) else {
            return SimulationError("scenario \(name.rawValue)", "a coupon takes off 0 to 100 per cent")
        }
        guard campaigns.count <= Scenario.listMax, coupons.count <= Scenario.listMax else {
            return SimulationError("scenario \(name.rawValue)", "at most \(Scenario.listMax) campaigns and coupons")
        }
        let words = coupons.map(\.code) + campaigns.map(\.name) + campaigns.map(\.referrer)
        guard words.allSatisfy(Scenario.isPlain) else {
            return SimulationError(
                "scenario \(name.rawValue)",
                "names, codes and referrers must be up to \(Words.wordBytesMax) printable ASCII characters, "
                    + "without quotes and backslashes")
        }
        return nil
    }

    /// The most campaigns, and the most coupons, of one scenario: visits keep their index in a byte.
    static let listMax = 250

    /// Whether a text can stand in JSON as it is.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.count <= Words.wordBytesMax && text.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
            && !text.utf8.contains(0x22) && !text.utf8.contains(0x5c)
    }
}
