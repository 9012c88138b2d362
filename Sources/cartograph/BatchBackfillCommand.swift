import ArgumentParser
import Foundation
import Models
import Telemetry

/// `cartograph batch backfill`.
struct BatchBackfillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Make a range of business days anew, whether something changed or not.",
        discussion: """
            Tables that are kept by business days have the days of the range replaced, month by month; what they read, and \
            tables that are made whole, is brought up to date on the way. Interrupted, the same command goes on where it was.
            """)

    @OptionGroup var options: ShopOptions
    @OptionGroup var batch: BatchOptions
    @Option(name: .long, help: "The first business day, such as 2026-03-01.") var from: String
    @Option(name: .long, help: "The last business day.") var to: String

    private struct Outcome: Encodable {
        struct Entry: Encodable {
            let name: String
            let days: Int
            let days_before: Int
        }
        let ok = true
        let resumed: Bool
        let rows: Int
        let models: [Entry]
        let seconds: Double
    }

    func run() async throws {
        guard from <= to else { throw ValidationError("--from \(from) comes after --to \(to)") }
        let settings = try options.settings()
        let folder = try DataFolder.existing(settings.data)
        if let address = folder.runningServer() {
            throw CommandError("a server runs at \(address): stop it for a backfill, and start it again after that")
        }
        let began = ContinuousClock.now
        let shop = try Shop.open(
            folder, settings, variables: try batch.variables(settings), report: options.reporter())
        defer { shop.close() }
        try BatchCommand.drain(shop, quiet: options.json)
        let bar = SharedProgress("backfilling", quiet: options.json)
        let bench = try shop.batch.makeBench()
        try shop.rates.addBuiltIn(bench.connection)
        let report = try bench.runner.backfill(
            from...to, batch.selection, journal: folder.path + "/backfill.json"
        ) { bar.show(Int64($0.done), of: Int64($0.total), "\($0.model), \($0.done) of \($0.total) days") }
        bar.finish()
        let seconds = (ContinuousClock.now - began).inSeconds
        if options.json {
            try BatchCommand.printJSON(
                Outcome(
                    resumed: report.isResumed, rows: report.rows,
                    models: report.models.map { .init(name: $0.name, days: $0.days, days_before: $0.before) },
                    seconds: seconds))
            return
        }
        for model in report.models {
            let before = model.before > 0 ? ", \(model.before) before it was interrupted" : ""
            print("  \(model.name): \(model.days) days\(before)")
        }
        for model in report.updated where model.status != .unchanged { print("  \(model.name): brought up to date") }
        print("\(Int64(report.rows).grouped) rows written, in \(seconds.rounded(to: 1)) s")
    }
}
