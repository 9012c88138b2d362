public import Engine
import Foundation
public import Iceberg
import Lake

/// `bronze.exchange_rates`: every reference rate as it came, and again where it came corrected. Rows are only added.
public struct RatesTable {
    /// Its name.
    public static let identifier = TableIdentifier(BronzeTable.namespace, "exchange_rates")
    /// Most business days that a commit names; past it the models take all days as touched.
    static let touchedDaysMax = 400
    /// Days after today that events may be of: they come at most 24 hours early, in zones up to 14 hours ahead.
    static let daysAhead: Int32 = 2
    /// How often a commit is tried when others commit meanwhile.
    static let attemptsMax = 5
    /// Rows that one statement hands to the engine.
    private static let rowsPerStatement = 5_000

    private let catalog: any Catalog
    private let connection: Connection

    /// The table in a catalog, read and written through a connection that is used only during the calls.
    public init(_ catalog: any Catalog, _ connection: Connection) {
        self.catalog = catalog
        self.connection = connection
    }

    /// What an addition did.
    public struct Report: Sendable, Hashable, Encodable {
        /// Rates that were not known.
        public var added = 0
        /// Rates that were known otherwise.
        public var corrected = 0
        /// Rates that were known.
        public var known = 0

        /// A report.
        public init(added: Int = 0, corrected: Int = 0, known: Int = 0) {
            self.added = added
            self.corrected = corrected
            self.known = known
        }
    }

    /// A currency's newest rate.
    public struct Latest: Sendable, Hashable, Encodable {
        /// Three capital letters.
        public let currency: String
        /// Units for one euro.
        public let rate: String
        /// Of which day, as `2026-03-01`.
        public let date: String
        /// Where it is from.
        public let source: String
        /// When it came, RFC 3339.
        public let fetchedAt: String
    }

    /// Whether the table is there.
    public func exists() throws -> Bool { try catalog.tableExists(Self.identifier) }

    /// Keeps the rates that are not known, or known otherwise, in one commit that names the business days which used
    /// another rate until now: from the rate's day to the day before its currency's next one.
    /// - Parameters:
    ///   - source: where they are from.
    ///   - now: the time, in microseconds since 1970 UTC.
    /// - Throws: `RatesError`, or what failed in the lake.
    @discardableResult
    public func add(_ rates: [ExchangeRate], source: String, now: Int64) throws -> Report {
        for _ in 0..<Self.attemptsMax {
            do {
                return try addOnce(rates, source, now)
            } catch is Overtaken {
                continue
            } catch let error as IcebergError where error.kind == .conflict {
                continue
            }
        }
        throw RatesError("others go on writing to \(Self.identifier): try again")
    }

    private struct Overtaken: Error {}

    private func addOnce(_ rates: [ExchangeRate], _ source: String, _ now: Int64) throws -> Report {
        var table = try openTable()
        let (known, lastFetch) = try knownRates(table)
        var report = Report()
        let news = rates.filter { rate in
            switch known[rate.currency]?[rate.day] {
            case nil: report.added += 1
            case rate.millionths?:
                report.known += 1
                return false
            default: report.corrected += 1
            }
            return true
        }
        guard !news.isEmpty else { return report }
        // The last to come counts, so no two of a day and currency may have come at the same time.
        let fetchedAt = max(now, lastFetch + 1)
        try stage(news)
        defer { _ = try? connection.execute("DROP TABLE IF EXISTS staged_rates") }
        let rows = """
            SELECT rate_date, currency, rate_per_eur, \(SQL.literal(source)) AS source,
                make_timestamptz(\(fetchedAt)) AS fetched_at
            FROM staged_rates ORDER BY rate_date, currency
            """
        var summary: [String: String] = [:]
        if let days = touchedDays(news, known, now) {
            summary[SnapshotState.days] = days.sorted().map(ExchangeRate.date).joined(separator: ",")
        }
        let before = table.currentSnapshot?.id
        try TableWriter(connection).write(rows, into: &table, mode: .append, summary: summary) { current in
            guard current?.id == before else { throw Overtaken() }
        }
        try TableUpkeep(connection).care(for: &table)
        return report
    }

