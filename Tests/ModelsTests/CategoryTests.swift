import Models
import Testing

@Suite struct CategoryTests {
    private static let sales = """
        SELECT business_day, category, currency, orders, units, gmv, discount, revenue FROM gold.daily_category_sales
        ORDER BY ALL
        """

    @Test func theCategoryIsTheOneOfTheDay() throws {
        let shop = try Shop()
        try shop.arriveProducts("('shoe', 'Shoe', 'shoes', '2026-03-10'), ('hat', 'Hat', NULL, '2026-03-10')")
        try shop.arriveProducts("('shoe', 'Shoe', 'running', '2026-03-12')")
        try shop.arrive(
            "purchases", "event_id, ts, items, total_amount",
            """
            ('before', '2026-03-01 10:00:00Z', [{'product_id': 'shoe', 'quantity': 1, 'unit_price': 10.00}], 10),
            ('then', '2026-03-11 23:59:59Z', [{'product_id': 'shoe', 'quantity': 2, 'unit_price': 10.00}], 20),
            ('after', '2026-03-12 00:00:00Z', [{'product_id': 'shoe', 'quantity': 3, 'unit_price': 10.00}], 30),
            ('none', '2026-03-12 00:00:00Z', [{'product_id': 'hat', 'quantity': 1, 'unit_price': 1.00}], 1),
            ('unheard', '2026-03-12 00:00:00Z', [{'product_id': 'x', 'quantity': 1, 'unit_price': 1.00}], 1)
            """)
        try shop.arrive("clicks", "event_id, product_id, ts", "('c', 'shoe', '2026-03-12 10:00:00Z')")
        try shop.arrive(
            "carts", "event_id, product_id, ts",
            "('a', 'shoe', '2026-03-12 10:00:00Z'), ('b', 'y', '2026-03-12 10:00:00Z')")
        try shop.run()
        #expect(
            try shop.rows(Self.sales) == [
                "2026-03-01 shoes EUR 1 1 10.0000 0.0000 10.0000", "2026-03-11 shoes EUR 1 2 20.0000 0.0000 20.0000",
                "2026-03-12 running EUR 1 3 30.0000 0.0000 30.0000",
                "2026-03-12 unknown EUR 2 2 2.0000 0.0000 2.0000",
            ])
        #expect(
            try shop.rows("SELECT * FROM gold.daily_category_clicks ORDER BY ALL") == [
                "2026-03-12 running 1 0 1", "2026-03-12 unknown 0 0 1",
            ])
        #expect(
            try shop.rows(
                "SELECT product_id, category, valid_from, valid_to, is_current FROM silver.products ORDER BY ALL") == [
                    "hat NULL 1900-01-01 9999-12-31 true", "shoe running 2026-03-12 9999-12-31 true",
                    "shoe shoes 1900-01-01 2026-03-12 false",
                ])
    }

    @Test func aListThatComesLaterIsSeenByAllDaysAndByNothingElse() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, ts", "('a', '2026-03-01 10:00:00Z'), ('b', '2026-03-05 10:00:00Z')")
        try shop.run()
        #expect(
            try shop.rows("SELECT DISTINCT category FROM gold.hourly_category_sales") == ["unknown"])
        try shop.arriveProducts("('shoe', 'Shoe', 'shoes', '2026-06-01')")
        let report = try shop.run()
        #expect(try shop.rows("SELECT DISTINCT category FROM gold.hourly_category_sales") == ["shoes"])
        #expect(
            Set(report.models.filter { $0.status != .unchanged }.map(\.name)) == [
                "products", "hourly_category_sales", "daily_category_sales", "daily_category_clicks",
            ])
        // The past is corrected from a day on.
        try shop.arriveProducts("('shoe', 'Shoe', 'boots', '2026-03-05')")
        try shop.run()
        let incremental = try shop.rows(Self.sales)
        #expect(
            incremental.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
                "2026-03-01 shoes", "2026-03-05 boots",
            ])
        try shop.run(fullRefresh: true)
        #expect(try shop.rows(Self.sales) == incremental)
        #expect(try shop.run().models.allSatisfy { $0.status == .unchanged })
    }

    @Test func sharesOfAnOrderComeToItExactly() throws {
        let shop = try Shop()
        try shop.arriveProducts(
            "('a', 'A', 'a', '2026-01-01'), ('b', 'B', 'b', '2026-01-01'), ('c', 'C', 'c', '2026-01-01')")
        func items(_ prices: [String]) -> String {
            let each = zip(["a", "b", "c"], prices).map {
                "{'product_id': '\($0)', 'quantity': 1, 'unit_price': \($1)}"
            }
            return "[\(each.joined(separator: ", "))]"
        }
        try shop.arrive(
            "purchases", "event_id, ts, items, discount, total_amount",
            """
            ('thirds', '2026-03-01 10:00:00Z', \(items(["1.00", "1.00", "1.00"])), 1.0000, 0.0001),
            ('free', '2026-03-02 10:00:00Z', \(items(["0", "0"])), 0, 5.0001),
            ('uneven', '2026-03-03 10:00:00Z', \(items(["0.01", "99.99", "0"])), 10.00, 95.00),
            ('largest', '2026-03-04 10:00:00Z',
             [{'product_id': 'a', 'quantity': 1000000, 'unit_price': 99999999999999.9999},
              {'product_id': 'b', 'quantity': 1000000, 'unit_price': 99999999999999.9999},
              {'product_id': 'c', 'quantity': 1, 'unit_price': 0.0001}], 99999999999999.9999, 99999999999999.9999)
            """)
        try shop.run()
        // 0.0001 falls to whose part first comes to a half of it; pieces share what free items were paid with.
        #expect(
            try shop.rows(
                "SELECT business_day, category, discount, revenue FROM gold.daily_category_sales ORDER BY ALL LIMIT 8")
                == [
                    "2026-03-01 a 0.3333 0.0000", "2026-03-01 b 0.3334 0.0001", "2026-03-01 c 0.3333 0.0000",
                    "2026-03-02 a 0.0000 2.5001", "2026-03-02 b 0.0000 2.5000",
                    "2026-03-03 a 0.0010 0.0095", "2026-03-03 b 9.9990 94.9905", "2026-03-03 c 0.0000 0.0000",
                ])
        #expect(
            try shop.rows(
                """
                SELECT sum(a.discount) = any_value(s.discount), sum(a.revenue) = any_value(s.revenue),
                    sum(a.gmv) = any_value(s.gmv)
                FROM gold.daily_category_sales a JOIN gold.daily_sales s USING (business_day) GROUP BY business_day
                """) == Array(repeating: "true true true", count: 4))
        #expect(
            try shop.rows(
                "SELECT category, revenue FROM gold.daily_category_sales WHERE business_day = '2026-03-04' ORDER BY 1")
                == ["a 50000000000000.0000", "b 49999999999999.9999", "c 0.0000"])
    }
}
