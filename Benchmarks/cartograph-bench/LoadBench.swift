import EventLog
import Foundation

/// What the benchmarks under load have in common.
struct LoadSettings {
    /// Runs of each; the median counts.
    var runs = 3
    /// The longest a run sends, in seconds.
    var window = 10.0
    /// The most events that it sends.
    var events = 500_000
    var batches = [500, 1_000]
    var connections = [1, 2, 8, 32]
    var modes = ServerMode.allCases

    /// Different events that are sent, again and again with fresh ids.
    static let corpusEvents = 100_000
    /// Events of the unmeasured first run, in which files, tables and threads come to be.
    static let warmUpEvents = 200_000
}

/// Several runs of one load on one server.
struct LoadRuns {
    var wall: [Double] = []
    var perServerCPU: [Double] = []
    var perTotalCPU: [Double] = []
    var requestsPerSecond: [Double] = []
    var serverMicrosecondsPerRequest: [Double] = []
    var peakBytes: [Double] = []
    var settleSeconds: [Double] = []
    var latencies: [UInt64] = []
    /// The generator's share of one processor at most, and what else was busy.
    var generatorBusy = 0.0
    var othersBusy = 0.0

    mutating func add(_ result: LoadResult, serverCPU: Double, others: Double) {
        let events = Double(result.events)
        wall.append(events / result.seconds)
        perServerCPU.append(events / serverCPU)
        perTotalCPU.append(events / (serverCPU + result.generatorCPU))
        requestsPerSecond.append(Double(result.requests) / result.seconds)
        serverMicrosecondsPerRequest.append(serverCPU / Double(result.requests) * 1e6)
        latencies += result.latencies
        generatorBusy = max(generatorBusy, result.generatorCPU / result.seconds)
        othersBusy = max(othersBusy, others)
    }

    /// Warns when something else took part in what was measured.
    func warn(_ what: String) {
        // Some of it is the kernel writing what the server synced, which no process is charged for.
        if othersBusy > Quiet.limit {
            report(String(format: "  WARNING: %@: something else kept %.2f processors busy", what, othersBusy))
        }
    }
}

/// HTTP end to end: the real binary in a process of its own, a load generator in this one.
struct LoadBench {
    /// What a run sends over.
    private struct Cell: CustomStringConvertible {
        let batch: Int
        let connections: Int
        var description: String { "\(batch) × \(connections)" }
    }

    let settings: LoadSettings
    private let events: SimulatedEvents

    init(_ settings: LoadSettings) throws {
        self.settings = settings
        events = try SimulatedEvents(events: LoadSettings.corpusEvents, start: EmbeddedLog.wallClock())
    }

    /// Batches over some connections: what was accepted and durable, what that cost, how long the answers took.
    func http() throws -> Findings {
        var findings = Findings()
        for mode in settings.modes {
            report("http: \(mode.words)")
            guard let server = try CartographServer(mode) else { continue }
            defer { server.discard() }
            let cells = settings.batches.flatMap { batch in
                settings.connections.map { Cell(batch: batch, connections: $0) }
            }
            let (runs, everything) = try measure(server, cells)
            var table = TextTable(
                "http, \(mode.words): accepted events",
                [
                    "a request × connections", "a second", "a server cpu-s", "a total cpu-s", "p50 ms", "p99", "p99.9",
                    "MB",
                ])
            for (cell, runs) in zip(cells, runs) {
                let name = "\(mode.rawValue) \(cell)"
                runs.warn("http \(name)")
                findings.measures += measures("http", name, runs)
                let times = Percentiles(runs.latencies)
                table.add([
                    "\(cell)", Measure.text(Spread(runs.wall).median),
                    Measure.text(Spread(runs.perServerCPU).median), Measure.text(Spread(runs.perTotalCPU).median),
                    Measure.text(times.milliseconds(0.5)), Measure.text(times.milliseconds(0.99)),
                    Measure.text(times.milliseconds(0.999)), Measure.text(Spread(runs.peakBytes).max / 1e6),
                ])
            }
            findings.measures.append(
                Measure(bench: "http", measure: "\(mode.rawValue) books balance", value: 1, unit: "yes"))
            findings.hold(table)
            if mode == .platform {
                findings.measures.append(
                    Measure(
                        bench: "http", measure: "platform, all runs, models too", value: everything,
                        unit: "events/cpu-s")
                )
            }
            findings.notes.append(
                "http, \(mode.words): the books balance, with exactly the events that were acknowledged.")
        }
        return findings
    }

