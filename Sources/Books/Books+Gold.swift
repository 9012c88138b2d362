import Engine
import EventLog
import Events
import Iceberg
import Lake
import Streaming

extension Books {
    func addGold(_ live: ShopStream, _ balance: inout TrialBalance) {
        do {
            let read = ["daily_sales", "daily_channel", "daily_funnel"].map { TableIdentifier("gold", $0) }
            try naming(read + [TableIdentifier("silver", "purchases")]) { try compareGold(live, &balance) }
        } catch {
            balance.problems.append("gold: \(error)")
        }
    }

    private func compareGold(_ live: ShopStream, _ balance: inout TrialBalance) throws {
        guard try catalog.tableExists(TableIdentifier("gold", "daily_sales")) else {
            throw LakeAbsence(description: "gold.daily_sales does not exist: run `cartograph batch run`")
        }
        var sales = SalesTotals()
        var orders: [String: Int64] = [:]
        var revenue: [String: Int128] = [:]
        var liveDays = Set<String>()
        for cell in live.dailyTotals() {
            sales += cell.totals
            guard cell.totals.orders > 0 else { continue }
            orders[cell.currency.name, default: 0] += cell.totals.orders
            revenue[cell.currency.name, default: 0] += cell.totals.revenue
            liveDays.insert("\(cell.day) \(cell.currency.name)")
        }
        let daily = try scanSQL("gold", "daily_sales")
        let goldRevenue = try amounts(
            "SELECT currency, sum(revenue) FROM (\(daily)) GROUP BY currency", "gold.daily_sales")
        add(revenue, "live", goldRevenue, "gold", "revenue", &balance)
        let rows = try connection.query(
            "SELECT CAST(sum(orders) AS BIGINT), CAST(sum(units) AS BIGINT), count(*) FROM (\(daily))"
        ).rows.first
        balance.lines.append(line("orders", sales.orders, rows?[0].integer))
        balance.lines.append(line("units", sales.units, rows?[1].integer))
        balance.lines.append(line("days with sales, by currency", Int64(liveDays.count), rows?[2].integer))
        let channel = try scanSQL("gold", "daily_channel")
        let traffic = try connection.query(
            "SELECT CAST(sum(clicks) AS BIGINT), CAST(sum(carts) AS BIGINT) FROM (\(channel))"
        ).rows.first
        balance.lines.append(line("clicks", sales.clicks, traffic?[0].integer))
        balance.lines.append(line("carts", sales.carts, traffic?[1].integer))
        try addDays(live, channel, &balance)
        try addSilverMoney(revenue: goldRevenue, &balance)
        try noteFunnel(live, &balance)
    }

    /// Every business day, channel and currency on its own: sums alone would not show money on the wrong day.
    private func addDays(_ live: ShopStream, _ channel: String, _ balance: inout TrialBalance) throws {
        var gold: [String: SalesTotals] = [:]
        _ = try connection.stream(
            "SELECT business_day, channel, currency, clicks, carts, orders, units, revenue FROM (\(channel))"
        ) { row in
            guard case .date(let day) = row[0], case .decimal(let revenue, let scale) = row[7], scale == 4 else {
                return true
            }
            var totals = SalesTotals()
            totals.clicks = row[3].integer ?? 0
            totals.carts = row[4].integer ?? 0
            totals.orders = row[5].integer ?? 0
            totals.units = row[6].integer ?? 0
            totals.revenue = revenue
            gold[Books.cell(day, row[1].text, row[2].text)] = totals
            return true
        }
        var agreeing = 0
        var offenders = Offenders()
        let cells = live.dailyTotals().sorted { ($0.day, $0.channel.name) < ($1.day, $1.channel.name) }
        var known = Set<String>()
        for cell in cells {
            let key = Books.cell(cell.day, cell.channel.name, cell.currency.name)
            known.insert(key)
            if gold[key] == cell.totals {
                agreeing += 1
            } else {
                offenders.since = offenders.since ?? Timestamp.dateText(ofDay: Int64(cell.day))
                offenders.add("\(key): \(Books.text(cell.totals)), not \(gold[key].map(Books.text) ?? "nothing")")
            }
        }
        for key in gold.keys.filter({ !known.contains($0) }).sorted() {
            let day = String(key.prefix(10))
            offenders.since = min(offenders.since ?? day, day)
            offenders.add("\(key): nothing, not \(gold[key].map(Books.text) ?? "")")
        }
        for (name, count, other) in [("live", cells.count, "gold"), ("gold", gold.count, "live")] {
            var line = TrialBalance.Line(
                "days by channel and currency", name, String(count), "\(other), and the same", String(agreeing))
            line.blame(offenders)
            balance.lines.append(line)
        }
    }

    private static func text(_ totals: SalesTotals) -> String {
        "\(totals.clicks) clicks, \(totals.carts) carts, \(totals.orders) orders, \(totals.units) units, "
            + Money.text(tenThousandths: totals.revenue)
    }

    private static func cell(_ day: Int32, _ channel: String, _ currency: String) -> String {
        "\(Timestamp.dateText(ofDay: Int64(day))) \(channel)\(currency.isEmpty ? "" : " " + currency)"
    }

    /// The funnel is told, not balanced: the live one is approximate for sessions whose events come far out of order.
    private func noteFunnel(_ live: ShopStream, _ balance: inout TrialBalance) throws {
        let totals = live.dailyFunnel().values.reduce(into: FunnelTotals()) {
            $0.views += $1.views
            $0.carts += $1.carts
            $0.purchases += $1.purchases
        }
        let gold =
            try connection.query(
                """
                SELECT CAST(sum(views) AS BIGINT), CAST(sum(carts) AS BIGINT), CAST(sum(purchases) AS BIGINT)
                FROM (\(try scanSQL("gold", "daily_funnel")))
                """
            ).rows.first?.map { $0.integer ?? 0 } ?? [0, 0, 0]
        balance.notes["funnel, live"] = "\(totals.views) views, \(totals.carts) carts, \(totals.purchases) purchases"
        balance.notes["funnel, gold"] = "\(gold[0]) views, \(gold[1]) carts, \(gold[2]) purchases"
    }

    /// Revenue as silver's purchases say, each order once by its first arrival, computed here and not by the models.
    private func addSilverMoney(revenue gold: [String: Int128], _ balance: inout TrialBalance) throws {
        let silver = try scanSQL("silver", "purchases")
        let sums = try amounts(
            """
            SELECT currency, sum(total_amount) FROM (
                SELECT currency, total_amount, row_number() OVER (
                    PARTITION BY CASE WHEN coalesce(order_id, '') = '' THEN 'e' || event_id ELSE 'o' || order_id END
                    ORDER BY received_at, log_partition, log_offset) AS place
                FROM (\(silver)))
            WHERE place = 1 GROUP BY currency
            """, "silver.purchases")
        add(sums, "silver", gold, "gold", "money in orders", &balance)
    }

    private func line(_ name: String, _ live: Int64, _ gold: Int64?) -> TrialBalance.Line {
        TrialBalance.Line(name, "live", String(live), "gold", String(gold ?? 0))
    }
}
