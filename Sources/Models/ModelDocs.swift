public import Iceberg

/// The project's documentation: every source, model, seed and exposure with its description, grain, columns, types, tests and
/// lineage, as one page.
public struct ModelDocs: Sendable {
    /// A column as it is shown.
    struct ColumnRow: Sendable {
        let name: String
        let type: String
        let description: String
        let tests: [String]
    }

    /// What is shown of one of them.
    struct Section: Sendable {
        let title: String
        let kind: String
        let place: String
        let description: String
        /// Short facts: materialization, partitioning, grain, tags.
        let facts: [(name: String, value: String)]
        let reads: [String]
        let readBy: [String]
        let columns: [ColumnRow]
        /// Tests that are not of one column.
        let tests: [String]
    }

    let name: String
    let sections: [Section]
    let lineage: Lineage

    /// - Parameters:
    ///   - catalog: where the tables are, for the types that their columns have; nil to leave them out.
    ///   - selection: what is shown.
    public init(_ project: ModelProject, _ selection: ModelSelection = .all, catalog: (any Catalog)? = nil) throws {
        name = project.name
        lineage = try Lineage(project, selection)
        let whole = try Lineage(project)
        sections = try lineage.nodes.map { entry in
            var types: [(name: String, type: String)] = []
            if let catalog, let identifier = try? TableIdentifier(parsing: entry.table), entry.kind != "exposure",
                try catalog.tableExists(identifier)
            {
                types = try catalog.loadTable(identifier).schema.fields.map { ($0.name, "\($0.type)") }
            }
            return Self.section(entry, project, whole, types)
        }
    }

    private static func section(
        _ entry: Lineage.Entry, _ project: ModelProject, _ lineage: Lineage, _ types: [(name: String, type: String)]
    ) -> Section {
        let tests = project.tests.filter { $0.table == entry.table }
        func words(_ column: String?) -> [String] {
            tests.filter { $0.column == column }.map { $0.word + ($0.severity == .warn ? " (warning)" : "") }
        }
        var facts: [(name: String, value: String)] = []
        var described: [ModelColumn] = []
        if let model = project.model(entry.name), entry.kind != "source", entry.kind != "exposure" {
            described = model.columns
            facts.append(
                ("kept as", model.onlyGrows ? "incremental, rows are only added" : model.materialization.rawValue))
            switch model.partitioning {
            case .none: break
            case .day(let column): facts.append(("partitioned by", "day of \(column)"))
            case .month(let column): facts.append(("partitioned by", "month of \(column)"))
            }
            let grain = Self.grain(of: model, tests)
            if !grain.isEmpty { facts.append(("one row per", grain.joined(separator: ", "))) }
        } else if let source = project.source(entry.table) {
            described = source.columns.map { ModelColumn(name: $0.name, description: "", type: $0.type) }
            if let rule = source.freshness {
                let limits = [
                    rule.warnAfterSeconds.map { "warning after \($0 / 60) min" },
                    rule.errorAfterSeconds.map { "error after \($0 / 60) min" },
                ].compactMap { $0 }.joined(separator: ", ")
                facts.append(("freshness", "\(rule.loadedAt): \(limits)"))
            }
        } else if let exposure = project.exposures.first(where: { $0.name == entry.name }) {
            facts += [("type", exposure.kind), ("owner", exposure.owner), ("url", exposure.url)].filter {
                !$0.1.isEmpty
            }
            for (model, columns) in exposure.columns.sorted(by: { $0.key < $1.key }) {
                facts.append(("needs of \(model)", columns.joined(separator: ", ")))
            }
        }
        if !entry.tags.isEmpty { facts.append(("tags", entry.tags.joined(separator: ", "))) }
        // In the table's order; described columns that it does not have yet come last.
        let names = types.map(\.name) + described.map(\.name).filter { name in !types.contains { $0.name == name } }
        let columns = names.map { name in
            let found = described.first { $0.name == name }
            return ColumnRow(
                name: name, type: types.first { $0.name == name }?.type ?? found?.type ?? "",
                description: found?.description ?? "", tests: words(name))
        }
        let statements = project.tests.filter { test in
            test.table == nil && test.references.contains(entry.name) && entry.kind != "source"
        }
        return Section(
            title: entry.table, kind: entry.kind, place: entry.place, description: entry.description, facts: facts,
            reads: lineage.edges.filter { $0.to == entry.table }.map(\.from),
            readBy: lineage.edges.filter { $0.from == entry.table }.map(\.to), columns: columns,
            tests: words(nil) + statements.map { "\($0.name) (\($0.place))" })
    }

    /// The columns that tell rows apart: those that the model names, or else those that a test looks at.
    private static func grain(of model: Model, _ tests: [ModelTest]) -> [String] {
        if !model.grain.isEmpty { return model.grain }
        for test in tests {
            if case .macro(_, let arguments) = test.kind, test.word.hasPrefix("unique_combination"),
                let columns = arguments["combination_of_columns"]?.texts ?? arguments["columns"]?.texts
            {
                return columns.map(\.text)
            }
        }
        return tests.first { $0.word == "unique" }?.column.map { [$0] } ?? []
    }
}
