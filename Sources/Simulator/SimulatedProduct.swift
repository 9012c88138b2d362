/// A product as a simulated shop's own list has it.
public struct SimulatedProduct: Sendable, Hashable {
    /// The id that its events give.
    public let id: String
    /// What people call it.
    public let name: String
    /// One of a dozen.
    public let category: String
    /// Who makes it.
    public let brand: String

    /// The head of ``csv(_:)``.
    static let header = "product_id,name,category,brand"

    /// A list as CSV, with a header. Its texts hold neither commas nor quotes.
    public static func csv(_ products: [SimulatedProduct]) -> String {
        ([header] + products.map { "\($0.id),\($0.name),\($0.category),\($0.brand)" }).joined(separator: "\n") + "\n"
    }
}

extension ShopSimulator {
    private static let adjectives = [
        "Classic", "Light", "Urban", "Everyday", "Compact", "Premium", "Soft", "Bright", "Sturdy", "Slim", "Little",
        "Grand",
        "Quiet", "Swift", "Warm", "Fresh",
    ]
    private static let brands = [
        "Anvi", "Bamboo & Co", "Corvane", "Delmar", "Estrada", "Fjordline", "Golden Lotus", "Harbour", "Indigo Lane",
        "Juniper", "Kestrel", "Lumina", "Mekong", "Norden", "Orchid", "Palmyra",
    ]

    /// What the shop sells, by number. Names and brands are drawn beside the stream of chance that makes events, so that they
    /// change none.
    public var products: [SimulatedProduct] {
        let market = shop.market
        return shop.catalogue.products.indices.map { number in
            let category = Int(shop.catalogue.products[number].category)
            let chance = SplitMix64.hash(settings.seed, RandomStream.names.rawValue, UInt64(number))
            let query = category * market.queriesPerCategory + Int(chance % UInt64(market.queriesPerCategory))
            let adjective = Self.adjectives[Int(chance >> 8) & 15]
            let digits = String(number)
            let place = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
            return SimulatedProduct(
                id: "p-\(place)", name: "\(adjective) \(market.queries.text(of: query)) \(number)",
                category: market.categories.text(of: category), brand: Self.brands[Int(chance >> 16) & 15])
        }
    }
}
