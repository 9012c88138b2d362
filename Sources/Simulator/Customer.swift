/// Who a customer is. Nothing is stored: a customer's number and the seed decide it.
struct Customer {
    let country: UInt8
    let channel: SimulatedChannel
    let device: UInt8
    /// The store they go to.
    let store: UInt8

    /// Whether they buy on the web.
    var isOnline: Bool { channel != .store }

    init(_ number: UInt32, seed: UInt64, in market: Market) {
        var random = RandomSource(seed: SplitMix64.hash(seed, RandomStream.customers.rawValue, UInt64(number)))
        let country = market.countryWeights.draw(&random)
        var channel = SimulatedChannel(rawValue: UInt8(market.channelWeights.draw(&random))) ?? .website
        // Tiki sells in Vietnam only, and none of the marketplaces in the United States.
        if channel == .tiki, country != 0 { channel = .shopee }
        if country == 6, channel != .store { channel = .website }
        let stores = market.storesOfCountry[country]
        self.country = UInt8(country)
        self.channel = channel
        device = UInt8(market.deviceWeights.draw(&random))
        store = UInt8(stores.lowerBound + random.index(below: stores.count))
    }
}
