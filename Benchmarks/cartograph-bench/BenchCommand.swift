import ArgumentParser
import Foundation

/// The benchmarks: one JSON object a measure, or a table.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cartograph-bench",
        abstract: "Measure Cartograph in processor time per event.",
        discussion: """
            decode, append, replay and stream run in this process on 64 MB of simulated events; http and latency start \
            the real binary and load it over loopback.
            """)

    /// What can be measured.
    enum Name: String, ExpressibleByArgument, CaseIterable {
        case decode, append, replay, stream, http, latency
    }

    @Argument(help: "decode, append, replay, stream, http, latency; all of them when none is named.")
    var names: [Name] = []
    @Flag(name: .long, help: "Print one JSON object a line.") var json = false
    @Option(name: .long, help: "Events a second for http and latency.") var rate = 50_000
    @Option(name: .long, help: "Seconds for http and latency.") var seconds = 60
    @Option(name: .long, help: "Runs of each in-process measure; the median counts.") var runs = 5

    func run() async throws {
        var measures: [Measure] = []
        for name in names.isEmpty ? Name.allCases : names {
            FileHandle.standardError.write(Data("measuring \(name.rawValue) …\n".utf8))
            let found: [Measure] =
                switch name {
                case .decode: try InProcess(runs: runs).decode()
                case .append: try InProcess(runs: runs).append()
                case .replay: try InProcess(runs: runs).replay()
                case .stream: try InProcess(runs: runs).stream()
                case .http: try Platform(rate: rate, seconds: seconds).http()
                case .latency: try Platform(rate: rate, seconds: seconds).latency()
                }
            measures += found
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            for measure in measures { print(String(decoding: try encoder.encode(measure), as: UTF8.self)) }
        } else {
            for measure in measures { print(measure.line) }
        }
    }
}

/// One measured number.
struct Measure: Encodable {
    let bench: String
    let measure: String
    let value: Double
    let unit: String
    var versus: [String: Double]?

    var line: String {
        let name = (bench + " " + measure).padding(toLength: 44, withPad: " ", startingAt: 0)
        let ratio = versus.map {
            "  " + $0.map { "\($0.key) ×\(String(format: "%.2f", $0.value))" }.joined(separator: " ")
        }
        return "  \(name) \(String(format: value >= 1_000 ? "%14.0f" : "%14.2f", value)) \(unit)\(ratio ?? "")"
    }
}
