import Engine

/// The statements that make a business day of the warehouse what the staged rows say, in the order they run in: one
/// transaction, which leaves the old day or the new one.
struct DayStatements {
    let schema: StarSchema
    let dialect: Dialect
    /// The business day, `2026-03-01`.
    let day: String

    private var date: String { "DATE '\(day)'" }
    private func star(_ table: String) -> String { StarSchema.qualified(table) }

    // MARK: - The session's tables

    /// Made once in a session; ``emptying`` empties them where the end of a transaction does not.
    static func temporaryTables(_ schema: StarSchema, _ dialect: Dialect) -> [String] {
        var statements = schema.stages.map { dialect.temporaryTable($0.name, $0.columns) }
        for dimension in schema.dimensions {
            guard let history = dimension.history else { continue }
            let name = dimension.name
            let version =
                [dimension.natural, .init("valid_from", .date), .init("valid_to", .date)] + history.attributes
            statements += [
                dialect.temporaryTable("changed_\(name)", [dimension.natural]),
                dialect.temporaryTable("old_\(name)", [.init(dimension.key, dimension.keyType)] + version),
                dialect.temporaryTable("fresh_\(name)", version),
                dialect.temporaryTable(
                    "moved_\(name)",
                    [
                        .init("old_key", dimension.keyType), .init("new_key", dimension.keyType),
                        .init("from_day", .date), .init("to_day", .date),
                    ]),
            ]
        }
        statements += schema.facts.map { dialect.temporaryTable("fresh_\($0.name)", $0.columns.map(\.column)) }
        return statements
    }

    /// Empties the session's tables.
    static func emptying(_ schema: StarSchema) -> [String] {
        var names = schema.stages.map(\.name) + schema.facts.map { "fresh_\($0.name)" }
        for dimension in schema.dimensions where dimension.history != nil {
            names += ["changed", "old", "fresh", "moved"].map { "\($0)_\(dimension.name)" }
        }
        return names.map { "DELETE FROM \($0)" }
    }

    // MARK: - Dimensions without versions

    /// Adds hours, channels, stores and currencies that were not seen before.
    func newMembers() -> [String] {
        var statements = hours()
        for dimension in schema.dimensions where dimension.history == nil && dimension.name != "dim_time" {
            let natural = dimension.natural.name
            statements.append(
                """
                INSERT INTO \(star(dimension.name)) (\(natural))
                SELECT s.\(natural) FROM \(dimension.stage) s
                WHERE NOT EXISTS (SELECT 1 FROM \(star(dimension.name)) known WHERE known.\(natural) = s.\(natural))
                """)
        }
        return statements + rates()
    }

    /// The rates of the day.
    private func rates() -> [String] {
        let names = schema.stage("stage_rates").columns.dropFirst().map(\.name)
        return [
            "DELETE FROM \(star("currency_rates")) WHERE business_day = \(date)",
            """
            INSERT INTO \(star("currency_rates")) (business_day, currency_key, \(names.joined(separator: ", ")))
            SELECT \(date), known.currency_key, \(names.map { "s.\($0)" }.joined(separator: ", "))
            FROM stage_rates s JOIN \(star("dim_currency")) known ON known.currency = s.currency
            """,
        ]
    }

    /// Hours are known by the instant; what the calendar says of them changes with the time zone alone.
    private func hours() -> [String] {
        let time = schema.dimension("dim_time")
        let names = ([time.natural] + time.attributes).map(\.name)
        let values = time.attributes.map { "\($0.name) = s.\($0.name)" }
        return [
            """
            UPDATE \(star(time.name)) SET \(values.joined(separator: ", "))
            FROM stage_hours s WHERE \(time.name).hour_start = s.hour_start
                AND (\(StarSchema.differ(time.attributes, time.name, "s")))
            """,
            """
            INSERT INTO \(star(time.name)) (\(names.joined(separator: ", ")))
            SELECT \(names.map { "s.\($0)" }.joined(separator: ", ")) FROM stage_hours s
            WHERE NOT EXISTS (
                SELECT 1 FROM \(star(time.name)) known WHERE known.hour_start = s.hour_start)
            """,
        ]
    }

    // MARK: - Facts

    /// The rows of a fact with their keys, as a SELECT.
    func resolved(_ fact: StarSchema.Fact) -> String {
        var columns: [String] = []
        var joins: [String] = []
        for (column, origin) in fact.columns {
            switch origin {
            case .day: columns.append("\(date) AS business_day")
            case .staged: columns.append("s.\(column.name)")
            case .key(let name):
                let dimension = schema.dimension(name)
                columns.append("coalesce(\(name).\(column.name), \(StarSchema.unknownKey)) AS \(column.name)")
                var condition = "\(name).\(dimension.natural.name) = s.\(dimension.stagedAs)"
                if dimension.history != nil {
                    condition += " AND \(name).valid_from <= \(date) AND \(name).valid_to > \(date)"
                }
                joins.append("LEFT JOIN \(star(name)) ON \(condition)")
            }
        }
        return """
            SELECT \(columns.joined(separator: ", "))
            FROM \(fact.stage) s
            \(joins.joined(separator: "\n"))
            """
    }

