import ArgumentParser
import Engine
import EventLog
import Foundation
import Iceberg
import Rates

/// `cartograph rates`: what other currencies are worth.
struct RatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rates", abstract: "Exchange rates: show, fetch or import the ECB's reference rates.",
        subcommands: [Show.self, Fetch.self, Import.self], defaultSubcommand: Show.self)

    /// What a command works with; a server may run on the same folder.
    private struct Desk {
        let settings: Settings
        let book: RatesBook
        let connection: Connection

        init(_ options: ShopOptions) throws {
            settings = try options.settings()
            let (place, folder) = try LakeCommand.place(settings)
            book = RatesBook(folder: folder, home: try Home.find(), catalog: try place.openCatalog())
            connection = try RatesBook.connect(objectStore: place.objectStore)
        }

        var table: RatesTable { RatesTable(book.catalog, connection) }

        /// Keeps a report's numbers readable for people and machines.
        func print(_ report: RatesTable.Report, _ options: ShopOptions) throws {
            if options.json { return try JSONAnswer.print(report) }
            Swift.print(
                "\(Int64(report.added).grouped) rates added, \(Int64(report.corrected).grouped) corrected, "
                    + "\(Int64(report.known).grouped) known already; the next run of the models uses them")
        }
    }

    /// `cartograph rates show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "The newest rate of each currency, and how the last fetch went.")
        @OptionGroup var options: ShopOptions

        private struct Answer: Encodable {
            let reportingCurrency: String
            let newest: String?
            let ageDays: Int?
            let lastAttempt: RatesBook.Attempt?
            let rates: [RatesTable.Latest]
        }

        func run() async throws {
            let desk = try Desk(options)
            let rates = try desk.table.latest()
            let newest = rates.map(\.date).max()
            let today = Int32(clamping: EmbeddedLog.wallClock() / 86_400_000_000)
            let age = newest.flatMap { ExchangeRate.day($0) }.map { Int(today - $0) }
            let attempt = desk.book.lastAttempt
            if options.json {
                return try JSONAnswer.print(
                    Answer(
                        reportingCurrency: desk.settings.currency, newest: newest, ageDays: age, lastAttempt: attempt,
                        rates: rates))
            }
            var table = TextTable(["currency", "for one euro", "of", "from", "came"])
            for rate in rates { table.add([rate.currency, rate.rate, rate.date, rate.source, rate.fetchedAt]) }
            if rates.isEmpty {
                Swift.print("There are no exchange rates yet: `cartograph rates import FILE`, or set rates_url.")
            } else {
                Swift.print(table.text, terminator: "")
            }
            Swift.print("reporting currency: \(desk.settings.currency)")
            if let newest, let age { Swift.print("newest rates: of \(newest), \(age) days ago") }
            if let attempt {
                Swift.print("last fetch: \(attempt.at) from \(attempt.url), " + (attempt.failure ?? "done"))
                if attempt.failure != nil {
                    Swift.print(
                        "the last known rates stay in force; the last fetch that succeeded was "
                            + (attempt.succeededAt ?? "none"))
                }
            } else if desk.settings.ratesURL == nil {
                Swift.print("rates are not fetched: set rates_url in cartograph.yaml, such as \(RatesSource.ecb)")
            }
        }
    }

    /// `cartograph rates fetch`.
    struct Fetch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "fetch", abstract: "Fetch rates once, now.")
        @OptionGroup var options: ShopOptions
        @Option(
            name: .long, help: "The address (default: rates_url of the configuration, then the ECB's last 90 days).")
        var url: String?

        func run() async throws {
            let desk = try Desk(options)
            let source = try RatesSource(url: url ?? desk.settings.ratesURL ?? RatesSource.ecb)
            do {
                try desk.book.addBuiltIn(desk.connection)
                try desk.print(try desk.book.fetch(source, desk.connection), options)
            } catch let error as RatesError {
                let newest = try desk.table.latest().map(\.date).max()
                throw CommandError(
                    "\(error); "
                        + (newest.map { "the last known rates, of \($0), stay in force" } ?? "there are no rates"))
            }
        }
    }

    /// `cartograph rates import`.
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Take in a file of the ECB: eurofxref-hist.csv, its zip, or one of the XML files.")
        @OptionGroup var options: ShopOptions
        @Argument(help: "The file.") var file: String

        func run() async throws {
            let desk = try Desk(options)
            try desk.book.addBuiltIn(desk.connection)
            let name = URL(fileURLWithPath: file).lastPathComponent
            let report = try desk.table.add(
                try RatesBook.read(file), source: "file \(name)", now: EmbeddedLog.wallClock())
            try desk.print(report, options)
        }
    }
}
