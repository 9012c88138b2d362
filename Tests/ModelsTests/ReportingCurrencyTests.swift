import Models
import Testing

@Suite struct ReportingCurrencyTests {
    private static let sales = """
        SELECT event_id, reporting_revenue, rate_per_eur, rate_date, reporting_rate_per_eur, reporting_rate_date
        FROM silver.sales ORDER BY event_id
        """
    private static let totals =
        "SELECT business_day, orders, revenue, orders_without_rate FROM gold.daily_totals ORDER BY 1"

    /// Friday's and Monday's rates, with a hole of the dong's on Monday.
    private func shop() throws -> Shop {
        let shop = try Shop()
        try shop.arriveRates(
            """
            ('2026-03-06', 'USD', 1.10), ('2026-03-06', 'GBP', 0.8), ('2026-03-06', 'JPY', 170),
            ('2026-03-09', 'USD', 1.20), ('2026-03-09', 'GBP', 0.9)
            """, touching: [])
        return shop
    }

    @Test func amountsAreConvertedThroughTheEuroAtTheDaysRate() throws {
        let shop = try shop()
        try shop.arrive(
            "purchases", "event_id, currency, total_amount, ts",
            """
            ('dollars', 'USD', 10.00, '2026-03-06 10:00:00Z'),
            ('euros', 'EUR', 10.00, '2026-03-06 10:00:00Z'),
            ('pounds', 'GBP', 10.00, '2026-03-06 10:00:00Z'),
            ('weekend', 'GBP', 10.00, '2026-03-08 23:59:59Z'),
            ('monday', 'GBP', 10.00, '2026-03-09 00:00:00Z'),
            ('yen', 'JPY', 100.00, '2026-03-09 00:00:00Z'),
            ('before', 'GBP', 10.00, '2026-03-05 23:59:59Z'),
            ('never', 'VND', 10.00, '2026-03-09 10:00:00Z')
            """)
        try shop.run()
        // 10 × 1.1 / 0.8 = 13.75; 10 × 1.2 / 0.9 = 13.3333; 100 × 1.2 / 170 = 0.70588 with a rate of Monday and one of
        // Friday; nothing before the first rate, and nothing for what has none.
        #expect(
            try shop.rows(Self.sales) == [
                "before NULL NULL NULL NULL NULL",
                "dollars 10.0000 1.100000 2026-03-06 1.100000 2026-03-06",
                "euros 11.0000 1.000000 NULL 1.100000 2026-03-06",
                "monday 13.3333 0.900000 2026-03-09 1.200000 2026-03-09",
                "never NULL NULL NULL 1.200000 2026-03-09",
                "pounds 13.7500 0.800000 2026-03-06 1.100000 2026-03-06",
                "weekend 13.7500 0.800000 2026-03-06 1.100000 2026-03-06",
                "yen 0.7059 170.000000 2026-03-06 1.200000 2026-03-09",
            ])
        #expect(
            try shop.rows(Self.totals) == [
                "2026-03-05 1 0.0000 1", "2026-03-06 3 34.7500 0", "2026-03-08 1 13.7500 0", "2026-03-09 3 14.0392 1",
            ])
        #expect(
            try shop.rows(
                "SELECT currency, reporting_revenue, orders_without_rate FROM gold.daily_sales WHERE business_day = '2026-03-09'"
                    + " ORDER BY 1") == ["GBP 13.3333 0", "JPY 0.7059 0", "VND NULL 1"])
    }

    @Test func theReportingCurrencyIsAVariableAndMayBeTheEuro() throws {
        let shop = try shop()
        try shop.arrive(
            "purchases", "event_id, currency, total_amount, ts",
            "('d', 'USD', 11.00, '2026-03-06 10:00:00Z'), ('e', 'EUR', 1.00, '2026-03-01 10:00:00Z')")
        _ = try shop.runner(["reporting_currency": "EUR"]).run()
        #expect(
            try shop.rows(Self.sales) == [
                "d 10.0000 1.100000 2026-03-06 1.000000 NULL", "e 1.0000 1.000000 NULL 1.000000 NULL",
            ])
        _ = try shop.runner(["reporting_currency": "GBP"]).run()
        #expect(
            try shop.rows(Self.sales) == [
                "d 8.0000 1.100000 2026-03-06 0.800000 2026-03-06", "e NULL 1.000000 NULL NULL NULL",
            ])
    }

    @Test func aRateThatIsCorrectedReopensTheDaysThatUsedIt() throws {
        let shop = try shop()
        try shop.arrive(
            "purchases", "event_id, currency, total_amount, ts",
            """
            ('friday', 'GBP', 10.00, '2026-03-06 10:00:00Z'), ('sunday', 'GBP', 10.00, '2026-03-08 10:00:00Z'),
            ('monday', 'GBP', 10.00, '2026-03-09 10:00:00Z')
            """)
        try shop.run()
        // What fetching says of a rate of Friday: it is in force until Sunday.
        try shop.arriveRates("('2026-03-06', 'GBP', 1)", touching: ["2026-03-06", "2026-03-07", "2026-03-08"])
        let report = try shop.run()
        #expect(
            try shop.rows("SELECT event_id, reporting_revenue FROM silver.sales ORDER BY 1") == [
                "friday 11.0000", "monday 13.3333", "sunday 11.0000",
            ])
        let days = TouchedDays.some(["2026-03-06", "2026-03-07", "2026-03-08"])
        #expect(report.models.first { $0.name == "sales" }?.days == days)
        #expect(report.models.first { $0.name == "daily_totals" }?.days == days)
        let incremental = try shop.rows("SELECT * FROM gold.daily_totals ORDER BY 1")
        try shop.run(fullRefresh: true)
        #expect(try shop.rows("SELECT * FROM gold.daily_totals ORDER BY 1") == incremental)
    }

    @Test func theLargestAmountsDoNotOverflow() throws {
        let shop = try Shop()
        try shop.arriveRates("('2026-03-06', 'GBP', 0.001), ('2026-03-06', 'USD', 9999999.999999)", touching: [])
        try shop.arrive(
            "purchases", "event_id, currency, total_amount, items, ts",
            """
            ('p', 'GBP', 99999999999999.9999,
             [{'product_id': 'shoe', 'quantity': 1000000, 'unit_price': 99999999999999.9999}], '2026-03-06 10:00:00Z')
            """)
        try shop.run()
        #expect(
            try shop.rows("SELECT reporting_revenue, reporting_gmv FROM silver.sales") == [
                "999999999999899999000000.0000 999999999999899999000000000000.1000"
            ])
    }

    @Test func costsOfOtherCurrenciesAreKnownInTheReportingCurrency() throws {
        let shop = try shop()
        try shop.arrive(
            "stock", "event_id, change, unit_cost, ts", "('s', 100, 5.00, '2026-03-01 10:00:00Z')")
        try shop.arrive(
            "purchases", "event_id, currency, total_amount, ts",
            "('p', 'GBP', 10.00, '2026-03-06 10:00:00Z'), ('d', 'USD', 10.00, '2026-03-06 10:00:00Z')")
        _ = try shop.runner(["cost_currency": "EUR"]).run()
        #expect(
            try shop.rows(
                "SELECT event_id, costed_gmv, cost, reporting_costed_gmv, reporting_cost FROM silver.sale_costs ORDER BY 1"
            )
                == ["d NULL NULL 10.0000 5.5000", "p NULL NULL 13.7500 5.5000"])
        #expect(try shop.rows("SELECT gmv, cost, margin FROM gold.daily_totals") == ["23.7500 11.0000 12.7500"])
    }
}