    /// One event a request over many connections: what a single event costs.
    func single() throws -> Findings {
        var findings = Findings()
        for mode in settings.modes {
            report("single: \(mode.words)")
            guard let server = try CartographServer(mode) else { continue }
            defer { server.discard() }
            guard let runs = try measure(server, [Cell(batch: 1, connections: 64)]).runs.first else { continue }
            runs.warn("single \(mode.rawValue)")
            findings.measures += measures("single", mode.rawValue, runs).filter { !$0.unit.hasPrefix("events") }
            findings.measures += [
                Measure(
                    bench: "single", measure: "\(mode.rawValue) durable", Spread(runs.requestsPerSecond),
                    unit: "requests/s"),
                Measure(
                    bench: "single", measure: "\(mode.rawValue) server processor time",
                    Spread(runs.serverMicrosecondsPerRequest), unit: "µs/request"),
                Measure(bench: "single", measure: "\(mode.rawValue) books balance", value: 1, unit: "yes"),
            ]
        }
        return findings
    }

    private func measures(_ bench: String, _ name: String, _ runs: LoadRuns) -> [Measure] {
        let times = Percentiles(runs.latencies)
        func time(_ share: Double, _ words: String) -> Measure {
            Measure(bench: bench, measure: "\(name) ack \(words)", value: times.milliseconds(share), unit: "ms")
        }
        var all = [
            Measure(bench: bench, measure: "\(name) wall", Spread(runs.wall), unit: "events/s"),
            Measure(bench: bench, measure: "\(name) server", Spread(runs.perServerCPU), unit: "events/cpu-s"),
            Measure(bench: bench, measure: "\(name) total", Spread(runs.perTotalCPU), unit: "events/cpu-s"),
            time(0.5, "p50"), time(0.99, "p99"), time(0.999, "p99.9"),
            Measure(
                bench: bench, measure: "\(name) most resident", value: Spread(runs.peakBytes).max / 1e6, unit: "MB"),
        ]
        if runs.settleSeconds.contains(where: { $0 > 0 }) {
            all.append(
                Measure(bench: bench, measure: "\(name) settled after", Spread(runs.settleSeconds), unit: "s"))
        }
        return all
    }

    /// Runs every cell in turn, several times over, so that a change of the machine's mood meets all of them; then checks
    /// the books over everything that was acknowledged.
    private func measure(
        _ server: CartographServer, _ cells: [Cell]
    ) throws -> (runs: [LoadRuns], everything: Double) {
        let numbers = PassNumbers()
        var rings: [Int: RequestRing] = [:]
        for cell in cells where rings[cell.batch] == nil {
            rings[cell.batch] = try RequestRing(events, batch: cell.batch, HTTPFormat(port: server.port), numbers)
        }
        var sent = 0
        func load(_ cell: Cell, _ limit: Int) throws -> LoadResult {
            guard let ring = rings[cell.batch] else { preconditionFailure("every cell has its ring") }
            let sockets = try Connect.tcp(port: server.port, count: cell.connections)
            let result = try LoadGenerator(sockets) { HTTPAnswers() }
                .run(ring, seconds: settings.window, events: limit)
            sent += result.events
            return result
        }
        _ = try load(cells[cells.count - 1], LoadSettings.warmUpEvents)
        _ = try server.settle(sent)
        let (sentBefore, cpuBefore) = (sent, try server.process.cpuSeconds())
        var runs = [LoadRuns](repeating: LoadRuns(), count: cells.count)
        for run in 1...settings.runs {
            for (index, cell) in cells.enumerated() {
                try server.process.resetPeak()
                let (machine, before) = (try MachineTime(), try server.process.cpuSeconds())
                let result = try load(cell, settings.events)
                // What the platform does with the events after they are acknowledged is part of their cost.
                let settled = try server.settle(sent)
                let (end, after) = (try MachineTime(), try server.process.cpuSeconds())
                let others = end.others(since: machine, ours: after - before + result.generatorCPU)
                runs[index].add(result, serverCPU: after - before, others: others)
                runs[index].settleSeconds.append(settled)
                runs[index].peakBytes.append(try server.process.peakResidentBytes())
                let rate = Measure.text(Double(result.events) / result.seconds)
                report("  run \(run) of \(settings.runs), \(cell): \(rate) events/s")
            }
        }
        // Whichever runs the timer of the models fell into, they are in here.
        let everything = Double(sent - sentBefore) / (try server.process.cpuSeconds() - cpuBefore)
        try server.verify(sent)
        return (runs, everything)
    }
}