    private func names(_ fact: StarSchema.Fact) -> [String] { fact.columns.map(\.column.name) }

    /// Whether a fact has a table that the day's rows belong in, as SQL: the day's own, or its month's.
    func isThere(_ fact: StarSchema.Fact) -> String {
        let tables = [StarSchema.leaf(fact.name, day), StarSchema.whole(fact.name, day)]
        return "(" + tables.map { "to_regclass('\(star($0))') IS NOT NULL" }.joined(separator: " OR ") + ")"
    }

    /// The statements before and after the rows of a fact's day come into its own table, where it has none yet.
    func fillingDirectly(_ fact: StarSchema.Fact) -> (make: String, attach: String) {
        (
            "SELECT \(star("make_leaf"))('\(fact.name)', \(date))",
            "SELECT \(star("attach_leaf"))('\(fact.name)', \(date))"
        )
    }

    /// The keys of the day's members of a dimension, beside what tells them apart: times as microseconds.
    func keys(of dimension: StarSchema.Dimension) -> String {
        let natural = dimension.natural.name
        let shown =
            dimension.natural.type == .instant
            ? "CAST(extract(epoch FROM d.\(natural)) * 1000000 AS bigint)" : "d.\(natural)"
        var sql = "SELECT \(shown), d.\(dimension.key) FROM \(star(dimension.name)) d"
        sql += " JOIN \(dimension.stage) s ON s.\(natural) = d.\(natural)"
        if dimension.history != nil { sql += " WHERE d.valid_from <= \(date) AND d.valid_to > \(date)" }
        return sql
    }

    /// Fills a fact's day that has no rows yet from its staged ones.
    func fill(_ fact: StarSchema.Fact) -> [String] {
        let list = names(fact).joined(separator: ", ")
        guard dialect == .postgres else {
            return ["INSERT INTO \(star(fact.name)) (\(list))\n\(resolved(fact))"]
        }
        return [
            "SELECT \(star("make_leaf"))('\(fact.name)', \(date))",
            "INSERT INTO \(star(StarSchema.leaf(fact.name, day))) (\(list))\n\(resolved(fact))",
            "SELECT \(star("attach_leaf"))('\(fact.name)', \(date))",
        ]
    }

    /// Changes the rows of a fact's day that are not as the staged ones say, and no others.
    func change(_ fact: StarSchema.Fact) -> [String] {
        let list = names(fact)
        let (table, fresh) = (star(fact.name), "fresh_\(fact.name)")
        guard dialect == .postgres else {
            return ["DELETE FROM \(table) WHERE business_day = \(date)"] + fill(fact)
        }
        let same = fact.primaryKey.filter { $0 != "business_day" }.map { "\(fresh).\($0) = \(fact.name).\($0)" }.joined(
            separator: " AND ")
        let values = fact.columns.map(\.column).filter { !fact.primaryKey.contains($0.name) }
        return [
            "INSERT INTO \(fresh) (\(list.joined(separator: ", ")))\n\(resolved(fact))",
            "ANALYZE \(fresh)",
            """
            DELETE FROM \(table) WHERE business_day = \(date)
                AND NOT EXISTS (SELECT 1 FROM \(fresh) WHERE \(same))
            """,
            """
            UPDATE \(table) SET \(values.map { "\($0.name) = \(fresh).\($0.name)" }.joined(separator: ", "))
            FROM \(fresh) WHERE \(fact.name).business_day = \(date) AND \(same)
                AND (\(StarSchema.differ(values, fact.name, fresh)))
            """,
            """
            INSERT INTO \(table) (\(list.joined(separator: ", ")))
            SELECT \(list.map { "\(fresh).\($0)" }.joined(separator: ", ")) FROM \(fresh)
            WHERE NOT EXISTS (SELECT 1 FROM \(table) WHERE \(fact.name).business_day = \(date) AND \(same))
            """,
        ]
    }

    // MARK: - The record of the load

    /// Writes down what was loaded from which snapshots.
    /// - Parameters:
    ///   - sources: JSON.
    ///   - rows: how many rows of each fact the day has now; nil where the server has to count them.
    func record(sources: String, rows: [String: Int]? = nil) -> [String] {
        let quoted = SQL.literal(sources)
        let counts = schema.facts.map { fact in
            rows?[fact.name].map { String($0) }
                ?? "(SELECT count(*) FROM \(star(fact.name)) WHERE business_day = \(date))"
        }
        return [
            """
            INSERT INTO \(star("loads"))
                (business_day, sources, clicks, carts, orders, order_items, loaded_at, loaded_by)
            SELECT \(date), \(quoted), \(counts.joined(separator: ", ")), current_timestamp, current_user
            """,
            "DELETE FROM \(star("loaded_days")) WHERE business_day = \(date)",
            """
            INSERT INTO \(star("loaded_days")) (business_day, load_key, sources)
            SELECT \(date), max(load_key), \(quoted) FROM \(star("loads")) WHERE business_day = \(date)
            """,
        ]
    }
}
