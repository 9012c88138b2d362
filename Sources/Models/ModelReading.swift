/// What a template says about itself when it is rendered: its config, and what it reads in any of its branches.
struct ModelReading {
    private(set) var config: [String: TemplateValue] = [:]
    private(set) var references: [String] = []
    private(set) var sources: [String] = []

    init(
        _ template: Template, macros: [String: TemplateMacro], variables: [String: TemplateValue],
        names: [String: TemplateValue] = [:]
    ) throws {
        let found = try Self.found(macros, variables, names) { _ = try template.render($0) }
        config = found.config
        references = found.references
        sources = found.sources
    }

    /// What a macro reads when it is called with these values.
    init(
        macro: String, _ arguments: [String: TemplateValue], macros: [String: TemplateMacro],
        variables: [String: TemplateValue]
    ) throws {
        let found = try Self.found(macros, variables, [:]) { _ = try Template.call(macro, arguments, $0) }
        references = found.references
        sources = found.sources
    }

    private static func found(
        _ macros: [String: TemplateMacro], _ variables: [String: TemplateValue], _ names: [String: TemplateValue],
        _ render: (TemplateContext) throws -> Void
    ) throws -> Found {
        let found = Found()
        var names = names
        names["this"] = .string(ModelStatement.relation("this.this"))
        // Both ways, so that what only an incremental run reads is known too.
        for isIncremental in [false, true] {
            let context = TemplateContext(
                macros: macros, names: names,
                call: { name, plain, named in
                    switch name {
                    case "config":
                        found.config = named
                        return .string("")
                    case "ref":
                        guard let model = plain.last?.string else { throw ModelError(.project, "ref needs a name") }
                        if !found.references.contains(model) { found.references.append(model) }
                        return .string(ModelStatement.relation("ref." + model))
                    case "source":
                        guard plain.count == 2, let schema = plain[0].string, let table = plain[1].string else {
                            throw ModelError(.project, "source needs two names")
                        }
                        let source = schema + "." + table
                        if !found.sources.contains(source) { found.sources.append(source) }
                        return .string(ModelStatement.relation(source))
                    case "is_incremental": return .bool(isIncremental)
                    case "new_rows": return plain.first ?? TemplateValue.none
                    case "var": return try TemplateContext.variable(plain, variables)
                    default: return nil
                    }
                })
            try render(context)
        }
        return found
    }

    private final class Found {
        var config: [String: TemplateValue] = [:]
        var references: [String] = []
        var sources: [String] = []
    }
}

extension TemplateContext {
    /// `var('name')` or `var('name', default)`.
    static func variable(
        _ plain: [TemplateValue], _ variables: [String: TemplateValue]
    ) throws -> TemplateValue {
        guard let name = plain.first?.string else { throw ModelError(.project, "var needs a name") }
        if let value = variables[name] { return value }
        guard plain.count > 1 else {
            throw ModelError(.project, "the variable \(name) is not set: give it in dbt_project.yml or to the run")
        }
        return plain[1]
    }
}
