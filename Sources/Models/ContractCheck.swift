import Engine
import Iceberg
import Lake

/// Looks for columns that models, tests and exposures need and that what they read does not have, before anything is written.
///
/// Every statement is given to an engine of its own over empty tables with the columns that the tables have, or will have
/// after the run; the engine says what it misses.
struct ContractCheck {
    private let session: ModelSession
    private let engine: Connection
    private var problems: [ContractProblem] = []
    /// The columns of each table as they will be; nil where they are not known, because it cannot be made.
    private var columns: [String: [Column]?] = [:]
    private var project: ModelProject { session.project }

    init(_ session: ModelSession) throws {
        self.session = session
        engine = try DuckDB(DuckDB.Settings(threads: 1)).connect()
    }

    /// What is missing for these models; with tests and exposures, for all that are about them.
    mutating func problems(of models: [Model], withReaders: Bool) throws -> [ContractProblem] {
        for schema in Set(project.models.map(\.schema) + project.sources.map(\.schema)) {
            try engine.execute("CREATE SCHEMA IF NOT EXISTS \(SQL.identifier(schema))")
        }
        for source in project.sources { try declare(source) }
        let chosen = Set(models.map(\.name))
        for model in project.models where model.materialization != .ephemeral {
            try chosen.contains(model.name) ? check(model) : assume(model)
        }
        if withReaders {
            let tables = Set(models.map(\.table) + project.sources.map(\.table))
            for test in project.tests { try check(test, of: tables) }
            for exposure in project.exposures { check(exposure, of: chosen) }
        }
        return problems
    }

    // MARK: - Tables

    private mutating func declare(_ source: SourceTable) throws {
        guard let table = try session.table(source.table) else {
            let fields = source.columns.map { "CAST(NULL AS \($0.type)) AS \(SQL.identifier($0.name))" }
            return try make(source.table, fields)
        }
        try make(source.table, Self.fields(of: table))
    }

    /// A table that the run leaves as it is.
    private mutating func assume(_ model: Model) throws {
        if let table = try session.table(model.table) {
            try make(model.table, Self.fields(of: table))
        } else {
            // It will be missed by name, when the run comes to who reads it.
            columns[model.table] = .some(nil)
        }
    }

    private static func fields(of table: Table) -> [String] {
        table.schema.fields.map { "CAST(NULL AS \($0.type.sql)) AS \(SQL.identifier($0.name))" }
    }

    private mutating func make(_ table: String, _ fields: [String]) throws {
        let sql = "SELECT \(fields.isEmpty ? "NULL AS nothing" : fields.joined(separator: ", ")) WHERE false"
        try make(table, as: sql)
    }

    private mutating func make(_ table: String, as sql: String) throws {
        let name = ModelStatement.relation(table)
        try engine.execute("CREATE OR REPLACE TABLE \(name) AS SELECT * FROM (\(sql)) LIMIT 0")
        try engine.execute("CREATE OR REPLACE VIEW \(ModelStatement.newRows(table)) AS SELECT * FROM \(name)")
        columns[table] = try engine.columns(of: "SELECT * FROM \(name)")
    }

    // MARK: - Models

    private mutating func check(_ model: Model) throws {
        let statement = ModelStatement(project: project, model: model, variables: session.variables)
        // What cannot be made itself is told where it is missing first.
        guard statement.inputs.allSatisfy({ columns[$0] != .some(nil) }) else {
            columns[model.table] = .some(nil)
            return
        }
        do {
            try make(model.table, as: try statement.sql(isIncremental: false))
            if model.materialization == .incremental {
                let days: Set<String> = ["2026-01-01"]
                _ = try engine.columns(of: try statement.sql(isIncremental: true, days: days))
                if let sql = try statement.rebuildDaysSQL(days) { _ = try engine.columns(of: sql) }
            }
        } catch let error as EngineError {
            return try missing(model, statement, error)
        }
        checkColumns(of: model)
    }

