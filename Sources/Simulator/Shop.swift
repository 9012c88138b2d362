/// What does not change while a shop sells: its people, its goods, its words and the ids of the run.
///
/// One reference, so that writing an event neither copies nor counts references to the many lists inside.
final class Shop: Sendable {
    let settings: SimulationSettings
    let scenario: Scenario
    let market: Market
    let catalogue: Catalogue
    let identity: RunIdentity
    let campaigns: Words
    let campaignReferrers: Words
    let coupons: Words
    let currency: Words
    let buyers: Buyers
    /// What labels call the kinds of fraud.
    let kinds: Words

    /// A shop from settings that were found valid.
    init(_ settings: SimulationSettings) {
        self.settings = settings
        scenario = settings.scenario
        market = Market()
        catalogue = Catalogue(count: settings.products, seed: settings.seed, market: market)
        identity = RunIdentity(seed: settings.seed, run: settings.run)
        campaigns = Words(settings.scenario.campaigns.map(\.name))
        campaignReferrers = Words(settings.scenario.campaigns.map(\.referrer))
        coupons = Words(settings.scenario.coupons.map(\.code))
        currency = Words([settings.currency])
        buyers = Buyers(seed: settings.seed, run: settings.run, customers: UInt64(settings.customers))
        kinds = Words(FraudKind.allCases.map(\.name))
    }
}
