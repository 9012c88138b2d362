/// Some people, or one, who come several times for one purpose: a crowd that a product draws, or thieves.
struct FraudRing: Sendable {
    /// The most members whose accounts a ring keeps.
    static let membersMax = 8

    var kind: FraudKind
    /// A number that no other ring has: what its machines, cards and addresses are made from.
    var number: UInt64
    /// Visits still to come.
    var left: Int
    /// Visits in all.
    let visits: Int
    /// Seconds between two visits, on average.
    var gapSeconds: UInt64
    /// The product that a crowd is after.
    var product: UInt32
    /// Where it works from, an index of `Market.countries`.
    var country: UInt8
    /// Whether it takes care to have another machine and place each time.
    var isCareful: Bool
    /// The accounts of those who come again and again; the victim, who comes first.
    var members = SIMD8<UInt32>(repeating: 0)
    var memberCount = 0
}

/// The thieves of a shop: rings at work, begun so that their purchases are the scenario's share of all.
struct Fraud: Sendable {
    /// The most rings at work at a time.
    static let ringsMax = 4_096
    /// Orders before the first ring: a thief blends in with what is there.
    static let ordersBefore: UInt64 = 100

    var rings: [FraudRing] = []
    var free: [UInt32] = []
    var agenda = Agenda()
    var random: RandomSource
    /// Purchases that rings begun so far are to make.
    var planned: UInt64 = 0
    /// Rings begun so far.
    var count: UInt64 = 0

    init(_ settings: SimulationSettings) {
        random = RandomSource(
            seed: SplitMix64.hash(settings.seed, RandomStream.fraud.rawValue, UInt64(settings.run)))
    }
}