    private mutating func missing(_ model: Model, _ statement: ModelStatement, _ error: EngineError) throws {
        columns[model.table] = .some(nil)
        let column = Self.columnName(in: error.message)
        let behind = ModelGraph(project).descendants(of: [.model(model.name)]).compactMap { node -> String? in
            switch node {
            case .model(let name): project.model(name)?.table
            case .exposure(let name): "the exposure \(name)"
            default: nil
            }
        }.sorted()
        let lost = try column.flatMap { column in
            try statement.inputs.first { input in
                try had(input, column) && columns[input]??.contains { $0.name == column } == false
            }
        }
        let what =
            if let lost, let column {
                "\(model.table) (\(model.file)) needs the column \(column) of \(lost), which \(lost) does not have"
            } else {
                "\(model.table) (\(model.file)) cannot be made: \(Self.firstLine(error.message))"
            }
        let who = behind.isEmpty ? "" : "; behind it are \(behind.joined(separator: ", "))"
        problems.append(
            ContractProblem(
                table: lost ?? model.table, column: column, neededBy: [model.table] + behind,
                description: what + who + "." + (lost == nil ? "" : " Bring the column back, or change who needs it.")))
    }

    /// Whether a table had a column, or is said to have it.
    private func had(_ table: String, _ column: String) throws -> Bool {
        if let source = project.source(table), source.columns.contains(where: { $0.name == column }) { return true }
        let model = project.models.first { $0.table == table }
        if model?.columns.contains(where: { $0.name == column }) == true { return true }
        return try session.table(table)?.schema.fields.contains { $0.name == column } ?? false
    }

    /// Columns that yml files, tests and exposures name, and their types where a contract is enforced.
    private mutating func checkColumns(of model: Model) {
        guard case .some(.some(let made)) = columns[model.table] else { return }
        for column in model.grain where !made.contains(where: { $0.name == column }) {
            problems.append(
                ContractProblem(
                    table: model.table, column: column, neededBy: ["its grain"],
                    description: "\(model.table) has no column \(column), which its grain names."))
        }
        guard model.hasContract else { return }
        for column in model.columns {
            let found = made.first { $0.name == column.name }?.type
            let wanted = column.type.flatMap {
                try? engine.columns(of: "SELECT CAST(NULL AS \($0)) AS wanted").first?.type
            }
            guard found == nil || found != wanted else { continue }
            problems.append(
                ContractProblem(
                    table: model.table, column: column.name, neededBy: ["its contract"],
                    description:
                        "\(model.table): its contract says that \(column.name) is \(column.type ?? "?"), and it "
                        + (found == nil ? "is not there." : "is \(typeName(of: column.name, in: model.table)).")))
        }
    }

    /// The engine's name for a column's type.
    private func typeName(of column: String, in table: String) -> String {
        let sql = "DESCRIBE SELECT \(SQL.identifier(column)) FROM \(ModelStatement.relation(table))"
        return (try? engine.query(sql).rows.first?[1].text) ?? "another one"
    }

    // MARK: - Who reads them

    private mutating func check(_ test: ModelTest, of tables: Set<String>) throws {
        let read = try session.tables(of: test)
        guard read.contains(where: tables.contains),
            read.allSatisfy({ columns[$0] != nil && columns[$0] != .some(nil) })
        else { return }
        do {
            _ = try engine.columns(of: try session.countSQL(test))
        } catch let error as EngineError {
            let column = Self.columnName(in: error.message) ?? test.column
            let table = test.table ?? read.joined(separator: ", ")
            problems.append(
                ContractProblem(
                    table: table, column: column, neededBy: ["the test \(test.name)"],
                    description: "the test \(test.name) (\(test.place)) needs "
                        + (column.map { "the column \($0) of \(table), which is not there." }
                            ?? "what is not there: \(Self.firstLine(error.message))")))
        }
    }

    private mutating func check(_ exposure: Exposure, of models: Set<String>) {
        for (name, needed) in exposure.columns.sorted(by: { $0.key < $1.key }) where models.contains(name) {
            guard let table = project.model(name)?.table, case .some(.some(let made)) = columns[table] else { continue }
            for column in needed where !made.contains(where: { $0.name == column }) {
                let owner = exposure.owner.isEmpty ? "" : " of \(exposure.owner)"
                problems.append(
                    ContractProblem(
                        table: table, column: column, neededBy: ["the exposure \(exposure.name)"],
                        description:
                            "the exposure \(exposure.name)\(owner) (\(exposure.place)) needs the column \(column) of "
                            + "\(table), which is not there."))
            }
        }
    }

    // MARK: - The engine's words

    /// The column that a message of the engine is about.
    private static func columnName(in message: String) -> String? {
        for pattern in [#/eferenced column "([^"]+)" not found/#, #/does not have a column named "([^"]+)"/#] {
            if let match = message.firstMatch(of: pattern) { return String(match.1) }
        }
        return nil
    }

    private static func firstLine(_ message: String) -> String {
        String(message.split(separator: "\n").first ?? "")
    }
}
