import ArgumentParser
import Foundation
import Models

/// `cartograph batch test`.
struct BatchTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests that the models declare, and look at how fresh the sources are; exit 1 when one fails."
    )

    @OptionGroup var options: ShopOptions
    @OptionGroup var batch: BatchOptions

    private struct Outcome: Encodable {
        let name: String
        let status: String
        let failures: Int
        let place: String
    }

    func run() async throws {
        let settings = try options.settings()
        let runner = try batch.reader(settings)
        let bar = SharedProgress("testing", quiet: options.json)
        let report = try runner.test(batch.selection) { name, number, count in
            bar.show(Int64(number - 1), of: Int64(count), name)
        }
        bar.finish()
        if options.json {
            try BatchCommand.printJSON(
                report.outcomes.map {
                    Outcome(name: $0.name, status: $0.status.rawValue, failures: $0.failures, place: $0.place)
                })
        } else {
            for warned in report.warnings { print("  ! \(warned.name): \(Self.found(warned)) (\(warned.place))") }
            for failed in report.failures { print("  ✗ \(failed.name): \(Self.found(failed)) (\(failed.place))") }
            let passed = report.outcomes.count - report.failures.count - report.warnings.count
            let warned = report.warnings.isEmpty ? "" : ", \(report.warnings.count) warned"
            print("\(passed) passed, \(report.failures.count) failed\(warned)")
        }
        if !report.failures.isEmpty { throw ExitCode(1) }
    }

    private static func found(_ outcome: TestReport.Outcome) -> String {
        outcome.name.hasSuffix(": freshness")
            ? "its newest row is \(outcome.failures) s too old" : "\(Int64(outcome.failures).grouped) rows"
    }
}
