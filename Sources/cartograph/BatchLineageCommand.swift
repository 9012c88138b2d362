import ArgumentParser
import Models

/// `cartograph batch lineage`.
struct BatchLineageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lineage",
        abstract: "Show which models read which; --select '+daily_sales' for what one is made from.")

    @OptionGroup var options: ShopOptions
    @OptionGroup var batch: BatchOptions

    private struct Answer: Encodable {
        let nodes: [Lineage.Entry]
        let edges: [Lineage.Edge]
    }

    func run() async throws {
        let lineage = try Lineage(try batch.project(try options.settings()), batch.selection)
        if options.json {
            try BatchCommand.printJSON(Answer(nodes: lineage.nodes, edges: lineage.edges))
        } else {
            print(lineage.text, terminator: "")
        }
    }
}
