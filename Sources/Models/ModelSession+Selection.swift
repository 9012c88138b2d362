import Engine
import Iceberg
import Lake

extension ModelSession {
    /// The nodes that a selection means; `state:` is told by the tables.
    func nodes(_ selection: ModelSelection) throws -> Set<ModelGraph.Node> {
        try selection.nodes(of: project, isModified: change)
    }

    /// Whether a model is what its table was made by.
    func change(_ model: Model) throws -> ModelChange {
        guard let snapshot = try table(model.table)?.currentSnapshot else { return .new }
        let statement = ModelStatement(project: project, model: model, variables: variables)
        return ModelCoverage(snapshot)?.definition == (try statement.definition()) ? .same : .modified
    }

    /// How old the newest row of a source is; nil where that is nobody's business, or there is no row.
    func freshness(of source: SourceTable) throws -> TestReport.Outcome? {
        guard let rule = source.freshness else { return nil }
        let name = "\(source.table): freshness"
        return try located(name) {
            try show(source.table)
            let filter = rule.filter.map { " WHERE \($0)" } ?? ""
            let sql = """
                SELECT date_diff('second', max(CAST(\(rule.loadedAt) AS timestamptz)), now())
                FROM \(ModelStatement.relation(source.table))\(filter)
                """
            guard let age = try connection.query(sql).first?.integer.map(Int.init) else { return nil }
            let (error, warning) = (rule.errorAfterSeconds ?? .max, rule.warnAfterSeconds ?? .max)
            let limit = age > error ? error : warning
            return TestReport.Outcome(
                name: name, failures: max(0, age > limit ? age - limit : 0),
                status: age > error ? .failed : (age > warning ? .warned : .passed), place: source.place)
        }
    }
}
