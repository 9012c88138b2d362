import Engine
import EventLog
import Events
import Foundation
import Streaming
import Testing

/// Live sales by channel, store, country and product equal DuckDB's over the same events.
@Suite struct SalesCubeTests {
    static let shapes = [
        ShopCase.Shape(), ShopCase.Shape(disorder: 300), ShopCase.Shape(repeats: 0.1), ShopCase.Shape(late: 0.2),
        ShopCase.Shape(users: 50, isHot: true, disorder: 100, repeats: 0.05, late: 0.1),
    ]

    @Test("Equal to SQL: in order, shuffled, repeated, late, one hot user", arguments: shapes.indices)
    func equalsBatch(_ index: Int) throws {
        let shop = try ShopCase(seed: UInt64(index) + 1, SalesCubeTests.shapes[index])
        let live = ShopAnswers(try shop.applied()).cube
        let batch = try SalesCubeTests.batch(shop)
        #expect(live.count == batch.count)
        let differing = zip(live, batch).filter { $0 != $1 }
        #expect(differing.isEmpty, "\(differing.prefix(3))")
        #expect(live.count > 500)
    }

    @Test("Two and four shards together say what one says") func shards() throws {
        let shop = try ShopCase(seed: 9, SalesCubeTests.shapes[4])
        let one = ShopAnswers(try shop.applied())
        #expect(ShopAnswers(try shop.applied(shards: 2)) == one)
        #expect(ShopAnswers(try shop.applied(shards: 4)) == one)
    }

    /// Each event once and each order once, the first to arrive; cut into the stretches that the cube keeps.
    static func batch(_ shop: ShopCase) throws -> [String] {
        let connection = try DuckDB(DuckDB.Settings(threads: 1, memoryLimitBytes: 512 << 20)).connect()
        _ = try connection.execute("SET TimeZone = 'UTC'")
        let columns = [
            "event_id", "user_id", "session_id", "ts", "channel", "type", "product_id", "country", "store_id",
            "order_id", "currency", "total_amount",
        ].map { "'\($0)': 'VARCHAR'" }.joined(separator: ", ")
        _ = try connection.execute(
            """
            CREATE TABLE counted AS
            WITH raw AS (
                SELECT *, row_number() OVER () AS place FROM read_json('\(shop.folder)/events.json',
                    format = 'newline_delimited', maximum_object_size = 1048576, columns = {\(columns),
                    'items': 'STRUCT(product_id VARCHAR, quantity INTEGER, unit_price DECIMAL(18, 4))[]'})
            ),
            once AS (SELECT * FROM raw QUALIFY row_number() OVER (PARTITION BY type, event_id ORDER BY place) = 1),
            timed AS (
                SELECT *, epoch_us(CAST(ts AS TIMESTAMPTZ)) AS us,
                    us // 60000000 AS minute,
                    -- India is five and a half hours ahead.
                    (us + 19800000000) // 3600000000 * 60 - 330 AS hour,
                    (us + 19800000000) // 86400000000 AS day
                FROM once
            )
            SELECT * FROM timed WHERE type <> 'purchase' OR order_id IS NULL
                OR place = (SELECT min(o.place) FROM timed o WHERE o.type = 'purchase' AND o.order_id = timed.order_id)
            """)
        let now = shop.started
        let minute = now / Timestamp.minute
        let today = (now + 19_800_000_000) / Timestamp.day
        var parts: [String] = []
        let grains = [("minute", minute - 180), ("hour", minute - 192 * 60), ("day", today - 35)]
        for (grain, oldest) in grains {
            let dimensions = [
                ("channel", "coalesce(channel, 'unknown')"), ("store", "coalesce(store_id, 'unknown')"),
                ("country", "coalesce(country, 'unknown')"),
            ]
            for (dimension, name) in dimensions {
                let types = dimension == "channel" ? "'click', 'cart', 'purchase'" : "'purchase'"
                parts.append(
                    """
                    SELECT concat_ws(' ', '\(dimension) \(grain)', \(grain), \(name), coalesce(currency, ''),
                        count(*) FILTER (type = 'click'), count(*) FILTER (type = 'cart'),
                        count(*) FILTER (type = 'purchase'),
                        coalesce(sum(list_sum(list_transform(items, lambda i: i.quantity))), 0),
                        coalesce(sum(CAST(total_amount AS DECIMAL(18, 4))), 0)) AS line
                    FROM counted WHERE \(grain) > \(oldest) AND type IN (\(types))
                    GROUP BY \(grain), \(name), coalesce(currency, '')
                    """)
            }
            parts.append(
                """
                SELECT concat_ws(' ', 'product \(grain)', \(grain), item.product_id, currency, 0, 0,
                    count(DISTINCT place), sum(item.quantity), sum(item.quantity * item.unit_price)) AS line
                FROM (SELECT *, unnest(items) AS item FROM counted WHERE type = 'purchase')
                WHERE \(grain) > \(oldest) GROUP BY \(grain), item.product_id, currency
                """)
        }
        return try connection.query(parts.joined(separator: " UNION ALL "), rowsMax: 1_000_000).rows.map { row in
            guard case .string(let line) = row[0] else { return "\(row[0])" }
            return SalesCubeTests.shortened(line)
        }.sorted()
    }

    /// Amounts as `Money` writes them: at least two decimals, no further zeros.
    private static func shortened(_ line: String) -> String {
        var words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard let last = words.last else { return line }
        var parts = last.split(separator: ".").map(String.init)
        if parts.count == 1 { parts.append("00") }
        while parts[1].count > 2, parts[1].hasSuffix("0") { parts[1].removeLast() }
        words[words.count - 1] = parts.joined(separator: ".")
        return words.joined(separator: " ")
    }
}
