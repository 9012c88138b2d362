public import Engine
public import Iceberg
import Synchronization
import Telemetry

/// The star schema in PostgreSQL, loaded from the lake's silver tables a business day at a time.
///
///     let warehouse = Warehouse(try WarehouseAddress("postgres://loader@db/shop"), catalog: catalog, settings: .init())
///     try warehouse.make()
///     let report = try warehouse.load(connection)
///
/// A load looks which business days the lake changed since the last one, and makes each of them anew in one transaction
/// that also writes down the lake's snapshots: a load that is killed leaves each day old or new, and the next one carries
/// on. Loading twice changes nothing.
public final class Warehouse: Sendable {
    /// What the numbers depend on besides the lake.
    public struct Settings: Sendable {
        /// The time zone of the business day.
        public var timeZone: String
        /// The currency of products' list prices.
        public var currency: String

        /// Settings.
        public init(timeZone: String = "UTC", currency: String = "USD") {
            self.timeZone = timeZone
            self.currency = currency
        }

        var text: String { "\(timeZone) \(currency)" }
    }

    /// The most members of a dimension whose keys of a day are held in memory, unless told otherwise.
    public static let keysMax = 500_000

    /// The advisory lock that one load holds.
    private static let lock = 0x0CA2_7062

    /// Where it is.
    public let address: WarehouseAddress
    private let catalog: any Catalog
    private let settings: Settings
    private let schema = StarSchema.shop
    private let running = Mutex<(canceller: Canceller?, isCancelled: Bool)>((nil, false))

    /// A warehouse; nothing is connected yet.
    public init(_ address: WarehouseAddress, catalog: any Catalog, settings: Settings) {
        self.address = address
        self.catalog = catalog
        self.settings = settings
    }

    /// Stops the load that is going on, for good: it ends with an error of kind `cancelled`.
    public func cancel() {
        running.withLock {
            $0.isCancelled = true
            $0.canceller?.cancel()
        }
    }

    func withSession<Result>(_ body: (PostgresSession) throws -> Result) throws -> Result {
        let session = try PostgresSession(address)
        try running.withLock {
            if $0.isCancelled { throw WarehouseError(.cancelled, "the load was cancelled") }
            $0.canceller = session.canceller
        }
        defer { running.withLock { $0.canceller = nil } }
        return try body(session)
    }

    // MARK: - Making it

    /// Makes the roles and the tables; does nothing when they are there.
    /// - Returns: whether they were made now.
    public func make() throws -> Bool {
        try withSession { session in
            try session.transaction {
                if let version = try version(session) {
                    guard version == StarSchema.version else { throw otherVersion(version) }
                    return false
                }
                for role in [StarSchema.Role.owner, StarSchema.Role.loader, StarSchema.Role.reader] {
                    let known = try session.query("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = '\(role)'")
                    if known.isEmpty { try session.run("CREATE ROLE \(role) NOLOGIN") }
                }
                try session.run("GRANT \(StarSchema.Role.owner) TO CURRENT_USER")
                try session.run("CREATE SCHEMA \(StarSchema.name) AUTHORIZATION \(StarSchema.Role.owner)")
                try session.run("SET LOCAL ROLE \(StarSchema.Role.owner)")
                for statement in schema.ddl(.postgres) { try session.run(statement) }
                return true
            }
        }
    }

    /// Removes the tables with everything in them; the roles stay.
    public func drop() throws {
        try withSession { session in
            // Month by month, since a transaction can hold only so many tables.
            for fact in schema.facts {
                let months = try session.query(
                    """
                    SELECT inhrelid::regclass::text FROM pg_catalog.pg_inherits
                    WHERE inhparent = to_regclass('\(StarSchema.qualified(fact.name))') ORDER BY 1
                    """)
                for month in months { try session.run("DROP TABLE \(month[0] ?? "")") }
            }
            try session.run("DROP SCHEMA IF EXISTS \(StarSchema.name) CASCADE")
        }
    }

    private func version(_ session: PostgresSession) throws -> Int? {
        let table = StarSchema.qualified("schema_version")
        guard try session.query("SELECT to_regclass('\(table)')").first?.first ?? nil != nil else { return nil }
        guard try session.query("SELECT has_table_privilege('\(table)', 'SELECT')").first?.first == "t" else {
            throw WarehouseError(
                .refused,
                "\(address.description) does not let this user see the star schema: make it a member of "
                    + "\(StarSchema.Role.reader) or \(StarSchema.Role.loader)")
        }
        return try session.query("SELECT max(version) FROM \(table)").first?.first?.flatMap { Int($0) }
    }

