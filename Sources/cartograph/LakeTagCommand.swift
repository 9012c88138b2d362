import ArgumentParser
import Iceberg

/// `cartograph lake tag`.
struct LakeTagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "Name a snapshot, so that it is kept and can be read by that name.",
        discussion:
            "`lake sql --at NAME` reads it; other engines do, too. A tagged snapshot is never forgotten, unless a customer is erased."
    )
    @OptionGroup var options: ShopOptions
    @Argument(help: "The table, such as gold.daily_sales.") var table: String
    @Argument(help: "The tag.") var name: String
    @Option(name: .long, help: "The snapshot: its id, a tag or branch, or a time (default: the current).")
    var at: String?
    @Flag(name: .long, help: "Move a tag that is there.") var move = false
    @Flag(name: .long, help: "Remove the tag; its snapshot is forgotten with the next expiry.") var delete = false

    private struct Answer: Encodable {
        let table: String
        let tag: String
        let snapshot: Int64?
    }

    func validate() throws {
        guard !delete || (at == nil && !move) else {
            throw ValidationError("--delete goes with neither --at nor --move")
        }
        // A number would be taken for a snapshot's id, a time for a time.
        guard Int64(name) == nil, !name.isEmpty, name != SnapshotReference.mainBranch else {
            throw ValidationError("'\(name)' cannot be a tag's name: choose a word such as end-of-october")
        }
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
        var table = try catalog.loadTable(try TableIdentifier(parsing: table))
        var update = TableUpdate(table)
        if delete {
            guard table.metadata.references[name]?.isBranch != true else {
                throw CommandError("\(name) is a branch of \(table.identifier), not a tag")
            }
            update.removeReference(name)
        } else {
            let snapshot = try at.map { try LakeCommand.snapshot($0, of: table) } ?? table.currentSnapshot
            guard let snapshot else { throw CommandError("\(table.identifier) has no snapshot yet to tag") }
            update.setReference(name, isBranch: false, to: snapshot.id, replacing: move)
        }
        try table.commit(update)
        let snapshot = table.metadata.references[name]?.snapshotID
        if options.json {
            return try LogCommand.print(Answer(table: "\(table.identifier)", tag: name, snapshot: snapshot))
        }
        print(
            snapshot.map { "\(table.identifier): \(name) is snapshot \($0)" }
                ?? "\(table.identifier): the tag \(name) is gone")
    }
}
