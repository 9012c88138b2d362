public import Engine
public import EventLog
import Events
public import Iceberg
import Lake
public import Streaming

/// The audit: what came in, what the log holds, what the lake holds, and what the live view and gold say, side by side.
///
/// Each number is counted anew from its own source: the log from its frames, the tables from their files through the
/// engine, the live view from its checkpoint and the log after it.
public struct Books {
    private let log: any EventLog
    private let catalog: any Catalog
    private let connection: Connection
    private let stream: StreamRunner.Settings

    /// The books of a shop.
    public init(
        log: any EventLog, catalog: any Catalog, connection: Connection, stream: StreamRunner.Settings
    ) {
        self.log = log
        self.catalog = catalog
        self.connection = connection
        self.stream = stream
    }

    /// Checks the books at the log's present end.
    ///
    /// - Parameters:
    ///   - settled: brings the tables up to a cut, keeps them there while its argument runs, and returns.
    ///   - progress: called with a word about what is being counted.
    public func check(
        settled: (LogCut, () -> Void) throws -> Void, progress: (String) -> Void = { _ in }
    ) -> TrialBalance {
        var balance = TrialBalance()
        // The live state first: its checkpoint only ever moves on, so the cut must come after it.
        progress("the live view")
        var notices: [String] = []
        let (live, position) = StreamRunner.restore(log, stream) { notices.append($0) }
        let cut = log.cut()
        balance.commit = cut.commit
        do {
            let reader = try StreamReader(log, from: position.offsets, commit: position.commit)
            try reader.readAll(before: cut) { live.apply($0, topic: $1) }
        } catch {
            balance.problems.append("live view: \(error)")
        }
        for notice in notices { balance.notes["live view"] = notice }
        progress("the log")
        let counted = LogCount.take(log, to: cut, problems: &balance.problems)
        addLog(counted, cut, &balance)
        do {
            progress("the tables")
            try settled(cut) {
                addBronze(counted, cut, &balance)
                addSilver(&balance)
                addGold(live, &balance)
            }
            progress("the tables' files")
            addFiles(&balance)
        } catch {
            balance.problems.append("bringing the tables up to the log: \(error)")
        }
        balance.notes["duplicates"] = String(live.counters.duplicates)
        balance.notes["conflicts"] = String(live.counters.conflicts)
        balance.notes["late"] = String(live.counters.late)
        balance.notes["repeated orders"] = String(live.counters.repeatedOrders)
        return balance
    }

    // MARK: - The log

    private func addLog(_ counted: LogCount, _ cut: LogCut, _ balance: inout TrialBalance) {
        let totals = cut.totals
        balance.lines.append(
            TrialBalance.Line(
                "events", "received", String(totals.received), "accepted + quarantined",
                String(totals.accepted + totals.quarantined)))
        balance.lines.append(
            held("accepted events", "accepted", totals.accepted, Topic.events, counted, "in the log"))
        balance.lines.append(
            held("rejected events", "quarantined", totals.quarantined, [.quarantine], counted, "in the log"))
        for topic in Topic.allCases where cut.offsets.records(in: topic) > 0 {
            let end = cut.offsets.records(in: topic)
            balance.lines.append(
                held("log \(topic.name)", "end offsets", end, [topic], counted, "readable records"))
            let lost = counted.lostRecords(in: topic)
            if lost > 0 {
                balance.notes["lost in repairs, \(topic.name)"] = "\(lost) records: see `cartograph log check`"
            }
        }
    }

    /// A count beside what the log holds of it, what retention has removed, what a repair gave up and what was erased.
    private func held(
        _ name: String, _ leftName: String, _ left: Int64, _ topics: [Topic], _ counted: LogCount, _ rightName: String
    ) -> TrialBalance.Line {
        let readable = topics.reduce(0) { $0 + (counted.records[$1] ?? 0) }
        let removed = topics.reduce(0) { $0 + counted.start.records(in: $1) }
        let lost = topics.reduce(0) { $0 + counted.lostRecords(in: $1) }
        let erased = topics.reduce(0) { $0 + (counted.erased[$1] ?? 0) }
        let right =
            rightName + (removed > 0 ? " + removed by retention" : "") + (lost > 0 ? " + lost in repairs" : "")
            + (erased > 0 ? " + erased" : "")
        return TrialBalance.Line(name, leftName, String(left), right, String(readable + removed + lost + erased))
    }