    private func otherVersion(_ version: Int) -> WarehouseError {
        WarehouseError(
            .schema,
            "the tables at \(address.description) are of version \(version), and this program makes version "
                + "\(StarSchema.version): `cartograph warehouse drop --yes`, then `warehouse init` and `warehouse load`; the "
                + "lake has everything")
    }

    func checkVersion(_ session: PostgresSession) throws {
        guard let version = try version(session) else {
            throw WarehouseError(
                .schema,
                "\(address.description) has no tables of a warehouse: make them with `cartograph warehouse init`")
        }
        guard version == StarSchema.version else { throw otherVersion(version) }
    }

    // MARK: - Loading

    /// Brings the warehouse up to the lake.
    /// - Parameters:
    ///   - connection: reads the lake's files.
    ///   - again: days that are loaded whether or not the lake changed them, `2026-03-01`.
    ///   - keysMax: the most members of a dimension whose keys of a day are held in memory.
    ///   - progress: called before each day with the day, its place and how many there are.
    public func load(
        _ connection: Connection, again: Set<String> = [], keysMax: Int = Warehouse.keysMax,
        progress: (String, Int, Int) -> Void = { _, _, _ in }
    ) throws -> LoadReport {
        let began = ContinuousClock.now
        return try withSession { session in
            try checkVersion(session)
            let loads = StarSchema.qualified("loads")
            guard try session.query("SELECT has_table_privilege('\(loads)', 'INSERT')").first?.first == "t" else {
                throw WarehouseError(
                    .refused,
                    "\(address.description) lets this user read and not load: log in as a member of "
                        + "\(StarSchema.Role.loader)")
            }
            guard try session.query("SELECT pg_try_advisory_lock(\(Self.lock))").first?.first == "t" else {
                throw WarehouseError(.busy, "another load is going on at \(address.description): wait for its end")
            }
            // Where the connection is gone, so is the lock; otherwise the next load need not wait for the session's end.
            defer { _ = try? session.query("SELECT pg_advisory_unlock(\(Self.lock))") }
            // To compile a statement of a load costs more than it saves.
            try session.run(
                "SET temp_buffers = '32MB'; SET work_mem = '64MB'; SET lock_timeout = '60s'; SET jit = off")
            let plan = try plan(session, again)
            var report = LoadReport()
            if !plan.days.isEmpty {
                let before = try Self.set(Self.engineSettings, of: connection)
                // They are a matter of speed alone.
                defer { _ = try? Self.set(before, of: connection) }
                for statement in DayStatements.temporaryTables(schema, .postgres) { try session.run(statement) }
                let load = DayLoad(
                    schema: schema, session: session, connection: connection, source: plan.source, keysMax: keysMax)
                let months = Months(schema: schema, session: session)
                for (index, day) in plan.days.enumerated() {
                    if running.withLock({ $0.isCancelled }) {
                        throw WarehouseError(.cancelled, "the load was cancelled before \(day)")
                    }
                    progress(day, index + 1, plan.days.count)
                    let next = index + 1 < plan.days.count ? plan.days[index + 1] : nil
                    report.days.append(try load.run(day, next: next, sources: plan.sources))
                    if next?.prefix(7) != day.prefix(7) { try months.joinClosed() }
                }
            }
            if plan.isBehind { try settle(session, plan) }
            report.seconds = (ContinuousClock.now - began).inSeconds
            return report
        }
    }

    /// How the engine reads a load's rows. The server works beside it, and who waits for the rows of an engine of several
    /// threads looks all the time whether there are any. It knows neither how many keys there are nor how many rows of the
    /// day, and must not turn the joins around: a table of all rows of the day costs more than one of its members.
    private static let engineSettings = ["threads": "1", "disabled_optimizers": "build_side_probe_side"]

    /// Sets what the engine is told.
    /// - Returns: what it was told before.
    private static func set(_ settings: [String: String], of connection: Connection) throws -> [String: String] {
        var before: [String: String] = [:]
        for (name, value) in settings {
            let known = try connection.query("SELECT CAST(current_setting('\(name)') AS VARCHAR)").first?.string
            before[name] = known ?? ""
            try connection.execute("SET \(name) = \(SQL.literal(value))")
        }
        return before
    }

