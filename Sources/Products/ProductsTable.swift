public import Engine
public import Iceberg
import Lake

/// `bronze.products`: what each list said of a product, where it was new or other than known. Rows are only added.
///
/// A list holds from a business day on, until one that is taken in later says otherwise of a product. The first one that has
/// a product holds from the beginning.
public struct ProductsTable {
    /// Its name.
    public static let identifier = TableIdentifier(BronzeTable.namespace, "products")
    /// The day that stands for the beginning of time.
    public static let beginning = "1900-01-01"
    /// How often a commit is tried when others commit meanwhile.
    static let attemptsMax = 5
    /// Rows that one statement hands to the engine.
    private static let rowsPerStatement = 5_000
    /// Most categories that a summary names.
    public static let categoriesMax = 1_000

    private let catalog: any Catalog
    private let connection: Connection

    /// The table in a catalog, read and written through a connection that is used only during the calls.
    public init(_ catalog: any Catalog, _ connection: Connection) {
        self.catalog = catalog
        self.connection = connection
    }

    /// What an addition did.
    public struct Report: Sendable, Hashable, Encodable {
        /// Products that were not known.
        public var added = 0
        /// Products that were known otherwise.
        public var changed = 0
        /// Products that were known.
        public var known = 0

        /// A report.
        public init(added: Int = 0, changed: Int = 0, known: Int = 0) {
            self.added = added
            self.changed = changed
            self.known = known
        }
    }

    /// What was said of a product, and for which business days.
    public struct Version: Sendable, Hashable, Encodable {
        /// The id that events give.
        public let productID: String
        /// What people call it.
        public let name: String?
        /// What it is sold as.
        public let category: String?
        /// Who makes it.
        public let brand: String?
        /// The first business day that it holds on, as `2026-03-01`; nil when it holds from the beginning.
        public let validFrom: String?
        /// The first business day that it no longer holds on; nil while it holds.
        public let validTo: String?
        /// Where it is from.
        public let source: String
        /// When it was taken in, RFC 3339.
        public let importedAt: String
    }

    /// How many products are in a category now.
    public struct CategoryCount: Sendable, Hashable, Encodable {
        /// The category; nil for products without one.
        public let category: String?
        /// How many.
        public let products: Int
    }

    /// Whether the table is there.
    public func exists() throws -> Bool { try catalog.tableExists(Self.identifier) }

    /// Keeps what is new or other than known, in one commit; none when nothing is.
    /// - Parameters:
    ///   - day: the business day that the list holds from, as `2026-03-01`.
    ///   - source: where it is from.
    ///   - now: the time, in microseconds since 1970 UTC.
    /// - Throws: ``ProductsError``, or what failed in the lake.
    @discardableResult
    public func add(_ list: ProductList, from day: String, source: String, now: Int64) throws -> Report {
        guard Self.isDay(day) else { throw ProductsError("'\(day)' is no day such as 2026-03-01") }
        for _ in 0..<Self.attemptsMax {
            do {
                return try addOnce(list, day, source, now)
            } catch is Overtaken {
                continue
            } catch let error as IcebergError where error.kind == .conflict {
                continue
            }
        }
        throw ProductsError("others go on writing to \(Self.identifier): try again")
    }

    /// Whether a text is a day of the calendar, written as `2026-03-01`, from the beginning on.
    public static func isDay(_ text: String) -> Bool { LakeDate.days(text) != nil && text >= beginning }

    private struct Overtaken: Error {}

    private func addOnce(_ list: ProductList, _ day: String, _ source: String, _ now: Int64) throws -> Report {
        var table = try Self.open(in: catalog)
        try stage(list)
        defer { _ = try? connection.execute("DROP TABLE IF EXISTS staged_products; DROP TABLE IF EXISTS product_news") }
        // What a list has no column for stays as the last one said.
        let texts: [ProductField] = [.name, .category, .brand]
        let wanted = texts.map { field in
            "\(list.fields.contains(field) ? "staged" : "latest").\(field.rawValue) AS \(field.rawValue)"
        }
        let differs = texts.map { "versions.\($0.rawValue) IS DISTINCT FROM wanted.\($0.rawValue)" }
        try connection.execute(
            """
            CREATE OR REPLACE TEMP TABLE product_news AS
            WITH versions AS (\(try versions(table))),
            wanted AS (
                SELECT staged.product_id, \(wanted.joined(separator: ", ")), latest.product_id IS NOT NULL AS is_known
                FROM staged_products AS staged
                LEFT JOIN versions AS latest ON latest.product_id = staged.product_id AND latest.next_from IS NULL
            )
            SELECT wanted.*, NOT is_known OR EXISTS (
                    FROM versions
                    WHERE versions.product_id = wanted.product_id AND coalesce(versions.next_from > DATE '\(day)', true)
                        AND (\(differs.joined(separator: " OR ")))
                ) AS is_news
            FROM wanted
            """)
        let counts = try connection.query(
            """
            SELECT count(*) FILTER (WHERE NOT is_known), count(*) FILTER (WHERE is_known AND is_news),
                count(*) FILTER (WHERE NOT is_news), (SELECT epoch_us(max(imported_at)) FROM (\(try rows(of: table))))
            FROM product_news
            """
        ).rows[0]
        let numbers = counts.map { $0.integer ?? 0 }
        let report = Report(added: Int(numbers[0]), changed: Int(numbers[1]), known: Int(numbers[2]))
        guard report.added + report.changed > 0 else { return report }
        // The last to come counts, so no two of a product may have come at the same time.
        let importedAt = max(now, numbers[3] + 1)
        let news = """
            SELECT product_id, name, category, brand, DATE '\(day)' AS valid_from, \(SQL.literal(source)) AS source,
                make_timestamptz(\(importedAt)) AS imported_at
            FROM product_news WHERE is_news ORDER BY product_id
            """
        let before = table.currentSnapshot?.id
        try TableWriter(connection).write(news, into: &table, mode: .append) { current in
            guard current?.id == before else { throw Overtaken() }
        }
        try TableUpkeep(connection).care(for: &table)
        return report
    }