    // MARK: - Bronze

    private func addBronze(_ counted: LogCount, _ cut: LogCut, _ balance: inout TrialBalance) {
        for topic in Topic.allCases where (counted.records[topic] ?? 0) > 0 {
            do {
                let identifier = TableIdentifier(BronzeTable.namespace, topic.name)
                var scan = try scanSQL(identifier.namespace, identifier.name)
                if let condition = counted.readableCondition(in: topic) {
                    scan = "SELECT * FROM (\(scan)) WHERE \(condition)"
                }
                let rows = try naming([identifier]) {
                    try connection.query("SELECT count(*) FROM (\(scan))").first?.integer ?? -1
                }
                balance.lines.append(
                    TrialBalance.Line(
                        "bronze \(topic.name)", "log records", String(counted.records[topic] ?? 0), "rows", String(rows)
                    ))
                balance.lines.append(
                    TrialBalance.Line(
                        "bronze \(topic.name) content", "log fingerprint", hex(counted.fingerprints[topic] ?? 0),
                        "table fingerprint", hex(try naming([identifier]) { try fingerprint(scan) })))
                guard topic == .purchases else { continue }
                let sums = try naming([identifier]) {
                    try amounts(
                        "SELECT currency, sum(total_amount) FROM (\(scan)) GROUP BY currency", "bronze.purchases")
                }
                add(counted.amounts, "log", sums, "bronze", "money in all purchases", &balance)
            } catch {
                balance.problems.append("bronze \(topic.name): \(error)")
            }
        }
    }

    private func fingerprint(_ scan: String) throws -> UInt64 {
        var sum: UInt64 = 0
        _ = try connection.stream("SELECT raw FROM (\(scan))") { row in
            switch row[0] {
            case .string(let text):
                var text = text
                sum &+= text.withUTF8 { LogCount.fingerprint(UnsafeRawBufferPointer($0)) }
            case .blob(let bytes):
                sum &+= bytes.withUnsafeBytes { LogCount.fingerprint($0) }
            default:
                break
            }
            return true
        }
        return sum
    }

    // MARK: - Silver

    private func addSilver(_ balance: inout TrialBalance) {
        for topic in Topic.events {
            do {
                guard try catalog.tableExists(TableIdentifier("bronze", topic.name)) else { continue }
                let bronze = try scanSQL("bronze", topic.name)
                let row = try naming([TableIdentifier("bronze", topic.name)]) {
                    try connection.query("SELECT count(*), count(DISTINCT event_id) FROM (\(bronze))").rows.first
                }
                guard let row, let rows = row[0].integer, let ids = row[1].integer, rows > 0 else { continue }
                let silver = try scanSQL("silver", topic.name)
                let kept = try naming([TableIdentifier("silver", topic.name)]) {
                    try connection.query("SELECT count(*) FROM (\(silver))").first?.integer ?? -1
                }
                balance.lines.append(
                    TrialBalance.Line(
                        "silver \(topic.name)", "bronze rows", String(rows), "silver + repeats",
                        String(kept + rows - ids)))
            } catch {
                balance.problems.append("silver \(topic.name): \(error)")
            }
        }
    }

    // MARK: - Files

    /// Every data file of the lake beside the checksum in its name.
    private func addFiles(_ balance: inout TrialBalance) {
        var checked = 0
        var unchecked = 0
        var damaged = 0
        do {
            for namespace in try catalog.listNamespaces() {
                for identifier in try catalog.listTables(in: namespace) {
                    let found = try LakeTable(try catalog.loadTable(identifier)).checkFiles()
                    checked += found.checked
                    unchecked += found.unchecked
                    damaged += found.problems.count
                    balance.problems += found.problems
                }
            }
        } catch {
            balance.problems.append("the tables' files: \(error)")
        }
        balance.lines.append(
            TrialBalance.Line(
                "data files", "with a checksum", String(checked), "that sum to it", String(checked - damaged)))
        if unchecked > 0 { balance.notes["data files without a checksum"] = String(unchecked) }
    }

