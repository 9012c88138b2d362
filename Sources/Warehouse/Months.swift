/// The months of the facts: their days are tables of their own as long as days are added and change often, and one table
/// afterwards.
struct Months {
    let schema: StarSchema
    let session: PostgresSession

    /// Joins the days of the months before the one that comes before the newest loaded day's; late events reopen days of
    /// these two often. A transaction each, between two days: a load that is killed leaves the days or the month.
    ///
    /// A month that somebody reads for longer than ``StarSchema/joinLockTimeout`` stays in days until the next time.
    func joinClosed() throws {
        for fact in schema.facts {
            for month in try closed(fact) {
                do {
                    _ = try session.transaction {
                        try session.run("SELECT \(StarSchema.qualified("join_month"))('\(fact.name)', DATE '\(month)')")
                    }
                } catch let error as WarehouseError where error.kind == .busy {
                    continue
                }
            }
        }
    }

    /// The first days of the closed months of a fact that are still in days.
    private func closed(_ fact: StarSchema.Fact) throws -> [String] {
        let months = try session.query(
            """
            SELECT to_char(month, 'YYYY-MM-DD') FROM (
                SELECT to_date(right(m.relname, 8), '"y"YYYY"m"MM') AS month, m.relname, m.oid
                FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class m ON m.oid = i.inhrelid
                WHERE i.inhparent = to_regclass('\(StarSchema.qualified(fact.name))')) months
            WHERE month < (
                    SELECT date_trunc('month', max(business_day)::timestamp) - interval '1 month'
                    FROM \(StarSchema.qualified("loaded_days")))
                AND EXISTS (SELECT 1 FROM pg_catalog.pg_inherits d WHERE d.inhparent = months.oid)
                AND to_regclass('\(StarSchema.name).' || months.relname || '_days') IS NULL
            ORDER BY month
            """)
        return months.compactMap { $0[0] }
    }
}
