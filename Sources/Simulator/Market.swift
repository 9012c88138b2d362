/// The places the shop sells in: countries with their taxes, stores, warehouses and what customers see and pay with.
final class Market: Sendable {
    /// Countries, most customers first.
    let countries = Words(["VN", "ID", "TH", "PH", "MY", "SG", "US"])
    let countryWeights = Weights([34, 20, 14, 11, 9, 7, 5])
    /// Value-added or sales tax of each country, in hundredths of a per cent.
    let taxes: [Int64] = [1_000, 1_100, 700, 1_200, 600, 900, 0]
    /// What sending an order to each country costs, in cents.
    let postage: [Int64] = [199, 299, 299, 349, 299, 249, 899]
    /// From this much on, in cents after the discount, the shop pays for sending.
    let freeShippingFrom: Int64 = 7_500

    let stores = Words([
        "st-hanoi", "st-saigon", "st-danang", "st-jakarta", "st-surabaya", "st-bangkok", "st-manila",
        "st-kualalumpur", "st-orchard",
    ])
    /// The stores of each country; countries without one send their customers to the first.
    let storesOfCountry: [Range<Int>] = [0..<3, 3..<5, 5..<6, 6..<7, 7..<8, 8..<9, 0..<1]

    let warehouses = Words(["wh-saigon", "wh-hanoi", "wh-jakarta", "wh-bangkok"])
    let carriers = Words(["ghn", "viettel-post", "ninja-van", "jt-express", "dhl"])

    let channels = Words(SimulatedChannel.allCases.map(\.name))
    let channelWeights = Weights([30, 19, 10, 37, 4])

    /// Devices; the last one is the till of a store.
    let devices = Words(["android", "ios", "desktop", "tablet", "pos"])
    let deviceWeights = Weights([46, 26, 22, 6])
    let till: UInt8 = 4

    let payments = Words(["card", "wallet", "cash_on_delivery", "bank_transfer", "cash"])
    let card = 0
    let wallet = 1
    let paymentWeights = Weights([38, 32, 20, 10])
    let tillPaymentWeights = Weights([45, 20, 0, 0, 35])

    let statuses = Words(["pending", "paid", "packed", "shipped", "delivered", "cancelled", "returned"])

    /// Pages that send customers who come on their own; the empty one is somebody who typed the address.
    let referrers = Words(["", "https://www.google.com/", "https://www.facebook.com/", "https://www.bing.com/"])
    let referrerWeights = Weights([46, 36, 13, 5])

    let categories = Words([
        "shoes", "clothing", "bags", "phones", "audio", "computers", "kitchen", "furniture", "beauty", "toys",
        "sports", "books",
    ])
    /// The cheapest and the dearest product of each category, in whole currency units.
    let prices: [ClosedRange<Int64>] = [
        19...180, 6...120, 12...240, 80...1_400, 9...450, 15...2_600, 4...190, 25...1_200, 3...90, 4...110, 5...320,
        4...60,
    ]
    /// Queries of each category, `queriesPerCategory` each.
    let queries = Words([
        "running shoes", "sneakers", "sandals", "summer dress", "white shirt", "rain jacket", "backpack", "tote bag",
        "suitcase", "phone case", "android phone", "fast charger", "headphones", "bluetooth speaker", "earbuds",
        "laptop", "mechanical keyboard", "usb c hub", "rice cooker", "knife set", "coffee grinder", "desk lamp",
        "office chair", "bookshelf", "sunscreen", "face serum", "lipstick", "building blocks", "board game",
        "plush bear", "yoga mat", "badminton racket", "bicycle light", "cookbook", "mystery novel", "picture book",
    ])
    let queriesPerCategory = 3
    /// The same queries as they stand in an address.
    let queryAddresses: Words

    init() {
        let queries = queries
        queryAddresses = Words(
            (0..<queries.count).map { index in
                String(queries.text(of: index).map { $0 == " " ? "+" : $0 })
            })
    }
}
