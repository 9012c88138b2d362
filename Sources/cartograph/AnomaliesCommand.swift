import ArgumentParser
import Events
import Foundation
import Streaming

/// `cartograph anomalies`: what was not as usual.
struct AnomaliesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anomalies",
        abstract: "List what was not as usual: orders, revenue, conversion, clicks, errors.",
        discussion: """
            Reads the live state's checkpoint and the log after it, so it works with and without a server running. \
            docs/anomalies.md says how to read a line.
            """)

    @OptionGroup var options: ShopOptions
    @Option(name: .long, help: "Leave out those that ended before this time (RFC 3339).") var since: String?
    @Option(name: .long, help: "At least so severe: info, warning or critical.") var severity = "info"
    @Option(name: .long, help: "At most so many.") var limit = 50

    func validate() throws {
        guard Anomaly.Severity(rawValue: severity) != nil else {
            throw ValidationError("--severity is info, warning or critical")
        }
        if let since, Timestamp.parse(since) == nil {
            throw ValidationError("--since '\(since)' is no time: write it as 2026-01-31T08:00:00Z")
        }
        guard (1...AnomalyBounds.remembered).contains(limit) else {
            throw ValidationError("--limit must be 1 to \(AnomalyBounds.remembered)")
        }
    }

    func run() async throws {
        let found = try options.liveState().anomalies.report().filtered(
            since: since.flatMap { Timestamp.parse($0) } ?? .min,
            severity: Anomaly.Severity(rawValue: severity) ?? .info, limit: limit)
        if options.json { return try LogCommand.print(found) }
        if let waits = found.waitsFor { print("Not watching yet: waiting for \(waits).") }
        guard !found.anomalies.isEmpty else {
            if found.isReady { print("Everything is as usual.") }
            return
        }
        var table = TextTable(["severity", "start", "end", "observed", "usual", "1 in 10^", "stake", "what"])
        for anomaly in found.anomalies {
            table.add([
                anomaly.severity.rawValue, anomaly.start, anomaly.end ?? "goes on",
                AnomaliesCommand.number(anomaly.observed), AnomaliesCommand.number(anomaly.expected),
                anomaly.improbability.rounded(to: 0), anomaly.stake.map { $0.rounded(to: 2) } ?? "",
                anomaly.summary,
            ])
        }
        print(table.text, terminator: "")
    }

    /// Rates with four places, sums with none.
    private static func number(_ value: Double) -> String {
        abs(value) < 10 ? value.rounded(to: 4) : value.rounded(to: 0)
    }
}
