import ArgumentParser
import EventLog
import Foundation
import Models
import NIOCore

/// `cartograph batch`: the models.
struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch", abstract: "Build silver and gold from bronze.", subcommands: [Run.self, Test.self],
        defaultSubcommand: Run.self)

    /// `cartograph batch run`.
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Bring everything in the log through to gold; running it again changes nothing.")

        @OptionGroup var options: ShopOptions

        func run() async throws {
            let settings = try options.settings()
            let folder = try DataFolder.existing(settings.data)
            if let address = folder.runningServer() {
                let answer = try await CollectorConnection.open(try CollectorAddress(address, token: settings.token)) {
                    try await $0.post("/api/v1/batch", ByteBuffer(), contentType: "application/json")
                }
                let text = String(decoding: answer.body, as: UTF8.self)
                guard answer.status == 200 else {
                    throw CommandError("the server at \(address) answered \(answer.status): \(text.prefix(500))")
                }
                print(options.json ? text : "the server at \(address) ran the models: \(text)")
                return
            }
            let shop = try Shop.open(folder, settings, report: options.reporter(), alarm: options.alarm())
            defer { shop.close() }
            let outcome = try BatchCommand.run(shop, quiet: options.json)
            if options.json {
                print(String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self))
            } else {
                print(
                    "\(outcome.models) models changed, \(Int64(outcome.rows).grouped) rows written, in "
                        + "\(outcome.seconds.rounded(to: 1)) s")
            }
        }
    }

    /// `cartograph batch test`.
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "test", abstract: "Run the tests that the models declare; exit 1 when one fails.")

        @OptionGroup var options: ShopOptions

        private struct Outcome: Encodable {
            let name: String
            let failures: Int
        }

        func run() async throws {
            let settings = try options.settings()
            let shop = try Shop.open(try DataFolder.existing(settings.data), settings, report: options.reporter())
            defer { shop.close() }
            let report = try shop.batch.makeBench().test()
            if options.json {
                let outcomes = report.outcomes.map { Outcome(name: $0.name, failures: $0.failures) }
                print(String(decoding: try JSONEncoder().encode(outcomes), as: UTF8.self))
            } else {
                for failed in report.failures { print("  ✗ \(failed.name): \(failed.failures) rows") }
                print("\(report.outcomes.count - report.failures.count) passed, \(report.failures.count) failed")
            }
            if !report.failures.isEmpty { throw ExitCode(1) }
        }
    }

    /// Drains the log into bronze and runs the models, with a progress bar.
    static func run(_ shop: Shop, quiet: Bool) throws -> BatchOutcome {
        let bar = SharedProgress("writing bronze", quiet: quiet)
        _ = try shop.lake.drain(to: shop.log.cut()) { done, total in
            bar.show(Int64(done), of: Int64(total), "\(Int64(done).grouped) rows")
        }
        bar.finish()
        let models = SharedProgress("building gold", quiet: quiet)
        defer { models.finish() }
        return try shop.batch.run(try shop.batch.makeBench()) { model, index, count in
            models.show(Int64(index), of: Int64(count), model)
        }
    }
}
