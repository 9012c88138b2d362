extension StarSchema {
    /// The roles: one that owns the tables and nobody logs in as, one that loads, one that reads.
    enum Role {
        static let owner = "cartograph_owner"
        static let loader = "cartograph_loader"
        static let reader = "cartograph_reader"
    }

    /// The statements that make the tables, to run as ``Role/owner`` in an empty schema.
    func ddl(_ dialect: Dialect) -> [String] {
        var statements: [String] = []
        for dimension in dimensions { statements += ddl(dimension, dialect) }
        for book in books { statements += ddl(book, dialect) }
        for fact in facts { statements += ddl(fact, dialect) }
        if dialect == .postgres { statements += partitionFunctions }
        for dimension in dimensions {
            let columns = [dimension.key] + members(of: dimension).map(\.name)
            let values = ["\(Self.unknownKey)"] + members(of: dimension).map { unknownValue($0, dimension) }
            statements.append(
                """
                INSERT INTO \(Self.qualified(dimension.name)) (\(columns.joined(separator: ", ")))\(dialect.overriding)
                VALUES (\(values.joined(separator: ", ")))
                """)
        }
        statements += grants(dialect)
        statements.append(
            "INSERT INTO \(Self.qualified("schema_version")) (version, settings) VALUES (\(Self.version), '')")
        return statements
    }

    /// All columns of a dimension but its key.
    func members(of dimension: Dimension) -> [Column] {
        [dimension.natural] + (dimension.history.map { Self.versionColumns + $0.attributes } ?? dimension.attributes)
    }

    static let versionColumns = [
        Column("valid_from", .date, "The first business day of this version."),
        Column("valid_to", .date, "The first business day after it; \(endless) while it holds."),
        Column("is_current", .boolean, "Whether it holds."),
    ]

    private func unknownValue(_ column: Column, _ dimension: Dimension) -> String {
        if column.name == dimension.natural.name { return dimension.unknown }
        switch (column.name, column.type) {
        case ("valid_from", _): return "'\(Self.ever)'"
        case ("valid_to", _): return "'\(Self.endless)'"
        case ("is_current", _): return "true"
        case _ where column.isOptional: return "NULL"
        case (_, .boolean): return "false"
        case (_, .date): return "'\(Self.ever)'"
        default: return "0"
        }
    }

    // MARK: - Tables

    private func ddl(_ dimension: Dimension, _ dialect: Dialect) -> [String] {
        let columns = members(of: dimension)
        let natural = [dimension.natural.name] + (dimension.history == nil ? [] : ["valid_from"])
        let lines =
            [dialect.identity(dimension.key, dimension.keyType)] + columns.map(dialect.column)
            + ["PRIMARY KEY (\(dimension.key))", "UNIQUE (\(natural.joined(separator: ", ")))"]
        return [table(dimension.name, lines, dialect == .redshift ? "DISTSTYLE ALL" : "")]
            + comments(dimension.name, dimension.comment, columns)
    }

    private func ddl(_ book: Book, _ dialect: Dialect) -> [String] {
        let lines =
            book.columns.map { column in
                column.name == book.identity ? dialect.identity(column.name, column.type) : dialect.column(column)
            } + ["PRIMARY KEY (\(book.primaryKey.joined(separator: ", ")))"]
            + dimensions.filter { dimension in book.columns.contains { $0.name == dimension.key } }.map {
                "FOREIGN KEY (\($0.key)) REFERENCES \(Self.qualified($0.name)) (\($0.key))"
            }
        return [table(book.name, lines, "")] + indexes(book.name, book.indexes, dialect)
            + comments(book.name, book.comment, book.columns)
    }

    private func ddl(_ fact: Fact, _ dialect: Dialect) -> [String] {
        var lines = fact.columns.map { dialect.column($0.column) }
        lines.append("PRIMARY KEY (\(fact.primaryKey.joined(separator: ", ")))")
        for (column, origin) in fact.columns {
            guard case .key(let name) = origin else { continue }
            lines.append(
                "FOREIGN KEY (\(column.name)) REFERENCES \(Self.qualified(name)) (\(dimension(name).key))")
        }
        let order =
            dialect == .postgres
            ? "PARTITION BY RANGE (business_day)" : "DISTKEY (user_key) SORTKEY (business_day)"
        return [table(fact.name, lines, order)] + indexes(fact.name, fact.indexes, dialect)
            + comments(fact.name, fact.comment, fact.columns.map(\.column))
    }

    private func table(_ name: String, _ lines: [String], _ order: String) -> String {
        "CREATE TABLE \(Self.qualified(name)) (\n    \(lines.joined(separator: ",\n    "))\n)"
            + (order.isEmpty ? "" : " \(order)")
    }

    private func indexes(_ table: String, _ columns: [String], _ dialect: Dialect) -> [String] {
        // Redshift has none.
        dialect == .redshift ? [] : columns.map { "CREATE INDEX ON \(Self.qualified(table)) (\($0))" }
    }

    private func comments(_ table: String, _ comment: String, _ columns: [Column]) -> [String] {
        func quoted(_ text: String) -> String { "'" + text.split(separator: "'").joined(separator: "''") + "'" }
        return ["COMMENT ON TABLE \(Self.qualified(table)) IS \(quoted(comment))"]
            + columns.filter { !$0.comment.isEmpty }.map {
                "COMMENT ON COLUMN \(Self.qualified(table)).\($0.name) IS \(quoted($0.comment))"
            }
    }

    // MARK: - Rights

    private func grants(_ dialect: Dialect) -> [String] {
        let (loader, reader) =
            dialect == .postgres ? (Role.loader, Role.reader) : ("ROLE \(Role.loader)", "ROLE \(Role.reader)")
        let tables = (dimensions.map(\.name) + facts.map(\.name) + books.map(\.name)).map(Self.qualified)
        let all = tables.joined(separator: ", ")
        var statements = [
            "GRANT USAGE ON SCHEMA \(Self.name) TO \(loader)", "GRANT USAGE ON SCHEMA \(Self.name) TO \(reader)",
            "GRANT SELECT ON \(all) TO \(reader)", "GRANT SELECT, INSERT, UPDATE, DELETE ON \(all) TO \(loader)",
        ]
        if dialect == .postgres {
            for name in ["make_leaf", "attach_leaf", "join_month"] {
                let function = "\(Self.qualified(name))(text, date)"
                statements += [
                    "REVOKE ALL ON FUNCTION \(function) FROM PUBLIC",
                    "GRANT EXECUTE ON FUNCTION \(function) TO \(loader)",
                ]
            }
        }
        return statements
    }
}
