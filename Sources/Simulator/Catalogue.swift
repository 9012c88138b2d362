/// The products: category, price, and how popular they are.
struct Catalogue: Sendable {
    /// What is fixed about a product.
    struct Product: Sendable {
        var priceCents: Int32
        var category: UInt8
        var warehouse: UInt8
    }

    private(set) var products: [Product] = []
    private var byPopularity: [UInt32]
    private let popularity: Weights

    init(count: Int, seed: UInt64, market: Market) {
        var random = RandomSource(seed: SplitMix64.hash(seed, RandomStream.catalogue.rawValue))
        products.reserveCapacity(count)
        for _ in 0..<count {
            let category = random.index(below: market.categories.count)
            let range = market.prices[category]
            // The product of two draws: many cheap ones, few dear ones.
            let width = UInt64(range.upperBound - range.lowerBound + 1)
            let above = random.next(below: random.next(below: width) + 1)
            let ending: [Int32] = [99, 99, 95, 50, 0]
            let whole = Int32(range.lowerBound) + Int32(above)
            products.append(
                Product(
                    priceCents: whole * 100 + ending[random.index(below: ending.count)], category: UInt8(category),
                    warehouse: UInt8(random.index(below: market.warehouses.count))))
        }
        // Which product is how popular has nothing to do with its number: a Fisher–Yates shuffle.
        byPopularity = (0..<UInt32(count)).map { $0 }
        for index in stride(from: count - 1, to: 0, by: -1) {
            byPopularity.swapAt(index, random.index(below: index + 1))
        }
        popularity = .zipf(count)
    }

    /// A product, the popular ones more often.
    @inline(__always)
    func draw(_ random: inout RandomSource) -> UInt32 {
        byPopularity[popularity.draw(&random)]
    }

    /// A product, of that category where a few tries find one.
    @inline(__always)
    func draw(_ random: inout RandomSource, category: UInt8) -> UInt32 {
        var product = draw(&random)
        for _ in 0..<6 {
            if products[Int(product)].category == category { break }
            product = draw(&random)
        }
        return product
    }

    subscript(_ product: UInt32) -> Product {
        @inline(__always) get { products[Int(product)] }
    }
}
