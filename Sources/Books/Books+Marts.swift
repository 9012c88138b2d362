import Engine
import Iceberg
import Lake

extension Books {
    /// A comparison of two statements, each of a day, a name and as many sums as there are measures.
    private struct Comparison {
        let what: String
        let measures: [DailySums.Measure]
        let left: Side
        let right: Side
    }

    /// What is summed up from a table: the name, and the sums, as SQL.
    private struct Side {
        let table: String
        let day: String
        let name: String
        let sums: [String]
        let condition: String

        init(
            _ table: String, day: String = "business_day", by name: String = "''", _ sums: [String],
            where condition: String = "true"
        ) {
            self.table = table
            self.day = day
            self.name = name
            self.sums = sums
            self.condition = condition
        }
    }

    private static let sales: [DailySums.Measure] = [
        .count("orders"), .count("units"), .money("GMV"), .money("discount"), .money("revenue"),
    ]
    private static let salesColumns = ["orders", "units", "gmv", "discount", "revenue"]

    /// Silver and the tables of gold that sum the same things up in different ways.
    private static let comparisons: [Comparison] = [
        Comparison(
            what: "purchases", measures: [.count("rows"), .money("revenue")],
            left: Side("silver.purchases", by: "currency", ["1", "total_amount"]),
            right: Side("silver.sales", by: "currency", ["1", "revenue"])),
        Comparison(
            what: "of purchases", measures: [.count("items"), .count("units"), .money("GMV")],
            left: Side(
                "silver.purchases", by: "currency",
                [
                    "len(items)", "list_sum(list_transform(items, lambda item: item.quantity))",
                    "list_sum(list_transform(items, lambda item: item.quantity * item.unit_price))",
                ]), right: Side("silver.purchase_items", by: "currency", ["1", "quantity", "amount"])),
        Comparison(
            what: "silver.sales", measures: sales,
            left: Side(
                "silver.sales", by: "currency", ["1", "units", "gmv", "discount", "revenue"], where: "is_counted"),
            right: Side("gold.daily_sales", by: "currency", salesColumns)),
        Comparison(
            what: "breakdown", measures: sales, left: Side("gold.daily_sales", by: "currency", salesColumns),
            right: Side("gold.daily_sales_breakdown", by: "currency", salesColumns)),
        Comparison(
            what: "by hour", measures: sales,
            left: Side("gold.daily_sales_breakdown", by: "channel || ' ' || currency", salesColumns),
            right: Side("gold.hourly_sales_breakdown", by: "channel || ' ' || currency", salesColumns)),
        Comparison(
            what: "by channel", measures: [.count("orders"), .count("units"), .money("revenue")],
            left: Side("gold.daily_sales", by: "currency", ["orders", "units", "revenue"]),
            right: Side("gold.daily_channel", by: "currency", ["orders", "units", "revenue"], where: "currency <> ''")),
        Comparison(
            what: "by product", measures: [.count("units"), .money("GMV")],
            left: Side("gold.daily_sales", by: "currency", ["units", "gmv"]),
            right: Side("gold.daily_product_sales", by: "currency", ["units", "gmv"])),
        Comparison(
            what: "by product", measures: [.count("clicks")], left: Side("gold.daily_channel", ["clicks"]),
            right: Side("gold.daily_product_clicks", ["clicks"])),
        Comparison(
            what: "by category", measures: Array(sales.dropFirst()),
            left: Side("gold.daily_sales", by: "currency", Array(salesColumns.dropFirst())),
            right: Side("gold.daily_category_sales", by: "currency", Array(salesColumns.dropFirst()))),
        Comparison(
            what: "by category and hour", measures: sales,
            left: Side("gold.daily_category_sales", by: "category || ' ' || currency", salesColumns),
            right: Side("gold.hourly_category_sales", by: "category || ' ' || currency", salesColumns)),
        Comparison(
            what: "by category, reporting", measures: Array(sales[2...]),
            left: Side("gold.daily_totals", ["gmv", "discount", "revenue"]),
            right: Side(
                "gold.daily_category_sales",
                [
                    "coalesce(reporting_gmv, 0)", "coalesce(reporting_discount, 0)", "coalesce(reporting_revenue, 0)",
                ])),
        Comparison(
            what: "by category", measures: [.count("clicks"), .count("carts")],
            left: Side("gold.daily_channel", ["clicks", "carts"]),
            right: Side("gold.daily_category_clicks", ["clicks", "carts"])),
        Comparison(
            what: "of customers", measures: [.count("orders")], left: Side("gold.daily_sales", ["orders"]),
            right: Side("gold.daily_customers", ["orders"])),
        Comparison(
            what: "of the day", measures: [.count("orders"), .count("units")],
            left: Side("gold.daily_sales", ["orders", "units"]), right: Side("gold.daily_totals", ["orders", "units"])),
        Comparison(
            what: "in the reporting currency", measures: [.money("GMV"), .money("discount"), .money("revenue")],
            left: Side(
                "silver.sales",
                ["coalesce(reporting_gmv, 0)", "coalesce(reporting_discount, 0)", "coalesce(reporting_revenue, 0)"],
                where: "is_counted"), right: Side("gold.daily_totals", ["gmv", "discount", "revenue"])),
        Comparison(
            what: "by segment", measures: [.count("orders"), .money("revenue")],
            left: Side("gold.daily_sales", day: "''", by: "currency", ["orders", "revenue"]),
            right: Side("gold.customer_rfm", day: "''", by: "currency", ["orders", "revenue"])),
        Comparison(
            what: "by term", measures: [.count("searches")], left: Side("silver.searches", ["1"]),
            right: Side("gold.daily_search_terms", ["searches"])),
        Comparison(
            what: "abandonment", measures: [.count("sessions with a cart")],
            left: Side("silver.sessions", by: "channel", ["1"], where: "carts > 0"),
            right: Side("gold.cart_abandonment", by: "channel", ["sessions_with_cart"])),
    ]

