extension Books {
    /// A comparison of two statements, each of a day, a name and as many sums as there are measures.
    struct Comparison {
        let what: String
        let measures: [DailySums.Measure]
        let left: Side
        let right: Side
    }

    /// What is summed up from tables.
    struct Side {
        /// The tables that are read; the first one is what the line calls it.
        let tables: [String]
        /// A SELECT of `day`, `name`, `m1`, `m2` and so on, tables in braces.
        let select: String
        let measures: Int

        /// The sums of a table by day and something else.
        init(
            _ table: String, day: String = "business_day", by name: String = "''", _ sums: [String],
            where condition: String = "true"
        ) {
            tables = [table]
            measures = sums.count
            let columns = sums.enumerated().map { "sum(CAST(\($1) AS DECIMAL(38, 4))) AS m\($0 + 1)" }
            select = """
                SELECT \(day) AS day, \(name) AS name, \(columns.joined(separator: ", "))
                FROM {\(table)} WHERE \(condition) GROUP BY ALL
                """
        }

        /// The sums of a SELECT over some tables.
        init(of tables: [String], measures: Int, _ select: String) {
            self.tables = tables
            self.measures = measures
            self.select = select
        }
    }

    private static let sales: [DailySums.Measure] = [
        .count("orders"), .count("units"), .money("GMV"), .money("discount"), .money("revenue"),
    ]
    private static let salesColumns = ["orders", "units", "gmv", "discount", "revenue"]

    /// Silver and the tables of gold that sum the same things up in different ways.
    static let comparisons: [Comparison] = [
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

    private static let month = "CAST(date_trunc('month', business_day) AS DATE)"

    /// Tables of gold that are no sums by day of another one, counted anew from silver and beside themselves.
    static let ownSums: [Comparison] = [
        Comparison(
            what: "fulfilment",
            measures: [
                .count("orders"), .count("orders with a status"), .count("shipped"), .count("delivered"),
                .count("cancelled"), .count("returned"),
            ],
            left: Side(
                of: ["silver.sales", "silver.orders"], measures: 6,
                """
                SELECT s.business_day AS day, s.channel AS name, count(*) AS m1, count(o.order_id) AS m2,
                    count(*) FILTER (list_contains(o.statuses, 'shipped')) AS m3,
                    count(*) FILTER (list_contains(o.statuses, 'delivered')) AS m4,
                    count(*) FILTER (list_contains(o.statuses, 'cancelled')) AS m5,
                    count(*) FILTER (list_contains(o.statuses, 'returned')) AS m6
                FROM {silver.sales} s
                LEFT JOIN (
                    SELECT order_id, list(DISTINCT status) AS statuses FROM {silver.orders} GROUP BY order_id
                ) o ON o.order_id = s.order_id
                WHERE s.is_counted AND s.order_id <> '' GROUP BY ALL
                """),
            right: Side(
                "gold.daily_fulfilment", by: "channel",
                ["orders", "orders_with_status", "shipped", "delivered", "cancelled", "returned"])),
        Comparison(
            what: "cohorts", measures: [.count("new customers")],
            left: Side(
                of: ["silver.sales"], measures: 1,
                """
                SELECT first AS day, '' AS name, count(*) AS m1
                FROM (SELECT min(\(month)) AS first FROM {silver.sales} WHERE is_counted GROUP BY user_id) GROUP BY first
                """),
            right: Side(
                "gold.cohort_retention", day: "cohort_month", ["cohort_customers"], where: "months_since = 0")),
        Comparison(
            what: "cohorts", measures: [.count("customers"), .count("orders")],
            left: Side(
                of: ["silver.sales"], measures: 2,
                """
                SELECT \(month) AS day, '' AS name, count(DISTINCT user_id) AS m1, count(*) AS m2
                FROM {silver.sales} WHERE is_counted GROUP BY day
                """),
            right: Side(
                "gold.cohort_retention", day: "CAST(cohort_month + to_months(months_since) AS DATE)",
                ["customers", "orders"])),
        Comparison(
            what: "stock",
            measures: [.count("received"), .count("sold"), .count("returned to stock"), .count("change of stock")],
            left: Side(
                "silver.stock", day: month, by: "product_id || ' ' || warehouse_id",
                [
                    "CASE WHEN reason = 'restock' THEN change ELSE 0 END",
                    "CASE WHEN reason = 'sale' THEN -change ELSE 0 END",
                    "CASE WHEN reason = 'return' THEN change ELSE 0 END", "change",
                ]),
            right: Side(
                "gold.stock_turnover", day: "month", by: "product_id || ' ' || warehouse_id",
                ["received", "sold", "returned", "closing_level - opening_level"])),
        Comparison(
            what: "stock", measures: [.count("level")],
            left: Side("silver.stock", day: "''", by: "product_id || ' ' || warehouse_id", ["change"]),
            right: Side(
                of: ["gold.stock_turnover"], measures: 1,
                """
                SELECT '' AS day, product_id || ' ' || warehouse_id AS name, arg_max(closing_level, month) AS m1
                FROM {gold.stock_turnover} GROUP BY name
                """)),
        // A pair stands there in both directions, and a product on both sides of its pairs.
        Comparison(
            what: "bought together", measures: [.count("orders of pairs"), .count("orders of all")],
            left: Side(
                "gold.product_affinity", day: "''", by: "product_id || ' ' || with_product_id",
                ["orders_together", "all_orders"], where: "product_id < with_product_id"),
            right: Side(
                "gold.product_affinity", day: "''", by: "with_product_id || ' ' || product_id",
                ["orders_together", "all_orders"], where: "product_id > with_product_id")),
        Comparison(
            what: "bought together", measures: [.count("orders of products")],
            left: Side(
                of: ["silver.purchase_items", "silver.sales", "gold.product_affinity"], measures: 1,
                """
                WITH baskets AS (
                    SELECT DISTINCT i.event_id, i.product_id
                    FROM {silver.purchase_items} i
                    JOIN {silver.sales} s ON s.business_day = i.business_day AND s.event_id = i.event_id
                    WHERE s.is_counted),
                sizes AS (SELECT event_id, count(*) AS products FROM baskets GROUP BY event_id),
                -- Large purchases are left out: how large is told by how many are left.
                counted AS (SELECT products, sum(count(*)) OVER (ORDER BY products) AS orders FROM sizes GROUP BY products)
                SELECT '' AS day, product_id AS name, count(*) AS m1
                FROM baskets JOIN sizes USING (event_id)
                WHERE product_id IN (SELECT product_id FROM {gold.product_affinity}) AND products <= (
                    SELECT max(products) FROM counted
                    WHERE orders = (SELECT any_value(all_orders) FROM {gold.product_affinity}))
                GROUP BY name
                """),
            right: affinity("product_id", "product_orders")),
        Comparison(
            what: "bought together, second", measures: [.count("orders of products")],
            left: affinity("product_id", "product_orders"),
            right: affinity("with_product_id", "with_product_orders")),
    ]

    /// The orders of each product, as one side of its pairs says them.
    private static func affinity(_ product: String, _ orders: String) -> Side {
        Side(
            of: ["gold.product_affinity"], measures: 1,
            """
            SELECT '' AS day, product AS name, sum(orders) AS m1
            FROM (SELECT DISTINCT \(product) AS product, \(orders) AS orders FROM {gold.product_affinity}) GROUP BY name
            """)
    }
}