    // MARK: - Gold and the live view

    private func addGold(_ live: ShopStream, _ balance: inout TrialBalance) {
        do {
            let read = ["daily_sales", "daily_channel", "daily_funnel"].map { TableIdentifier("gold", $0) }
            try naming(read + [TableIdentifier("silver", "purchases")]) { try compareGold(live, &balance) }
        } catch {
            balance.problems.append("gold: \(error)")
        }
    }

    private func compareGold(_ live: ShopStream, _ balance: inout TrialBalance) throws {
        guard try catalog.tableExists(TableIdentifier("gold", "daily_sales")) else {
            throw LakeAbsence(description: "gold.daily_sales does not exist: run `cartograph batch run`")
        }
        var sales = SalesTotals()
        var orders: [String: Int64] = [:]
        var revenue: [String: Int128] = [:]
        var liveDays = Set<String>()
        for cell in live.dailyTotals() {
            sales += cell.totals
            guard cell.totals.orders > 0 else { continue }
            orders[cell.currency.name, default: 0] += cell.totals.orders
            revenue[cell.currency.name, default: 0] += cell.totals.revenue
            liveDays.insert("\(cell.day) \(cell.currency.name)")
        }
        let daily = try scanSQL("gold", "daily_sales")
        let goldRevenue = try amounts(
            "SELECT currency, sum(revenue) FROM (\(daily)) GROUP BY currency", "gold.daily_sales")
        add(revenue, "live", goldRevenue, "gold", "revenue", &balance)
        let rows = try connection.query(
            "SELECT CAST(sum(orders) AS BIGINT), CAST(sum(units) AS BIGINT), count(*) FROM (\(daily))"
        ).rows.first
        balance.lines.append(line("orders", sales.orders, rows?[0].integer))
        balance.lines.append(line("units", sales.units, rows?[1].integer))
        balance.lines.append(line("days with sales, by currency", Int64(liveDays.count), rows?[2].integer))
        let channel = try scanSQL("gold", "daily_channel")
        let traffic = try connection.query(
            "SELECT CAST(sum(clicks) AS BIGINT), CAST(sum(carts) AS BIGINT) FROM (\(channel))"
        ).rows.first
        balance.lines.append(line("clicks", sales.clicks, traffic?[0].integer))
        balance.lines.append(line("carts", sales.carts, traffic?[1].integer))
        try addDays(live, channel, &balance)
        try addSilverMoney(revenue: goldRevenue, &balance)
        try noteFunnel(live, &balance)
    }

    /// Every business day, channel and currency on its own: sums alone would not show money on the wrong day.
    private func addDays(_ live: ShopStream, _ channel: String, _ balance: inout TrialBalance) throws {
        var gold: [String: SalesTotals] = [:]
        _ = try connection.stream(
            "SELECT business_day, channel, currency, clicks, carts, orders, units, revenue FROM (\(channel))"
        ) { row in
            guard case .date(let day) = row[0], case .decimal(let revenue, let scale) = row[7], scale == 4 else {
                return true
            }
            var totals = SalesTotals()
            totals.clicks = row[3].integer ?? 0
            totals.carts = row[4].integer ?? 0
            totals.orders = row[5].integer ?? 0
            totals.units = row[6].integer ?? 0
            totals.revenue = revenue
            gold[Books.cell(day, row[1].text, row[2].text)] = totals
            return true
        }
        var agreeing = 0
        var wrong: [String] = []
        let cells = live.dailyTotals()
        for cell in cells {
            let key = Books.cell(cell.day, cell.channel.name, cell.currency.name)
            if gold[key] == cell.totals { agreeing += 1 } else { wrong.append(key) }
        }
        balance.lines.append(
            TrialBalance.Line(
                "days by channel and currency", "live", String(cells.count), "gold, and the same", String(agreeing)))
        balance.lines.append(
            TrialBalance.Line(
                "days by channel and currency", "gold", String(gold.count), "live, and the same", String(agreeing)))
        if !wrong.isEmpty { balance.notes["days that differ"] = wrong.prefix(Books.listed).joined(separator: "; ") }
    }