    /// Compares the tables that the lake has; one that is not there is told.
    func addMarts(_ balance: inout TrialBalance) {
        for comparison in Self.comparisons {
            let names = [comparison.left.table, comparison.right.table]
            do {
                let identifiers = try names.map { try TableIdentifier(parsing: $0) }
                let missing = try identifiers.filter { try !catalog.tableExists($0) }
                guard missing.isEmpty else {
                    balance.notes["not there yet"] = missing.map { "\($0)" }.joined(separator: ", ")
                    continue
                }
                let (left, right) = try naming(identifiers) {
                    (try sums(comparison.left), try sums(comparison.right))
                }
                balance.lines += DailySums.lines(
                    comparison.measures, comparison.what, comparison.left.table, left, comparison.right.table, right)
            } catch {
                balance.problems.append("\(names.joined(separator: " and ")): \(error)")
            }
        }
        addSessions(&balance)
    }

    private func sums(_ side: Side) throws -> DailySums {
        let identifier = try TableIdentifier(parsing: side.table)
        let columns = side.sums.enumerated().map { "sum(CAST(\($1) AS DECIMAL(38, 4))) AS m\($0 + 1)" }
        return try DailySums(
            connection,
            """
            SELECT \(side.day) AS day, \(side.name) AS name, \(columns.joined(separator: ", "))
            FROM (\(try scanSQL(identifier.namespace, identifier.name))) WHERE \(side.condition) GROUP BY ALL
            """, measures: side.sums.count)
    }

    /// Every event of a person is in one session.
    private func addSessions(_ balance: inout TrialBalance) {
        let topics = ["clicks", "searches", "carts", "wishlists", "sales"]
        do {
            let known = try topics.filter { try catalog.tableExists(TableIdentifier("silver", $0)) }
            guard try catalog.tableExists(TableIdentifier("silver", "sessions")), !known.isEmpty else { return }
            var events: Int64 = 0
            for name in known {
                let scan = try scanSQL("silver", name)
                events += try naming([TableIdentifier("silver", name)]) {
                    try connection.query("SELECT count(*) FROM (\(scan))").first?.integer ?? 0
                }
            }
            let scan = try scanSQL("silver", "sessions")
            let grouped = try naming([TableIdentifier("silver", "sessions")]) {
                try connection.query("SELECT CAST(sum(events) AS BIGINT) FROM (\(scan))").first?.integer ?? 0
            }
            balance.lines.append(
                TrialBalance.Line(
                    "events of people", "silver", String(events), "silver.sessions", String(grouped)))
        } catch {
            balance.problems.append("silver.sessions: \(error)")
        }
    }
}
