import ArgumentParser
import Engine
import Events
import Foundation
import Iceberg
import Lake

/// `cartograph lake diff`.
struct LakeDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare two snapshots of a table: files and rows that came and went, by partition.",
        discussion: "With --rows the rows themselves; only files that one of the two has and not the other are read.")
    @OptionGroup var options: ShopOptions
    @Argument(help: "The table, such as gold.daily_sales.") var table: String
    @Argument(help: "The earlier snapshot: its id, a tag or branch, or a time (RFC 3339).") var from: String
    @Argument(help: "The later one.") var to: String = "main"

    @Flag(name: .long, help: "Show the rows that were added (+) and removed (-).") var rows = false
    @Option(name: .long, help: "Most rows to show.") var limit = 1_000

    /// The engine's memory.
    private static let engineBytes = 1 << 30

    func validate() throws {
        guard (1...Connection.rowsMaxDefault).contains(limit) else {
            throw ValidationError("--limit is a number from 1 to \(Connection.rowsMaxDefault)")
        }
    }

    private struct Change: Encodable {
        let partition: String
        var files_added = 0
        var rows_added: Int64 = 0
        var files_removed = 0
        var rows_removed: Int64 = 0
        var delete_files_added = 0
        var delete_files_removed = 0
    }

    func run() async throws {
        let (place, folder) = try LakeCommand.place(try options.settings())
        let table = try place.openCatalog().loadTable(try TableIdentifier(parsing: table))
        let first = try LakeCommand.snapshot(from, of: table)
        let last = try LakeCommand.snapshot(to, of: table)
        if rows { return try showRows(LakeTable(table), first, last, place, folder) }
        let (before, after) = (try table.plan(at: first), try table.plan(at: last))
        let old = Set(before.allFiles.map(\.location))
        let new = Set(after.allFiles.map(\.location))
        var changes: [PartitionKey: Change] = [:]
        func change(_ file: DataFile, _ body: (inout Change) -> Void) {
            let name = file.partition.map { "\($0)" }.joined(separator: ", ")
            body(&changes[file.partitionKey, default: Change(partition: name.isEmpty ? "all" : name)])
        }
        for file in after.allFiles where !old.contains(file.location) {
            change(file) {
                guard file.content == .data else { return $0.delete_files_added += 1 }
                $0.files_added += 1
                $0.rows_added += file.recordCount
            }
        }
        for file in before.allFiles where !new.contains(file.location) {
            change(file) {
                guard file.content == .data else { return $0.delete_files_removed += 1 }
                $0.files_removed += 1
                $0.rows_removed += file.recordCount
            }
        }
        let sorted = changes.values.sorted { $0.partition < $1.partition }
        if options.json { return try LogCommand.print(sorted) }
        guard !sorted.isEmpty else { return print("Both hold the same files.") }
        let hasDeletes = sorted.contains { $0.delete_files_added + $0.delete_files_removed > 0 }
        var text = TextTable(
            ["partition", "files added", "rows added", "files removed", "rows removed"]
                + (hasDeletes ? ["delete files added", "delete files removed"] : []))
        for change in sorted {
            text.add(
                [
                    change.partition, Int64(change.files_added).grouped, change.rows_added.grouped,
                    Int64(change.files_removed).grouped, change.rows_removed.grouped,
                ]
                    + (hasDeletes
                        ? [Int64(change.delete_files_added).grouped, Int64(change.delete_files_removed).grouped] : []))
        }
        print(text.text, terminator: "")
    }

    private func showRows(
        _ table: LakeTable, _ first: Snapshot, _ last: Snapshot, _ place: LakePlace, _ folder: DataFolder
    ) throws {
        var settings = DuckDB.Settings()
        settings.threads = 2
        settings.memoryLimitBytes = Self.engineBytes
        settings.temporaryFolder = folder.temporary + "/diff"
        settings.objectStore = place.objectStore
        let connection = try DuckDB(settings).connect()
        let difference = try table.difference(from: first, to: last)
        let scans = [difference.before, difference.after].map { DamageSearch.Scan(table, $0) }
        let result = try DamageSearch.naming(in: scans, connection, areBound: false) {
            try connection.query(difference.sql, rowsMax: limit)
        }
        print(options.json ? result.json() : result.table(width: LakeCommand.Query.width))
        if result.isTruncated { CommandExit.say("only the first \(limit) rows are shown: raise --limit") }
    }
}

extension ScanPlan {
    /// The data files, and those of deletes.
    fileprivate var allFiles: [DataFile] { tasks.map(\.file) + deletes.map(\.file) + idleDeletes }
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
