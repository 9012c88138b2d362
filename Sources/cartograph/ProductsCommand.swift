import ArgumentParser
import FileImport
import Foundation
import Products

/// `cartograph products`: what the shop sells, by its own lists.
struct ProductsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "products", abstract: "Products: take in lists with names and categories, and show them.",
        subcommands: [Show.self, Import.self], defaultSubcommand: Show.self)

    private static func book(_ options: ShopOptions) throws -> ProductsBook {
        let settings = try options.settings()
        // A list may come before the first event.
        let folder = try DataFolder.open(settings.data)
        try FileManager.default.createDirectory(atPath: folder.lake, withIntermediateDirectories: true)
        let place = try LakePlace(settings.lake, folder)
        return try ProductsBook(
            catalog: try place.openCatalog(), folder: folder, zone: settings.zone, objectStore: place.objectStore)
    }

    /// `cartograph products show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "How many products are in each category now; or what was said of one.")
        @OptionGroup var options: ShopOptions
        @Argument(help: "A product_id: what lists said of it, and for which business days.") var product: String?

        private struct Answer: Encodable {
            let products: Int
            let lastImportAt: String?
            let lastSource: String?
            let categories: [ProductsTable.CategoryCount]
        }

        func run() async throws {
            let book = try ProductsCommand.book(options)
            if let product { return try show(product, book) }
            let categories = try book.table.categories()
            let last = try book.table.lastImport()
            let count = categories.reduce(0) { $0 + $1.products }
            if options.json {
                return try JSONAnswer.print(
                    Answer(products: count, lastImportAt: last?.at, lastSource: last?.source, categories: categories))
            }
            guard let last else {
                return Swift.print("There are no products yet: `cartograph products import FILE`.")
            }
            var table = TextTable(["category", "products"])
            for each in categories {
                table.add([each.category ?? "(none: unknown)", Int64(each.products).grouped])
            }
            Swift.print(table.text, terminator: "")
            Swift.print("\(Int64(count).grouped) products; the last news came \(last.at) from \(last.source)")
        }

        private func show(_ product: String, _ book: ProductsBook) throws {
            let versions = try book.table.history(of: product)
            guard !versions.isEmpty else {
                throw CommandError("no list has the product '\(product)': see `cartograph products import`")
            }
            if options.json { return try JSONAnswer.print(versions) }
            var table = TextTable(["from", "until before", "name", "category", "brand", "taken in", "source"])
            for each in versions {
                table.add([
                    each.validFrom ?? "the beginning", each.validTo ?? "", each.name ?? "", each.category ?? "unknown",
                    each.brand ?? "", each.importedAt, each.source,
                ])
            }
            Swift.print(table.text, terminator: "")
        }
    }

    /// `cartograph products import`.
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Take in a CSV file of products: product_id, and name, category or brand.",
            discussion: """
                The header says what the columns are: product_id (or id), name (or title), category (or product_type), \
                brand. Others are passed over. A list holds from today's business day on, until another says otherwise \
                of a product; the first that has a product holds from the beginning. --from takes another day, to correct the \
                past.
                """)
        @OptionGroup var options: ShopOptions
        @Argument(help: "The file.") var file: String
        @Option(
            name: .long,
            help: "The business day that the list holds from, such as 2026-01-31, or beginning (default: today).")
        var from: String?
        @Option(
            name: .long, help: "A column with another name, such as category=\"Product type\"; may be given again.")
        var column: [String] = []

        private struct Answer: Encodable {
            let added: Int
            let changed: Int
            let known: Int
            let validFrom: String
            let ignoredColumns: [String]
        }

        func validate() throws {
            _ = try columns()
            guard let from, from != "beginning" else { return }
            guard ProductsTable.isDay(from) else {
                throw ValidationError("--from '\(from)' is no day such as 2026-01-31, and not beginning")
            }
        }

        func run() async throws {
            let list: ProductList
            do {
                list = try ProductList(file: file, columns: try columns())
            } catch let error as ProductsError {
                throw CommandError("\(error)")
            } catch let error as ImportError {
                throw CommandError("\(error)")
            }
            let book = try ProductsCommand.book(options)
            let today = book.today()
            let day = from == "beginning" ? ProductsTable.beginning : from ?? today
            // Sorted as texts, days are sorted as days.
            guard day <= today else { throw CommandError("--from \(day) is in the future: today is \(today)") }
            let name = URL(fileURLWithPath: file).lastPathComponent
            let done = try book.add(list, from: day, source: "file \(name)")
            if options.json {
                return try JSONAnswer.print(
                    Answer(
                        added: done.added, changed: done.changed, known: done.known, validFrom: day,
                        ignoredColumns: list.ignored))
            }
            let since = day == ProductsTable.beginning ? "the beginning" : day
            Swift.print(
                "\(Int64(done.added).grouped) products added, \(Int64(done.changed).grouped) changed from \(since) on, "
                    + "\(Int64(done.known).grouped) known already; the next run of the models uses them")
            if done.changed > 0, day != ProductsTable.beginning {
                Swift.print("days before stay as they were: --from DAY or --from beginning changes them, too")
            }
            if !list.ignored.isEmpty {
                Swift.print("passed over: \(list.ignored.prefix(20).joined(separator: ", "))")
            }
        }

        /// `--column FIELD=NAME` by field.
        private func columns() throws -> [ProductField: String] {
            var columns: [ProductField: String] = [:]
            for text in column {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, let field = ProductField(rawValue: parts[0]) else {
                    throw ValidationError(
                        "--column '\(text)' is not product_id, name, category or brand, then = and a column of the file"
                    )
                }
                guard columns.updateValue(parts[1], forKey: field) == nil else {
                    throw ValidationError("--column names \(field.rawValue) twice")
                }
            }
            return columns
        }
    }
}
