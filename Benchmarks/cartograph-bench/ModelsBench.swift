import Collector
import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Models
import Simulator
import Telemetry

/// The models over a simulated month: a full build beside hand-written SQL over the same files, and the increment of a day.
///
/// The month has 1 % duplicates, 2 % of its events late by up to three days and 0.5 % malformed lines. All but its last day
/// is built in full; then that day comes, with the late ones of the days before.
struct ModelsBench {
    /// Events of the month.
    let events: Int
    /// Runs of the full build and of the plain SQL, of which the best counts; the increment is run once.
    let runs: Int
    /// Models that may run at the same time.
    let threads: Int
    /// The engine's memory, for all models together.
    let engineBytes: Int

    private static let days = 30
    private static let linesAtOnce = 10_000
    private static let partitions = 2
    /// The engine's memory for the plain SQL.
    private static let plainBytes = 2 << 30
    /// The statements of the floor, one for each table, split at lines of dashes.
    private static let plainFile = "Benchmarks/models.sql"

    func measures() throws -> [Measure] {
        let folder = try WorkFolder.make()
        defer { WorkFolder.remove(folder) }
        let log = try EmbeddedLog(folder: folder + "/log", partitions: Self.partitions)
        defer { log.close() }
        let catalog = try SQLiteCatalog(path: folder + "/lake/catalog.sqlite", warehouse: folder + "/lake")
        let writer = BronzeWriter(log: log, catalog: catalog)
        var month = try Month(events: events, days: Self.days)
        report("  \(Self.days - 1) days of events …")
        try month.write(until: events * (Self.days - 1) / Self.days, into: log)
        let rows = try writer.drain(to: log.cut()).rowCount

        var built: [Spent] = []
        var plain: [Spent] = []
        for run in 0..<runs {
            report("  full build and plain SQL, \(run + 1) of \(runs) …")
            let (spent, told) = try Spent.measure { try runner(catalog, folder).run(fullRefresh: true) }
            built.append(spent)
            if run == runs - 1 { tell(told) }
            plain.append(try Spent.measure { try runPlain(catalog, folder + "/plain-\(run)") }.0)
            try FileManager.default.removeItem(atPath: folder + "/plain-\(run)")
        }
        report("  the last day …")
        try month.write(until: events, into: log)
        try month.release(into: log)
        let late = try writer.drain(to: log.cut()).rowCount
        let (increment, told) = try Spent.measure { try runner(catalog, folder).run() }
        tell(told)
        let (best, floor) = (Spent.best(built), Spent.best(plain))
        let floorCPU = ["the plain SQL": best.cpu / floor.cpu]
        let floorWall = ["the plain SQL": best.wall / floor.wall]
        return [
            Measure(bench: "models", measure: "rows of bronze", value: Double(rows), unit: "rows"),
            Measure(bench: "models", measure: "full build", value: best.cpu, unit: "cpu-s", versus: floorCPU),
            Measure(bench: "models", measure: "full build, wall", value: best.wall, unit: "s", versus: floorWall),
            Measure(bench: "models", measure: "plain SQL", value: floor.cpu, unit: "cpu-s"),
            Measure(bench: "models", measure: "plain SQL, wall", value: floor.wall, unit: "s"),
            Measure(bench: "models", measure: "a day more, rows of bronze", value: Double(late), unit: "rows"),
            Measure(bench: "models", measure: "a day more", value: increment.cpu, unit: "cpu-s"),
            Measure(bench: "models", measure: "a day more, wall", value: increment.wall, unit: "s"),
        ]
    }

    /// Tells which models took longest.
    private func tell(_ run: RunReport) {
        for model in run.models.sorted(by: { $0.milliseconds > $1.milliseconds }).prefix(10) {
            report("    \(model.table): \(model.milliseconds) ms, \(model.rows) rows")
        }
    }

