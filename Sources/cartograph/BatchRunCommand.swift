import ArgumentParser
import Foundation
import Models
import NIOCore

/// `cartograph batch run`.
struct BatchRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Bring everything in the log through to gold; running it again changes nothing.",
        discussion: """
            Only what changed is made anew: the business days that new events touched, and models whose definition, macros, \
            variables or seeds changed, with what depends on them. `batch plan` tells what that would be.
            """)

    @OptionGroup var options: ShopOptions
    @OptionGroup var batch: BatchOptions
    @Flag(name: .long, help: "Make every table selected anew.") var fullRefresh = false

    func run() async throws {
        let settings = try options.settings()
        let folder = try DataFolder.existing(settings.data)
        if let address = folder.runningServer() {
            guard batch.isEverything, !fullRefresh else {
                throw CommandError(
                    "a server runs at \(address) and runs all models itself: stop it to run some of them, or in another way"
                )
            }
            return try await runThere(address, settings)
        }
        let shop = try Shop.open(
            folder, settings, variables: try batch.variables(settings), report: options.reporter(),
            alarm: options.alarm())
        defer { shop.close() }
        let outcome = try BatchCommand.run(shop, batch.selection, fullRefresh: fullRefresh, quiet: options.json)
        if options.json {
            print(String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self))
        } else {
            print(
                "\(outcome.models) models changed, \(Int64(outcome.rows).grouped) rows written, in "
                    + "\(outcome.seconds.rounded(to: 1)) s")
        }
    }

    private func runThere(_ address: String, _ settings: Settings) async throws {
        let answer = try await CollectorConnection.open(try CollectorAddress(address, token: settings.token)) {
            try await $0.post("/api/v1/batch", ByteBuffer(), contentType: "application/json")
        }
        let text = String(decoding: answer.body, as: UTF8.self)
        guard answer.status == 200 else {
            throw CommandError("the server at \(address) answered \(answer.status): \(text.prefix(500))")
        }
        print(options.json ? text : "the server at \(address) ran the models: \(text)")
    }
}
