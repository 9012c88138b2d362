import ArgumentParser
import Collector
import EventLog
import Events
import Foundation
import Lake
import Simulator
import Telemetry

/// `cartograph simulate`: events of a shop that does not exist.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Make up a shop's events: seeded, deterministic, at a rate or as fast as it goes.",
        discussion: """
            --to http://HOST:PORT sends them to a collector, file:PATH writes NDJSON, log appends to the data folder.
            The same --seed and --run give the same events; sent again, they are counted once. Use another --run \
            for more. With --days they are of days gone by, from --start on: a month of a million events is \
            --days 30 --events 1000000 --to file:month.ndjson. With --to log the shop's list of products is taken in, \
            too; with --products FILE it is written, for `cartograph products import`.
            """)

    @OptionGroup var options: ShopOptions
    @Option(name: .long, help: "How many events.") var events: Int?
    @Option(name: .customLong("for"), help: "For how long, such as 60s, 5m or 2h.") var duration: DurationText?
    @Option(name: .long, help: "Events a second; without it, as fast as it goes.") var rate: Int?
    @Option(name: .long, help: "Decides customers, products and everything that happens.") var seed: UInt64 = 1
    @Option(name: .long, help: "Which run of the same shop: the same customers, other events.") var run: UInt32 = 0
    @Option(name: .long, help: "The scenario: normal or fraud.") var scenario: String = "normal"
    @Option(name: .long, help: "Events, of every one, that are sent twice: 0 to 0.5.") var duplicates: Double = 0
    @Option(name: .long, help: "Malformed lines for every event: 0 to 0.5.") var malformed: Double = 0
    @Option(name: .long, help: "Events, of every one, that come late, each by a time up to --late-by: 0 to 0.5.")
    var late: Double = 0
    @Option(name: .long, help: "How late they are at most, such as 10m or 3d; at most 7d.")
    var lateBy = DurationText(seconds: 259_200)
    @Option(name: .long, help: "Spread --events over this many days of --start and after; not to a collector.")
    var days: Int?
    @Option(name: .long, help: "The first day of what goes to a file or the log, such as 2026-01-01.")
    var start: String?
    @Option(name: .long, help: "A file for the truth about each purchase: event_id, label, kind.") var labels: String?
    @Option(name: .long, help: "A CSV file for what the shop sells: product_id, name, category, brand.")
    var products: String?
    @Option(name: .long, help: "http://HOST:PORT, file:PATH or log.") var to: String = "http://127.0.0.1:8080"

    func validate() throws {
        if events == nil && duration == nil && !to.hasPrefix("http") {
            throw ValidationError("say how many with --events, or for how long with --for")
        }
        if let events, events < 1 { throw ValidationError("--events must be 1 or more") }
        if let days {
            guard (1...3_650).contains(days) else { throw ValidationError("--days must be 1 to 3650") }
            guard let events, rate == nil, duration == nil else {
                throw ValidationError("--days needs --events, and no --rate or --for: together they are the rate")
            }
            guard events <= days * 86_400 * 1_000_000 else {
                throw ValidationError("--events are more than a million a second of these days")
            }
        }
        guard !to.hasPrefix("http") || (days == nil && start == nil && late == 0) else {
            throw ValidationError(
                "--days, --start and --late are for file:PATH and log: a collector gets events of now")
        }
        if let start, Self.microseconds(ofDay: start) == nil {
            throw ValidationError("--start '\(start)' is no day from 1990 on, such as 2026-01-01")
        }
        guard lateBy.seconds <= 604_800 else { throw ValidationError("--late-by must be at most 7d") }
        if let rate, rate < 1 || rate > 10_000_000 { throw ValidationError("--rate must be 1 to 10000000") }
        guard ScenarioName(rawValue: scenario) != nil else {
            let names = ScenarioName.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no scenario '\(scenario)'; there is \(names)")
        }
        guard to == "log" || to.hasPrefix("file:") || to.hasPrefix("http://") || to.hasPrefix("https://") else {
            throw ValidationError("--to '\(to)' is none of http://HOST:PORT, file:PATH, log")
        }
    }

    private func simulation() -> SimulationSettings {
        var settings = SimulationSettings(
            seed: seed, run: run, rate: rate ?? 1_000, scenario: ScenarioName(rawValue: scenario) ?? .normal)
        settings.duplicateRate = duplicates
        settings.malformedRate = malformed
        settings.lateRate = late
        settings.lateBy = Int64(lateBy.seconds * 1e6)
        // From no time at all on: how late is anybody's guess.
        settings.lateFrom = late > 0 ? 0 : nil
        if let start = start.flatMap({ Self.microseconds(ofDay: $0) }) { settings.start = start }
        if let days, let events {
            let (rate, seconds) = Self.reduced(events, days * 86_400)
            settings.rate = rate
            settings.rateSeconds = seconds
            // Days are as long as in life, and so are the ways of orders.
            settings.fulfilmentSpeedup = 1
        }
        settings.keepsLabels = labels != nil
        return settings
    }

    /// Midnight UTC of a day, in microseconds since 1970.
    private static func microseconds(ofDay text: String) -> Int64? {
        guard text.utf8.count == 10, let day = LakeDate.days(text), day >= 7_305 else { return nil }
        return Int64(day) * 86_400_000_000
    }

    /// Two numbers without their common divisor.
    private static func reduced(_ events: Int, _ seconds: Int) -> (Int, Int) {
        var (a, b) = (events, seconds)
        while b > 0 { (a, b) = (b, a % b) }
        return (events / a, seconds / a)
    }

    func run() async throws {
        let settings = try options.settings()
        if let products { try writeProducts(products) }
        if to.hasPrefix("file:") {
            try writeFile(String(to.dropFirst(5)))
        } else if to == "log" {
            try await appendToLog(settings)
        } else {
            try await send(settings)
        }
    }

    // MARK: - To a collector

    private func send(_ settings: Settings) async throws {
        var simulation = simulation()
        simulation.start = EmbeddedLog.wallClock()
        let feed = try SimulationFeed(
            simulation, rate: rate, events: events, seconds: duration?.seconds, labels: labels)
        let sender = SimulationSender(address: try CollectorAddress(to, token: settings.token), feed: feed)
        let bar = SharedProgress("simulating", quiet: options.json)
        let goal = events.map(Int64.init) ?? duration.flatMap { d in rate.map { Int64(d.seconds * Double($0)) } }
        let report = try await sender.run { report in
            bar.show(Int64(report.events), of: goal, "\(Int64(report.events).grouped) events")
        }
        bar.finish()
        try print(report, await feed.totals)
    }

    private func print(_ report: SimulationReport, _ totals: SimulationTotals) throws {
        if options.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            Swift.print(String(decoding: try encoder.encode(report), as: UTF8.self))
            return
        }
        let rate = report.seconds > 0 ? Double(report.events) / report.seconds : 0
        var table = TextTable(["", ""])
        table.add(["events sent", Int64(report.events).grouped])
        table.add(["accepted", Int64(report.accepted).grouped])
        table.add(["rejected", Int64(report.rejected).grouped])
        table.add(["requests", Int64(report.requests).grouped])
        table.add(["sent again", Int64(report.retries).grouped])
        table.add(["server errors (5xx)", Int64(report.serverErrors).grouped])
        table.add(["seconds", report.seconds.rounded(to: 1)])
        table.add(["events a second", Int64(rate).grouped])
        table.add(["acknowledged within, p50", report.acknowledgementP50MS.rounded(to: 1) + " ms"])
        table.add(["acknowledged within, p99", report.acknowledgementP99MS.rounded(to: 1) + " ms"])
        table.add(["orders in them", Int64(totals.orders).grouped])
        table.add(["revenue in them", Money(tenThousandths: totals.revenueCents * 100).grouped])
        Swift.print(table.text, terminator: "")
    }

    // MARK: - To a file

    private func writeProducts(_ path: String) throws {
        let list = SimulatedProduct.csv(try ShopSimulator(simulation()).products)
        do {
            try list.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw CommandError("\(path) cannot be written: choose another file for --products")
        }
    }

    private func writeFile(_ path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else {
            throw CommandError("\(path) cannot be written: choose another file")
        }
        defer { try? file.close() }
        var totals: SimulationTotals?
        try generate { bytes, _ in
            try file.write(contentsOf: Data(bytes))
        } done: {
            totals = $0
        }
        try file.synchronize()
        if let totals { printGenerated(totals, "written to \(path)") }
    }

    /// Generates by the virtual clock, which depends on nothing but the settings.
    private func generate(
        _ sink: (UnsafeRawBufferPointer, Int) throws -> Void, done: (SimulationTotals) -> Void
    ) throws {
        var simulator = try ShopSimulator(simulation())
        var buffer = LineBuffer(lines: SimulationFeed.batchEvents)
        var labels = try labels.map { try LabelFile($0) }
        let virtual = duration.map { Int($0.seconds * Double(rate ?? 1_000)) }
        let goal = min(events ?? .max, virtual ?? .max)
        var bar = ProgressBar("simulating", quiet: options.json)
        var left = goal
        while left > 0 {
            let count = min(left, SimulationFeed.batchEvents)
            buffer.removeAll()
            simulator.generate(count, into: &buffer)
            try labels?.take(from: &simulator)
            try buffer.withBytes { try sink($0, count) }
            left -= count
            bar.show(Int64(goal - left), of: Int64(goal), "\(Int64(goal - left).grouped) events")
        }
        // What was held back comes after the last event.
        if late > 0 {
            buffer.removeAll()
            let count = simulator.releaseHeld(into: &buffer)
            if count > 0 { try buffer.withBytes { try sink($0, count) } }
        }
        bar.finish()
        done(simulator.totals)
    }

    private func printGenerated(_ totals: SimulationTotals, _ what: String) {
        let revenue = Money(tenThousandths: totals.revenueCents * 100)
        if options.json {
            Swift.print(
                "{\"events\":\(totals.events),\"orders\":\(totals.orders),\"units\":\(totals.units),"
                    + "\"revenue\":\"\(revenue)\",\"duplicates\":\(totals.duplicates),\"malformed\":\(totals.malformed),"
                    + "\"late\":\(totals.late)}"
            )
        } else {
            Swift.print(
                "\(Int64(totals.events).grouped) events, \(Int64(totals.orders).grouped) orders, revenue "
                    + "\(revenue.grouped) \(what)")
        }
    }

    // MARK: - To the log

    private func appendToLog(_ settings: Settings) async throws {
        let shop = try Shop.open(try DataFolder.open(settings.data), settings, report: options.reporter())
        defer { shop.close() }
        _ = try ProductsBook(shop).add(try ShopSimulator(simulation()).products, seed: seed)
        let log = shop.log
        let collector = Collector(log: log, metrics: Metrics(), erased: shop.erased)
        var totals: SimulationTotals?
        var accepted = 0
        var rejected = 0
        try generate { bytes, _ in
            var body = PaddedBytes(capacity: bytes.count)
            body.append(bytes)
            let (batch, result) = try collector.judge(body, .ndjson, "simulate")
            _ = try log.appendAndWait(batch)
            accepted += result.accepted
            rejected += result.rejectedCount
        } done: {
            totals = $0
        }
        if let totals {
            printGenerated(totals, "appended to \(shop.folder.log) (\(accepted) accepted, \(rejected) quarantined)")
        }
    }
}
