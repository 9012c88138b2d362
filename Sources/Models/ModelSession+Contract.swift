import Engine
import Iceberg

extension ModelSession {
    /// Names the models' statements, and the columns of all tables as they are: while it stays, so does what a check of them
    /// finds.
    func contractName(of models: [Model]) throws -> String {
        var texts: [String] = []
        for model in models {
            let statement = ModelStatement(project: project, model: model, variables: variables)
            texts.append(model.table + " " + (try statement.definition()))
        }
        for name in project.sources.map(\.table) + project.models.map(\.table) {
            guard let table = try table(name) else { continue }
            texts.append(name + " " + table.schema.fields.map { "\($0.name) \($0.type)" }.joined(separator: ","))
        }
        return ModelCoverage.name(of: texts.joined(separator: "\u{0}"))
    }
}
