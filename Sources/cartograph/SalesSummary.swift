import Engine
import Iceberg
import Lake

/// All sales in gold, by currency.
struct SalesSummary: Encodable {
    let currency: String
    let orders: Int64
    let customers: Int64
    let units: Int64
    let revenue: String
    let first_day: String
    let last_day: String

    static func read(_ catalog: any Catalog, _ connection: Connection) throws -> [SalesSummary] {
        let daily = TableIdentifier("gold", "daily_sales")
        let sales = TableIdentifier("silver", "sales")
        guard try catalog.tableExists(daily), try catalog.tableExists(sales) else { return [] }
        let days = try LakeTable(try catalog.loadTable(daily)).scanSQL()
        let orders = try LakeTable(try catalog.loadTable(sales)).scanSQL()
        return try connection.query(
            """
            SELECT d.currency, d.orders, c.customers, d.units, d.revenue, d.first_day, d.last_day FROM (
                SELECT currency, CAST(sum(orders) AS BIGINT) AS orders, CAST(sum(units) AS BIGINT) AS units,
                    CAST(sum(revenue) AS DECIMAL(38, 4)) AS revenue, min(business_day) AS first_day,
                    max(business_day) AS last_day FROM (\(days)) GROUP BY currency) AS d
            JOIN (SELECT currency, count(DISTINCT user_id) AS customers FROM (\(orders)) WHERE is_counted
                GROUP BY currency) AS c ON c.currency = d.currency
            ORDER BY d.orders DESC
            """
        ).rows.map { row in
            SalesSummary(
                currency: row[0].text, orders: row[1].integer ?? 0, customers: row[2].integer ?? 0,
                units: row[3].integer ?? 0, revenue: TableAnswers.money(row[4]), first_day: row[5].text,
                last_day: row[6].text)
        }
    }
}
