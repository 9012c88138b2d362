import ArgumentParser
import Foundation
import Models

/// `cartograph batch docs`.
struct BatchDocsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs",
        abstract: "Write one page about every model: description, columns, types, tests, grain and lineage.",
        discussion:
            "A name that ends in .md gives Markdown, anything else a page for a browser; - is the standard output.")

    @OptionGroup var options: ShopOptions
    @OptionGroup var batch: BatchOptions
    @Option(name: [.long, .short], help: "The file to write.") var output = "models.html"

    private struct Written: Encodable {
        let file: String
        let bytes: Int
    }

    func run() async throws {
        let settings = try options.settings()
        // Without tables there are no types to show, and everything else is as good.
        let catalog = try? LakeCommand.place(settings).0.openCatalog()
        let docs = try ModelDocs(try batch.project(settings), batch.selection, catalog: catalog)
        let text = output.hasSuffix(".md") || output == "-" ? docs.markdown : docs.html
        if output == "-" {
            print(text, terminator: "")
            return
        }
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: output), options: .atomic)
        } catch {
            throw CommandError("\(output) cannot be written: \(error.localizedDescription)")
        }
        if options.json {
            try BatchCommand.printJSON(Written(file: output, bytes: text.utf8.count))
        } else {
            print("wrote \(output)")
        }
    }
}
