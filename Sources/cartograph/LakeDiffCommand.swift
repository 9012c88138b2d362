import ArgumentParser
import Events
import Foundation
import Iceberg

/// `cartograph lake diff`.
struct LakeDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare two snapshots of a table: files and rows that came and went, by partition.")
    @OptionGroup var common: CommonOptions
    @Argument(help: "The table, such as gold.daily_sales.") var table: String
    @Argument(help: "The earlier snapshot: its id, a tag or branch, or a time (RFC 3339).") var from: String
    @Argument(help: "The later one (default: the current).") var to: String = "main"

    private struct Change: Encodable {
        let partition: String
        var files_added = 0
        var rows_added: Int64 = 0
        var files_removed = 0
        var rows_removed: Int64 = 0
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try common.settings()).0.openCatalog()
        let table = try catalog.loadTable(try TableIdentifier(parsing: table))
        let before = try table.files(at: try LakeCommand.snapshot(from, of: table))
        let after = try table.files(at: try LakeCommand.snapshot(to, of: table))
        let old = Set(before.map(\.location))
        let new = Set(after.map(\.location))
        var changes: [PartitionKey: Change] = [:]
        func change(_ file: DataFile, _ body: (inout Change) -> Void) {
            let name = file.partition.map { "\($0)" }.joined(separator: ", ")
            body(&changes[file.partitionKey, default: Change(partition: name.isEmpty ? "all" : name)])
        }
        for file in after where !old.contains(file.location) {
            change(file) {
                $0.files_added += 1
                $0.rows_added += file.recordCount
            }
        }
        for file in before where !new.contains(file.location) {
            change(file) {
                $0.files_removed += 1
                $0.rows_removed += file.recordCount
            }
        }
        let sorted = changes.values.sorted { $0.partition < $1.partition }
        if common.json { return try LogCommand.print(sorted) }
        guard !sorted.isEmpty else { return print("Both hold the same files.") }
        var text = TextTable(["partition", "files added", "rows added", "files removed", "rows removed"])
        for change in sorted {
            text.add([
                change.partition, Int64(change.files_added).grouped, change.rows_added.grouped,
                Int64(change.files_removed).grouped, change.rows_removed.grouped,
            ])
        }
        print(text.text, terminator: "")
    }
}

extension LakeCommand {
    /// The snapshot of a table with this id, tag or branch.
    static func known(_ word: String, of table: Table) -> Snapshot? {
        if let reference = table.metadata.references[word] { return table.snapshot(id: reference.snapshotID) }
        return Int64(word).flatMap { table.snapshot(id: $0) }
    }

    /// The snapshot of a table that a word names: an id, a tag or branch, or a time.
    static func snapshot(_ word: String, of table: Table) throws -> Snapshot {
        if let known = known(word, of: table) { return known }
        if let instant = Timestamp.parse(word) {
            if let known = table.snapshot(asOf: Date(timeIntervalSince1970: Double(instant) / 1e6)) { return known }
            throw CommandError("\(table.identifier) knows of no snapshot at \(word): see `cartograph lake history`")
        }
        throw CommandError(
            "'\(word)' is neither a snapshot, a tag or branch of \(table.identifier) nor a time such as "
                + "2026-11-21T10:00:00Z: see `cartograph lake history \(table.identifier)`")
    }
}
