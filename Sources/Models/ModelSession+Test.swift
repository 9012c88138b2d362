import Engine

extension ModelSession {
    /// Runs the tests that schema.yml has for a model.
    func test(_ model: Model) throws -> [TestReport.Outcome] {
        var outcomes: [TestReport.Outcome] = []
        for column in model.columns {
            for test in column.tests {
                try show(model.table)
                let sql = try failures(test, ModelStatement.relation(model.table), SQL.identifier(column.name))
                let name = "\(model.table).\(column.name): \(test.name)"
                outcomes.append(try outcome(name, sql))
            }
        }
        return outcomes
    }

    /// Runs the statements of the test path.
    func testStatements() throws -> [TestReport.Outcome] {
        try project.statementTests.map { name, template in
            var tables: Set<String> = []
            let context = TemplateContext(
                macros: project.macros, names: [:],
                call: { [project, variables] name, plain, _ in
                    switch name {
                    case "config": return TemplateValue.none
                    case "var": return try TemplateContext.variable(plain, variables)
                    case "ref":
                        guard let model = plain.last?.string.flatMap(project.model) else { return nil }
                        tables.insert(model.table)
                        return .string(ModelStatement.relation(model.table))
                    case "source":
                        let table = plain.map(\.text).joined(separator: ".")
                        tables.insert(table)
                        return .string(ModelStatement.relation(table))
                    default: return nil
                    }
                })
            let sql = try template.render(context)
            for table in tables.sorted() { try show(table) }
            return try outcome(name, "SELECT count(*) FROM (\(sql))")
        }
    }

    private func outcome(_ name: String, _ sql: String) throws -> TestReport.Outcome {
        try located(name) {
            TestReport.Outcome(name: name, failures: Int(try connection.query(sql).first?.integer ?? 0))
        }
    }

    /// A statement that counts the rows, or values, that fail a test.
    private func failures(_ test: ColumnTest, _ table: String, _ column: String) throws -> String {
        switch test {
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
            guard let other = project.model(to) else {
                throw ModelError(.project, "a relationships test refers to the model \(to), which does not exist")
            }
            try show(other.table)
            return """
                SELECT count(*) FROM \(table) AS here WHERE here.\(column) IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM \(ModelStatement.relation(other.table)) AS there
                    WHERE there.\(SQL.identifier(field)) = here.\(column))
                """
        }
    }
}
