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
    @OptionGroup var common: CommonOptions
    @Argument(help: "The tables (default: all).") var tables: [String] = []
    @Flag(name: .long, help: "Show what would be joined, and change nothing.") var dryRun = false

    /// The engine's memory.
    private static let engineBytes = 1 << 30

    private struct Entry: Encodable {
        let table: String
        let groups: Int
        let files: Int
        let new_files: Int?
        let rows: Int64
        let bytes: Int64
    }

    func run() async throws {
        let (place, folder) = try LakeCommand.place(try common.settings())
        let catalog = try place.openCatalog()
        var settings = DuckDB.Settings()
        settings.threads = 2
        settings.memoryLimitBytes = Self.engineBytes
        settings.temporaryFolder = folder.temporary + "/compact"
        settings.objectStore = place.objectStore
        let connection = try DuckDB(settings).connect()
        var entries: [Entry] = []
        for identifier in try LakeCommand.identifiers(tables, in: catalog) {
            var compaction = Compaction(try catalog.loadTable(identifier), connection)
            if dryRun {
                let plan = try compaction.plan()
                entries.append(
                    Entry(
                        table: "\(identifier)", groups: plan.groups.count, files: plan.files, new_files: nil,
                        rows: plan.rows, bytes: plan.bytes))
                continue
            }
            let bar = SharedProgress("compacting \(identifier)", quiet: common.json)
            let report = try compaction.run { bar.show($0.bytesDone, of: $0.bytes, "\($0.groupsDone) of \($0.groups)") }
            bar.finish()
            entries.append(
                Entry(
                    table: "\(identifier)", groups: report.groups, files: report.joinedFiles,
                    new_files: report.newFiles,
                    rows: report.rows, bytes: report.joinedBytes))
        }
        if common.json { return try LogCommand.print(entries) }
        var text = TextTable([
            "table", "groups", dryRun ? "files to join" : "files joined", "new files", "rows", "bytes",
        ])
        for entry in entries where entry.groups > 0 {
            text.add([
                entry.table, Int64(entry.groups).grouped, Int64(entry.files).grouped,
                entry.new_files.map { Int64($0).grouped } ?? "", entry.rows.grouped, entry.bytes.grouped,
            ])
        }
        if entries.allSatisfy({ $0.groups == 0 }) { return print("There are no small files to join.") }
        print(text.text, terminator: "")
    }
}
