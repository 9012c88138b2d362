import Books
import Collector
import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Models
import Simulator
import Storage
import Streaming
import Telemetry
import Testing

/// A small shop in a temporary folder, all the way from the door to gold.
final class SmallShop {
    let folder: String
    let log: EmbeddedLog
    let catalog: SQLiteCatalog
    let totals: SimulationTotals
    private let connection: Connection
    private let bronze: BronzeWriter
    private let models: ModelRunner

    static let models: String = {
        let here = URL(fileURLWithPath: #filePath)
        return here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path + "/models"
    }()

    /// Sends a dirty simulated shop's lines through the door.
    init(events: Int, zone: String = "UTC") throws {
        folder = FileManager.default.temporaryDirectory.path + "/books-\(UUID().uuidString)"
        log = try EmbeddedLog(folder: folder + "/log", partitions: 2)
        try FileManager.default.createDirectory(atPath: folder + "/tmp", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder + "/lake", withIntermediateDirectories: true)
        catalog = try SQLiteCatalog(
            path: folder + "/lake/catalog.sqlite", warehouse: try Location.url(forPath: folder + "/lake"))
        var engine = DuckDB.Settings()
        engine.temporaryFolder = folder + "/tmp"
        connection = try DuckDB(engine).connect()
        bronze = BronzeWriter(log: log, catalog: catalog)
        models = ModelRunner(
            project: try ModelProject(folder: SmallShop.models), catalog: catalog, engine: engine,
            variables: ["business_timezone": zone])
        stream = StreamRunner.Settings(
            checkpointPath: folder + "/stream/checkpoint",
            timeZone: try #require(TimeZone(identifier: zone == "UTC" ? "GMT" : zone)),
            currency: try #require(CurrencyCode("USD")))
        // Over three days, so that late events fall into days that are already built.
        var settings = SimulationSettings(
            seed: 11, rate: max(1, events / (3 * 86_400)), start: EmbeddedLog.wallClock() - 3 * Timestamp.day)
        settings.duplicateRate = 0.03
        settings.malformedRate = 0.02
        settings.lateRate = 0.02
        settings.lateBy = 36 * 3_600 * 1_000_000
        settings.customers = 500
        var simulator = try ShopSimulator(settings)
        var buffer = LineBuffer(lines: 1_000)
        let collector = Collector(log: log, metrics: Metrics())
        for _ in stride(from: 0, to: events, by: 1_000) {
            buffer.removeAll()
            simulator.generate(1_000, into: &buffer)
            var body = PaddedBytes()
            buffer.withBytes { body.append($0) }
            _ = try log.appendAndWait(try collector.judge(body, .ndjson, "test").0)
        }
        totals = simulator.totals
    }

    let stream: StreamRunner.Settings

    deinit {
        log.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Sends events as they are.
    func send(_ events: [String]) throws {
        let body = PaddedBytes(copying: Array(events.joined(separator: "\n").utf8))
        let collector = Collector(log: log, metrics: Metrics())
        let (batch, result) = try collector.judge(body, .ndjson, "test")
        #expect(result.rejectedCount == 0)
        _ = try log.appendAndWait(batch)
    }

    func settle(_ cut: LogCut) throws {
        _ = try bronze.drain(to: cut)
        _ = try models.run()
    }

    func check() -> TrialBalance {
        Books(log: log, catalog: catalog, connection: connection, stream: stream).check(settled: { cut, body in
            try settle(cut)
            body()
        })
    }

    var books: Books { Books(log: log, catalog: catalog, connection: connection, stream: stream) }

    /// The values of a row, as texts. The rows are `rows` in `which`.
    func row(_ table: String, _ columns: String, _ which: String) throws -> [String] {
        let scan = try LakeTable(catalog.loadTable(try TableIdentifier(parsing: table))).scanSQL()
        let sql = "WITH rows AS (\(scan)) SELECT \(columns) FROM rows \(which)"
        return try #require(try connection.query(sql).rows.first).map(\.text)
    }

    /// Puts other rows into a table, with a commit that says what the one before it said.
    func tamper(_ name: String, _ select: String, _ condition: String = "") throws {
        var table = try catalog.loadTable(try TableIdentifier(parsing: name))
        let sql = "\(select) FROM (\(try LakeTable(table).scanSQL())) \(condition)"
        var summary = SnapshotState.carried(from: table.currentSnapshot)
        summary[SnapshotState.days] = ""
        _ = try TableWriter(connection).write(sql, into: &table, mode: .replaceAll, summary: summary)
    }

    func dataFiles(_ table: String) throws -> [String] {
        try catalog.loadTable(try TableIdentifier(parsing: table)).files().map { try Location.path(of: $0.location) }
    }
}

@Suite struct BooksTests {
    @Test(arguments: ["UTC", "Asia/Kolkata", "America/New_York"])
    func aDirtyShopBalancesAlsoWhenSettledInParts(zone: String) throws {
        let shop = try SmallShop(events: 20_000, zone: zone)
        let balance = shop.check()
        #expect(balance.problems == [])
        #expect(balance.lines.filter { !$0.balanced } == [])
        #expect(balance.lines.count > 25)
        let total = try #require(balance.lines.first { $0.name == "events" })
        #expect(total.left == String(shop.totals.lines))
        #expect(balance.notes["duplicates"] == String(shop.totals.duplicates))
        #expect(shop.totals.malformed > 100)
        let orders = try #require(balance.lines.first { $0.name == "orders" })
        #expect(orders.left == String(shop.totals.orders))
        let revenue = try #require(balance.lines.first { $0.name == "revenue USD" })
        #expect(revenue.left == Money(tenThousandths: shop.totals.revenueCents * 100).description)
        // Late and repeated events into days that are built already.
        try shop.send(SmallShop.trouble)
        let second = shop.check()
        #expect(second.problems == [])
        #expect(second.lines.filter { !$0.balanced } == [])
        #expect(second.notes["conflicts"] == "1")
        #expect(second.notes["repeated orders"] == "2")
    }

    @Test func amountsOfAnySizeAddUp() throws {
        let shop = try SmallShop(events: 1_000)
        try shop.send((0..<30).map { SmallShop.purchase("big-\($0)", order: "", total: "99999999999999.9999", at: 0) })
        let balance = shop.check()
        #expect(balance.problems == [])
        #expect(balance.lines.filter { !$0.balanced } == [])
    }

    @Test func aMissingBronzeFileIsNoticed() throws {
        let shop = try SmallShop(events: 3_000)
        #expect(shop.check().balanced)
        try FileManager.default.removeItem(atPath: try #require(try shop.dataFiles("bronze.clicks").first))
        let balance = shop.check()
        #expect(!balance.balanced)
        #expect(balance.problems.contains { $0.contains("bronze clicks") })
    }

    @Test func anAlteredGoldFileIsNoticed() throws {
        let shop = try SmallShop(events: 3_000)
        #expect(shop.check().balanced)
        let path = try #require(try shop.dataFiles("gold.daily_sales").first)
        let connection = try DuckDB().connect()
        try connection.execute(
            """
            COPY (SELECT * REPLACE (CAST(revenue + 0.01 AS DECIMAL(38, 4)) AS revenue) FROM read_parquet('\(path)'))
            TO '\(path).new' (FORMAT parquet, FIELD_IDS 'auto')
            """)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
        let balance = shop.check()
        #expect(!balance.balanced)
    }

    @Test func aChangedRecordIsNamed() throws {
        let shop = try SmallShop(events: 3_000)
        #expect(shop.check().balanced)
        let row = try shop.row("bronze.clicks", "log_partition, log_offset, event_id", "ORDER BY 1, 2 LIMIT 1 OFFSET 7")
        let place = "log_partition = \(row[0]) AND log_offset = \(row[1])"
        try shop.tamper(
            "bronze.clicks", "SELECT * REPLACE (CASE WHEN \(place) THEN replace(raw, '{', ' {') ELSE raw END AS raw)")
        let line = try #require(shop.check().lines.first { $0.name == "bronze clicks content" })
        #expect(!line.balanced)
        #expect(line.since == "clicks \(row[0]):\(row[1]) of the log")
        #expect(line.offending == ["clicks \(row[0]):\(row[1]) (\(row[2])): another content"])
        #expect(line.offendingMore == 0)
    }

    @Test func recordsThatAreMissingAreNamed() throws {
        let shop = try SmallShop(events: 3_000)
        #expect(shop.check().balanced)
        try shop.tamper("bronze.clicks", "SELECT *", "WHERE log_offset NOT BETWEEN 20 AND 35")
        let line = try #require(shop.check().lines.first { $0.name == "bronze clicks" })
        #expect(!line.balanced && line.difference == "32")
        #expect(line.since == "clicks 0:20 of the log")
        #expect(line.offending == (20...29).map { "clicks 0:\($0): not in the table" })
        #expect(line.offendingMore == 22)
    }

    @Test func anIDThatSilverLacksIsNamed() throws {
        let shop = try SmallShop(events: 3_000)
        #expect(shop.check().balanced)
        let row = try shop.row("silver.carts", "event_id", "ORDER BY 1 LIMIT 1 OFFSET 3")
        try shop.tamper(
            "silver.carts",
            "SELECT * REPLACE (CASE WHEN event_id = '\(row[0])' THEN 'planted' ELSE event_id END AS event_id)")
        let balance = shop.check()
        // One too many and one too few: the counts are right.
        #expect(balance.lines.first { $0.name == "silver carts" }?.balanced == true)
        let line = try #require(balance.lines.first { $0.name == "silver carts ids" })
        #expect(!line.balanced && line.since?.hasPrefix("arrived ") == true)
        #expect(line.offending?.sorted() == ["\(row[0]): not in silver", "planted: not in bronze"].sorted())
    }

    @Test func aDayOfGoldThatIsWrongIsNamed() throws {
        let shop = try SmallShop(events: 3_000)
        #expect(shop.check().balanced)
        let row = try shop.row("gold.daily_sales", "business_day, revenue", "ORDER BY 1 DESC LIMIT 1")
        try shop.tamper(
            "gold.daily_sales",
            "SELECT * REPLACE (CASE WHEN business_day = DATE '\(row[0])' THEN revenue + 0.01 ELSE revenue END AS revenue)"
        )
        let balance = shop.check()
        for name in ["revenue, silver.sales", "revenue, breakdown", "revenue, by channel", "revenue, by segment"] {
            let line = try #require(balance.lines.first { $0.name == name })
            #expect(!line.balanced, "\(name)")
            #expect(line.difference == (name == "revenue, silver.sales" ? "-0.01" : "0.01"), "\(name)")
            guard name != "revenue, by segment" else { continue }
            #expect(line.since == row[0] && line.offending?.count == 1, "\(name)")
            #expect(line.offending?.first?.hasPrefix("\(row[0]) USD: ") == true, "\(name)")
        }
        // What is quick to look at finds it, too.
        #expect(shop.books.checkTables().lines.contains { $0.name == "revenue, breakdown" && !$0.balanced })
        let text = String(decoding: try JSONEncoder().encode(balance), as: UTF8.self)
        #expect(text.contains("\"difference\":\"0.01\"") && text.contains("\"since\":\"\(row[0])\""))
    }

    /// A difference in a table of gold, the lines that must see it, and what they must name.
    struct Planted: CustomTestStringConvertible, Sendable {
        let table: String
        /// A row of the table, and what identifies it.
        let key: String
        let pick: String
        let change: String
        let lines: [String]
        let difference: String
        /// Whether the lines are of days, or months.
        let since: Bool
        /// Which column of the key they name.
        let names: Int
        var testDescription: String { "\(table), \(lines[0])" }
    }

    @Test(
        "A difference of one in a table that is no sum by day of another is found and named",
        arguments: [
            Planted(
                table: "gold.daily_fulfilment", key: "business_day, channel", pick: "orders > 0", change: "orders",
                lines: ["orders, fulfilment"], difference: "-1", since: true, names: 1),
            Planted(
                table: "gold.daily_fulfilment", key: "business_day, channel", pick: "shipped > 0", change: "shipped",
                lines: ["shipped, fulfilment"], difference: "-1", since: true, names: 1),
            Planted(
                table: "gold.cohort_retention", key: "cohort_month, months_since", pick: "months_since = 0",
                change: "cohort_customers", lines: ["new customers, cohorts"], difference: "-1", since: true, names: 0),
            Planted(
                table: "gold.cohort_retention", key: "cohort_month, months_since", pick: "true", change: "orders",
                lines: ["orders, cohorts"], difference: "-1", since: true, names: 0),
            Planted(
                table: "gold.stock_turnover", key: "month, product_id, warehouse_id", pick: "sold > 0", change: "sold",
                lines: ["sold, stock"], difference: "-1", since: true, names: 1),
            Planted(
                table: "gold.stock_turnover", key: "month, product_id, warehouse_id",
                pick: "month = (SELECT max(month) FROM rows)", change: "closing_level",
                lines: ["level, stock", "change of stock, stock"], difference: "-1", since: false, names: 1),
            Planted(
                table: "gold.product_affinity", key: "product_id, with_product_id",
                pick: "product_id < with_product_id",
                change: "orders_together", lines: ["orders of pairs, bought together"], difference: "1", since: false,
                names: 0),
            Planted(
                table: "gold.product_affinity", key: "product_id, with_product_id", pick: "true",
                change: "product_orders", lines: ["orders of products, bought together"], difference: "", since: false,
                names: 0),
        ])
    func aDifferenceInGoldIsNamed(planted: Planted) throws {
        let shop = try SmallShop(events: 3_000)
        try shop.send(SmallShop.pairs)
        let before = shop.check()
        #expect(before.problems == [])
        #expect(before.lines.filter { !$0.balanced } == [])
        let row = try shop.row(
            planted.table, planted.key, "WHERE \(planted.pick) ORDER BY ALL LIMIT 1")
        let condition = zip(planted.key.split(separator: ","), row).map { name, value in
            "CAST(\(name) AS VARCHAR) = '\(value)'"
        }.joined(separator: " AND ")
        try shop.tamper(
            planted.table,
            "SELECT * REPLACE (CASE WHEN \(condition) THEN \(planted.change) + 1 ELSE \(planted.change) END AS \(planted.change))"
        )
        let balance = shop.check()
        #expect(balance.problems == [])
        for name in planted.lines {
            let line = try #require(balance.lines.first { $0.name == name })
            #expect(!line.balanced, "\(name)")
            if !planted.difference.isEmpty { #expect(line.difference == planted.difference, "\(name)") }
            #expect(line.offending?.count == 1, "\(name): \(line.offending ?? [])")
            // The day or month, and the channel, product or warehouse.
            let named = line.offending?.first ?? ""
            if planted.since { #expect(line.since == row[0] && named.hasPrefix(row[0]), "\(name): \(named)") }
            #expect(named.contains(row[planted.names]), "\(name): \(named)")
        }
        #expect(shop.books.checkTables().lines.contains { $0.name == planted.lines[0] && !$0.balanced })
    }

    @Test func lateEventsHaveALineOfTheirOwn() throws {
        let shop = try SmallShop(events: 5_000)
        let line = try #require(shop.check().lines.first { $0.name == "late events" })
        #expect(line.balanced && (Int(line.left) ?? 0) > 0)
        try shop.tamper("silver.clicks", "SELECT * REPLACE (ts + INTERVAL 3 DAY AS ts)")
        let wrong = try #require(shop.check().lines.first { $0.name == "late events" })
        #expect(!wrong.balanced)
    }

    @Test func aDeletedLogSegmentIsNoticed() throws {
        let shop = try SmallShop(events: 3_000)
        #expect(shop.check().balanced)
        let folder = shop.folder + "/log/segments"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            try FileManager.default.removeItem(atPath: folder + "/" + name)
        }
        let balance = shop.check()
        #expect(!balance.balanced)
        #expect(balance.problems.contains { $0.hasPrefix("log: ") && $0.contains(folder) })
    }
}

extension SmallShop {
    static func purchase(_ id: String, order: String, total: String, at offset: Int64) -> String {
        let ts = (EmbeddedLog.wallClock() - 2 * Timestamp.day + offset) / 1_000
        return """
            {"type":"purchase","event_id":"\(id)","user_id":"u-1","session_id":"s-\(id)","order_id":"\(order)",\
            "items":[{"product_id":"p-1","quantity":2,"unit_price":"1.50"}],"total_amount":"\(total)",\
            "currency":"USD","ts":\(ts)}
            """
    }

    /// Orders of two products that are often bought together, and one of more products than are looked at.
    static let pairs: [String] = {
        let ts = (EmbeddedLog.wallClock() - 2 * Timestamp.day) / 1_000
        func purchase(_ number: Int, _ products: [String]) -> String {
            let items = products.map { #"{"product_id":"\#($0)","quantity":1,"unit_price":"1.00"}"# }
            return """
                {"type":"purchase","event_id":"pair-\(number)","user_id":"u-\(number)","session_id":"s-\(number)",\
                "order_id":"pair-\(number)","items":[\(items.joined(separator: ","))],\
                "total_amount":"\(products.count).00","currency":"USD","ts":\(ts)}
                """
        }
        return (0..<12).map { purchase($0, ["pair-a", "pair-b"]) }
            + (12..<15).map { purchase($0, ["pair-b", "pair-c"]) }
            + [purchase(15, ["pair-a"]), purchase(16, (0..<150).map { "many-\($0)" } + ["pair-a"])]
    }()

    /// A repeat, a conflict, and an order that comes again: with an earlier time, and on another day.
    static let trouble: [String] = {
        let first = purchase("t-1", order: "o-1", total: "3.00", at: 0)
        return [
            first, first, purchase("t-1", order: "o-1", total: "4.00", at: 0),
            purchase("t-2", order: "o-1", total: "5.00", at: -3_600_000_000),
            purchase("t-3", order: "o-1", total: "6.00", at: Timestamp.day),
            purchase("t-4", order: "", total: "7.00", at: 0),
            purchase("t-5", order: "", total: "7.00", at: 0),
        ]
    }()
}
