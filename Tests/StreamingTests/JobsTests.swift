import Engine
import EventLog
import Events
import Foundation
import Streaming
import Testing

/// Sessions, best sellers and stock equal DuckDB's over the same events.
@Suite struct JobsTests {
    static let shapes = SalesCubeTests.shapes
    /// Whether an event is not late for its session.
    private static let isTimely = " AND NOT coalesce(watermark - 1799999999 > us, false)"
    /// Lines about the sessions and pages of each day.
    private static let sessionsSQL = """
        WITH timely AS (SELECT * FROM once WHERE type <> 'stock'\(isTimely)),
        -- Of several purchases of an order the first to arrive counts, late or not.
        counted AS (SELECT min(place) AS place FROM once WHERE type = 'purchase'
            GROUP BY coalesce(order_id, event_id)),
        begun AS (
            SELECT *, coalesce(us - lag(us) OVER w >= 1800000000, true) AS is_start,
                coalesce(channel, 'unknown') AS medium
            FROM timely WINDOW w AS (PARTITION BY user_id, coalesce(channel, 'unknown') ORDER BY us, place)
        ),
        numbered AS (
            SELECT *, sum(CAST(is_start AS INTEGER)) OVER (
                PARTITION BY user_id, medium ORDER BY us, place ROWS UNBOUNDED PRECEDING) AS number
            FROM begun
        ),
        sessions AS (
            SELECT medium, min(us) AS first, max(us) AS last, count(*) AS events,
                count(*) FILTER (type = 'cart') AS carts,
                count(*) FILTER (type = 'purchase' AND place IN (SELECT place FROM counted)) AS orders,
                coalesce(sum(CAST(CAST(total_amount AS DECIMAL(18, 4)) * 10000 AS BIGINT)) FILTER (
                    type = 'purchase' AND currency = 'USD' AND place IN (SELECT place FROM counted)), 0) AS paid,
                arg_min(page, (us, place)) FILTER (type = 'click') AS entry,
                arg_max(page, (us, place)) FILTER (type = 'click') AS exit
            FROM numbered GROUP BY user_id, medium, number
        ),
        dated AS (SELECT *, (first + 19800000000) // 86400000000 AS day FROM sessions),
        recent AS (SELECT * FROM dated)
        SELECT concat_ws(' ', day, medium, count(*), count(*) FILTER (orders > 0), count(*) FILTER (carts > 0),
            count(*) FILTER (carts > 0 AND orders = 0), count(*) FILTER (events = 1), sum(events),
            sum(last - first), sum(paid)) FROM recent GROUP BY day, medium
        UNION ALL
        SELECT concat_ws(' ', day, 'page', page, sum(entries), sum(exits), sum(conversions)) FROM (
            SELECT day, entry AS page, 1 AS entries, 0 AS exits, CAST(orders > 0 AS INTEGER) AS conversions
            FROM recent WHERE entry IS NOT NULL
            UNION ALL SELECT day, exit, 0, 1, 0 FROM recent WHERE exit IS NOT NULL
        ) GROUP BY day, page
        """

    @Test("Sessions equal SQL: in order, shuffled, repeated, late, one hot user", arguments: shapes.indices)
    func sessions(_ index: Int) throws {
        let shop = try ShopCase(seed: UInt64(index) + 21, JobsTests.shapes[index])
        let stream = try shop.appliedAsTheyHappen()
        let late = stream.lateForSessions
        #expect(JobsTests.shapes[index].late > 0 ? late > 500 : late == 0, "\(late) late")
        stream.endSessions()
        let live = ShopAnswers([stream]).sessions
        let connection = try JobsTests.events(of: shop)
        let batch = try JobsTests.lines(connection, JobsTests.sessionsSQL)
        #expect(live == batch)
        #expect(batch.count >= 11)
    }

    @Test("History that is imported in the order of time has its sessions, none of them late, and ends them as it goes")
    func history() throws {
        let shop = try ShopCase(seed: 41, ShopCase.Shape(events: 12_000, minutes: 60 * 24 * 20))
        let streams = try shop.applied(shards: 2)
        #expect(streams.allSatisfy { $0.lateForSessions == 0 })
        // The sessions of twenty days are over but for those of the last commits' hours.
        let open = streams.reduce(0) { $0 + ($1.stateUsage.first { $0.name == "sessions" }?.entries ?? 0) }
        let over = streams.reduce(0) { $0 + $1.sessionDays.reduce(0) { $0 + $1.totals.sessions } }
        #expect(open < 2_000 && over > 8_000, "\(open) open, \(over) over")
        let live = ShopAnswers(streams).sessions
        let batch = try JobsTests.lines(
            try JobsTests.events(of: shop), JobsTests.sessionsSQL.replacingOccurrences(of: JobsTests.isTimely, with: "")
        )
        #expect(live == batch)
    }

