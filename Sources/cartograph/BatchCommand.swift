import ArgumentParser
import EventLog
import Foundation
import Models

/// `cartograph batch`: the models.
struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch", abstract: "Build silver and gold from bronze: a dbt project, run natively.",
        subcommands: [
            BatchRunCommand.self, BatchTestCommand.self, BatchPlanCommand.self, BatchBackfillCommand.self,
            BatchDocsCommand.self, BatchLineageCommand.self,
        ],
        defaultSubcommand: BatchRunCommand.self)

    /// Drains the log into bronze, with a progress bar.
    static func drain(_ shop: Shop, quiet: Bool) throws {
        let bar = SharedProgress("writing bronze", quiet: quiet)
        defer { bar.finish() }
        _ = try shop.lake.drain(to: shop.log.cut()) { done, total in
            bar.show(Int64(done), of: Int64(total), "\(Int64(done).grouped) rows")
        }
    }

    /// Drains the log into bronze and runs the models, with a progress bar.
    static func run(
        _ shop: Shop, _ selection: ModelSelection = .all, fullRefresh: Bool = false, quiet: Bool
    ) throws -> BatchOutcome {
        try drain(shop, quiet: quiet)
        let models = SharedProgress("building gold", quiet: quiet)
        defer { models.finish() }
        return try shop.batch.run(try shop.batch.makeBench(), selection, fullRefresh: fullRefresh) {
            model, index, count in
            models.show(Int64(index), of: Int64(count), model)
        }
    }

    /// Prints a value as JSON.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