    private func openTable() throws -> Table {
        if try exists() { return try catalog.loadTable(Self.identifier) }
        try catalog.createNamespace(Self.identifier.namespace, ifMissing: true)
        let schema = Schema(assigningIDs: [
            ColumnDefinition("rate_date", .primitive(.date), doc: "The day that the rate is of."),
            ColumnDefinition("currency", .primitive(.string), doc: "Three capital letters, as in ISO 4217."),
            ColumnDefinition(
                "rate_per_eur", .primitive(.decimal(precision: 18, scale: 6)), doc: "Units for one euro."),
            ColumnDefinition("source", .primitive(.string), doc: "Where the rate is from."),
            ColumnDefinition(
                "fetched_at", .primitive(.timestamptz), doc: "When it came; of several the last counts."),
        ])
        var properties = TableUpkeep.properties
        properties["comment"] = "Euro reference rates as they came."
        return try catalog.createTable(Self.identifier, schema: schema, spec: .unpartitioned, properties: properties)
    }

    /// The rate in force of each currency and day, in millionths, and when the last one came.
    private func knownRates(_ table: Table) throws -> ([String: [Int32: Int64]], Int64) {
        guard table.currentSnapshot != nil else { return ([:], 0) }
        let rows = try connection.query(
            """
            SELECT currency, date_diff('day', DATE '1970-01-01', rate_date),
                CAST(arg_max(rate_per_eur, fetched_at) * 1000000 AS BIGINT), epoch_us(max(fetched_at))
            FROM (\(try LakeTable(table).scanSQL())) GROUP BY ALL
            """
        ).rows
        var known: [String: [Int32: Int64]] = [:]
        var last: Int64 = 0
        for row in rows {
            guard let currency = row[0].string, let day = row[1].integer.flatMap(Int32.init(exactly:)),
                let rate = row[2].integer, let fetched = row[3].integer
            else { throw RatesError("\(Self.identifier) holds a row without a value: something else wrote to it") }
            known[currency, default: [:]][day] = rate
            last = max(last, fetched)
        }
        return (known, last)
    }

    private func stage(_ rates: [ExchangeRate]) throws {
        try connection.execute(
            """
            CREATE OR REPLACE TEMP TABLE staged_rates
                (rate_date DATE, currency VARCHAR, rate_per_eur DECIMAL(18, 6))
            """)
        for start in stride(from: 0, to: rates.count, by: Self.rowsPerStatement) {
            let values = rates[start..<min(start + Self.rowsPerStatement, rates.count)].map {
                "(\(SQL.literal($0.date)), \(SQL.literal($0.currency)), \($0.text))"
            }
            try connection.execute("INSERT INTO staged_rates VALUES \(values.joined(separator: ", "))")
        }
    }

    /// The business days that these rates change; nil when they are too many to name.
    private func touchedDays(
        _ news: [ExchangeRate], _ known: [String: [Int32: Int64]], _ now: Int64
    ) -> Set<Int32>? {
        let today = Int32(clamping: now / 86_400_000_000)
        var touched: Set<Int32> = []
        for (currency, rates) in Dictionary(grouping: news, by: \.currency) {
            let days = Set(known[currency].map { Array($0.keys) } ?? []).union(rates.map(\.day)).sorted()
            for rate in rates {
                // The day before the next one that is known, or as far as events can be of.
                var end = max(today, rate.day) + Self.daysAhead
                if let next = days.firstIndex(of: rate.day).map({ $0 + 1 }), next < days.count {
                    end = min(end, days[next] - 1)
                }
                guard Int(end) - Int(rate.day) <= Self.touchedDaysMax else { return nil }
                touched.formUnion(rate.day...end)
                guard touched.count <= Self.touchedDaysMax else { return nil }
            }
        }
        return touched
    }

    /// The newest rate of each currency, by currency.
    public func latest() throws -> [Latest] {
        guard try exists() else { return [] }
        let table = try catalog.loadTable(Self.identifier)
        let rows = try connection.query(
            """
            SELECT currency, CAST(rate_per_eur AS VARCHAR), CAST(rate_date AS VARCHAR), source,
                strftime(fetched_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')
            FROM (\(try LakeTable(table).scanSQL()))
            QUALIFY row_number() OVER (PARTITION BY currency ORDER BY rate_date DESC, fetched_at DESC) = 1
            ORDER BY currency
            """
        ).rows
        return rows.map {
            Latest(
                currency: $0[0].text, rate: $0[1].text, date: $0[2].text, source: $0[3].text, fetchedAt: $0[4].text)
        }
    }
}
