import ArgumentParser
import Foundation
import Iceberg

/// `cartograph lake orphans`.
struct LakeOrphansCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orphans",
        abstract: "Find files that no snapshot refers to and uploads that were never ended; --delete removes them.",
        discussion: """
            Killed writers and refused commits leave such files; they cost space and nothing else. A commit that is on \
            its way has files that nothing refers to yet: choose an age that no commit takes. Works beside a server.
            """)
    @OptionGroup var options: ShopOptions
    @Argument(help: "The tables (default: all).") var tables: [String] = []
    @Option(name: .long, help: "How old, such as 3d, 12h or 30m.") var olderThan: String = "3d"
    @Flag(name: .long, help: "Delete them; otherwise they are only listed.") var delete = false

    /// Files that are named on a terminal.
    private static let shown = 20

    func validate() throws {
        guard LakeExpireCommand.seconds(olderThan) != nil else {
            throw ValidationError("--older-than '\(olderThan)' is no age such as 3d, 12h, 30m or 45s")
        }
    }

    private struct Entry: Encodable {
        let table: String
        let listed: Int
        let orphans: [String]
        let orphan_bytes: Int64
        let younger: Int
        let deleted: Bool
        let undeleted: [String]
        let uploads: [String]
        let younger_uploads: Int
        let uploads_problem: String?
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
        let identifiers = try LakeCommand.identifiers(tables, in: catalog)
        let bar = SharedProgress("looking for orphans", quiet: options.json)
        var entries: [Entry] = []
        for (index, identifier) in identifiers.enumerated() {
            bar.show(Int64(index), of: Int64(identifiers.count), "\(identifier)")
            var table = try catalog.loadTable(identifier)
            let report = try table.removeOrphans(
                graceSeconds: LakeExpireCommand.seconds(olderThan) ?? Table.orphanGraceSeconds, isDryRun: !delete)
            entries.append(
                Entry(
                    table: "\(identifier)", listed: report.listedFiles, orphans: report.orphans,
                    orphan_bytes: report.orphanBytes, younger: report.youngFiles, deleted: delete,
                    undeleted: report.undeleted, uploads: report.uploads, younger_uploads: report.youngUploads,
                    uploads_problem: report.uploadsProblem))
        }
        bar.finish()
        if options.json { return try LogCommand.print(entries) }
        let hasUploads = entries.contains { !$0.uploads.isEmpty || $0.younger_uploads > 0 }
        var text = TextTable(
            ["table", "files", delete ? "orphans deleted" : "orphans", "bytes", "younger"]
                + (hasUploads ? [delete ? "uploads given up" : "unfinished uploads", "younger uploads"] : []))
        for entry in entries {
            text.add(
                [
                    entry.table, Int64(entry.listed).grouped,
                    Int64(entry.orphans.count - entry.undeleted.count).grouped, entry.orphan_bytes.grouped,
                    Int64(entry.younger).grouped,
                ]
                    + (hasUploads
                        ? [Int64(entry.uploads.count).grouped, Int64(entry.younger_uploads).grouped] : []))
        }
        print(text.text, terminator: "")
        let found = entries.flatMap { $0.orphans + $0.uploads.map { "upload of \($0)" } }
        for location in found.prefix(Self.shown) { print(location) }
        if found.count > Self.shown { print("… and \(found.count - Self.shown) more; --json names all") }
        for location in entries.flatMap(\.undeleted) { CommandExit.say("not deleted: \(location)") }
        for case let (table, problem?) in entries.map({ ($0.table, $0.uploads_problem) }) {
            CommandExit.say("\(table): unfinished uploads were not all looked after: \(problem)")
        }
        if !delete && !found.isEmpty { print("Nothing was deleted: say --delete.") }
    }
}
