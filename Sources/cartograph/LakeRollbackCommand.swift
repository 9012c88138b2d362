import ArgumentParser
import Iceberg
import Lake

/// `cartograph lake rollback`.
struct LakeRollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Make an earlier state of a table the current one.",
        discussion: """
            Later snapshots stay readable by their ids until they expire. A table that a model makes is brought up to \
            date again by the next run of the models.
            """)
    @OptionGroup var options: ShopOptions
    @Argument(help: "The table, such as gold.daily_sales.") var table: String
    @Option(name: .long, help: "The snapshot: its id, a tag, or a time (RFC 3339).") var to: String

    private struct Answer: Encodable {
        let table: String
        let from: Int64?
        let to: Int64
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
        var table = try catalog.loadTable(try TableIdentifier(parsing: table))
        let snapshot = try LakeCommand.snapshot(to, of: table)
        // Bronze snapshots say how much of the log they hold, and the log may have let go of the rest. What others
        // committed on top of the last one that says so can be undone.
        if table.identifier.namespace == BronzeTable.namespace {
            let own = BronzeWriter.lastOwnSnapshot(of: table)
            guard let own, own.id != table.currentSnapshot?.id, own.id == snapshot.id else {
                throw CommandError(
                    "\(table.identifier) follows the log and is rolled back only to undo what other writers did; to read "
                        + "it as it was: cartograph lake sql --at \(to)")
            }
        }
        let from = table.currentSnapshot?.id
        try table.rollback(to: snapshot.id)
        if options.json {
            return try LogCommand.print(Answer(table: "\(table.identifier)", from: from, to: snapshot.id))
        }
        print("\(table.identifier) is at snapshot \(snapshot.id) again, and was at \(from.map(String.init) ?? "none")")
    }
}
