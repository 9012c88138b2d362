import ArgumentParser
import Books
import Events
import Foundation
import NIOCore

/// `cartograph verify`: the books.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the books: received, stored, live and gold must agree, to the cent.",
        discussion: """
            Brings the tables up to the log, counts everything anew from its source, and prints a trial balance. \
            Exits with 1 when it does not balance. With a server running on the data folder, the server checks.
            """)

    @OptionGroup var options: ShopOptions

    func run() async throws {
        let settings = try options.settings()
        let folder = try DataFolder.existing(settings.data)
        let balance: TrialBalance
        if let address = folder.runningServer() {
            let answer = try await CollectorConnection.open(try CollectorAddress(address, token: settings.token)) {
                try await $0.post("/api/v1/verify", ByteBuffer(), contentType: "application/json")
            }
            guard answer.status == 200 else {
                throw CommandError(
                    "the server at \(address) answered \(answer.status): "
                        + String(decoding: answer.body.prefix(500), as: UTF8.self))
            }
            balance = try JSONDecoder().decode(TrialBalance.self, from: Data(answer.body))
        } else {
            // What does not balance is printed here.
            let shop = try Shop.open(folder, settings, report: options.reporter()) { _ in }
            defer { shop.close() }
            let bar = SharedProgress("checking the books", quiet: options.json)
            balance = shop.batch.check(try shop.batch.makeBench()) { bar.show(0, of: nil, $0) }
            bar.finish()
        }
        try print(balance)
        if !balance.balanced { throw ExitCode(1) }
    }

    private func print(_ balance: TrialBalance) throws {
        if options.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes, .prettyPrinted]
            Swift.print(String(decoding: try encoder.encode(balance), as: UTF8.self))
            return
        }
        Swift.print("Trial balance at commit \(Int64(balance.commit).grouped)\n")
        var table = TextTable(["", "", "", ""])
        for line in balance.lines {
            table.add([
                "\(line.name): \(line.leftName) = \(line.rightName)", VerifyCommand.grouped(line.left),
                line.balanced ? "✓" : VerifyCommand.grouped(line.right), line.balanced ? "" : "✗",
            ])
        }
        Swift.print(table.text)
        for line in balance.lines where !line.balanced { printOffenders(line) }
        for (name, value) in balance.notes.sorted(by: { $0.key < $1.key }) { Swift.print("  \(name): \(value)") }
        for problem in balance.problems { Swift.print("  ✗ \(problem)") }
        Swift.print(
            balance.balanced
                ? "\nThe books balance." : "\nThe books do NOT balance: \(balance.unbalanced) of their lines.")
    }

    /// By how much a line is out of balance, since when, and what is wrong.
    private func printOffenders(_ line: TrialBalance.Line) {
        let words = [line.difference.map { "by \(VerifyCommand.grouped($0))" }, line.since.map { "since \($0)" }]
        Swift.print("  ✗ \(([line.name] + words.compactMap { $0 }).joined(separator: ", "))")
        for offender in line.offending ?? [] { Swift.print("      \(RejectedText.shown(offender.utf8, limit: 200))") }
        if let more = line.offendingMore, more > 0 { Swift.print("      and \(Int64(more).grouped) more") }
    }

    private static func grouped(_ text: String) -> String {
        if let number = Int64(text) { return number.grouped }
        return Money(text)?.grouped ?? text
    }
}
