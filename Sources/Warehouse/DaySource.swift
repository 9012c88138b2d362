import Engine
import Iceberg
import Lake

/// The rows of a business day as the lake's silver tables have them, at the snapshots of one load.
struct DaySource {
    /// The silver tables that the warehouse is made from.
    static let tables = ["clicks", "carts", "sales", "purchase_items", "stock", "bots", "daily_rates"]

    let tables: [String: Table]
    /// The time zone of the business day.
    let timeZone: String
    /// The currency of list prices.
    let currency: String
    private let listed = Files()

    init(tables: [String: Table], timeZone: String, currency: String) {
        self.tables = tables
        self.timeZone = timeZone
        self.currency = currency
    }

    /// The SELECT of a stage's rows, typed as the stage is.
    func select(_ stage: StarSchema.Stage, day: String) throws -> String {
        let columns = stage.columns.map { "CAST(\($0.name) AS \(Self.type($0.type))) AS \($0.name)" }
        let rows = try rows(stage.name, day: day)
        return "\(try with(rows, day))SELECT \(columns.joined(separator: ", ")) FROM (\(rows))"
    }

    /// The SELECT of how many rows some stages have, a column for each.
    func counts(_ stages: [StarSchema.Stage], day: String) throws -> String {
        let counts = try stages.map { "(SELECT count(*) FROM (\(try rows($0.name, day: day))))" }
        let select = "SELECT \(counts.joined(separator: ", "))"
        return try with(select, day) + select
    }

    /// The SELECT of the minutes of a day: their numbers, and when the hours began that their first and last instants
    /// are in, in microseconds.
    func minutes(day: String) -> String {
        let zone = SQL.literal(timeZone)
        return """
            SELECT \(MinuteRows.minute(of: "t")), epoch_us(\(hourStart("t"))),
                epoch_us(\(hourStart("(t + INTERVAL 59999999 MICROSECOND)")))
            FROM generate_series(
                CAST(DATE '\(day)' AS TIMESTAMP) AT TIME ZONE 'UTC' - INTERVAL 1 DAY,
                CAST(DATE '\(day)' AS TIMESTAMP) AT TIME ZONE 'UTC' + INTERVAL 2 DAY, INTERVAL 1 MINUTE) AS g(t)
            WHERE CAST(t AT TIME ZONE \(zone) AS DATE) = DATE '\(day)'
                OR CAST((t + INTERVAL 59999999 MICROSECOND) AT TIME ZONE \(zone) AS DATE) = DATE '\(day)'
            """
    }

    /// The SELECT of a fact's rows with their keys, typed as the fact is, from the keys as ``KeyRows/name(_:)`` has them.
    /// - Parameter hasMinutes: whether ``MinuteRows/name`` has the hours' keys; they are looked up by the hour elsewhere.
    func select(_ fact: StarSchema.Fact, _ schema: StarSchema, day: String, hasMinutes: Bool) throws -> String {
        var columns: [String] = []
        var joins: [String] = []
        for (column, origin) in fact.columns {
            let value: String
            switch origin {
            case .day: value = "DATE '\(day)'"
            case .staged: value = "s.\(column.name)"
            case .key(let name):
                let dimension = schema.dimension(name)
                let staged = "s.\(dimension.stagedAs)"
                if dimension.natural.type == .instant, hasMinutes {
                    let keys = MinuteRows.name
                    joins.append("LEFT JOIN \(keys) ON \(keys).minute = \(MinuteRows.minute(of: "s.ts"))")
                    value = "coalesce(\(keys).key, \(StarSchema.unknownKey))"
                    break
                }
                let keys = KeyRows.name(name)
                // The warehouse writes a zero as its picture; to look for one costs less than to copy every text.
                let natural =
                    dimension.natural.type == .instant
                    ? staged
                    : "CASE WHEN contains(\(staged), chr(0)) THEN replace(\(staged), chr(0), '\u{2400}') ELSE \(staged) END"
                joins.append("LEFT JOIN \(keys) ON \(keys).natural = \(natural)")
                value = "coalesce(\(keys).key, \(StarSchema.unknownKey))"
            }
            columns.append("CAST(\(value) AS \(Self.type(column.type))) AS \(column.name)")
        }
        let rows = try rows(fact.stage, day: day)
        return """
            \(try with(rows, day))SELECT \(columns.joined(separator: ", ")) FROM (\(rows)) s
            \(joins.joined(separator: "\n"))
            """
    }

