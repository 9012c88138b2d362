/// A shop that exists only in its events: customers who look, search, fill carts, buy or leave, orders on their way
/// and shelves that empty, written as one JSON object a line in the shapes of the event contract.
///
/// Everything follows from the settings, by integer arithmetic on one stream of chance: the same settings and the same
/// calls give the same bytes on every machine. A value type: a copy is a second shop that goes on from the same moment.
///
/// Time is counted in turns. Each turn is one event, `1 / rate` seconds of event time after the one before, and goes
/// to whoever is due: the shelves, an order on its way, a customer in the shop, and when nobody is, a new customer.
/// So the rate is exact, and the number of customers in the shop follows from it.
public struct ShopSimulator: Sendable {
    /// The settings it was made with.
    public var settings: SimulationSettings { shop.settings }
    /// The truth about the lines written so far.
    public private(set) var totals = SimulationTotals()

    let shop: Shop
    var random: RandomSource
    var clock: EventClock
    var turn: UInt64 = 0
    var eventCount: UInt64 = 0
    private var malformedCount: UInt64 = 0

    var visits: [Visit] = []
    var freeVisits: [UInt32] = []
    var visitAgenda = Agenda()
    var visitCount: UInt64 = 0
    let pauseTarget: UInt64

    var orders: [Order] = []
    var freeOrders: [UInt32] = []
    var orderAgenda = Agenda()
    var orderCount: UInt64 = 0

    var shelves: [Int32]
    var stockMoves = StockMoves()
    var lotCount: UInt64 = 0

    var fraud: Fraud
    /// Accounts so far: those of the settings, and those opened since.
    var accountCount: UInt64
    var labels: [FraudLabel] = []

    private var dirt: Dirt

    /// A shop about to open. Building the catalogue takes a fraction of a second even for a million products.
    public init(_ settings: SimulationSettings) throws(SimulationError) {
        try settings.validate()
        shop = Shop(settings)
        let traffic = SplitMix64.hash(settings.seed, RandomStream.traffic.rawValue, UInt64(settings.run))
        random = RandomSource(seed: traffic)
        clock = EventClock(start: settings.start, rate: settings.rate, rateSeconds: settings.rateSeconds)
        shelves = [Int32](repeating: 0, count: settings.products)
        pauseTarget = max(
            1, min(UInt64(settings.concurrentVisits / 2), settings.turns(inSeconds: UInt64(Visit.pauseSeconds))))
        fraud = Fraud(settings)
        accountCount = UInt64(settings.customers)
        dirt = Dirt(settings)
    }

    /// The event time of the next event, in microseconds since 1970 UTC.
    public var now: Int64 { clock.time(of: turn) }

    /// Adds the next `count` lines, at the settings' rate of event time.
    public mutating func generate(_ count: Int, into buffer: inout LineBuffer) {
        for _ in 0..<max(count, 0) { addLine(to: &buffer) }
    }

    /// Adds every line that is due by `instant` (microseconds since 1970 UTC), and at most `limit`: how a live
    /// simulation keeps its rate. With `start` at the wall clock's time, call it every few milliseconds with the
    /// wall clock's time.
    ///
    /// - Returns: how many lines; `limit` means that there may be more to fetch, or to skip by `moveClock(to:)`.
    public mutating func generate(until instant: Int64, limit: Int, into buffer: inout LineBuffer) -> Int {
        var count = 0
        while count < limit, now <= instant || dirt.isDue(turn) {
            addLine(to: &buffer)
            count += 1
        }
        return count
    }

    /// Adds the next `count` lines with event times spread evenly from the last event's to `instant`: for live
    /// events as fast as they go. The sequence of events is the same as at the settings' rate; only `ts` differs.
    public mutating func generate(_ count: Int, endingAt instant: Int64, into buffer: inout LineBuffer) {
        guard count > 0 else { return }
        clock.spread(count, from: turn, to: instant)
        generate(count, into: &buffer)
        clock.settle(at: turn)
    }

    /// Moves the clock forward to `instant`, as when the shop was closed in between; time never goes back.
    public mutating func moveClock(to instant: Int64) {
        clock.move(to: instant, at: turn)
    }

    /// Adds the late events and copies that are still held back, at the end of a run with dirt.
    ///
    /// - Returns: how many lines.
    public mutating func releaseHeld(into buffer: inout LineBuffer) -> Int {
        var count = 0
        while addHeldLine(to: &buffer, turn: .max) { count += 1 }
        return count
    }

    /// The number of the next event, from which its id is made.
    @inline(__always)
    mutating func nextEvent() -> UInt64 {
        eventCount &+= 1
        return shop.identity.event(eventCount)
    }

    // MARK: - Lines

    @inline(__always)
    private mutating func addLine(to buffer: inout LineBuffer) {
        guard dirt.isOn else {
            totals.count(takeTurn(&buffer))
            return
        }
        while !addDirtyLine(to: &buffer) {}
    }

    /// Adds one line of a shop with dirt; false when this turn's event is held back.
    private mutating func addDirtyLine(to buffer: inout LineBuffer) -> Bool {
        if addHeldLine(to: &buffer, turn: turn) { return true }
        if let kind = dirt.takeMalformed() {
            let stamp = clock.text(of: now)
            malformedCount &+= 1
            shop.writeMalformed(
                kind, customer: UInt32(dirt.random.index(below: shop.settings.customers)),
                product: UInt32(dirt.random.index(below: shop.settings.products)),
                shop.identity.malformed(malformedCount), stamp, &buffer)
            totals.count(kind)
            return true
        }
        let facts = takeTurn(&buffer)
        switch dirt.fate() {
        case .late:
            dirt.holdLate(buffer.lastLine(), facts, turn)
            buffer.removeLastLine()
            return false
        case .twice:
            dirt.holdCopy(buffer.lastLine(), turn)
        case .plain:
            break
        }
        totals.count(facts)
        return true
    }

    /// Adds a copy or a late event that is due by `turn`, if there is one.
    private mutating func addHeldLine(to buffer: inout LineBuffer, turn: UInt64) -> Bool {
        if let copy = dirt.copies.takeFirst(dueBy: turn) {
            buffer.addLine(copy.bytes)
            totals.countDuplicate()
            return true
        }
        if let late = dirt.late.takeFirst(dueBy: turn) {
            buffer.addLine(late.bytes)
            totals.count(late.facts)
            totals.late += 1
            return true
        }
        return false
    }

    /// Gives one turn to whoever is due and writes what they do.
    @inline(__always)
    private mutating func takeTurn(_ buffer: inout LineBuffer) -> LineFacts {
        let stamp = clock.text(of: clock.time(of: turn))
        let facts: LineFacts
        if let move = stockMoves.takeFirst() {
            facts = write(move, stamp, &buffer)
        } else if orderAgenda.earliest <= turn || orderAgenda.count > Order.countMax {
            facts = advanceOrder(stamp, &buffer)
        } else if fraud.agenda.earliest <= turn {
            facts = advanceRing(stamp, &buffer)
        } else {
            facts = advanceVisit(stamp, &buffer)
        }
        turn &+= 1
        if wantsRing { beginRing() }
        return facts
    }
}
