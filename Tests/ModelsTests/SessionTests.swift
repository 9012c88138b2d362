import Models
import Testing

@Suite struct SessionTests {
    static let sessions = """
        SELECT user_id, channel, strftime(started_at AT TIME ZONE 'UTC', '%d %H:%M:%S'),
               strftime(ended_at AT TIME ZONE 'UTC', '%d %H:%M:%S'), events FROM silver.sessions ORDER BY 1, 2, 3
        """

    private static let funnel = "SELECT business_day, views, carts, purchases FROM gold.daily_funnel"

    @Test func thirtyMinutesOfInactivityBeginANewSession() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, user_id, channel, ts",
            """
            ('c1', 'anna', 'tiki', '2026-03-01 10:00:00Z'),
            ('c2', 'anna', 'tiki', '2026-03-01 10:29:59Z'),
            ('c3', 'anna', 'tiki', '2026-03-01 10:59:58Z'),
            ('c4', 'anna', 'tiki', '2026-03-01 11:29:58Z'),
            ('c5', 'anna', 'store', '2026-03-01 10:05:00Z'),
            ('c6', 'bob', 'tiki', '2026-03-01 10:05:00Z')
            """)
        try shop.run()
        #expect(
            try shop.rows(Self.sessions) == [
                "anna store 01 10:05:00 01 10:05:00 1",
                "anna tiki 01 10:00:00 01 10:59:58 3",
                "anna tiki 01 11:29:58 01 11:29:58 1",
                "bob tiki 01 10:05:00 01 10:05:00 1",
            ])
    }

    @Test func aSessionSaysWhatHappenedInIt() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, page, ts",
            "('c1', '/second', '2026-03-01 10:02:00Z'), ('c2', '/first', '2026-03-01 10:01:00Z')")
        try shop.arrive("searches", "event_id, ts", "('q1', '2026-03-01 10:00:00Z')")
        try shop.arrive("carts", "event_id, ts", "('k1', '2026-03-01 10:03:00Z')")
        try shop.arrive(
            "purchases", "event_id, order_id, total_amount, currency, ts",
            """
            ('p1', 'o1', 10.00, 'EUR', '2026-03-01 10:04:00Z'),
            ('p2', 'o1', 10.00, 'EUR', '2026-03-01 10:05:00Z'),
            ('p3', 'o2', 5.50, 'EUR', '2026-03-01 10:06:00Z'),
            ('p4', 'o3', 7.00, 'USD', '2026-03-01 10:07:00Z')
            """)
        try shop.arrive("carts", "event_id, user_id, ts", "('k2', 'bob', '2026-03-01 10:03:00Z')")
        try shop.run()
        #expect(
            try shop.rows(
                """
                SELECT user_id, events, clicks, carts, purchases, revenue, currency, has_more_currencies, entry_page,
                       is_converted FROM silver.sessions ORDER BY 1
                """) == [
                    "anna 8 2 1 3 15.5000 EUR true /first true",
                    "bob 1 0 1 0 0.0000 NULL false NULL false",
                ])
        #expect(
            try shop.rows("SELECT sessions_with_cart, abandoned, abandonment_rate FROM gold.cart_abandonment") == [
                "2 1 0.5000"
            ])
    }

    @Test func aSessionDoesNotEndAtMidnight() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, ts",
            """
            ('c1', '2026-03-01 23:50:00Z'),
            ('c2', '2026-03-02 00:10:00Z')
            """)
        try shop.run()
        #expect(try shop.rows(Self.sessions) == ["anna website 01 23:50:00 02 00:10:00 2"])
        #expect(try shop.rows("SELECT business_day FROM silver.sessions") == ["2026-03-01"])
        // It goes on in a later run, on another day than it began.
        try shop.arrive("clicks", "event_id, ts", "('c3', '2026-03-02 00:35:00Z')")
        try shop.run()
        #expect(try shop.rows(Self.sessions) == ["anna website 01 23:50:00 02 00:35:00 3"])
    }

    @Test func aLateEventJoinsTheSessionsOfTwoDays() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, ts",
            """
            ('c1', '2026-03-01 23:10:00Z'),
            ('c2', '2026-03-01 23:30:00Z'),
            ('c3', '2026-03-02 00:15:00Z'),
            ('c4', '2026-03-02 00:40:00Z'),
            ('c5', '2026-03-02 12:00:00Z')
            """)
        try shop.run()
        #expect(
            try shop.rows(Self.sessions) == [
                "anna website 01 23:10:00 01 23:30:00 2",
                "anna website 02 00:15:00 02 00:40:00 2",
                "anna website 02 12:00:00 02 12:00:00 1",
            ])
        try shop.arrive("clicks", "event_id, ts", "('c6', '2026-03-01 23:55:00Z')")
        try shop.run()
        #expect(
            try shop.rows(Self.sessions) == [
                "anna website 01 23:10:00 02 00:40:00 5",
                "anna website 02 12:00:00 02 12:00:00 1",
            ])
    }

    @Test func rebuildingADayLeavesTheSessionFromTheDayBeforeWhole() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, ts",
            """
            ('c1', '2026-03-01 23:50:00Z'),
            ('c2', '2026-03-02 00:10:00Z'),
            ('c3', '2026-03-02 23:50:00Z'),
            ('c4', '2026-03-03 00:10:00Z')
            """)
        try shop.run()
        // The second session goes on, so that the day it began on is rebuilt, and that day began with the first.
        try shop.arrive("clicks", "event_id, ts", "('c5', '2026-03-03 00:20:00Z')")
        try shop.run()
        #expect(
            try shop.rows(Self.sessions) == [
                "anna website 01 23:50:00 02 00:10:00 2",
                "anna website 02 23:50:00 03 00:20:00 3",
            ])
    }

    @Test func theFunnelIsOrdered() throws {
        let shop = try Shop()
        try shop.arrive(
            "clicks", "event_id, session_id, ts",
            """
            ('c1', 'whole', '2026-03-01 10:00:00Z'),
            ('c2', 'cart first', '2026-03-01 10:00:00Z'),
            ('c3', 'bought before the cart', '2026-03-01 10:00:00Z'),
            ('c4', 'all at once', '2026-03-01 10:00:00Z')
            """)
        try shop.arrive(
            "carts", "event_id, session_id, ts",
            """
            ('k1', 'whole', '2026-03-01 10:01:00Z'),
            ('k2', 'cart first', '2026-03-01 09:59:00Z'),
            ('k3', 'bought before the cart', '2026-03-01 10:02:00Z'),
            ('k4', 'all at once', '2026-03-01 10:00:00Z'),
            ('k5', 'no view', '2026-03-01 10:00:00Z')
            """)
        try shop.arrive(
            "purchases", "event_id, session_id, ts",
            """
            ('p1', 'whole', '2026-03-02 10:01:00Z'),
            ('p2', 'cart first', '2026-03-01 10:01:00Z'),
            ('p3', 'bought before the cart', '2026-03-01 10:01:00Z'),
            ('p4', 'all at once', '2026-03-01 10:00:00Z')
            """)
        try shop.run()
        #expect(try shop.rows(Self.funnel) == ["2026-03-01 4 3 2"])
    }

    @Test func aCartOrPurchaseOfTheNextDayReopensTheDayOfTheView() throws {
        let shop = try Shop()
        try shop.arrive("clicks", "event_id, session_id, ts", "('c1', 's1', '2026-03-01 23:58:00Z')")
        try shop.run()
        #expect(try shop.rows(Self.funnel) == ["2026-03-01 1 0 0"])
        try shop.arrive("carts", "event_id, session_id, ts", "('k1', 's1', '2026-03-02 00:01:00Z')")
        try shop.run()
        #expect(try shop.rows(Self.funnel) == ["2026-03-01 1 1 0"])
        try shop.arrive("purchases", "event_id, session_id, ts", "('p1', 's1', '2026-03-02 00:02:00Z')")
        try shop.run()
        #expect(try shop.rows(Self.funnel) == ["2026-03-01 1 1 1"])
    }

    @Test func aLateViewMovesItsSessionToItsDay() throws {
        let shop = try Shop()
        try shop.arrive("clicks", "event_id, session_id, ts", "('c1', 's1', '2026-03-02 00:01:00Z')")
        try shop.arrive("carts", "event_id, session_id, ts", "('k1', 's1', '2026-03-01 23:59:00Z')")
        try shop.run()
        #expect(try shop.rows(Self.funnel) == ["2026-03-02 1 0 0"])
        try shop.arrive("clicks", "event_id, session_id, ts", "('c2', 's1', '2026-03-01 23:58:00Z')")
        try shop.run()
        #expect(try shop.rows(Self.funnel) == ["2026-03-01 1 1 0"])
    }
}