    /// The relations that a statement names, of the day's rows.
    private func with(_ sql: String, _ day: String) throws -> String {
        let words = Set(sql.split { !($0.isLetter || $0 == "_") }.map(String.init))
        let relations = try Self.tables.filter(words.contains).map { name in
            "\(name) AS (SELECT * FROM (\(try scan(name, day))) WHERE business_day = DATE '\(day)')"
        }
        return relations.isEmpty ? "" : "WITH \(relations.joined(separator: ", "))\n"
    }

    private func scan(_ name: String, _ day: String) throws -> String {
        guard let table = tables[name] else { throw WarehouseError(.schema, "the lake has no table silver.\(name)") }
        guard let days = LakeDate.days(day) else { throw WarehouseError(.statement, "'\(day)' is no day") }
        let files = LakeTable(table)
        let all = try listed.of(name) { try files.plan().tasks }
        return try files.scanSQL(of: all.filter { Self.mayHold($0.file, days) })
    }

    /// Whether a file may have rows of a day: one of another partition by day has none.
    private static func mayHold(_ file: DataFile, _ days: Int32) -> Bool {
        guard file.partition.count == 1, case .date(let day) = file.partition[0] else { return true }
        return day == days
    }

    /// The files of the tables, listed once for a load of many days.
    private final class Files {
        private var tasks: [String: [ScanTask]] = [:]

        func of(_ table: String, _ list: () throws -> [ScanTask]) rethrows -> [ScanTask] {
            if let known = tasks[table] { return known }
            let listed = try list()
            tasks[table] = listed
            return listed
        }
    }

    private static func type(_ type: StarSchema.ColumnType) -> String {
        switch type {
        case .smallint, .integer: "INTEGER"
        case .bigint: "BIGINT"
        case .boolean: "BOOLEAN"
        case .date: "DATE"
        case .instant: "TIMESTAMP WITH TIME ZONE"
        case .text: "VARCHAR"
        case .decimal(let digits, let scale): "DECIMAL(\(digits), \(scale))"
        }
    }

    // MARK: - Rows

    /// The instant at which the hour of the business clock began: as the models say it.
    private func hourStart(_ instant: String) -> String {
        let clock = "(\(instant) AT TIME ZONE \(SQL.literal(timeZone)))"
        return "\(instant) - (\(clock) - date_trunc('hour', \(clock)))"
    }

    /// Whether a user is flagged on the day.
    private func isBot(_ relation: String) -> String { "\(relation).user_id IN (SELECT user_id FROM bots) AS is_bot" }

    private static func word(_ column: String) -> String { "left(nullif(\(column), ''), 64) AS \(column)" }

    private func rows(_ stage: String, day: String) throws -> String {
        switch stage {
        case "stage_clicks":
            """
            SELECT log_partition, log_offset, \(hourStart("ts")) AS hour_start, ts, ts AS happened_at, event_id, session_id,
                user_id, product_id, channel, store_id, \(Self.word("device")), \(Self.word("country")),
                \(Self.word("campaign")), dwell_ms, \(isBot("clicks"))
            FROM clicks
            """
        case "stage_cart":
            """
            SELECT log_partition, log_offset, \(hourStart("ts")) AS hour_start, ts, ts AS happened_at, event_id, session_id,
                user_id, product_id, channel, currency, action, quantity, unit_price,
                \(isBot("carts"))
            FROM carts
            """
        case "stage_orders":
            """
            SELECT log_partition, log_offset, \(hourStart("ts")) AS hour_start, ts, ts AS happened_at, event_id, session_id,
                user_id, channel, store_id, currency, order_id, \(Self.word("country")), units, gmv, discount, revenue,
                reporting_gmv, reporting_discount, reporting_revenue, \(isBot("sales"))
            FROM sales WHERE is_counted
            """
        case "stage_order_items":
            """
            SELECT s.log_partition, s.log_offset, \(hourStart("s.ts")) AS hour_start, s.ts, i.item_number, i.event_id,
                s.user_id, i.product_id, s.channel, s.store_id, s.currency, s.order_id, i.quantity, i.unit_price,
                i.amount, i.reporting_amount, \(isBot("s"))
            FROM purchase_items i JOIN sales s ON s.event_id = i.event_id WHERE s.is_counted
            """
        case "stage_rates":
            """
            SELECT currency, rate_per_eur, rate_date, reporting_currency, reporting_rate_per_eur, reporting_rate_date
            FROM daily_rates
            """
        case "stage_channels":
            """
            SELECT DISTINCT channel FROM (
                SELECT channel FROM clicks UNION ALL SELECT channel FROM carts UNION ALL SELECT channel FROM sales)
            WHERE channel IS NOT NULL
            """
        case "stage_stores":
            """
            SELECT DISTINCT store_id FROM (SELECT store_id FROM clicks UNION ALL SELECT store_id FROM sales)
            WHERE store_id IS NOT NULL
            """
        case "stage_currencies":
            """
            SELECT DISTINCT currency FROM (
                SELECT currency FROM carts UNION ALL SELECT currency FROM sales UNION ALL
                SELECT currency FROM daily_rates)
            WHERE currency IS NOT NULL
            """
        case "stage_hours": hours(day)
        case "stage_users": users
        case "stage_products": products
        default: throw WarehouseError(.statement, "nothing is known of \(stage)")
        }
    }

