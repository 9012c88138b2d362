import ArgumentParser
import Foundation
import Models

/// The benchmarks: one JSON object a measure, or tables.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cartograph-bench",
        abstract: "Measure Cartograph in processor time per event.",
        discussion: """
            decode, append, collect, replay and lake run in this process on 64 MB of simulated events; stream on 100,000 and on a \
            million of the newest minutes; checkpoints has the stream's state grow by three million, keys to ten million; pauses what \
            fraud scores and anomalies add to a checkpoint; hours \
            makes the commits of an hour of bronze with its upkeep beside; tables commits to Iceberg tables and plans over their files; \
            models builds silver and gold of a month beside hand-written SQL; fraud judges the \
            scores of simulated fraud. http, single, platform, latency and listeners start the real binary and load it over loopback; http and single check its books \
            afterwards. peers gives the same events to Redis and PostgreSQL, \
            warehouse loads a lake into PostgreSQL; `scripts/bootstrap bench` installs both.
            """)

    /// What can be measured.
    enum Name: String, ExpressibleByArgument, CaseIterable {
        case decode, append, collect, replay, stream, checkpoints, keys, pauses, lake, hours, tables, models, fraud,
            http, single, platform, latency, listeners, peers, warehouse

        /// What needs other servers, or minutes, and is measured when named.
        static let apart: [Name] = [.models, .peers, .warehouse]
    }

    @Argument(
        help:
            "\(Name.allCases.map(\.rawValue).joined(separator: ", ")); all but the last two and models when none is named."
    )
    var names: [Name] = []
    @Flag(name: .long, help: "Print one JSON object a line.") var json = false
    @Option(name: .long, help: "Runs of each measure, the median counts (default 5 in this process, 3 under load).")
    var runs: Int?
    @Option(name: .long, help: "The one topic that lake measures; all: all together.") var only: String?
    @Option(name: .long, help: "Commits for hours.") var commits = 1_000
    @Option(name: .long, help: "Events a second for platform, latency and listeners.") var rate = 50_000
    @Option(name: .long, help: "Seconds for platform, latency and listeners.") var seconds = 60
    @Option(name: .long, help: "How many follow the live view for listeners.") var listeners = 100
    @Option(name: .long, help: "Events a request for http, such as 500,1000; the last also for peers.")
    var batch = NumberList([500, 1_000])
    @Option(name: .long, help: "Connections for http.") var connections = NumberList([1, 2, 8, 32])
    @Option(name: .long, help: "Events that a run under load sends at most.") var events = 500_000
    @Option(name: .long, help: "Seconds that a run under load sends at most.") var window = 10.0
    @Option(name: .long, help: "What http and single run: door (taking and keeping events only), platform or both.")
    var mode = Mode.both
    @Option(name: .long, help: "The server to measure (default: cartograph beside this program).") var binary: String?
    @Option(name: .long, help: "Events of the month for models.") var month = 20_000_000
    @Option(name: .long, help: "Models that may run at the same time (default: as many as there are processors).")
    var modelThreads: Int?
    @Option(name: .long, help: "The engine's memory for models, in MiB.") var modelMemory = 2_048
    @Option(name: .long, help: "Days of traffic for fraud.") var days = 60
    @Option(name: .long, help: "The seed of fraud's traffic.") var seed: UInt64 = 1
    @Option(name: .long, help: "Where fraud writes its rows of features, for other judges.") var rows: String?
    @Option(name: .long, help: "The rules that fraud scores by.") var rules = "config/fraud-rules.yaml"
    @Option(name: .long, help: "Where data folders are made, on a disk (default: the system's temporary folder).")
    var folder: String?

    /// The modes of http and single.
    enum Mode: String, ExpressibleByArgument, CaseIterable { case door, platform, both }

    func validate() throws {
        guard runs ?? 1 >= 1, month >= 30_000, rate >= 1, seconds >= 1, events >= 1, days >= 1, window > 0 else {
            throw ValidationError(
                "--runs, --rate, --seconds, --events, --days and --window must be 1 or more, --month 30000")
        }
        guard (1...ModelRunner.threadsMax).contains(modelThreads ?? 1), (64...65_536).contains(modelMemory) else {
            throw ValidationError("--model-threads must be 1 to \(ModelRunner.threadsMax), --model-memory 64 to 65536")
        }
        guard (1...900).contains(listeners) else { throw ValidationError("--listeners must be 1 to 900") }
        guard batch.numbers.allSatisfy({ (1...LoadSettings.corpusEvents / 100).contains($0) }) else {
            throw ValidationError("--batch must be 1 to \(LoadSettings.corpusEvents / 100) events")
        }
        guard connections.numbers.allSatisfy({ (1...64).contains($0) }) else {
            throw ValidationError("--connections must be 1 to 64")
        }
    }

    func run() async throws {
        Started.endWithThisProcess()
        defer { Started.endAll() }
        if let binary { CartographServer.binary = binary }
        if let folder { WorkFolder.base = folder }
        var all = Findings([try Quiet.check()])
        output(all)
        for name in names.isEmpty ? Name.allCases.filter({ !Name.apart.contains($0) }) : names {
            report("measuring \(name.rawValue) …")
            all = try measure(name)
            output(all)
        }
    }

    private func measure(_ name: Name) throws -> Findings {
        let inProcess = { try InProcess(runs: runs ?? 5) }
        return switch name {
        case .decode: Findings(try inProcess().decode())
        case .append: Findings(try inProcess().append())
        case .collect: Findings(try inProcess().collect())
        case .replay: Findings(try inProcess().replay())
        case .stream:
            Findings(
                try InProcess.liveEvents.flatMap {
                    try InProcess(runs: runs ?? 5, liveEvents: $0.measured + $0.earlier, rate: $0.rate)
                        .stream(after: $0.earlier)
                })
        case .checkpoints: Findings(try CheckpointBench(events: 3_000_000).measures())
        case .keys: Findings(try KeysBench().measures())
        case .pauses: Findings(try WatchPauseBench().measures())
        case .lake: Findings(try inProcess().bronze(only: only))
        case .hours: Findings(try inProcess().bronzeHours(commits: commits))
        case .tables: Findings(try TableBench(runs: runs ?? 5).measures())
        case .models:
            Findings(
                try ModelsBench(
                    events: month, runs: runs ?? 2, threads: modelThreads ?? ModelRunner.threadsDefault,
                    engineBytes: modelMemory << 20
                ).measures())
        case .fraud: try FraudBench(days: days, seed: seed, rows: rows, rules: rules).run()
        case .http: try LoadBench(load).http()
        case .single: try LoadBench(load).single()
        case .platform: Findings(try Platform(rate: rate, seconds: seconds).platform())
        case .latency: Findings(try Platform(rate: rate, seconds: seconds).latency())
        case .listeners: Findings(try Platform(rate: rate, seconds: seconds).listeners(listeners))
        case .warehouse: Findings(try WarehouseBench(runs: runs ?? 3).measures())
        case .peers: try PeerBench(settings: load, batch: batch.numbers[batch.numbers.count - 1]).run()
        }
    }

    private var load: LoadSettings {
        LoadSettings(
            runs: runs ?? 3, window: window, events: events, batches: batch.numbers, connections: connections.numbers,
            modes: ServerMode.allCases.filter { mode == .both || mode.rawValue == $0.rawValue })
    }

    private func output(_ findings: Findings) {
        // Whoever waits for the figures reads them through a pipe as often as on a terminal.
        defer { fflush(nil) }
        guard json else { return findings.print() }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for measure in findings.measures {
            // Texts and finite numbers always encode.
            if let text = try? encoder.encode(measure) { print(String(decoding: text, as: UTF8.self)) }
        }
    }
}

/// Numbers with commas between them.
struct NumberList: ExpressibleByArgument {
    let numbers: [Int]

    init(_ numbers: [Int]) { self.numbers = numbers }

    init?(argument: String) {
        let numbers = argument.split(separator: ",").map { Int($0) }
        guard !numbers.isEmpty, numbers.allSatisfy({ $0 != nil }) else { return nil }
        self.numbers = numbers.compactMap { $0 }
    }

    var defaultValueDescription: String { numbers.map(String.init).joined(separator: ",") }
}
