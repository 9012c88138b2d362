import Foundation

/// Measures of the whole platform: the real binary in a process of its own, loaded over loopback.
struct Platform {
    let rate: Int
    let seconds: Int

    private var binary: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("cartograph")
    }

    /// A rate through the door for some time: what the server spent, what it answered, how large it grew.
    func http() throws -> [Measure] {
        try withServer { server in
            let before = try server.cpuSeconds()
            let report = try simulate(to: server)
            let spent = try server.cpuSeconds() - before
            let peak = try server.peakResidentBytes()
            guard report.accepted == report.events, report.events > 0 else {
                throw BenchError("\(report.events) events sent, \(report.accepted) accepted")
            }
            func measure(_ name: String, _ value: Double, _ unit: String) -> Measure {
                Measure(bench: "http", measure: name, value: value, unit: unit)
            }
            return [
                measure("sustained, durable", Double(report.events) / report.seconds, "events/s"),
                measure("whole platform", Double(report.events) / spent, "events/cpu-s"),
                measure("acknowledgement p50", report.p50, "ms"),
                measure("acknowledgement p99", report.p99, "ms"),
                measure("server errors (5xx)", Double(report.serverErrors), "answers"),
                measure("most resident memory", Double(peak) / 1e6, "MB"),
            ]
        }
    }

    /// From an acknowledgement to the first live view that holds the event, beside the same load.
    func latency() throws -> [Measure] {
        try withServer { server in
            let load = try start([
                "simulate", "--to", server.address, "--rate", "\(rate)", "--for", "\(seconds)s", "--json",
            ])
            let delays = try LatencyProbe(port: server.port).measure(seconds: Double(seconds)).sorted()
            load.process.waitUntilExit()
            guard delays.count >= 100 else { throw BenchError("only \(delays.count) probes came through") }
            func measure(_ name: String, _ value: Double) -> Measure {
                Measure(bench: "latency", measure: name, value: value * 1_000, unit: "ms")
            }
            return [
                measure("acknowledged to live view p50", delays[delays.count / 2]),
                measure("acknowledged to live view p99", delays[delays.count * 99 / 100]),
                measure("acknowledged to live view max", delays[delays.count - 1]),
            ]
        }
    }

    // MARK: - Processes

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

    private func start(_ arguments: [String]) throws -> (process: Process, output: Pipe) {
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        return (process, output)
    }

    private func simulate(to server: RunningServer) throws -> Report {
        let run = try start(["simulate", "--to", server.address, "--rate", "\(rate)", "--for", "\(seconds)s", "--json"])
        let output = run.output.fileHandleForReading.readDataToEndOfFile()
        run.process.waitUntilExit()
        return try JSONDecoder().decode(Report.self, from: output)
    }

    private func withServer(_ body: (RunningServer) throws -> [Measure]) throws -> [Measure] {
        let folder = FileManager.default.temporaryDirectory.path + "/cartograph-bench-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try start(["up", "--data", folder, "--port", "0", "--json"])
        defer {
            run.process.interrupt()
            run.process.waitUntilExit()
        }
        struct Hello: Decodable { let address: String }
        // The first line comes alone; the pipe stays open as long as the server runs.
        let line = run.output.fileHandleForReading.availableData
        guard !line.isEmpty else { throw BenchError("the server did not start") }
        let address = try JSONDecoder().decode(Hello.self, from: line).address
        guard let port = URL(string: address)?.port else { throw BenchError("no port in \(address)") }
        let server = RunningServer(process: run.process.processIdentifier, port: port)
        return try body(server)
    }
}

/// A server under measurement.
struct RunningServer {
    let process: Int32
    let port: Int
    var address: String { "http://127.0.0.1:\(port)" }

    /// Processor seconds of all its threads (proc(5), utime and stime).
    func cpuSeconds() throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The second field may hold spaces: count from behind its parenthesis.
        let fields = text.drop { $0 != ")" }.split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
            throw BenchError("/proc/\(process)/stat is not understood")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The most resident bytes it had (proc(5), VmHWM).
    func peakResidentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            if let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) {
                return kilobytes * 1_024
            }
        }
        throw BenchError("/proc/\(process)/status has no VmHWM")
    }
}
