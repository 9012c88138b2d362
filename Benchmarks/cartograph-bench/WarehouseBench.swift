import Foundation

/// Loads a simulated shop's lake into a PostgreSQL of the bench's own: a million fact rows over some days, into an empty
/// star schema; then nothing, which is what most loads find.
struct WarehouseBench {
    let runs: Int

    /// The simulated shop: at 5 events a second a day has 432,000, of which three in four are rows of facts.
    private static let (events, rate) = (1_210_000, 5)

    private struct Report: Decodable {
        struct Day: Decodable {
            let rows: [String: Int]
            let seconds: Double
        }
        let days: [Day]
        let seconds: Double
        var rows: Int { days.reduce(0) { $0 + $1.rows.values.reduce(0, +) } }
    }

    func measures() throws -> [Measure] {
        let folder = try WorkFolder.make()
        defer { WorkFolder.remove(folder) }
        try cartograph([
            "simulate", "--to", "log", "--events", "\(Self.events)", "--rate", "\(Self.rate)", "--seed", "1",
            "--data", folder,
        ])
        try cartograph(["batch", "run", "--data", folder])
        let server = try PostgresServer()
        defer { server.discard() }
        let place = ["--data", folder, "--url", "postgres://bench@127.0.0.1:\(server.port)/postgres"]
        var (seconds, spent, own, again, rows) = ([Double](), [Double](), [Double](), [Double](), 0)
        for _ in 0..<runs {
            try cartograph(["warehouse", "init"] + place)
            let before = try server.process.cpuSecondsOfTree()
            let ownBefore = Self.cpuSecondsOfEndedChildren()
            let report = try load(place)
            own.append(Self.cpuSecondsOfEndedChildren() - ownBefore)
            spent.append(try server.process.cpuSecondsOfTree() - before)
            seconds.append(report.seconds)
            rows = report.rows
            let second = try load(place)
            guard second.days.isEmpty, rows > 0 else { throw BenchError("the second load found something to do") }
            again.append(second.seconds * 1_000)
            try cartograph(["warehouse", "drop", "--yes"] + place)
        }
        func measure(_ name: String, _ values: [Double], _ unit: String) -> Measure {
            Measure(bench: "warehouse", measure: name, Spread(values), unit: unit)
        }
        return [
            Measure(bench: "warehouse", measure: "rows", value: Double(rows), unit: "rows"),
            measure("load", seconds, "s"),
            measure("load of a million rows", seconds.map { $0 * 1e6 / Double(rows) }, "s"),
            measure("of it PostgreSQL's processor", spent, "cpu-s"),
            measure("of it the loader's processor", own, "cpu-s"), measure("a load of nothing", again, "ms"),
        ]
    }

    /// Processor seconds of the commands that ended so far.
    private static func cpuSecondsOfEndedChildren() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    private func load(_ place: [String]) throws -> Report {
        try JSONDecoder().decode(Report.self, from: try cartograph(["warehouse", "load", "--json"] + place))
    }

    @discardableResult
    private func cartograph(_ words: [String]) throws -> Data {
        let (status, output) = try ServerProcess.run(CartographServer.binary, words)
        guard status == 0 else {
            throw BenchError("cartograph \(words.prefix(2).joined(separator: " ")) ended with \(status)")
        }
        return output
    }
}
