import ArgumentParser
import Iceberg
import Lake

/// `cartograph lake rewrite-manifests`.
struct LakeRewriteManifestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rewrite-manifests",
        abstract: "Order a table's lists of files by partition, so that readers of a few partitions read few of them.")
    @OptionGroup var options: ShopOptions
    @Argument(help: "The tables (default: all).") var tables: [String] = []

    private struct Entry: Encodable {
        let table: String
        let manifests: Int
        let before: Int
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
        let identifiers = try LakeCommand.identifiers(tables, in: catalog)
        let bar = SharedProgress("rewriting manifests", quiet: options.json)
        var entries: [Entry] = []
        for (index, identifier) in identifiers.enumerated() {
            bar.show(Int64(index), of: Int64(identifiers.count), "\(identifier)")
            var table = try catalog.loadTable(identifier)
            guard table.currentSnapshot != nil else { continue }
            let before = try table.metrics(smallFileBytes: 0).manifests
            try Self.rewrite(&table)
            entries.append(
                Entry(table: "\(identifier)", manifests: try table.metrics(smallFileBytes: 0).manifests, before: before)
            )
        }
        bar.finish()
        if options.json { return try LogCommand.print(entries) }
        var text = TextTable(["table", "manifests before", "manifests now"])
        for entry in entries {
            text.add([entry.table, Int64(entry.before).grouped, Int64(entry.manifests).grouped])
        }
        print(text.text, terminator: "")
    }

    /// The new snapshot says the same of what the table was made from as the one it follows: so each attempt is made from
    /// the newest one, and none is carried on to a later.
    private static func rewrite(_ table: inout Table) throws {
        let policy = table.policy
        defer { table.policy = policy }
        table.policy.attempts = 1
        for attempt in 1... {
            do {
                return try table.rewriteManifests(summary: SnapshotState.carried(from: table.currentSnapshot))
            } catch let error as IcebergError where error.kind == .conflict && attempt < policy.attempts {
                try table.refresh()
            }
        }
    }
}
