import Foundation

/// How much of the platform a server runs.
enum ServerMode: String, CaseIterable {
    /// Only takes events and keeps them.
    case door
    /// Everything.
    case platform

    var words: String { self == .door ? "the door alone" : "the whole platform" }
}

/// The real binary, serving a new data folder.
final class CartographServer {
    /// The longest wait for everything that was accepted to be in the live view and in the lake, in seconds.
    private static let settleSeconds = 600.0

    /// The binary; set once, before anything is measured.
    nonisolated(unsafe) static var binary =
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
        + "/cartograph"

    let process: ServerProcess
    let mode: ServerMode
    let folder: String
    let port: Int
    private var isStopped = false

    /// Starts one; nil when the binary knows no such mode.
    init?(_ mode: ServerMode) throws {
        guard FileManager.default.isExecutableFile(atPath: Self.binary) else {
            throw BenchError("\(Self.binary) is missing: swift build -c release --product cartograph")
        }
        if mode == .door {
            let help = try ServerProcess.run(Self.binary, ["up", "--help"]).output
            guard String(decoding: help, as: UTF8.self).contains("--door-only") else {
                report("  skipped: this binary has no `up --door-only`")
                return nil
            }
        }
        self.mode = mode
        folder = try WorkFolder.make()
        process = try ServerProcess(
            Self.binary, ["up", "--data", folder, "--port", "0", "--json"] + (mode == .door ? ["--door-only"] : []),
            name: "cartograph")
        struct Hello: Decodable { let address: String }
        let line = process.firstLine()
        guard !line.isEmpty, let hello = try? JSONDecoder().decode(Hello.self, from: line),
            let port = URL(string: hello.address)?.port
        else {
            process.stop()
            WorkFolder.remove(folder)
            throw BenchError("the server did not start")
        }
        self.port = port
    }

    var address: String { "http://127.0.0.1:\(port)" }

    /// Ends it, its data folder stays.
    func stop() {
        guard !isStopped else { return }
        isStopped = true
        process.stop(signal: SIGINT)
    }

    /// Ends it and removes its data folder.
    func discard() {
        stop()
        WorkFolder.remove(folder)
    }

    // MARK: - Settling

    /// Waits until all `events` are in the log, and with everything running in the live view and in the lake. Returns the
    /// seconds it took.
    func settle(_ events: Int) throws -> Double {
        guard mode == .platform else { return 0 }
        let began = Clocks.now()
        let connection = try PlainConnection(port: port)
        while true {
            let seconds = Double(Clocks.now() - began) / 1e9
            let gauges = try gauges(connection)
            let records = gauges.filter { $0.key.hasPrefix("cartograph_log_records{") }.values.reduce(0, +)
            if Int(records) >= events, let commit = gauges["cartograph_log_commit"],
                let seen = gauges["cartograph_stream_commit"], seen >= commit,
                let rows = gauges["cartograph_bronze_rows_total"], Int(rows) >= events
            {
                return seconds
            }
            guard seconds < Self.settleSeconds, process.isRunning else {
                throw BenchError(
                    "after \(Int(seconds)) s \(Int(records)) of \(events) events are in the log, or the live view or the "
                        + "lake is behind it")
            }
            usleep(50_000)
        }
    }

    private func gauges(_ connection: PlainConnection) throws -> [String: Double] {
        try connection.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        guard let body = connection.answer() else { throw BenchError("the server gave no metrics") }
        var gauges: [String: Double] = [:]
        for line in body.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = Double(words[1]) { gauges[String(words[0])] = value }
        }
        return gauges
    }

    // MARK: - The books

    private struct Balance: Decodable {
        struct Line: Decodable {
            let name: String
            let left: String
            let right: String
            let balanced: Bool
        }
        let balanced: Bool
        let lines: [Line]
        let notes: [String: String]
        let problems: [String]
    }

    /// Checks the books and that they hold the events that were acknowledged, no more and no fewer. With the door alone,
    /// ends the server first and lets the rest catch up.
    func verify(_ events: Int) throws {
        report("  checking the books over \(Measure.text(Double(events))) events …")
        if mode == .door { stop() }
        let (status, output) = try ServerProcess.run(Self.binary, ["verify", "--data", folder, "--json"])
        guard let balance = try? JSONDecoder().decode(Balance.self, from: output) else {
            throw BenchError("cartograph verify gave no books and ended with \(status)")
        }
        for line in balance.lines where !line.balanced {
            report("  ✗ \(line.name): \(line.left) is not \(line.right)")
        }
        for problem in balance.problems { report("  ✗ \(problem)") }
        guard status == 0, balance.balanced else { throw BenchError("the books do not balance") }
        guard let accepted = balance.lines.first(where: { $0.name == "accepted events" }),
            accepted.left == String(events), accepted.right == String(events)
        else {
            throw BenchError("\(events) events were acknowledged, the books hold another number")
        }
        // Every id was sent once: a repeat would mean that the bench does not test what it says.
        for name in ["duplicates", "conflicts"] {
            guard let count = balance.notes[name], count == "0" else {
                throw BenchError("the books tell \(balance.notes[name] ?? "nothing") of \(name), there are none")
            }
        }
    }
}