    /// The table, made empty where there is none: who runs the models with dbt finds every table that they read.
    @discardableResult
    public static func open(in catalog: any Catalog) throws -> Table {
        if try catalog.tableExists(identifier) { return try catalog.loadTable(identifier) }
        try catalog.createNamespace(identifier.namespace, ifMissing: true)
        let schema = Schema(assigningIDs: [
            ColumnDefinition("product_id", .primitive(.string), doc: "The id that events give."),
            ColumnDefinition("name", .primitive(.string), doc: "What people call it."),
            ColumnDefinition("category", .primitive(.string), doc: "What it is sold as."),
            ColumnDefinition("brand", .primitive(.string), doc: "Who makes it."),
            ColumnDefinition("valid_from", .primitive(.date), doc: "The business day that the list holds from."),
            ColumnDefinition("source", .primitive(.string), doc: "Where the list is from."),
            ColumnDefinition(
                "imported_at", .primitive(.timestamptz), doc: "When it was taken in; of several the last counts."),
        ])
        var properties = TableUpkeep.properties
        properties["comment"] = "What lists of products said, where it was news."
        do {
            return try catalog.createTable(identifier, schema: schema, spec: .unpartitioned, properties: properties)
        } catch let error as IcebergError where error.kind == .alreadyExists {
            return try catalog.loadTable(identifier)
        }
    }

    private func rows(of table: Table) throws -> String {
        guard table.currentSnapshot != nil else {
            return """
                SELECT '' AS product_id, '' AS name, '' AS category, '' AS brand, DATE '1970-01-01' AS valid_from,
                    '' AS source, TIMESTAMPTZ '1970-01-01 00:00:00Z' AS imported_at WHERE false
                """
        }
        return try LakeTable(table).scanSQL()
    }

    /// What held or holds on any day, each until `next_from`, which is null while it holds.
    private func versions(_ table: Table) throws -> String {
        """
        SELECT * FROM (
            SELECT *, min(valid_from) OVER (
                PARTITION BY product_id ORDER BY imported_at ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
            FROM (
                SELECT * REPLACE (
                    CASE WHEN row_number() OVER (PARTITION BY product_id ORDER BY imported_at) = 1
                        THEN DATE '\(Self.beginning)' ELSE valid_from END AS valid_from)
                FROM (\(try rows(of: table)))))
        WHERE next_from IS NULL OR valid_from < next_from
        """
    }

    private func stage(_ list: ProductList) throws {
        try connection.execute(
            """
            CREATE OR REPLACE TEMP TABLE staged_products
                (product_id VARCHAR, name VARCHAR, category VARCHAR, brand VARCHAR)
            """)
        func literal(_ text: String?) -> String { text.map(SQL.literal) ?? "NULL" }
        for start in stride(from: 0, to: list.products.count, by: Self.rowsPerStatement) {
            let values = list.products[start..<min(start + Self.rowsPerStatement, list.products.count)].map {
                "(\(SQL.literal($0.id)), \(literal($0.name)), \(literal($0.category)), \(literal($0.brand)))"
            }
            try connection.execute("INSERT INTO staged_products VALUES \(values.joined(separator: ", "))")
        }
    }

    // MARK: - Reading

    /// Everything that was said of a product and held, in the order of days.
    public func history(of product: String) throws -> [Version] {
        guard try exists() else { return [] }
        let table = try catalog.loadTable(Self.identifier)
        let rows = try connection.query(
            """
            SELECT product_id, name, category, brand, CAST(valid_from AS VARCHAR), CAST(next_from AS VARCHAR), source,
                strftime(imported_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')
            FROM (\(try versions(table))) WHERE product_id = \(SQL.literal(product)) ORDER BY valid_from
            """
        ).rows
        return rows.map { row in
            Version(
                productID: row[0].text, name: row[1].string, category: row[2].string, brand: row[3].string,
                validFrom: row[4].text == Self.beginning ? nil : row[4].text, validTo: row[5].string,
                source: row[6].text,
                importedAt: row[7].text)
        }
    }

    /// The categories of now, those of most products first.
    public func categories() throws -> [CategoryCount] {
        guard try exists() else { return [] }
        let table = try catalog.loadTable(Self.identifier)
        let rows = try connection.query(
            """
            SELECT category, count(*) FROM (\(try versions(table))) WHERE next_from IS NULL GROUP BY ALL
            ORDER BY 2 DESC, 1 LIMIT \(Self.categoriesMax)
            """
        ).rows
        return rows.map { CategoryCount(category: $0[0].string, products: Int($0[1].integer ?? 0)) }
    }

    /// When the last list with news was taken in, and where it is from; nil before the first.
    public func lastImport() throws -> (at: String, source: String)? {
        guard try exists() else { return nil }
        let table = try catalog.loadTable(Self.identifier)
        let row = try connection.query(
            """
            SELECT strftime(max(imported_at) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ'), arg_max(source, imported_at)
            FROM (\(try rows(of: table)))
            """
        ).rows.first
        guard let at = row?[0].string, let source = row?[1].string else { return nil }
        return (at, source)
    }
}