    /// The most offending cells that are named.
    private static let listed = 10

    private static func cell(_ day: Int32, _ channel: String, _ currency: String) -> String {
        "\(Timestamp.dateText(ofDay: Int64(day))) \(channel)\(currency.isEmpty ? "" : " " + currency)"
    }

    /// The funnel is told, not balanced: the live one is approximate for sessions whose events come far out of order.
    private func noteFunnel(_ live: ShopStream, _ balance: inout TrialBalance) throws {
        let totals = live.dailyFunnel().values.reduce(into: FunnelTotals()) {
            $0.views += $1.views
            $0.carts += $1.carts
            $0.purchases += $1.purchases
        }
        let gold =
            try connection.query(
                """
                SELECT CAST(sum(views) AS BIGINT), CAST(sum(carts) AS BIGINT), CAST(sum(purchases) AS BIGINT)
                FROM (\(try scanSQL("gold", "daily_funnel")))
                """
            ).rows.first?.map { $0.integer ?? 0 } ?? [0, 0, 0]
        balance.notes["funnel, live"] = "\(totals.views) views, \(totals.carts) carts, \(totals.purchases) purchases"
        balance.notes["funnel, gold"] = "\(gold[0]) views, \(gold[1]) carts, \(gold[2]) purchases"
    }

    /// Revenue as silver's purchases say, each order once by its first arrival, computed here and not by the models.
    private func addSilverMoney(revenue gold: [String: Int128], _ balance: inout TrialBalance) throws {
        let silver = try scanSQL("silver", "purchases")
        let sums = try amounts(
            """
            SELECT currency, sum(total_amount) FROM (
                SELECT currency, total_amount, row_number() OVER (
                    PARTITION BY CASE WHEN coalesce(order_id, '') = '' THEN 'e' || event_id ELSE 'o' || order_id END
                    ORDER BY received_at, log_partition, log_offset) AS place
                FROM (\(silver)))
            WHERE place = 1 GROUP BY currency
            """, "silver.purchases")
        add(sums, "silver", gold, "gold", "money in orders", &balance)
    }

    private func line(_ name: String, _ live: Int64, _ gold: Int64?) -> TrialBalance.Line {
        TrialBalance.Line(name, "live", String(live), "gold", String(gold ?? 0))
    }

    // MARK: - Pieces

    private func add(
        _ left: [String: Int128], _ leftName: String, _ right: [String: Int128], _ rightName: String, _ name: String,
        _ balance: inout TrialBalance
    ) {
        for currency in Set(left.keys).union(right.keys).sorted() {
            balance.lines.append(
                TrialBalance.Line(
                    "\(name) \(currency)", leftName, Money.text(tenThousandths: left[currency] ?? 0), rightName,
                    Money.text(tenThousandths: right[currency] ?? 0)))
        }
    }

    /// Sums by currency in ten-thousandths.
    private func amounts(_ sql: String, _ table: String) throws -> [String: Int128] {
        var sums: [String: Int128] = [:]
        for row in try connection.query(sql).rows {
            guard let currency = row[0].string, case .decimal(let unscaled, let scale) = row[1], scale == 4 else {
                throw LakeAbsence(description: "\(table) holds an amount that is no sum of money")
            }
            sums[currency] = unscaled
        }
        return sums
    }

    /// Runs `body`, which reads some tables, and names the file where one is damaged.
    private func naming<Result>(_ tables: [TableIdentifier], _ body: () throws -> Result) throws -> Result {
        try DamageSearch.naming(
            in: try tables.filter { try catalog.tableExists($0) }.map {
                try DamageSearch.Scan(all: LakeTable(try catalog.loadTable($0)))
            }, connection, body)
    }

    private func scanSQL(_ namespace: String, _ name: String) throws -> String {
        try LakeTable(try catalog.loadTable(TableIdentifier(namespace, name))).scanSQL()
    }

    private func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Something that should be in the lake and is not.
struct LakeAbsence: Error, CustomStringConvertible {
    let description: String
}
