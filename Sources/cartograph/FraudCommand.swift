import ArgumentParser
import Events
import Foundation
import Streaming

/// `cartograph fraud`: purchases that look like fraud.
struct FraudCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fraud",
        abstract: "List purchases that look like fraud, newest first, with the reasons.",
        discussion: """
            Reads the live state's checkpoint and the log after it, so it works with and without a server running. \
            docs/fraud.md says what a score means and where the rules are.
            """)

    @OptionGroup var options: ShopOptions
    @Option(name: .long, help: "At least this score, 0 to 100.") var minScore = 0
    @Option(name: .long, help: "Only purchases at or after a time (RFC 3339).") var since: String?
    @Option(name: .long, help: "At most so many.") var limit = 50

    func validate() throws {
        guard (0...100).contains(minScore) else { throw ValidationError("--min-score must be 0 to 100") }
        if let since, Timestamp.parse(since) == nil {
            throw ValidationError("--since '\(since)' is no time: write it as 2026-01-31T08:00:00Z")
        }
        guard (1...FraudWatch.alertsListed).contains(limit) else {
            throw ValidationError("--limit must be 1 to \(FraudWatch.alertsListed)")
        }
    }

    func run() async throws {
        let report = try options.liveState().fraud.report().filtered(
            minScore: minScore, since: since.flatMap { Timestamp.parse($0) } ?? .min, limit: limit)
        if options.json { return try LogCommand.print(report) }
        guard !report.alerts.isEmpty else {
            print("None of \(report.scored.grouped) purchases looks like fraud to that.")
            return
        }
        print(FraudCommand.table(report, width: FraudCommand.terminalWidth), terminator: "")
    }

    /// The columns of the terminal; what fits most where there is none.
    private static var terminalWidth: Int {
        guard let columns = Terminal.columns, columns >= 40 else { return 120 }
        return columns
    }

    /// The alerts in lines of at most a width: what each is in one, and below it why.
    static func table(_ report: FraudReport, width: Int) -> String {
        var table = TextTable(["at", "score", "order", "customer", "amount"])
        for alert in report.alerts {
            table.add([
                alert.at, "\(alert.score)", RejectedText.shown((alert.orderID ?? "–").utf8, limit: 32),
                RejectedText.shown(alert.userID.utf8, limit: 24), "\(alert.amount) \(alert.currency)",
            ])
        }
        var lines = table.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        var text = lines.prefix(2).map { cut($0, width) + "\n" }.joined()
        for (line, alert) in zip(lines.dropFirst(2), report.alerts) {
            text += cut(line, width) + "\n"
            for reason in alert.reasons { text += cut("      " + reason.text, width) + "\n" }
        }
        return text
            + "  \(report.alerted.grouped) of \(report.scored.grouped) purchases scored \(report.alertScore) or more\n"
    }

    private static func cut(_ line: String, _ width: Int) -> String {
        line.count <= width ? line : line.prefix(width - 1) + "…"
    }
}