    @Test("Best sellers of the last hour equal SQL") func bestSellers() throws {
        let shop = try ShopCase(seed: 31, JobsTests.shapes[4])
        let stream = try shop.applied()[0]
        let dollars = try #require(CurrencyCode("USD"))
        let oldest = shop.started / Timestamp.minute - 59
        let live = stream.bestSellers(10, .minute, since: Int32(oldest), dollars).map {
            "\($0.name) \($0.totals.orders) \($0.totals.units) \($0.totals.revenue)"
        }
        let batch = try JobsTests.lines(
            try JobsTests.events(of: shop),
            """
            SELECT concat_ws(' ', item.product_id, count(DISTINCT place), sum(item.quantity),
                CAST(sum(item.quantity * item.unit_price) * 10000 AS HUGEINT))
            FROM (SELECT *, unnest(items) AS item FROM once WHERE type = 'purchase' AND currency = 'USD'
                AND us // 60000000 >= \(oldest) AND place IN (SELECT min(place) FROM once WHERE type = 'purchase'
                GROUP BY coalesce(order_id, event_id)))
            GROUP BY item.product_id
            ORDER BY sum(item.quantity * item.unit_price) DESC, sum(item.quantity) DESC, item.product_id LIMIT 10
            """, isSorted: false)
        #expect(live.count == 10)
        #expect(live == batch)
    }

    @Test("Stock levels equal SQL, and those that run low or out are alerts") func stock() throws {
        let shop = try ShopCase(seed: 32, ShopCase.Shape(disorder: 50, repeats: 0.1))
        let stream = try shop.applied()[0]
        let live = stream.stockLevels.map { "\($0.product) \($0.warehouse) \($0.pieces)" }.sorted()
        let batch = try JobsTests.lines(
            try JobsTests.events(of: shop),
            """
            SELECT concat_ws(' ', product_id, warehouse_id, sum(CAST("change" AS INTEGER)))
            FROM once WHERE type = 'stock' GROUP BY product_id, warehouse_id
            """)
        #expect(live == batch)
        let alerts = stream.stockAlerts
        #expect(alerts.map(\.pieces) == stream.stockLevels.map(\.pieces).filter { $0 < StockJob.low }.sorted())
        #expect(alerts.allSatisfy { $0.state == ($0.pieces <= 0 ? .out : .low) })
        #expect(alerts.contains { $0.state == .out } && alerts.contains { $0.state == .low })
    }

    /// Each event once, the first to arrive, with the watermark that it met.
    static func events(of shop: ShopCase) throws -> Connection {
        let connection = try DuckDB(DuckDB.Settings(threads: 1, memoryLimitBytes: 512 << 20)).connect()
        _ = try connection.execute("SET TimeZone = 'UTC'")
        let columns = [
            "event_id", "user_id", "session_id", "ts", "channel", "type", "product_id", "page", "order_id", "currency",
            "warehouse_id", "change",
            "total_amount",
        ].map { "'\($0)': 'VARCHAR'" }.joined(separator: ", ")
        _ = try connection.execute(
            """
            CREATE TABLE once AS
            WITH raw AS (
                SELECT *, row_number() OVER () AS place, epoch_us(CAST(ts AS TIMESTAMPTZ)) AS us
                FROM read_json('\(shop.folder)/events.json', format = 'newline_delimited', columns = {\(columns),
                    'items': 'STRUCT(product_id VARCHAR, quantity INTEGER, unit_price DECIMAL(18, 4))[]'})
            ),
            received AS (SELECT *, max(us) OVER (ORDER BY place) AS received FROM raw),
            -- What arrived before: five minutes behind the newest of it.
            arrived AS (
                SELECT *, max(us) FILTER (type <> 'stock') OVER (
                    ORDER BY received RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) // 60000000 * 60000000 - 300000000 AS watermark FROM received
            )
            SELECT * FROM arrived QUALIFY row_number() OVER (PARTITION BY type, event_id ORDER BY place) = 1
            """)
        return connection
    }

    static func lines(_ connection: Connection, _ sql: String, isSorted: Bool = true) throws -> [String] {
        let lines = try connection.query(sql, rowsMax: 1_000_000).rows.map { row in
            guard case .string(let line) = row[0] else { return "\(row[0])" }
            return line
        }
        return isSorted ? lines.sorted() : lines
    }
}
