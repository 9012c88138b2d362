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
            guard batch.vars == nil else {
                throw CommandError(
                    "a server runs at \(address), with the variables of its own: stop it to run models with others")
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

    /// What a server is asked to run.
    private struct Asked: Encodable {
        let select: [String]
        let exclude: [String]
        let full_refresh: Bool
    }

    private func runThere(_ address: String, _ settings: Settings) async throws {
        let asked = Asked(select: batch.select, exclude: batch.exclude, full_refresh: fullRefresh)
        let body = ByteBuffer(bytes: try JSONEncoder().encode(asked))
        let answer = try await CollectorConnection.open(try CollectorAddress(address, token: settings.token)) {
            try await $0.post("/api/v1/batch", body, contentType: "application/json")
        }
        let text = String(decoding: answer.body, as: UTF8.self)
        guard answer.status == 200 else {
            throw CommandError("the server at \(address) answered \(answer.status): \(text.prefix(500))")
        }
        print(options.json ? text : "the server at \(address) ran the models: \(text)")
    }
}
