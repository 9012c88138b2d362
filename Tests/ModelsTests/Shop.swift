import Engine
import Foundation
import Iceberg
import Lake
import Models

/// A lake in a temporary folder, with events that arrive as the test says.
final class Shop {
    static let projectFolder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("models").path

    let folder: String
    let catalog: SQLiteCatalog
    let project: ModelProject
    private let connection: Connection
    private var offset = 0
    private var batch = 0

    /// A project of a test, kept while the shop is.
    private let own: ProjectFolder?

    /// A shop with another project than its own.
    convenience init(_ project: ProjectFolder) throws { try self.init(project: project.path, project) }

    init(project: String = Shop.projectFolder, _ own: ProjectFolder? = nil) throws {
        self.own = own
        folder = NSTemporaryDirectory() + "models-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        catalog = try SQLiteCatalog(path: folder + "/catalog.sqlite", warehouse: folder)
        self.project = try ModelProject(folder: project)
        connection = try DuckDB().connect()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// What an event has where a test does not say.
    private static let defaults = [
        "user_id": "'anna'", "session_id": "'s1'", "product_id": "'shoe'", "page": "'/shoe'", "referrer": "''",
        "quantity": "1", "currency": "'EUR'", "total_amount": "10.00", "query": "'shoes'", "status": "'paid'",
        "items": "[{'product_id': 'shoe', 'quantity': 1, 'unit_price': 10.00}]", "channel": "'website'",
        "warehouse_id": "'w1'", "change": "1", "reason": "'sale'",
    ]

    /// Lets events arrive in one commit of the log, in this order: `values` are rows of SQL for the `columns` named.
    func arrive(_ topic: String, _ columns: String, _ values: String) throws {
        guard let source = project.sources.first(where: { $0.name == topic }) else { return }
        batch += 1
        let given = Set(columns.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        let fields = source.columns.map { column in
            let value =
                switch column.name {
                case _ where given.contains(column.name): "event.\(column.name)"
                case "raw": "to_json(event)::VARCHAR"
                case "received_at": "TIMESTAMPTZ '2026-06-01 00:00:00Z' + INTERVAL \(batch) SECOND"
                case "log_partition": "0"
                case "log_offset": "\(offset) + row_number() OVER ()"
                default: Self.defaults[column.name] ?? "NULL"
                }
            return "CAST(\(value) AS \(column.type)) AS \(column.name)"
        }
        let select = "SELECT \(fields.joined(separator: ", ")) FROM (VALUES \(values)) event(\(columns))"
        let rows = try append(
            select, to: topic, byDayOf: "received_at", summary: ["cartograph.offsets": "\(topic)@\(offset)"])
        offset += rows.rowCount
    }

    /// Lets rates arrive in one commit: `values` are rows of SQL of rate_date, currency, rate_per_eur.
    func arriveRates(_ values: String, touching days: [String]) throws {
        batch += 1
        let select = """
            SELECT CAST(rate_date AS DATE) AS rate_date, currency, CAST(rate AS DECIMAL(18, 6)) AS rate_per_eur,
                'test' AS source, TIMESTAMPTZ '2026-06-01 00:00:00Z' + INTERVAL \(batch) SECOND AS fetched_at
            FROM (VALUES \(values)) given(rate_date, currency, rate)
            """
        try append(select, to: "exchange_rates", summary: ["cartograph.days": days.joined(separator: ",")])
    }

    /// Lets a list of products arrive in one commit: `values` are rows of SQL of product_id, name, category, valid_from.
    func arriveProducts(_ values: String) throws {
        batch += 1
        let select = """
            SELECT product_id, name, category, CAST(NULL AS VARCHAR) AS brand, CAST(valid_from AS DATE) AS valid_from,
                'test' AS source, TIMESTAMPTZ '2026-06-01 00:00:00Z' + INTERVAL \(batch) SECOND AS imported_at
            FROM (VALUES \(values)) given(product_id, name, category, valid_from)
            """
        try append(select, to: "products")
    }

    /// Appends rows to a table of bronze in one commit, and makes the table where there is none.
    /// - Parameter day: the column by whose day the table is partitioned; nil for one that is not.
    @discardableResult
    private func append(
        _ select: String, to name: String, byDayOf day: String? = nil, summary: [String: String] = [:]
    ) throws -> TableWriter.Result {
        let identifier = TableIdentifier("bronze", name)
        try catalog.createNamespace("bronze", ifMissing: true)
        var table: Table
        if try catalog.tableExists(identifier) {
            table = try catalog.loadTable(identifier)
        } else {
            let schema = Schema(
                assigningIDs: try connection.columns(of: select).map { ColumnDefinition($0.name, $0.type.iceberg) })
            let spec = try day.map { try PartitionSpec(of: schema, by: [($0, .day)]) } ?? .unpartitioned
            table = try catalog.createTable(identifier, schema: schema, spec: spec)
        }
        return try TableWriter(connection).write(select, into: &table, mode: .append, summary: summary)
    }

    func runner(_ variables: [String: String] = [:]) -> ModelRunner {
        ModelRunner(project: project, catalog: catalog, variables: variables)
    }

    @discardableResult
    func run(select: [String] = [], fullRefresh: Bool = false) throws -> RunReport {
        try runner().run(ModelSelection(select: select), fullRefresh: fullRefresh)
    }

    /// The rows of a statement over the lake's tables, one line each, values separated by a blank.
    func rows(_ sql: String) throws -> [String] {
        let connection = try DuckDB(.init(preservesInsertionOrder: true)).connect()
        for space in try catalog.listNamespaces() {
            try connection.execute("CREATE SCHEMA IF NOT EXISTS \(space)")
            for identifier in try catalog.listTables(in: space) {
                let scan = try LakeTable(catalog.loadTable(identifier)).scanSQL()
                try connection.execute("CREATE VIEW \(space).\(identifier.name) AS \(scan)")
            }
        }
        return try connection.query(sql).rows.map { $0.map(\.text).joined(separator: " ") }
    }

    /// Changes a table's rows, and says of itself in the commit what the last one said: as if they had been wrong all along.
    /// - Parameter select: the words before FROM.
    func falsify(_ name: String, _ select: String) throws {
        var table = try catalog.loadTable(TableIdentifier(parsing: name))
        let summary = table.currentSnapshot?.summary.filter { $0.key.hasPrefix("cartograph.") } ?? [:]
        let rows = try LakeTable(table).scanSQL()
        _ = try TableWriter(connection).write(
            "\(select) FROM (\(rows))", into: &table, mode: .replaceAll, summary: summary)
    }

    /// Every model's table and its snapshot.
    func snapshots() throws -> [String: Int64?] {
        var found: [String: Int64?] = [:]
        for space in ["silver", "gold"] {
            for identifier in try catalog.listTables(in: space) {
                found["\(identifier)"] = try catalog.loadTable(identifier).currentSnapshot?.id
            }
        }
        return found
    }
}
