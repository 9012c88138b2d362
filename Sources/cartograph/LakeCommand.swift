import ArgumentParser
import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake

/// `cartograph lake`: the tables.
struct LakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lake", abstract: "Look at the tables, query them with SQL, care for them, and erase a customer.",
        subcommands: [
            List.self, LakeShowCommand.self, History.self, LakeDiffCommand.self, Query.self, LakeCompactCommand.self,
            LakeExpireCommand.self, LakeOrphansCommand.self, LakeRewriteManifestsCommand.self, LakeTagCommand.self,
            LakeRollbackCommand.self, LakeAddColumnCommand.self, LakeEraseCommand.self,
        ])

    static func place(_ settings: Settings) throws -> (LakePlace, DataFolder) {
        // The tables of a catalog elsewhere need no shop here, but a folder to spill to.
        let folder =
            try settings.lake.catalog == nil
            ? DataFolder.existing(settings.data) : DataFolder.open(settings.data)
        let place = try LakePlace(settings.lake, folder)
        guard place.hasCatalog else {
            throw CommandError("there are no tables in \(folder.path) yet: run `cartograph batch run`")
        }
        return (place, folder)
    }

    /// `cartograph lake ls`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the tables.")
        @OptionGroup var options: ShopOptions

        private struct Entry: Encodable {
            let table: String
            let rows: Int64
            let files: Int64
            let snapshots: Int
            let last_commit: String?
        }

        func run() async throws {
            let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
            var entries: [Entry] = []
            for namespace in try catalog.listNamespaces().sorted() {
                for identifier in try catalog.listTables(in: namespace).sorted(by: { $0.name < $1.name }) {
                    let table = try catalog.loadTable(identifier)
                    let snapshot = table.currentSnapshot
                    entries.append(
                        Entry(
                            table: "\(identifier)", rows: LakeCommand.number(snapshot, "total-records"),
                            files: LakeCommand.number(snapshot, "total-data-files"), snapshots: table.history.count,
                            last_commit: snapshot.map { Timestamp.text($0.timestampMilliseconds * 1_000) }))
                }
            }
            if options.json {
                print(String(decoding: try JSONEncoder().encode(entries), as: UTF8.self))
                return
            }
            var text = TextTable(["table", "rows", "files", "snapshots", "last commit"])
            for entry in entries {
                text.add([
                    entry.table, entry.rows.grouped, entry.files.grouped, String(entry.snapshots),
                    entry.last_commit ?? "never",
                ])
            }
            print(text.text, terminator: "")
        }
    }

    /// `cartograph lake history`.
    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "history", abstract: "Show a table's snapshots, oldest first.")
        @OptionGroup var options: ShopOptions
        @Argument(help: "The table, such as gold.daily_sales.") var table: String

        func run() async throws {
            let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
            let table = try catalog.loadTable(try TableIdentifier(parsing: table))
            var text = TextTable(["snapshot", "at", "operation", "added rows", "total rows"])
            var rows: [[String: String]] = []
            for entry in table.metadata.snapshots {
                let at = Timestamp.text(entry.timestampMilliseconds * 1_000)
                let added = LakeCommand.number(entry, "added-records")
                let total = LakeCommand.number(entry, "total-records")
                text.add([String(entry.id), at, entry.operation?.rawValue ?? "", added.grouped, total.grouped])
                rows.append([
                    "snapshot": String(entry.id), "at": at, "operation": entry.operation?.rawValue ?? "",
                    "added_rows": String(added), "total_rows": String(total),
                ])
            }
            if options.json {
                print(String(decoding: try JSONEncoder().encode(rows), as: UTF8.self))
            } else {
                print(text.text, terminator: "")
            }
        }
    }

    /// `cartograph lake sql`.
    struct Query: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sql",
            abstract: "Query the tables with SQL (DuckDB's dialect): bronze.x, silver.x, gold.x.")
        @OptionGroup var options: ShopOptions
        @Argument(help: "A SELECT statement.") var statement: String
        @Option(
            name: .long,
            help: "Read the tables as they were: a time (RFC 3339), or one table's snapshot id, tag or branch.")
        var at: String?
        @Flag(name: .long, help: "Open all files of the tables, also those that can have no rows of the answer.")
        var allFiles = false

        /// The engine's memory for a query.
        private static let engineBytes = 1 << 30

        func run() async throws {
            let (place, folder) = try LakeCommand.place(try options.settings())
            var settings = DuckDB.Settings()
            settings.threads = 2
            settings.memoryLimitBytes = Query.engineBytes
            settings.temporaryFolder = folder.temporary + "/sql"
            settings.objectStore = place.objectStore
            let connection = try DuckDB(settings).connect()
            let views = try defineViews(try tablesToRead(try place.openCatalog()), connection)
            let result = try DamageSearch.naming(in: views.map(\.scan), connection) { try connection.query(statement) }
            print(options.json ? result.json() : result.table(width: Query.width))
            for view in views where view.opened < view.files {
                CommandExit.say(
                    "\(view.scan.table.table.identifier): opened \(Int64(view.opened).grouped) of "
                        + "\(Int64(view.files).grouped) files")
            }
            if result.isTruncated {
                CommandExit.say("only the first \(result.rows.count) rows are shown: add a LIMIT or an aggregate")
            }
        }

        /// A table that the statement may be about, and the snapshot asked for; nil for the current one.
        private struct Read {
            let lake: LakeTable
            let snapshot: Snapshot?
            /// Whether the statement names it.
            let isNamed: Bool
        }

        private struct View {
            let scan: DamageSearch.Scan
            let opened: Int
            let files: Int
        }

        /// The tables that the statement names, so that another table's damage is nothing to it; only a statement that
        /// names no table sees all that can be read.
        private func tablesToRead(_ catalog: any Catalog) throws -> [Read] {
            var reads: [Read] = []
            var younger: [TableIdentifier] = []
            var found = at == nil
            let instant = at.flatMap { Timestamp.parse($0) }
            let words = Set(statement.lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init))
            let known = try catalog.listNamespaces().flatMap(catalog.listTables(in:))
            let named = known.filter { identifier in
                // A name of other characters is spelled with quotes, perhaps doubled.
                let name = identifier.name.lowercased()
                return words.contains(name) || !name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
            }
            for identifier in named.isEmpty ? known : named {
                do {
                    let table = try catalog.loadTable(identifier)
                    var snapshot: Snapshot?
                    if let at {
                        if let instant {
                            found = true
                            snapshot = table.snapshot(asOf: Date(timeIntervalSince1970: Double(instant) / 1e6))
                            // A table younger than that moment is not there.
                            guard snapshot != nil else {
                                younger.append(identifier)
                                continue
                            }
                        } else if let known = LakeCommand.known(at, of: table) {
                            // The tables that have nothing of this name are read as they are now.
                            found = true
                            snapshot = known
                        }
                    }
                    reads.append(Read(lake: LakeTable(table), snapshot: snapshot, isNamed: !named.isEmpty))
                } catch  where named.isEmpty {
                    CommandExit.say("\(identifier) cannot be read: \(error)")
                }
            }
            guard found else {
                throw CommandError(
                    "--at '\(at ?? "")' is neither a time (2026-11-21T10:00:00Z) nor a snapshot, a tag or a branch "
                        + "of a table")
            }
            if reads.isEmpty, let first = younger.first {
                throw CommandError(
                    "\(younger.map(\.description).joined(separator: ", ")) had no rows yet at \(at ?? ""): see "
                        + "`cartograph lake history \(first)`")
            }
            return reads
        }

        /// A view for each table, over those of its files that may have rows that the statement asks for.
        private func defineViews(_ reads: [Read], _ connection: Connection) throws -> [View] {
            for namespace in Set(reads.map { $0.lake.table.identifier.namespace }) {
                try connection.execute("CREATE SCHEMA IF NOT EXISTS \(SQL.identifier(namespace))")
            }
            let filters = StatementFilters(
                of: statement, reads.map { .init($0.lake.table.identifier, $0.lake.schema(at: $0.snapshot)) },
                by: connection)
            var views: [View] = []
            for read in reads {
                let identifier = read.lake.table.identifier
                do {
                    let filter = allFiles ? .always(true) : filters.filter(of: identifier)
                    let plan = try read.lake.plan(at: read.snapshot, where: filter)
                    let scan = DamageSearch.Scan(read.lake, plan)
                    let name = "\(SQL.identifier(identifier.namespace)).\(SQL.identifier(identifier.name))"
                    _ = try DamageSearch.naming(in: [scan], connection, areBound: false) {
                        try connection.execute(
                            "CREATE VIEW \(name) AS \(try read.lake.scanSQL(of: plan, at: read.snapshot))")
                    }
                    views.append(View(scan: scan, opened: plan.tasks.count, files: plan.filesInSnapshot))
                } catch  where !read.isNamed {
                    CommandExit.say("\(identifier) cannot be read: \(error)")
                }
            }
            return views
        }

        /// Of the terminal, in characters.
        static var width: Int { Terminal.columns ?? 160 }
    }

    fileprivate static func number(_ snapshot: Snapshot?, _ key: String) -> Int64 {
        snapshot?.summary[key].flatMap { Int64($0) } ?? 0
    }
}