    /// What a load has to do.
    private struct Plan {
        let source: DaySource
        /// The snapshots and settings as one text.
        let sources: String
        /// The days to load, in order.
        let days: [String]
        /// Whether the warehouse does not know these snapshots yet.
        let isBehind: Bool
    }

    /// The lake's tables at their present snapshots, and those as one text.
    func source() throws -> (DaySource, String) {
        var tables: [String: Table] = [:]
        for name in DaySource.tables {
            let identifier = TableIdentifier("silver", name)
            guard try catalog.tableExists(identifier) else {
                throw WarehouseError(.schema, "the lake has no silver.\(name) yet: run `cartograph batch run`")
            }
            tables[name] = try catalog.loadTable(identifier)
        }
        let source = DaySource(tables: tables, timeZone: settings.timeZone, currency: settings.currency)
        return (source, Self.sources(tables, settings))
    }

    private func plan(_ session: PostgresSession, _ again: Set<String> = []) throws -> Plan {
        let (source, sources) = try source()
        let tables = source.tables
        var loaded: [String: String] = [:]
        for row in try session.query("SELECT business_day, sources FROM \(StarSchema.qualified("loaded_days"))") {
            if let day = row[0] { loaded[day] = row[1] ?? "" }
        }
        var known: [String: Int64] = [:]
        for row in try session.query("SELECT source, snapshot_id FROM \(StarSchema.qualified("sources"))") {
            if let name = row[0] { known[name] = row[1].flatMap { Int64($0) } }
        }
        let made = try session.query("SELECT settings FROM \(StarSchema.qualified("schema_version"))").first?.first
        let isSame = made == settings.text
        var days: Set<String> = []
        var isBehind = !isSame
        for (name, table) in tables {
            isBehind = isBehind || known[name] != table.currentSnapshot?.id
            if isSame, let changed = try SourceChanges(table: table, since: known[name]).days() {
                days.formUnion(changed)
            } else {
                days.formUnion(try SourceChanges.allDays(of: table))
                days.formUnion(loaded.keys)
            }
        }
        // A load that was cut short has done some of them.
        return Plan(
            source: source, sources: sources, days: days.filter { loaded[$0] != sources }.union(again).sorted(),
            isBehind: isBehind)
    }

    private static func sources(_ tables: [String: Table], _ settings: Settings) -> String {
        let snapshots = tables.sorted { $0.key < $1.key }.map { name, table in
            "\"silver.\(name)\":\(table.currentSnapshot.map { String($0.id) } ?? "null")"
        }
        return "{\"settings\":\"\(settings.text)\",\(snapshots.joined(separator: ","))}"
    }

    /// Writes down that every day is as these snapshots have it.
    private func settle(_ session: PostgresSession, _ plan: Plan) throws {
        try session.transaction {
            let table = StarSchema.qualified("sources")
            try session.run("DELETE FROM \(table)")
            for (name, source) in plan.source.tables.sorted(by: { $0.key < $1.key }) {
                guard let snapshot = source.currentSnapshot else { continue }
                try session.run("INSERT INTO \(table) (source, snapshot_id) VALUES ('\(name)', \(snapshot.id))")
            }
            try session.run(
                "UPDATE \(StarSchema.qualified("schema_version")) SET settings = \(SQL.literal(settings.text))")
        }
    }

    // MARK: - Looking

    /// How the warehouse is, and what a load would do.
    public func status() throws -> WarehouseStatus {
        try withSession { session in
            try checkVersion(session)
            let star = StarSchema.qualified
            let head =
                try session.query(
                    """
                    SELECT count(*), min(d.business_day), max(d.business_day), max(l.loaded_at), sum(l.clicks), sum(l.carts),
                        sum(l.orders), sum(l.order_items)
                    FROM \(star("loaded_days")) d JOIN \(star("loads")) l ON l.load_key = d.load_key
                    """
                ).first ?? []
            var rows: [String: Int64] = [:]
            for (index, fact) in schema.facts.enumerated() {
                rows[fact.name] = head[4 + index].flatMap { Int64($0) } ?? 0
            }
            return WarehouseStatus(
                address: address.description, version: StarSchema.version, days: head[0].flatMap { Int($0) } ?? 0,
                firstDay: head[1], lastDay: head[2], lastLoadAt: head[3], rows: rows,
                pendingDays: try plan(session).days)
        }
    }
}
