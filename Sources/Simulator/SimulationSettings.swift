/// What a simulated shop is and how it sells. The same settings give the same bytes on every machine.
public struct SimulationSettings: Sendable {
    /// Decides the customers, the catalogue and, with `run`, everything that happens.
    public var seed: UInt64 = 1
    /// Which run of the same shop this is: customers and products stay the same, traffic and every event, session
    /// and order id differ. Whoever restarts a live simulation counts it up, so that no id is sent twice; whoever
    /// wants the very same events again keeps it.
    public var run: UInt32 = 0
    /// How many customers there are, `u-000000` upwards: 1 to 10 million. Those with low numbers come more often.
    public var customers = 50_000
    /// How many products there are, `p-00000` upwards: 1 to a million.
    public var products = 5_000
    /// Events per second of event time, duplicates and malformed lines not counted: 1 to 10 million.
    public var rate = 1_000
    /// The seconds of event time that `rate` events are spread over: 1 to 10 million. More than 1 for shops of less than
    /// an event a second, or of a fraction.
    public var rateSeconds = 1
    /// The event time at which the shop opens, in microseconds since 1970 UTC. For a live simulation, the time now.
    public var start: Int64 = 1_767_225_600_000_000
    /// The ISO 4217 code on prices and purchases.
    public var currency = "USD"
    /// The scenario.
    public var scenario = Scenario.normal
    /// How many visits may go on at the same time: 2 to a million. Customers pause 12 seconds on average between two
    /// steps where this allows it, and less at rates above `concurrentVisits` / 24.
    public var concurrentVisits = 32_768
    /// How many times faster than in life orders are paid, packed, shipped and delivered: 1 to a million. In life
    /// they take 2.5 days, so 3,600 makes it a minute. At most 131,072 orders are on their way: past that the oldest
    /// are hurried.
    public var fulfilmentSpeedup = 3_600

    /// Whether the truth about every purchase is kept for `ShopSimulator.takeLabels(into:)`.
    public var keepsLabels = false

    /// How many events, of every one, are followed by a copy of themselves a little later: 0 to 0.5.
    public var duplicateRate = 0.0
    /// How many malformed lines there are for every event: 0 to 0.5.
    public var malformedRate = 0.0
    /// How many events, of every one, arrive `lateBy` after their time: 0 to 0.5.
    public var lateRate = 0.0
    /// How late late events are, in microseconds of event time, up to 7 days. At most 65,536 events are held back:
    /// past that those that are due first arrive earlier.
    public var lateBy: Int64 = 600_000_000
    /// The least that late events are late, in microseconds: each is late by a chance between this and `lateBy`. Nil for
    /// all by `lateBy`.
    public var lateFrom: Int64?

    /// How many turns of the clock that many seconds are, rounded down.
    func turns(inSeconds seconds: UInt64) -> UInt64 { seconds &* UInt64(rate) / UInt64(rateSeconds) }

    /// The settings of an ordinary day, 1,000 events a second from 2026-01-01.
    public init() {}

    /// The settings of an ordinary day with the given ones instead.
    public init(seed: UInt64, run: UInt32 = 0, rate: Int = 1_000, start: Int64? = nil, scenario: ScenarioName = .normal)
    {
        self.seed = seed
        self.run = run
        self.rate = rate
        self.scenario = Scenario(scenario)
        if let start { self.start = start }
    }

    /// Throws what is wrong, if anything.
    func validate() throws(SimulationError) {
        func require(_ name: String, _ range: ClosedRange<Int>, _ value: Int) throws(SimulationError) {
            guard range.contains(value) else {
                throw SimulationError(name, "\(value) is not between \(range.lowerBound) and \(range.upperBound)")
            }
        }
        try require("customers", 1...10_000_000, customers)
        try require("products", 1...Weights.countMax, products)
        try require("rate", 1...10_000_000, rate)
        try require("rateSeconds", 1...10_000_000, rateSeconds)
        try require("start", 0...Int(EventClock.latest), Int(start))
        try require("concurrentVisits", 2...1_000_000, concurrentVisits)
        try require("fulfilmentSpeedup", 1...1_000_000, fulfilmentSpeedup)
        try require("lateBy", 0...604_800_000_000, Int(lateBy))
        try require("lateFrom", 0...Int(lateBy), Int(lateFrom ?? 0))
        for (name, rate) in [
            ("duplicateRate", duplicateRate), ("malformedRate", malformedRate), ("lateRate", lateRate),
        ] where !(0...0.5).contains(rate) {
            throw SimulationError(name, "\(rate) is not between 0 and 0.5")
        }
        guard currency.utf8.count == 3, currency.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) else {
            throw SimulationError("currency", "'\(currency)' is not three capital letters as in ISO 4217")
        }
        if let fault = scenario.fault { throw fault }
    }
}

/// A setting that cannot be.
public struct SimulationError: Error, Equatable, CustomStringConvertible {
    /// The setting.
    public let setting: String
    /// What is wrong with it.
    public let problem: String

    init(_ setting: String, _ problem: String) {
        self.setting = setting
        self.problem = problem
    }

    /// One line that says what to change.
    public var description: String { "simulator setting \(setting): \(problem)" }
}
