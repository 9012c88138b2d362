import Engine
import Events
import Iceberg
import Lake
import Warehouse

extension Books {
    /// Most days whose orders are looked at one by one.
    private static let daysLookedAt = 3

    /// Gold beside the warehouse, day by day.
    func addWarehouse(_ balance: inout TrialBalance) {
        guard let warehouse else { return }
        do {
            let totals = try warehouse.totals()
            let names = ["silver.sales", "gold.daily_channel", "gold.daily_totals", "silver.purchase_items"]
            try naming(try names.map { try TableIdentifier(parsing: $0) }) {
                try compare(warehouse, totals, &balance)
            }
        } catch {
            balance.problems.append("the warehouse: \(error)")
        }
    }

    private func compare(_ warehouse: Warehouse, _ totals: WarehouseTotals, _ balance: inout TrialBalance) throws {
        let channel = try scanSQL("gold", "daily_channel")
        let sales = try scanSQL("silver", "sales")
        let items = try scanSQL("silver", "purchase_items")
        let paid = try DailySums(
            connection,
            """
            SELECT business_day AS day, channel || ' ' || currency AS name, orders AS m1, units AS m2, revenue AS m3
            FROM (\(channel)) WHERE currency <> '' AND orders > 0
            """, measures: 3)
        let loaded = try Self.sums(totals.orders)
        let lines = DailySums.lines(
            [.count("orders"), .count("units"), .money("revenue")], "warehouse", "gold.daily_channel", paid,
            "fact_orders", loaded.picking([0, 1, 4]))
        balance.lines += try lines.map { line in
            var line = line
            if !line.balanced { try nameOrders(warehouse, sales, paid, loaded.picking([0, 1, 4]), &line) }
            return line
        }
        let before = try DailySums(
            connection,
            """
            SELECT business_day AS day, channel || ' ' || currency AS name, sum(gmv) AS m1, sum(discount) AS m2
            FROM (\(sales)) WHERE is_counted GROUP BY ALL
            """, measures: 2)
        balance.lines += DailySums.lines(
            [.money("GMV"), .money("discount")], "warehouse", "silver.sales", before, "fact_orders",
            loaded.picking([2, 3]))
        let converted = try DailySums(
            connection,
            "SELECT business_day AS day, '' AS name, gmv AS m1, revenue AS m2 FROM (\(try scanSQL("gold", "daily_totals")))",
            measures: 2)
        balance.lines += DailySums.lines(
            [.money("reporting GMV"), .money("reporting revenue")], "warehouse", "gold.daily_totals", converted,
            "fact_orders", try Self.sums(totals.converted))
        for (name, rows) in [("clicks", totals.clicks), ("carts", totals.carts)] {
            let gold = try DailySums(
                connection,
                """
                SELECT business_day AS day, channel AS name, sum(\(name)) AS m1 FROM (\(channel))
                GROUP BY ALL HAVING sum(\(name)) > 0
                """, measures: 1)
            balance.lines += DailySums.lines(
                [.count(name)], "warehouse", "gold.daily_channel", gold, name == "clicks" ? "fact_clicks" : "fact_cart",
                try Self.sums(rows))
        }
        let sold = try DailySums(
            connection,
            """
            SELECT i.business_day AS day, i.currency AS name, count(*) AS m1, sum(i.quantity) AS m2, sum(i.amount) AS m3
            FROM (\(items)) i JOIN (\(sales)) s ON s.event_id = i.event_id WHERE s.is_counted GROUP BY ALL
            """, measures: 3)
        balance.lines += DailySums.lines(
            [.count("items"), .count("pieces"), .money("amount")], "warehouse", "silver.purchase_items", sold,
            "fact_order_items", try Self.sums(totals.items))
    }

    /// Puts the orders in the place of the sums that differ, of the first days on which they do.
    private func nameOrders(
        _ warehouse: Warehouse, _ sales: String, _ gold: DailySums, _ loaded: DailySums,
        _ line: inout TrialBalance.Line
    ) throws {
        var offenders = Offenders()
        for day in DailySums.daysThatDiffer(gold, loaded).prefix(Self.daysLookedAt) {
            let there = try warehouse.orders(of: day)
            var here: [String: Int128] = [:]
            try connection.stream(
                "SELECT event_id, CAST(revenue AS DECIMAL(38, 4)) FROM (\(sales)) WHERE is_counted AND business_day = $1",
                [.date(days: LakeDate.days(day) ?? 0)]
            ) { row in
                if case .decimal(let revenue, _) = row[1] { here[row[0].text] = revenue }
                return true
            }
            for id in Set(here.keys).union(there.keys).sorted() where here[id] != there[id] {
                let (one, other) = (here[id], there[id])
                let said = other.map { "\(Money.text(tenThousandths: $0)) in the warehouse" } ?? "not in the warehouse"
                offenders.add(
                    "\(day) \(id): \(one.map { Money.text(tenThousandths: $0) } ?? "not in the lake"), \(said)")
            }
            offenders.since = offenders.since ?? day
        }
        line.blame(offenders)
    }

    private static func sums(_ rows: [WarehouseTotals.Row]) throws -> DailySums {
        var sums = DailySums()
        for row in rows { try sums.add(row.day, row.name, row.sums) }
        return sums
    }
}
