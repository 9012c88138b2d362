import ArgumentParser
import Foundation
import Iceberg

/// `cartograph lake expire`.
struct LakeExpireCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expire", abstract: "Forget old snapshots and delete the files that only they have.",
        discussion: """
            Tagged snapshots stay, and the last ones of every branch. Works beside a running server, which expires by \
            itself, too. Choose an age that no reader's query outlives.
            """)
    @OptionGroup var options: ShopOptions
    @Argument(help: "The tables (default: all).") var tables: [String] = []
    @Option(name: .long, help: "How old, such as 7d, 12h or 30m.") var olderThan: String = "7d"
    @Option(name: .long, help: "How many snapshots of each branch stay, however old.") var keep: Int = 10
    @Flag(name: .long, help: "Show what would be forgotten, and change nothing.") var dryRun = false

    func validate() throws {
        guard keep > 0 else { throw ValidationError("--keep must be at least 1") }
        guard Self.seconds(olderThan) != nil else {
            throw ValidationError("--older-than '\(olderThan)' is no age such as 7d, 12h, 30m or 45s")
        }
    }

    private struct Entry: Encodable {
        let table: String
        let snapshots: Int
        let data_files: Int
        let manifests: Int
        let undeleted: [String]
        let foreign: [String]
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
        let moment = Date(timeIntervalSinceNow: -(Self.seconds(olderThan) ?? 0))
        let identifiers = try LakeCommand.identifiers(tables, in: catalog)
        let bar = SharedProgress("expiring", quiet: options.json)
        var entries: [Entry] = []
        for (index, identifier) in identifiers.enumerated() {
            bar.show(Int64(index), of: Int64(identifiers.count), "\(identifier)")
            var table = try catalog.loadTable(identifier)
            let report = try table.expireSnapshots(keepLast: keep, olderThan: moment, isDryRun: dryRun)
            entries.append(
                Entry(
                    table: "\(identifier)", snapshots: report.expiredSnapshots, data_files: report.deletedDataFiles,
                    manifests: report.deletedManifests + report.deletedManifestLists, undeleted: report.undeleted,
                    foreign: report.foreign))
        }
        bar.finish()
        if options.json { return try LogCommand.print(entries) }
        var text = TextTable(["table", "snapshots", "data files", "manifests"])
        for entry in entries {
            text.add([
                entry.table, Int64(entry.snapshots).grouped, Int64(entry.data_files).grouped,
                Int64(entry.manifests).grouped,
            ])
        }
        print(text.text, terminator: "")
        for location in entries.flatMap(\.undeleted) { CommandExit.say("not deleted: \(location)") }
        for location in entries.flatMap(\.foreign) {
            CommandExit.say("left alone, since it is outside of the table's own folders: \(location)")
        }
        if dryRun { print("Nothing was changed: this was a dry run.") }
    }

    /// An age in seconds; nil when the text is none.
    static func seconds(_ text: String) -> Double? {
        guard let unit = text.last, let number = Double(text.dropLast()), number >= 0, number.isFinite,
            let factor = ["s": 1.0, "m": 60, "h": 3_600, "d": 86_400][String(unit)]
        else { return nil }
        return number * factor
    }
}

extension LakeCommand {
    /// The tables of some names; all of them for none.
    static func identifiers(_ names: [String], in catalog: any Catalog) throws -> [TableIdentifier] {
        if !names.isEmpty { return try names.map { try TableIdentifier(parsing: $0) } }
        return try catalog.listNamespaces().sorted().flatMap { namespace in
            try catalog.listTables(in: namespace).sorted { $0.name < $1.name }
        }
    }
}
