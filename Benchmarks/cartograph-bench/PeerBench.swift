import EventLog
import Foundation

/// The same events into Cartograph, Redis and PostgreSQL, in turn.
struct PeerBench {
    /// Connections at once.
    private static let connections = [2, 8]

    let settings: LoadSettings
    let batch: Int

    func run() throws -> Findings {
        let events = try SimulatedEvents(events: LoadSettings.corpusEvents, start: EmbeddedLog.wallClock())
        var peers: [any Peer] = []
        defer { for peer in peers { peer.discard() } }
        guard let ours = try CartographPeer(events, batch: batch) else {
            throw BenchError("peers compares the door alone: it needs a binary with `up --door-only`")
        }
        peers.append(ours)
        peers.append(try RedisPeer(events, batch: batch, .always))
        peers.append(try RedisPeer(events, batch: batch, .everysec))
        let postgres = try PostgresServer()
        defer { postgres.discard() }
        peers.append(try PostgresPeer(events, batch: batch, .jsonb, postgres))
        peers.append(try PostgresPeer(events, batch: batch, .text, postgres))
        var runs = [[LoadRuns]](
            repeating: Array(repeating: LoadRuns(), count: Self.connections.count), count: peers.count)
        for run in 0...settings.runs {
            for (place, connections) in Self.connections.enumerated() {
                for (index, peer) in peers.enumerated() {
                    let found = try measure(peer, connections, isWarmUp: run == 0)
                    guard run > 0 else { continue }
                    runs[index][place].add(found.result, serverCPU: found.cpu, others: found.others)
                    let rate = Measure.text(Double(found.result.events) / found.cpu)
                    report(
                        "  run \(run) of \(settings.runs), \(connections) connections, \(peer.name): \(rate) "
                            + "events/cpu-s")
                }
            }
        }
        for peer in peers { try peer.finish() }
        return findings(peers.map(\.name), runs)
    }

    private func measure(
        _ peer: any Peer, _ connections: Int, isWarmUp: Bool
    ) throws -> (result: LoadResult, cpu: Double, others: Double) {
        try peer.prepare()
        let machine = try MachineTime()
        let (result, cpu) = try peer.load(
            connections: connections, seconds: settings.window,
            events: isWarmUp ? LoadSettings.warmUpEvents : settings.events)
        let others = try MachineTime().others(since: machine, ours: cpu + result.generatorCPU)
        try peer.check(result.events)
        return (result, cpu, others)
    }

    private func findings(_ names: [String], _ runs: [[LoadRuns]]) -> Findings {
        var findings = Findings()
        var table = TextTable(
            "peers: durable ingest in batches of \(batch) events",
            ["system × connections", "events/s", "events/server cpu-s", "ours ×", "p50 ms", "p99 ms", "client cpu"])
        for (place, connections) in Self.connections.enumerated() {
            // How much cheaper ours is than each of the others.
            var versus: [String: Double] = [:]
            let ours = Spread(runs[0][place].perServerCPU).median
            for (index, name) in names.enumerated().dropFirst() {
                versus[name] = ours / Spread(runs[index][place].perServerCPU).median
            }
            for (index, name) in names.enumerated() {
                let found = runs[index][place]
                found.warn("\(name), \(connections) connections")
                findings.measures += [
                    Measure(
                        bench: "peers", measure: "\(name) × \(connections)", Spread(found.perServerCPU),
                        unit: "events/cpu-s", versus: index == 0 ? versus : nil),
                    Measure(
                        bench: "peers", measure: "\(name) × \(connections) wall", Spread(found.wall), unit: "events/s"),
                ]
            }
        }
        for (index, name) in names.enumerated() {
            for (place, connections) in Self.connections.enumerated() {
                let found = runs[index][place]
                let cost = Spread(found.perServerCPU).median
                let times = Percentiles(found.latencies)
                table.add([
                    "\(name) × \(connections)", Measure.text(Spread(found.wall).median), Measure.text(cost),
                    Measure.text(Spread(runs[0][place].perServerCPU).median / cost),
                    Measure.text(times.milliseconds(0.5)), Measure.text(times.milliseconds(0.99)),
                    String(format: "%.0f %%", found.generatorBusy * 100),
                ])
            }
        }
        findings.hold(table)
        findings.notes = [
            "Only Cartograph judges events; PostgreSQL checks that jsonb is JSON. Redis answers before its sync with",
            "everysec. What the kernel does for a server outside of its processes is counted for nobody.",
        ]
        return findings
    }
}
