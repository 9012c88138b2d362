/// What the warehouse's facts come to, for the books.
public struct WarehouseTotals: Sendable {
    /// A sum of a business day and something else.
    public struct Row: Sendable {
        /// The business day, `2026-03-01`.
        public let day: String
        /// What else it is of: a channel and a currency, say.
        public let name: String
        /// The sums, in ten-thousandths, in the order that the list says.
        public let sums: [Int128]
    }

    /// By channel and currency: orders, units, GMV, discount, revenue.
    public var orders: [Row] = []
    /// By nothing else: GMV and revenue in the reporting currency, of the orders that have them.
    public var converted: [Row] = []
    /// By channel: clicks.
    public var clicks: [Row] = []
    /// By channel: changes of carts.
    public var carts: [Row] = []
    /// By currency: items, pieces, amount.
    public var items: [Row] = []
}

extension Warehouse {
    /// Counts the facts anew.
    public func totals() throws -> WarehouseTotals {
        try withSession { session in
            try checkVersion(session)
            let star = StarSchema.qualified
            func rows(_ name: String, _ sums: String, _ fact: String, _ joins: [String]) throws -> [WarehouseTotals.Row]
            {
                let from = joins.map { " JOIN \(star("dim_\($0)")) USING (\($0)_key)" }.joined()
                return try session.query(
                    "SELECT business_day, \(name), \(sums) FROM \(star(fact))\(from) GROUP BY business_day, \(name)"
                ).map { row in
                    WarehouseTotals.Row(
                        day: row[0] ?? "", name: row[1] ?? "",
                        // Counts, too, in ten-thousandths.
                        sums: try row.dropFirst(2).map { try Self.scaled($0 ?? "0") })
                }
            }
            var totals = WarehouseTotals()
            totals.orders = try rows(
                "channel || ' ' || currency", "count(*), sum(units), sum(gmv), sum(discount), sum(revenue)",
                "fact_orders",
                ["channel", "currency"])
            totals.converted = try rows(
                "''::text", "coalesce(sum(reporting_gmv), 0), coalesce(sum(reporting_revenue), 0)", "fact_orders", [])
            totals.clicks = try rows("channel", "count(*)", "fact_clicks", ["channel"])
            totals.carts = try rows("channel", "count(*)", "fact_cart", ["channel"])
            totals.items = try rows(
                "currency", "count(*), sum(quantity), sum(amount)", "fact_order_items", ["currency"])
            return totals
        }
    }

    /// The event ids and revenues (ten-thousandths) of a day's orders.
    public func orders(of day: String) throws -> [String: Int128] {
        try withSession { session in
            var orders: [String: Int128] = [:]
            for row in try session.query(
                "SELECT event_id, revenue FROM \(StarSchema.qualified("fact_orders")) WHERE business_day = DATE '\(day)'"
            ) {
                orders[row[0] ?? ""] = try Self.scaled(row[1] ?? "0")
            }
            return orders
        }
    }

    /// A decimal of at most four places as the server writes it.
    static func scaled(_ text: String) throws -> Int128 {
        let isNegative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        let decimals = parts.count == 2 ? String(parts[1]) : ""
        guard (1...2).contains(parts.count), decimals.utf8.count <= 4,
            let value = Int128(parts[0] + decimals + String(repeating: "0", count: 4 - decimals.utf8.count))
        else {
            throw WarehouseError(.statement, "the warehouse holds '\(text)', which is no sum of money")
        }
        return isNegative ? -value : value
    }
}
