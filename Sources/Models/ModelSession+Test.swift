import Engine

extension ModelSession {
    /// Runs a test.
    func run(_ test: ModelTest) throws -> TestReport.Outcome {
        let failures = try located(test.name) {
            for table in try tables(of: test) { try show(table) }
            return Int(try connection.query(try countSQL(test)).first?.integer ?? 0)
        }
        let status: TestReport.Status =
            if test.severity == .error, test.errorIf.holds(failures) {
                .failed
            } else {
                test.warnIf.holds(failures) ? .warned : .passed
            }
        return TestReport.Outcome(name: test.name, failures: failures, status: status, place: test.place)
    }

    /// A statement that counts the rows, or values, that fail a test.
    func countSQL(_ test: ModelTest) throws -> String {
        var table = test.table.map(ModelStatement.relation) ?? ""
        if let filter = test.filter { table = "(SELECT * FROM \(table) WHERE \(filter)) AS filtered" }
        let column = test.column.map(SQL.identifier) ?? ""
        switch test.kind {
        case .notNull: return "SELECT count(*) FROM \(table) WHERE \(column) IS NULL"
        case .unique:
            return """
                SELECT count(*) FROM (
                    SELECT \(column) FROM \(table) WHERE \(column) IS NOT NULL GROUP BY 1 HAVING count(*) > 1)
                """
        case .acceptedValues(let values):
            let list = values.map(SQL.literal).joined(separator: ", ")
            return "SELECT count(*) FROM \(table) WHERE CAST(\(column) AS VARCHAR) NOT IN (\(list))"
        case .relationships(let to, let field):
            return """
                SELECT count(*) FROM (SELECT \(column) AS value FROM \(table)) AS here
                WHERE here.value IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM \(ModelStatement.relation(to)) AS there
                    WHERE there.\(SQL.identifier(field)) = here.value)
                """
        case .macro, .statement: return "SELECT count(*) FROM (\(try sql(test, over: table)))"
        }
    }

    /// The statement of a test that is written in SQL, which returns the rows that should not be.
    private func sql(_ test: ModelTest, over table: String) throws -> String {
        switch test.kind {
        case .statement(let template): return try template.render(context)
        case .macro(let name, var arguments):
            arguments["model"] = .string(test.filter == nil ? table : "(SELECT * FROM \(table))")
            return try Template.call(name, try arguments.mapValues(relation), context)
        default: return ""
        }
    }

    /// An argument of a test: what `ref('…')` and `source('…', '…')` stand for, anything else as it is.
    private func relation(_ value: TemplateValue) throws -> TemplateValue {
        switch value.string.flatMap(NamedRelation.init) {
        case .model(let name): .string(ModelStatement.relation(project.model(name)?.table ?? name))
        case .source(let table): .string(ModelStatement.relation(table))
        case nil: value
        }
    }

    /// The names that the SQL of tests may use.
    private var context: TemplateContext {
        TemplateContext(
            macros: project.macros, names: [:],
            call: { [project, variables] name, plain, _ in
                switch name {
                case "config": return .string("")
                case "var": return try TemplateContext.variable(plain, variables)
                case "is_incremental": return .bool(false)
                case "ref":
                    guard let model = plain.last?.string.flatMap(project.model) else { return nil }
                    guard model.materialization == .ephemeral else {
                        return .string(ModelStatement.relation(model.table))
                    }
                    let statement = ModelStatement(project: project, model: model, variables: variables)
                    return .string("(\n" + (try statement.sql(isIncremental: false)) + "\n)")
                case "source": return .string(ModelStatement.relation(plain.map(\.text).joined(separator: ".")))
                default: return nil
                }
            })
    }

    /// The tables that a test reads, through ephemeral models, too.
    func tables(of test: ModelTest) throws -> [String] {
        var tables = Set(test.sources)
        for name in test.references {
            guard let model = project.model(name) else { continue }
            if model.materialization == .ephemeral {
                tables.formUnion(ModelStatement(project: project, model: model, variables: variables).inputs)
            } else {
                tables.insert(model.table)
            }
        }
        return tables.sorted()
    }
}