@Suite struct BotTests {
    /// `count` clicks of a user, `apart` seconds apart.
    private func clicks(_ user: String, _ count: Int, apart: Double, from start: String = "2026-03-06 10:00:00Z")
        -> String
    {
        """
        SELECT '\(user)-' || n AS event_id, '\(user)' AS user_id,
            TIMESTAMPTZ '\(start)' + n * INTERVAL \(Int(apart * 1000)) MILLISECOND AS ts FROM range(\(count)) r(n)
        """
    }

    @Test func aBotIsFlaggedByItsPaceAndCountedAllTheSame() throws {
        let shop = try Shop()
        let users = [
            clicks("fast", 120, apart: 0.4), clicks("brisk", 119, apart: 0.4), clicks("idle", 1_000, apart: 20),
            clicks("keen", 1_000, apart: 20), clicks("split", 200, apart: 0.5, from: "2026-03-06 10:00:29Z"),
        ]
        let rows = try shop.rows("SELECT event_id, user_id, ts FROM (\(users.joined(separator: " UNION ALL ")))")
        #expect(rows.count == 2_439)
        try shop.arrive(
            "clicks", "event_id, user_id, ts",
            rows.map { row in
                let parts = row.split(separator: " ", maxSplits: 2)
                return "('\(parts[0])', '\(parts[1])', '\(parts[2])')"
            }.joined(separator: ", "))
        try shop.arrive("carts", "event_id, user_id, ts", "('c', 'keen', '2026-03-06 10:00:00Z')")
        try shop.run()
        #expect(
            try shop.rows(
                "SELECT user_id, looks, busiest_minute, acts, is_too_fast, is_only_looking FROM silver.bots ORDER BY 1")
                == ["fast 120 120 0 true false", "idle 1000 3 0 false true", "split 200 120 0 true false"])
        #expect(
            try shop.rows("SELECT DISTINCT user_id FROM silver.sessions WHERE is_bot ORDER BY 1") == [
                "fast", "idle", "split",
            ])
        #expect(try shop.rows("SELECT clicks, bot_clicks FROM gold.daily_product_clicks") == ["2439 1320"])
        #expect(try shop.rows("SELECT bots, too_fast, only_looking, looks FROM gold.daily_bots") == ["3 2 1 1320"])
        // A cart that comes late takes the flag away from who did more than look.
        try shop.arrive("carts", "event_id, user_id, ts", "('late', 'idle', '2026-03-06 23:00:00Z')")
        try shop.run()
        #expect(try shop.rows("SELECT user_id FROM silver.bots ORDER BY 1") == ["fast", "split"])
        #expect(try shop.rows("SELECT clicks, bot_clicks FROM gold.daily_product_clicks") == ["2439 320"])
        #expect(
            try shop.rows("SELECT DISTINCT user_id FROM silver.sessions WHERE is_bot ORDER BY 1") == ["fast", "split"])
    }
}
