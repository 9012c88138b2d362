import Simulator
import Testing

@Suite("Settings that cannot be are refused by name")
struct SettingsTests {
    /// A change to good settings, and the setting that must be named.
    struct Refusal: Sendable {
        let setting: String
        let change: @Sendable (inout SimulationSettings) -> Void
    }

    static let refusals = [
        Refusal(setting: "customers") { $0.customers = 0 },
        Refusal(setting: "customers") { $0.customers = 10_000_001 },
        Refusal(setting: "products") { $0.products = 0 },
        Refusal(setting: "products") { $0.products = 1_000_001 },
        Refusal(setting: "rate") { $0.rate = 0 },
        Refusal(setting: "rateSeconds") { $0.rateSeconds = 0 },
        Refusal(setting: "lateFrom") { $0.lateFrom = $0.lateBy + 1 },
        Refusal(setting: "start") { $0.start = -1 },
        Refusal(setting: "currency") { $0.currency = "usd" },
        Refusal(setting: "currency") { $0.currency = "\"\\x" },
        Refusal(setting: "concurrentVisits") { $0.concurrentVisits = 1 },
        Refusal(setting: "fulfilmentSpeedup") { $0.fulfilmentSpeedup = 0 },
        Refusal(setting: "lateBy") { $0.lateBy = .max },
        Refusal(setting: "duplicateRate") { $0.duplicateRate = 0.6 },
        Refusal(setting: "malformedRate") { $0.malformedRate = -0.1 },
        Refusal(setting: "lateRate") { $0.lateRate = .nan },
        Refusal(setting: "scenario normal") { $0.scenario.browsing.click = 10_001 },
        Refusal(setting: "scenario normal") { $0.scenario.browsing.click = 9_000 },
        Refusal(setting: "scenario normal") { $0.scenario.coupons[0].code = "a\"b" },
        Refusal(setting: "scenario normal") { $0.scenario.coupons[0].percentOff = 101 },
        Refusal(setting: "scenario normal") { $0.scenario.campaigns[0].name = String(repeating: "x", count: 65) },
    ]

    @Test("each bound", arguments: refusals.indices)
    func bounds(index: Int) throws {
        let refusal = SettingsTests.refusals[index]
        var settings = SimulationSettings()
        refusal.change(&settings)
        let error = #expect(throws: SimulationError.self) { try ShopSimulator(settings) }
        #expect(error?.setting == refusal.setting)
        #expect(error?.description.hasPrefix("simulator setting \(refusal.setting): ") == true)
    }

    @Test("the smallest shop works: one customer, one product, one event a second")
    func smallest() throws {
        var settings = SimulationSettings(seed: 1, rate: 1)
        settings.customers = 1
        settings.products = 1
        settings.concurrentVisits = 2
        settings.scenario.campaigns = []
        settings.scenario.coupons = []
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer()
        shop.generate(5_000, into: &buffer)
        #expect(try EmittedLines(buffer).objects.count == 5_000)
        #expect(shop.totals.orders > 50)
    }

    @Test("the largest rate and the fastest and slowest deliveries work", arguments: [1, 1_000_000])
    func extremes(speedup: Int) throws {
        var settings = SimulationSettings(seed: 1, rate: 10_000_000)
        settings.customers = 10_000_000
        settings.products = 100_000
        settings.concurrentVisits = 1_000_000
        settings.fulfilmentSpeedup = speedup
        settings.lateRate = 0.01
        settings.lateBy = 604_800_000_000
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer()
        shop.generate(20_000, into: &buffer)
        #expect(try EmittedLines(buffer).objects.count == 20_000)
    }

    @Test("every scenario has its name and is valid", arguments: ScenarioName.allCases)
    func scenarios(name: ScenarioName) throws {
        #expect(Scenario(name).name == name)
        _ = try ShopSimulator(SimulationSettings(seed: 1, scenario: name))
    }
}
