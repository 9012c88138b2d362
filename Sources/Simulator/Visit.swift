/// A customer in the shop, from the first thing they do to the last: a session.
struct Visit: Sendable {
    /// What they do next.
    enum Step: UInt8 {
        case click, search, addToCart, updateCart, removeFromCart, wishlist, purchase
    }

    /// Where they were before the product they look at.
    enum Origin: UInt8 {
        case outside, campaign, search, category, product
    }

    /// How long customers pause between two steps, in seconds on average, where the rate allows it.
    static let pauseSeconds = 12
    /// No product.
    static let noProduct = UInt32.max

    var number: UInt64
    var customer: UInt32
    var channel: SimulatedChannel
    var device: UInt8
    var country: UInt8
    var store: UInt8
    /// The campaign that brought them, or `noCampaign`.
    var campaign = Visit.noCampaign
    var step = Step.click
    var isNew = true

    var origin = Origin.outside
    /// Which page outside sent them.
    var referrer: UInt8 = 0
    /// The query they searched last.
    var query: UInt8 = 0
    /// Whether the results of that query are in front of them.
    var hasSearched = false
    var product = Visit.noProduct
    var previousProduct = Visit.noProduct
    var wished = Visit.noProduct
    var cart = Cart()
    /// The one product they came for, or `noProduct`.
    var wanted = Visit.noProduct
    /// What is behind the visit.
    var kind = FraudKind.honest
    /// Whether they are on a journey.
    var isAway = false
    /// What a thief shows of themselves; nil for honest customers.
    var buyer: Buyer?

    static let noCampaign = UInt8.max

    /// Whether they are in a physical store.
    var isInStore: Bool { channel == .store }
}

/// Up to four products and how many of each.
struct Cart: Sendable {
    static let linesMax = 4
    /// The most pieces of one product.
    static let quantityMax: UInt32 = 9

    private(set) var products = SIMD4<UInt32>(repeating: 0)
    private(set) var quantities = SIMD4<UInt32>(repeating: 0)
    private(set) var count = 0

    /// Puts in `quantity` pieces; false when there is no room for them.
    mutating func add(_ product: UInt32, _ quantity: UInt32) -> Bool {
        for line in 0..<count where products[line] == product {
            guard quantities[line] + quantity <= Cart.quantityMax else { return false }
            quantities[line] += quantity
            return true
        }
        guard count < Cart.linesMax else { return false }
        products[count] = product
        quantities[count] = quantity
        count += 1
        return true
    }

    mutating func setQuantity(_ quantity: UInt32, ofLine line: Int) {
        quantities[line] = quantity
    }

    mutating func removeLine(_ line: Int) {
        count -= 1
        products[line] = products[count]
        quantities[line] = quantities[count]
    }
}
