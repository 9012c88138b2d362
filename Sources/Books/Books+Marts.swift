import Engine
import Iceberg
import Lake

extension Books {
    /// Compares the tables that the lake has; one that is not there is told.
    func addMarts(_ balance: inout TrialBalance) {
        for comparison in Self.comparisons + Self.ownSums {
            let names = comparison.left.tables + comparison.right.tables
            do {
                let identifiers = try names.map { try TableIdentifier(parsing: $0) }
                let missing = try identifiers.filter { try !catalog.tableExists($0) }
                guard missing.isEmpty else {
                    balance.notes["not there yet"] = missing.map { "\($0)" }.joined(separator: ", ")
                    continue
                }
                let (left, right) = try naming(identifiers) {
                    (try sums(comparison.left), try sums(comparison.right))
                }
                balance.lines += DailySums.lines(
                    comparison.measures, comparison.what, comparison.left.tables[0], left, comparison.right.tables[0],
                    right)
            } catch {
                balance.problems.append("\(names.joined(separator: " and ")): \(error)")
            }
        }
        addSessions(&balance)
    }

    private func sums(_ side: Side) throws -> DailySums {
        var select = side.select
        for table in side.tables {
            let identifier = try TableIdentifier(parsing: table)
            let scan = try scanSQL(identifier.namespace, identifier.name)
            select = select.split(separator: "{\(table)}", omittingEmptySubsequences: false).joined(
                separator: "(\(scan))")
        }
        return try DailySums(connection, select, measures: side.measures)
    }

    /// Every event of a person is in one session.
    private func addSessions(_ balance: inout TrialBalance) {
        let topics = ["clicks", "searches", "carts", "wishlists", "sales"]
        do {
            let known = try topics.filter { try catalog.tableExists(TableIdentifier("silver", $0)) }
            guard try catalog.tableExists(TableIdentifier("silver", "sessions")), !known.isEmpty else { return }
            var events: Int64 = 0
            for name in known {
                let scan = try scanSQL("silver", name)
                events += try naming([TableIdentifier("silver", name)]) {
                    try connection.query("SELECT count(*) FROM (\(scan))").first?.integer ?? 0
                }
            }
            let scan = try scanSQL("silver", "sessions")
            let grouped = try naming([TableIdentifier("silver", "sessions")]) {
                try connection.query("SELECT CAST(sum(events) AS BIGINT) FROM (\(scan))").first?.integer ?? 0
            }
            balance.lines.append(
                TrialBalance.Line(
                    "events of people", "silver", String(events), "silver.sessions", String(grouped)))
        } catch {
            balance.problems.append("silver.sessions: \(error)")
        }
    }
}
