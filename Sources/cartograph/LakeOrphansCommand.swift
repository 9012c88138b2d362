import ArgumentParser
import Foundation
import Iceberg

/// `cartograph lake orphans`.
struct LakeOrphansCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orphans", abstract: "Find files that no snapshot refers to, and delete them with --delete.",
        discussion: """
            Killed writers and refused commits leave such files; they cost space and nothing else. A commit that is on \
            its way has files that nothing refers to yet: choose an age that no commit takes. Works beside a server.
            """)
    @OptionGroup var common: CommonOptions
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
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try common.settings()).0.openCatalog()
        let identifiers = try LakeCommand.identifiers(tables, in: catalog)
        let bar = SharedProgress("looking for orphans", quiet: common.json)
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
                    undeleted: report.undeleted))
        }
        bar.finish()
        if common.json { return try LogCommand.print(entries) }
        var text = TextTable(["table", "files", delete ? "orphans deleted" : "orphans", "bytes", "younger"])
        for entry in entries {
            text.add([
                entry.table, Int64(entry.listed).grouped, Int64(entry.orphans.count - entry.undeleted.count).grouped,
                entry.orphan_bytes.grouped, Int64(entry.younger).grouped,
            ])
        }
        print(text.text, terminator: "")
        let found = entries.flatMap(\.orphans)
        for location in found.prefix(Self.shown) { print(location) }
        if found.count > Self.shown { print("… and \(found.count - Self.shown) more; --json names all") }
        for location in entries.flatMap(\.undeleted) { CommandExit.say("not deleted: \(location)") }
        if !delete && !found.isEmpty { print("Nothing was deleted: say --delete.") }
    }
}
