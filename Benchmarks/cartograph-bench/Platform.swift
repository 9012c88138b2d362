import Foundation

/// Measures of the whole platform at a pace: the real binary in a process of its own, `cartograph simulate` sending to it.
struct Platform {
    let rate: Int
    let seconds: Int

    /// A rate through the door for some time: what the server spent, what it answered, how large it grew.
    func platform() throws -> [Measure] {
        try withServer { server in
            let before = try server.process.cpuSeconds()
            let simulation = try ServerProcess.run(
                CartographServer.binary,
                ["simulate", "--to", server.address, "--rate", "\(rate)", "--for", "\(seconds)s", "--json"])
            let report = try JSONDecoder().decode(Report.self, from: simulation.output)
            let spent = try server.process.cpuSeconds() - before
            let peak = try server.process.peakResidentBytes()
            guard report.accepted == report.events, report.events > 0 else {
                throw BenchError("\(report.events) events sent, \(report.accepted) accepted")
            }
            func measure(_ name: String, _ value: Double, _ unit: String) -> Measure {
                Measure(bench: "platform", measure: name, value: value, unit: unit)
            }
            return [
                measure("sustained, durable", Double(report.events) / report.seconds, "events/s"),
                measure("everything", Double(report.events) / spent, "events/cpu-s"),
                measure("acknowledgement p50", report.p50, "ms"),
                measure("acknowledgement p99", report.p99, "ms"),
                measure("server errors (5xx)", Double(report.serverErrors), "answers"),
                measure("most resident memory", peak / 1e6, "MB"),
            ]
        }
    }

    /// From an acknowledgement to the first live view that holds the event, beside the same load.
    func latency() throws -> [Measure] {
        try withServer { server in
            let load = try ServerProcess(
                CartographServer.binary,
                ["simulate", "--to", server.address, "--rate", "\(rate)", "--for", "\(seconds)s", "--json"],
                name: "the simulator")
            defer { load.stop() }
            let (times, sizes) = try LatencyProbe(port: server.port).measure(seconds: Double(seconds))
            let (delays, changes) = (times.sorted(), sizes.sorted())
            let asker = try PlainConnection(port: server.port)
            try asker.send("GET /api/v1/live/snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n")
            guard let whole = asker.answer() else { throw BenchError("the live view was not answered") }
            guard delays.count >= 100, changes.count >= 100 else {
                throw BenchError("only \(delays.count) probes and \(changes.count) messages came through")
            }
            func measure(_ name: String, _ value: Double) -> Measure {
                Measure(bench: "latency", measure: name, value: value * 1_000, unit: "ms")
            }
            return [
                measure("acknowledged to live view p50", delays[delays.count / 2]),
                measure("acknowledged to live view p99", delays[delays.count * 99 / 100]),
                measure("acknowledged to live view max", delays[delays.count - 1]),
                Measure(bench: "latency", measure: "the whole view", value: Double(whole.utf8.count), unit: "bytes"),
                Measure(
                    bench: "latency", measure: "a message of changes, p50", value: Double(changes[changes.count / 2]),
                    unit: "bytes"),
                Measure(
                    bench: "latency", measure: "a message of changes, p99",
                    value: Double(changes[changes.count * 99 / 100]), unit: "bytes"),
            ]
        }
    }

    private struct Report: Decodable {
        let events: Int
        let accepted: Int
        let seconds: Double
        let serverErrors: Int
        let p50: Double
        let p99: Double
        enum CodingKeys: String, CodingKey {
            case events, accepted, seconds
            case serverErrors = "server_errors"
            case p50 = "acknowledgement_p50_ms"
            case p99 = "acknowledgement_p99_ms"
        }
    }

    func withServer(_ body: (CartographServer) throws -> [Measure]) throws -> [Measure] {
        guard let server = try CartographServer(.platform) else { return [] }
        defer { server.discard() }
        return try body(server)
    }
}
