import Models
import Testing

@Suite struct DeduplicationTests {
    @Test func anEventCountsOnceHoweverOftenItArrives() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, ts",
            """
            ('c1', '2026-03-01 10:00:00Z'),
            ('c2', '2026-03-01 10:01:00Z'),
            ('c1', '2026-03-01 10:00:00Z')
            """)
        try shop.run()
        try shop.arrive(
            "clicks", "event_id, ts",
            """
            ('c2', '2026-03-01 10:01:00Z'),
            ('c3', '2026-03-01 10:02:00Z'),
            ('c3', '2026-03-01 10:02:00Z')
            """)
        try shop.run()
        #expect(try shop.rows("SELECT event_id FROM silver.clicks ORDER BY 1") == ["c1", "c2", "c3"])
        #expect(try shop.rows("SELECT clicks FROM gold.daily_channel") == ["3"])
        #expect(try shop.rows("SELECT count(*) FROM silver.conflicts") == ["0"], "the same content is no conflict")
    }

    @Test func theFirstToArriveWinsAndAnotherContentIsAConflict() throws {
        let shop = try Shop()
        try shop.arrive(
            "purchases", "event_id, total_amount, ts",
            """
            ('p1', 10.00, '2026-03-01 10:00:00Z'),
            ('p1', 99.00, '2026-03-01 09:00:00Z')
            """)
        try shop.run()
        try shop.arrive(
            "purchases", "event_id, total_amount, ts",
            """
            ('p1', 77.00, '2026-02-01 09:00:00Z'),
            ('p1', 10.00, '2026-03-01 10:00:00Z')
            """)
        try shop.run()
        #expect(
            try shop.rows("SELECT event_id, total_amount, business_day FROM silver.purchases") == [
                "p1 10.0000 2026-03-01"
            ])
        #expect(
            try shop.rows("SELECT topic, event_id, log_offset FROM silver.conflicts ORDER BY log_offset") == [
                "purchases p1 2",
                "purchases p1 3",
            ])
    }

    @Test func aConflictIsFoundWhenEveryNewEventIsARepeat() throws {
        let shop = try Shop()
        try shop.arrive("stock", "event_id, change, ts", "('s1', 5, '2026-03-01 10:00:00Z')")
        try shop.run()
        try shop.arrive("stock", "event_id, change, ts", "('s1', 6, '2026-03-01 10:00:00Z')")
        let report = try shop.run()
        #expect(report.models.first { $0.name == "stock" }?.rows == 0)
        #expect(try shop.rows("SELECT topic, event_id FROM silver.conflicts") == ["stock s1"])
        #expect(try shop.rows("SELECT change FROM silver.stock") == ["5"])
    }
}
