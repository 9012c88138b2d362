import ArgumentParser
import Engine
import Foundation
import Lake
import Warehouse

/// `cartograph warehouse`: the star schema in PostgreSQL.
struct WarehouseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "warehouse", abstract: "The star schema in PostgreSQL, for every BI tool.",
        discussion: """
            The address is `warehouse:` in cartograph.yaml, CARTOGRAPH_WAREHOUSE, or --url. A password is better in \
            PGPASSWORD or ~/.pgpass, since a command line can be seen by others.
            """,
        subcommands: [Make.self, Load.self, Status.self, Drop.self, SQLText.self], defaultSubcommand: Status.self)

    /// Which warehouse.
    struct Place: ParsableArguments {
        @Option(name: .long, help: "The warehouse, postgres://user@host:5432/database.") var url: String?

        func address(_ settings: Settings) throws -> WarehouseAddress {
            guard let text = url ?? settings.warehouse else {
                throw CommandError(
                    "no warehouse is named: give --url postgres://user@host:5432/database, or warehouse: in cartograph.yaml"
                )
            }
            return try WarehouseAddress(text)
        }

        func warehouse(_ settings: Settings, _ folder: DataFolder) throws -> Warehouse {
            Warehouse(
                try address(settings), catalog: try LakePlace(settings.lake, folder).openCatalog(),
                settings: .init(timeZone: settings.timezone, currency: settings.currency))
        }
    }

    /// `cartograph warehouse init`.
    struct Make: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init", abstract: "Make the roles and the tables; does nothing when they are there.")

        @OptionGroup var options: ShopOptions
        @OptionGroup var place: Place

        func run() async throws {
            let settings = try options.settings()
            let warehouse = try place.warehouse(settings, try DataFolder.existing(settings.data))
            let isNew = try warehouse.make()
            if options.json {
                print("{\"made\":\(isNew)}")
            } else if isNew {
                print(
                    """
                    The star schema is in \(warehouse.address.description), schema star.
                      who loads it   GRANT cartograph_loader TO somebody;
                      who reads it   GRANT cartograph_reader TO somebody;
                    Next: cartograph warehouse load
                    """)
            } else {
                print("The star schema is there already.")
            }
        }
    }

    /// `cartograph warehouse load`.
    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "load", abstract: "Load the business days that the lake has changed; twice changes nothing.")

        @OptionGroup var options: ShopOptions
        @OptionGroup var place: Place
        @Option(name: .long, help: "Load this business day whether or not it changed, such as 2026-03-01; may repeat.")
        var day: [String] = []
        @Option(name: .long, help: "Most members of a dimension whose keys of a day are held in memory.")
        var keysInMemory = Warehouse.keysMax

        func validate() throws {
            guard keysInMemory >= 0 else { throw ValidationError("--keys-in-memory must be 0 or more") }
            for day in day where LakeDate.days(day) == nil {
                throw ValidationError("--day '\(day)' is no day such as 2026-03-01")
            }
        }

        func run() async throws {
            let settings = try options.settings()
            let folder = try DataFolder.existing(settings.data)
            let warehouse = try place.warehouse(settings, folder)
            var engine = DuckDB.Settings()
            engine.threads = 2
            engine.memoryLimitBytes = BatchService.commandEngineBytes
            engine.temporaryFolder = folder.temporary + "/warehouse"
            engine.objectStore = try LakePlace(settings.lake, folder).objectStore
            let bar = SharedProgress("loading the warehouse", quiet: options.json)
            let report = try warehouse.load(try DuckDB(engine).connect(), again: Set(day), keysMax: keysInMemory) {
                day, index, count in
                bar.show(Int64(index - 1), of: Int64(count), day)
            }
            bar.finish()
            if options.json {
                print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
            } else if report.days.isEmpty {
                print("The warehouse is up to the lake already.")
            } else {
                print(
                    "\(report.days.count) business days, \(Int64(report.rows).grouped) rows, in "
                        + "\(report.seconds.rounded(to: 1)) s")
            }
        }
    }

    /// `cartograph warehouse status`.
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "What is loaded, and what a load would load.")

        @OptionGroup var options: ShopOptions
        @OptionGroup var place: Place

        func run() async throws {
            let settings = try options.settings()
            let status = try place.warehouse(settings, try DataFolder.existing(settings.data)).status()
            if options.json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
                print(String(decoding: try encoder.encode(status), as: UTF8.self))
                return
            }
            var table = TextTable(["fact", "rows"])
            for (name, rows) in status.rows.sorted(by: { $0.key < $1.key }) { table.add([name, rows.grouped]) }
            print("\(status.address), star schema version \(status.version)\n\n" + table.text)
            let span = status.firstDay.map { " from \($0) to \(status.lastDay ?? $0)" } ?? ""
            print("  \(status.days) business days\(span), last loaded \(status.lastLoadAt ?? "never")")
            print("  days to load: \(status.pendingDays.isEmpty ? "none" : "\(status.pendingDays.count)")")
        }
    }

    /// `cartograph warehouse drop`.
    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drop", abstract: "Remove the tables; the lake can make them anew.")

        @OptionGroup var options: ShopOptions
        @OptionGroup var place: Place
        @Flag(name: .long, help: "Yes, remove them.") var yes = false

        func validate() throws {
            guard yes else { throw ValidationError("this removes the schema star with everything in it: say --yes") }
        }

        func run() async throws {
            let settings = try options.settings()
            try place.warehouse(settings, try DataFolder.existing(settings.data)).drop()
            print(options.json ? "{\"dropped\":true}" : "The star schema is removed; its roles are left.")
        }
    }

    /// `cartograph warehouse sql`.
    struct SQLText: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sql", abstract: "Print the statements that make the tables, or load a day into Redshift.",
            discussion: """
                Without --day, the tables. With --day, the day's rows are written as Parquet files into --stage, which \
                may be s3://bucket/prefix, and the transaction that loads them from there is printed.
                """)

        @OptionGroup var options: ShopOptions
        @Option(name: .long, help: "postgres or redshift.") var dialect = "redshift"
        @Option(name: .long, help: "The business day to load, such as 2026-03-01 (Redshift).") var day: String?
        @Option(name: .long, help: "Where the day's files go, without a / at the end.") var stage: String?
        @Option(name: .long, help: "What Redshift reads them with.") var credentials = "IAM_ROLE default"

        func validate() throws {
            guard Dialect(rawValue: dialect) != nil else {
                throw ValidationError("--dialect must be postgres or redshift, not '\(dialect)'")
            }
            guard day.map({ LakeDate.days($0) != nil }) ?? true else {
                throw ValidationError("--day is no day such as 2026-03-01")
            }
            guard (day == nil) == (stage == nil) else { throw ValidationError("--day and --stage come together") }
            guard day == nil || dialect == "redshift" else {
                throw ValidationError("PostgreSQL is loaded by `cartograph warehouse load`")
            }
        }

        func run() async throws {
            guard let day, let stage else {
                return print(Script.ddl(Dialect(rawValue: dialect) ?? .redshift), terminator: "")
            }
            let settings = try options.settings()
            let folder = try DataFolder.existing(settings.data)
            let place = try LakePlace(settings.lake, folder)
            let warehouse = Warehouse(
                try WarehouseAddress("postgres:///"), catalog: try place.openCatalog(),
                settings: .init(timeZone: settings.timezone, currency: settings.currency))
            var engine = DuckDB.Settings()
            engine.temporaryFolder = folder.temporary + "/warehouse"
            engine.objectStore = place.objectStore
            let sources = try warehouse.write(day: day, to: stage, try DuckDB(engine).connect())
            print(Script.redshiftDay(day, from: stage, credentials: credentials, sources: sources), terminator: "")
        }
    }
}
