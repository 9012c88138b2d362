import Models
import Testing

@Suite struct SalesTests {
    static let sales = "SELECT business_day, orders, revenue FROM gold.daily_sales ORDER BY 1"

    @Test func anOrderCountsOnceByThePurchaseThatArrivedFirst() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, order_id, total_amount, ts",
            """
            ('p1', 'o1', 10.00, '2026-03-01 10:00:00Z'),
            ('p2', 'o1', 11.00, '2026-03-01 09:00:00Z'),
            ('p3', 'o2', 20.00, '2026-03-01 10:00:00Z'),
            ('p4', 'o1', 12.00, '2026-03-02 10:00:00Z')
            """)
        try shop.run()
        #expect(try shop.rows(Self.sales) == ["2026-03-01 2 30.0000"], "the first to arrive, whatever its time")
        #expect(
            try shop.rows("SELECT event_id, is_counted FROM silver.sales ORDER BY 1") == [
                "p1 true", "p2 false", "p3 true", "p4 false",
            ])
    }

    @Test func aMissingOrderIDNeverMergesTwoPurchases() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, order_id, total_amount, ts",
            """
            ('p1', NULL, 10.00, '2026-03-01 10:00:00Z'),
            ('p2', NULL, 10.00, '2026-03-01 10:00:00Z'),
            ('p3', '', 10.00, '2026-03-01 10:00:00Z'),
            ('p4', '', 10.00, '2026-03-01 10:00:00Z')
            """)
        try shop.run()
        #expect(try shop.rows(Self.sales) == ["2026-03-01 4 40.0000"])
    }

    @Test func aLaterPurchaseOfAnOrderChangesNoOtherDay() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, order_id, total_amount, ts",
            """
            ('p1', 'o1', 10.00, '2026-03-05 10:00:00Z'),
            ('p2', 'o2', 20.00, '2026-03-07 10:00:00Z')
            """)
        try shop.run()
        #expect(try shop.rows(Self.sales) == ["2026-03-05 1 10.0000", "2026-03-07 1 20.0000"])
        try shop.arrive(
            "purchases", "event_id, order_id, total_amount, ts", "('p3', 'o1', 12.00, '2026-03-03 10:00:00Z')")
        let report = try shop.run()
        #expect(try shop.rows(Self.sales) == ["2026-03-05 1 10.0000", "2026-03-07 1 20.0000"])
        #expect(report.models.first { $0.name == "daily_sales" }?.days == .some(["2026-03-03"]))
    }

    @Test func aLateEventReopensItsOwnDayOnly() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, total_amount, ts",
            """
            ('p1', 10.00, '2026-01-05 10:00:00Z'),
            ('p2', 20.00, '2026-03-07 10:00:00Z')
            """)
        try shop.run()
        try shop.arrive("purchases", "event_id, total_amount, ts", "('p3', 1.00, '2026-01-05 23:59:59Z')")
        let report = try shop.run()
        #expect(report.models.first { $0.name == "daily_sales" }?.days == .some(["2026-01-05"]))
        #expect(report.models.first { $0.name == "daily_sales" }?.rows == 1)
        #expect(try shop.rows(Self.sales) == ["2026-01-05 2 11.0000", "2026-03-07 1 20.0000"])
    }

    @Test func moneyIsExactAndCurrenciesStayApart() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, user_id, total_amount, discount, currency, ts",
            """
            ('p1', 'anna', 0.1, 0.01, 'EUR', '2026-03-01 10:00:00Z'),
            ('p2', 'anna', 0.2, NULL, 'EUR', '2026-03-01 10:00:00Z'),
            ('p3', 'bob', 19.7, 0.02, 'EUR', '2026-03-01 10:00:00Z'),
            ('p4', 'bob', 99999999999999.9999, NULL, 'USD', '2026-03-01 10:00:00Z'),
            ('p5', 'bob', 0.0002, NULL, 'USD', '2026-03-01 10:00:00Z')
            """)
        try shop.run()
        #expect(
            try shop.rows(
                "SELECT currency, orders, customers, units, gmv, discount, revenue, aov FROM gold.daily_sales ORDER BY 1"
            ) == [
                "EUR 3 2 3 30.0000 0.0300 20.0000 6.6667",
                "USD 2 1 2 20.0000 0.0000 100000000000000.0001 50000000000000.0001",
            ])
    }

    @Test func itemsAreExplodedAndSoldByProduct() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, order_id, items, ts",
            """
            ('p1', 'o1', [{'product_id': 'a', 'quantity': 2, 'unit_price': 1.5},
                          {'product_id': 'b', 'quantity': 1, 'unit_price': 0.3333}], '2026-03-01 10:00:00Z'),
            ('p2', 'o1', [{'product_id': 'a', 'quantity': 9, 'unit_price': 1.5}], '2026-03-01 11:00:00Z'),
            ('p3', 'o2', [{'product_id': 'a', 'quantity': 1, 'unit_price': 1.5},
                          {'product_id': 'a', 'quantity': 1, 'unit_price': 1.0}], '2026-03-01 12:00:00Z')
            """)
        try shop.run()
        #expect(
            try shop.rows(
                "SELECT product_id, orders, units, gmv FROM gold.daily_product_sales ORDER BY 1") == [
                    "a 2 4 5.5000",
                    "b 1 1 0.3333",
                ])
        #expect(
            try shop.rows("SELECT event_id, item_number, amount FROM silver.purchase_items ORDER BY 1, 2") == [
                "p1 1 3.0000", "p1 2 0.3333", "p2 1 13.5000", "p3 1 1.5000", "p3 2 1.0000",
            ])
    }

    @Test func aChannelsMoneyAndTrafficStandOnTheirRows() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, channel, ts",
            "('c1', 'tiki', '2026-03-01 10:00:00Z'), ('c2', NULL, '2026-03-01 10:00:00Z')")
        try shop.arrive("carts", "event_id, channel, ts", "('k1', 'tiki', '2026-03-01 10:00:00Z')")
        try shop.arrive(
            "purchases", "event_id, channel, ts",
            "('p1', 'tiki', '2026-03-01 10:00:00Z'), ('p2', '', '2026-03-01 10:00:00Z')")
        try shop.run()
        #expect(
            try shop.rows(
                "SELECT channel, '<' || currency || '>', clicks, carts, orders, units, revenue FROM gold.daily_channel ORDER BY 1, 2"
            ) == [
                "tiki <> 1 1 0 0 0.0000",
                "tiki <EUR> 0 0 1 1 10.0000",
                "unknown <> 1 0 0 0 0.0000",
                "unknown <EUR> 0 0 1 1 10.0000",
            ])
    }

    @Test func aBusinessDayEndsAtMidnightInItsTimeZone() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, ts",
            """
            ('p1', '2026-03-01 18:29:59Z'),
            ('p2', '2026-03-01 18:30:00Z')
            """)
        _ = try shop.runner(["business_timezone": "Asia/Kolkata"]).run()
        #expect(try shop.rows(Self.sales) == ["2026-03-01 1 10.0000", "2026-03-02 1 10.0000"])
        // Another time zone is another definition: everything is made anew.
        _ = try shop.runner(["business_timezone": "UTC"]).run()
        #expect(try shop.rows(Self.sales) == ["2026-03-01 2 20.0000"])
    }

    @Test func customersAreScoredAndComeBackByMonth() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, user_id, ts",
            """
            ('p1', 'anna', '2026-01-31 10:00:00Z'),
            ('p2', 'anna', '2026-03-01 10:00:00Z'),
            ('p3', 'bob', '2026-01-01 10:00:00Z'),
            ('p4', 'cleo', '2026-02-01 10:00:00Z')
            """)
        try shop.run()
        #expect(
            try shop.rows(
                "SELECT user_id, recency_days, orders, revenue FROM gold.customer_rfm ORDER BY 1") == [
                    "anna 0 2 20.0000", "bob 59 1 10.0000", "cleo 28 1 10.0000",
                ])
        #expect(
            try shop.rows("SELECT * FROM gold.cohort_retention ORDER BY 1, 2") == [
                "2026-01-01 0 2 2 2 1.0000",
                "2026-01-01 2 2 1 1 0.5000",
                "2026-02-01 0 1 1 1 1.0000",
            ])
    }
}