    private func engine(_ folder: String, _ bytes: Int) -> DuckDB.Settings {
        var settings = DuckDB.Settings()
        settings.threads = 2
        settings.memoryLimitBytes = bytes
        settings.temporaryFolder = folder + "/tmp"
        return settings
    }

    private func runner(_ catalog: SQLiteCatalog, _ folder: String) throws -> ModelRunner {
        ModelRunner(
            project: try ModelProject(folder: "models"), catalog: catalog, engine: engine(folder, engineBytes),
            threads: threads)
    }

    /// Makes the same tables as Parquet files, each by one statement, from the same files of bronze.
    private func runPlain(_ catalog: SQLiteCatalog, _ folder: String) throws {
        guard let text = FileManager.default.contents(atPath: Self.plainFile) else {
            throw BenchError("there is no \(Self.plainFile): run this from the checkout")
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let connection = try DuckDB(engine(folder, Self.plainBytes)).connect()
        try connection.execute("CREATE SCHEMA bronze")
        for identifier in try catalog.listTables(in: "bronze") {
            let scan = try LakeTable(catalog.loadTable(identifier)).scanSQL()
            try connection.execute("CREATE VIEW bronze.\(identifier.name) AS \(scan)")
        }
        var took: [(Substring, Int)] = []
        for statement in String(decoding: text, as: UTF8.self).components(separatedBy: "\n----\n") {
            let began = Clocks.now()
            try connection.execute(statement.replacing("FOLDER", with: folder))
            took.append((statement.split(separator: " TO ").last ?? "", Int((Clocks.now() - began) / 1_000_000)))
        }
        for (name, milliseconds) in took.sorted(by: { $0.1 > $1.1 }).prefix(10) {
            report("    plain \(name.prefix(40)): \(milliseconds) ms")
        }
    }
}

/// Processor and wall seconds.
struct Spent {
    let cpu: Double
    let wall: Double

    static func measure<Result>(_ body: () throws -> Result) rethrows -> (Spent, Result) {
        let (cpu, began) = (Clocks.ownCPU(), Clocks.now())
        let result = try body()
        return (Spent(cpu: Double(Clocks.ownCPU() - cpu) / 1e9, wall: Double(Clocks.now() - began) / 1e9), result)
    }

    static func best(_ all: [Spent]) -> Spent {
        Spent(cpu: all.map(\.cpu).min() ?? 0, wall: all.map(\.wall).min() ?? 0)
    }
}

/// A simulated month on its way into a log.
private struct Month {
    private var simulator: ShopSimulator
    private var buffer = LineBuffer(lines: 10_000)
    private var written = 0
    private let metrics = Metrics()

    init(events: Int, days: Int) throws {
        var settings = SimulationSettings(seed: 6)
        // 2,592 seconds are a thousandth of a month.
        settings.rate = max(1, events / 1_000)
        settings.rateSeconds = days * 86_400 / 1_000
        settings.fulfilmentSpeedup = 1
        settings.duplicateRate = 0.01
        settings.malformedRate = 0.005
        settings.lateRate = 0.02
        settings.lateFrom = 0
        settings.lateBy = 3 * 86_400_000_000
        simulator = try ShopSimulator(settings)
    }

    mutating func write(until goal: Int, into log: EmbeddedLog) throws {
        while written < goal {
            let count = min(10_000, goal - written)
            buffer.removeAll()
            simulator.generate(count, into: &buffer)
            written += count
            try append(to: log)
        }
    }

    mutating func release(into log: EmbeddedLog) throws {
        buffer.removeAll()
        if simulator.releaseHeld(into: &buffer) > 0 { try append(to: log) }
    }

    private func append(to log: EmbeddedLog) throws {
        let collector = Collector(log: log, metrics: metrics)
        try buffer.withBytes { bytes in
            var body = PaddedBytes(capacity: bytes.count)
            body.append(bytes)
            let (batch, _) = try collector.judge(body, .ndjson, "bench")
            _ = try log.appendAndWait(batch)
        }
    }
}