    /// The hours of the day, found by walking over it in steps that no clock change is shorter than.
    private func hours(_ day: String) -> String {
        """
        SELECT hour_start, DATE '\(day)' AS business_day, extract(hour FROM clock) AS hour_of_day,
            date_diff('minute', hour_start AT TIME ZONE 'UTC', clock) AS utc_offset_minutes,
            extract(isodow FROM DATE '\(day)') AS day_of_week, extract(day FROM DATE '\(day)') AS day_of_month,
            extract(doy FROM DATE '\(day)') AS day_of_year, extract(week FROM DATE '\(day)') AS iso_week,
            extract(isoyear FROM DATE '\(day)') AS iso_year, extract(month FROM DATE '\(day)') AS month,
            extract(quarter FROM DATE '\(day)') AS quarter, extract(year FROM DATE '\(day)') AS year,
            date_trunc('month', DATE '\(day)') AS month_start, extract(isodow FROM DATE '\(day)') >= 6 AS is_weekend
        FROM (
            SELECT hour_start, hour_start AT TIME ZONE \(SQL.literal(timeZone)) AS clock FROM (
                SELECT DISTINCT \(hourStart("t")) AS hour_start
                FROM generate_series(
                    CAST(DATE '\(day)' AS TIMESTAMP) AT TIME ZONE 'UTC' - INTERVAL 1 DAY,
                    CAST(DATE '\(day)' AS TIMESTAMP) AT TIME ZONE 'UTC' + INTERVAL 2 DAY, INTERVAL 15 MINUTE) AS g(t)
                WHERE CAST(t AT TIME ZONE \(SQL.literal(timeZone)) AS DATE) = DATE '\(day)'))
        """
    }

    /// What the day tells of people: the country that the last event with one named, and whether there was an order. In
    /// order, in which an index takes them fastest.
    private var users: String {
        """
        SELECT user_id,
            arg_max(country, (ts, topic, log_partition, log_offset)) FILTER (country IS NOT NULL) AS country,
            bool_or(is_counted) AS is_customer
        FROM (
            SELECT user_id, \(Self.word("country")), false AS is_counted, ts, 1 AS topic, log_partition, log_offset
            FROM clicks
            UNION ALL
            SELECT user_id, NULL, false, ts, 2, log_partition, log_offset FROM carts
            UNION ALL
            SELECT user_id, \(Self.word("country")), is_counted, ts, 3, log_partition, log_offset FROM sales)
        GROUP BY user_id ORDER BY user_id
        """
    }

    /// What the day tells of products: the last price in the reporting currency, and the last receipt's cost.
    private var products: String {
        let currency = SQL.literal(currency)
        return """
            SELECT product_id,
                arg_max(price, (ts, topic, log_partition, log_offset, item)) FILTER (price IS NOT NULL) AS list_price,
                arg_max(cost, (ts, topic, log_partition, log_offset, item)) FILTER (cost IS NOT NULL) AS unit_cost
            FROM (
                SELECT product_id, CAST(NULL AS DECIMAL(18, 4)) AS price, CAST(NULL AS DECIMAL(18, 4)) AS cost, ts,
                    1 AS topic, log_partition, log_offset, 0 AS item
                FROM clicks
                UNION ALL
                SELECT product_id, CASE WHEN currency = \(currency) THEN unit_price END, NULL, ts, 2, log_partition,
                    log_offset, 0
                FROM carts
                UNION ALL
                SELECT i.product_id, CASE WHEN s.currency = \(currency) THEN i.unit_price END, NULL, s.ts, 3,
                    s.log_partition, s.log_offset, i.item_number
                FROM purchase_items i JOIN sales s ON s.event_id = i.event_id WHERE s.is_counted
                UNION ALL
                SELECT product_id, NULL, CASE WHEN change > 0 THEN unit_cost END, ts, 4, log_partition, log_offset, 0
                FROM stock)
            GROUP BY product_id ORDER BY product_id
            """
    }
}
