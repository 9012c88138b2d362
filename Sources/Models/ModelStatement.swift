import Engine

/// A model's statement for the engine: the template with every name put in.
struct ModelStatement {
    let project: ModelProject
    let model: Model
    let variables: [String: TemplateValue]
    /// The relation that the model's own table is read from; nil for the table's own.
    var this: String?

    /// Names a table in statements.
    static func relation(_ table: String) -> String {
        table.split(separator: ".", maxSplits: 1).map { SQL.identifier(String($0)) }.joined(separator: ".")
    }

    /// Names the rows of a table that the model has not read.
    static func newRows(_ table: String) -> String { relation(table + " (new)") }

    /// The tables it reads, through ephemeral models too, and those of its rebuild days.
    var inputs: [String] {
        var tables: Set<String> = []
        func add(_ model: Model) {
            tables.formUnion(model.sources)
            for name in model.references { if let other = project.model(name) { visit(other) } }
        }
        func visit(_ other: Model) {
            if other.materialization == .ephemeral { add(other) } else { tables.insert(other.table) }
        }
        add(model)
        if let days = model.rebuildDays.flatMap(project.model) { visit(days) }
        tables.remove(model.table)
        return tables.sorted()
    }

    /// The statement that makes the whole table, or, with days, what changes in it.
    func sql(isIncremental: Bool, days: Set<String> = []) throws -> String {
        try render(model, isIncremental, Self.sql(of: days), depth: 0)
    }

    /// The statement that gives the business days to rebuild when `days` were touched.
    func rebuildDaysSQL(_ days: Set<String>) throws -> String? {
        guard let name = model.rebuildDays, let source = project.model(name) else { return nil }
        return try render(source, true, Self.sql(of: days), depth: 0)
    }

    /// Names what the statement says, whatever the days.
    func definition() throws -> String {
        var texts = [
            try render(model, false, "?", depth: 0), try render(model, true, "?", depth: 0),
            try rebuildDaysSQL([]) ?? "",
        ]
        texts = texts.map(StatementText.essence)
        return ModelCoverage.name(
            of: (texts + ["\(model.partitioning)", model.fingerprint]).joined(separator: "\u{0}"))
    }

    static func sql(of days: Set<String>) -> String {
        days.isEmpty ? "cast(null as date)" : days.sorted().map { "date \(SQL.literal($0))" }.joined(separator: ", ")
    }

    private func render(_ rendered: Model, _ isIncremental: Bool, _ days: String, depth: Int) throws -> String {
        guard depth <= Template.callDepthMax else { throw ModelError(.project, "\(rendered.name) includes itself") }
        var values = variables
        values["touched_days"] = .string(days)
        let context = TemplateContext(
            // A model's `this` is its own table, also in the model that gives its rebuild days.
            macros: project.macros,
            names: ["this": .string(this ?? Self.relation(model.table))],
            call: { name, plain, _ in
                switch name {
                case "config": return .string("")
                case "is_incremental": return .bool(isIncremental)
                case "var": return try TemplateContext.variable(plain, values)
                case "source":
                    return .string(Self.relation(plain.map(\.text).joined(separator: ".")))
                case "ref":
                    guard let other = plain.last?.string.flatMap(project.model) else { return nil }
                    guard other.materialization == .ephemeral else { return .string(Self.relation(other.table)) }
                    return .string("(\n" + (try render(other, isIncremental, days, depth: depth + 1)) + "\n)")
                case "new_rows":
                    guard let relation = plain.first?.string else { return nil }
                    guard isIncremental, let table = inputs.first(where: { Self.relation($0) == relation }) else {
                        return .string(relation)
                    }
                    return .string(Self.newRows(table))
                default: return nil
                }
            })
        return try rendered.template.render(context)
    }
}
