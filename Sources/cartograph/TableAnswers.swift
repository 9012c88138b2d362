import Engine
import Events
import Foundation
import Iceberg
import Lake

/// Answers of the read API from the tables.
struct TableAnswers {
    let catalog: any Catalog
    let connection: Connection

    private struct Sales: Encodable {
        struct Day: Encodable {
            let business_day: String
            let orders: Int64
            let customers: Int64
            let units: Int64
            let revenue: String
            let aov: String
        }
        let currency: String
        let days: [Day]
    }

    /// The last days with sales in the reporting currency, or in the one with the most orders when it has none.
    func dailySales(days: Int, currency: String) throws -> [UInt8] {
        let identifier = TableIdentifier("gold", "daily_sales")
        guard try catalog.tableExists(identifier) else { return try encode(Sales(currency: currency, days: [])) }
        let table = LakeTable(try catalog.loadTable(identifier))
        return try DamageSearch.naming(in: [try DamageSearch.Scan(all: table)], connection) {
            try dailySales(of: table, days, currency)
        }
    }

    private func dailySales(of table: LakeTable, _ days: Int, _ currency: String) throws -> [UInt8] {
        let scan = try table.scanSQL()
        let currencies = try connection.query(
            "SELECT currency FROM (\(scan)) GROUP BY currency ORDER BY (currency = $1) DESC, sum(orders) DESC",
            [.string(currency)])
        let shown = currencies.rows.first?[0].string ?? currency
        let result = try connection.query(
            """
            SELECT business_day, orders, customers, units, CAST(revenue AS DECIMAL(38, 4)), aov FROM (\(scan))
            WHERE currency = $1 ORDER BY business_day DESC LIMIT \(days)
            """, [.string(shown)])
        let rows = result.rows.reversed().map { row in
            Sales.Day(
                business_day: row[0].text, orders: row[1].integer ?? 0, customers: row[2].integer ?? 0,
                units: row[3].integer ?? 0, revenue: TableAnswers.money(row[4]), aov: TableAnswers.money(row[5]))
        }
        return try encode(Sales(currency: shown, days: rows))
    }

    private struct Quarantine: Encodable {
        struct Reason: Encodable {
            let reason: String
            let count: Int64
        }
        struct Row: Encodable {
            let received_at: String
            let reason: String
            let source: String
            let raw: String
        }
        let total: Int64
        let by_reason: [Reason]
        let latest: [Row]
    }

    /// The most bytes of a rejected event that are shown.
    private static let rawBytes = 2_000

    func quarantine(limit: Int) throws -> [UInt8] {
        let identifier = TableIdentifier("bronze", "quarantine")
        guard try catalog.tableExists(identifier) else {
            return try encode(Quarantine(total: 0, by_reason: [], latest: []))
        }
        let table = LakeTable(try catalog.loadTable(identifier))
        return try DamageSearch.naming(in: [try DamageSearch.Scan(all: table)], connection) {
            try quarantine(of: table, limit)
        }
    }

    private func quarantine(of table: LakeTable, _ limit: Int) throws -> [UInt8] {
        let scan = try table.scanSQL()
        let reasons = try connection.query(
            "SELECT reason, count(*) FROM (\(scan)) GROUP BY reason ORDER BY 2 DESC, 1"
        ).rows.map { Quarantine.Reason(reason: $0[0].text, count: $0[1].integer ?? 0) }
        let latest = try connection.query(
            """
            SELECT received_at, reason, source, raw FROM (\(scan))
            ORDER BY received_at DESC, log_partition, log_offset DESC LIMIT \(limit)
            """
        ).rows.map { row in
            Quarantine.Row(
                received_at: row[0].text, reason: row[1].text, source: row[2].text, raw: TableAnswers.shown(row[3]))
        }
        return try encode(
            Quarantine(total: reasons.reduce(0) { $0 + $1.count }, by_reason: reasons, latest: latest))
    }

    private static func shown(_ value: Value) -> String {
        guard case .blob(let bytes) = value else { return value.text }
        let cut = String(decoding: bytes.prefix(rawBytes), as: UTF8.self)
        return bytes.count > rawBytes ? cut + "…" : cut
    }

    /// A decimal with as many places as money is shown with.
    static func money(_ value: Value) -> String {
        guard case .decimal(let unscaled, let scale) = value, scale <= 4 else { return value.text }
        var scaled = unscaled
        for _ in scale..<4 { scaled *= 10 }
        return Money.text(tenThousandths: scaled)
    }

    private func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}
