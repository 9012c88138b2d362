import ArgumentParser
import Engine
import Foundation
import Iceberg
import Lake

/// `cartograph lake compact`.
struct LakeCompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Join a table's small files into large ones, beside whoever writes to it.",
        discussion: "Each group of files is a commit of its own: stopped anywhere, the tables are right.")
    @OptionGroup var options: ShopOptions
    @Argument(help: "The tables (default: all).") var tables: [String] = []
    @Flag(name: .long, help: "Show what would be joined, and change nothing.") var dryRun = false
    @Flag(name: .long, help: "Write whole partitions anew in the table's sort order, where they are not in it.")
    var sort = false
    @Option(
        name: .long, help: "Write whole partitions anew, sorted by these columns: a,b. Readers then skip more files.")
    var sortBy: String?

    /// The engine's memory.
    private static let engineBytes = 1 << 30

    private struct Entry: Encodable {
        let table: String
        let groups: Int
        let files: Int
        let new_files: Int?
        let rows: Int64
        let bytes: Int64
        let deleted_rows: Int64?
        let delete_files: Int
    }

    func validate() throws {
        guard !sort || sortBy == nil else { throw ValidationError("--sort and --sort-by exclude each other") }
        guard !(sort || sortBy != nil) || !tables.isEmpty else {
            throw ValidationError("name the tables to sort: sorting writes them anew")
        }
    }

    private var limits: Compaction.Limits {
        var limits = Compaction.Limits()
        // Who names a table wants its newest partition joined, too.
        if !tables.isEmpty { limits.newestFilesMin = limits.filesMin }
        if sort { limits.order = .ofTable }
        if let sortBy {
            limits.order = .columns(sortBy.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        }
        return limits
    }

    func run() async throws {
        let (place, folder) = try LakeCommand.place(try options.settings())
        let catalog = try place.openCatalog()
        var settings = DuckDB.Settings()
        settings.threads = 2
        settings.memoryLimitBytes = Self.engineBytes
        settings.temporaryFolder = folder.temporary + "/compact"
        settings.objectStore = place.objectStore
        let connection = try DuckDB(settings).connect()
        var entries: [Entry] = []
        for identifier in try LakeCommand.identifiers(tables, in: catalog) {
            var compaction = Compaction(try catalog.loadTable(identifier), connection, limits)
            if dryRun {
                let plan = try compaction.plan()
                entries.append(
                    Entry(
                        table: "\(identifier)", groups: plan.groups.count, files: plan.files, new_files: nil,
                        rows: plan.rows, bytes: plan.bytes, deleted_rows: nil, delete_files: plan.deleteFiles))
                continue
            }
            let bar = SharedProgress("compacting \(identifier)", quiet: options.json)
            let report = try compaction.run { bar.show($0.bytesDone, of: $0.bytes, "\($0.groupsDone) of \($0.groups)") }
            bar.finish()
            entries.append(
                Entry(
                    table: "\(identifier)", groups: report.groups, files: report.joinedFiles,
                    new_files: report.newFiles, rows: report.rows, bytes: report.joinedBytes,
                    deleted_rows: report.deletedRows, delete_files: report.deleteFiles))
        }
        if options.json { return try LogCommand.print(entries) }
        let changed = entries.filter { $0.groups > 0 || (!dryRun && $0.delete_files > 0) }
        if changed.isEmpty { return print("There are no small files to join.") }
        let hasDeletes = changed.contains { $0.delete_files > 0 || $0.deleted_rows ?? 0 > 0 }
        var text = TextTable(
            ["table", "groups", dryRun ? "files to join" : "files joined", "new files", "rows", "bytes"]
                + (hasDeletes ? ["deleted rows", dryRun ? "delete files" : "delete files dropped"] : []))
        for entry in changed {
            text.add(
                [
                    entry.table, Int64(entry.groups).grouped, Int64(entry.files).grouped,
                    entry.new_files.map { Int64($0).grouped } ?? "", entry.rows.grouped, entry.bytes.grouped,
                ]
                    + (hasDeletes
                        ? [entry.deleted_rows?.grouped ?? "", Int64(entry.delete_files).grouped] : []))
        }
        print(text.text, terminator: "")
    }
}
