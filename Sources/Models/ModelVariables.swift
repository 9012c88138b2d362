import Yams

/// Values for a project's variables, as `--vars` takes them.
public struct ModelVariables: Sendable {
    let values: [String: TemplateValue]

    /// Texts by name.
    public init(_ texts: [String: String] = [:]) { values = texts.mapValues(TemplateValue.string) }

    init(_ values: [String: TemplateValue]) { self.values = values }

    /// A mapping in JSON or YAML, `{"session_gap_minutes": 45}` or `session_gap_minutes: 45`.
    /// - Throws: `ModelError` of kind `project` when it is none.
    public init(parsing text: String) throws {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw ModelError(.project, "the variables are not YAML or JSON: \(error)")
        }
        guard let node, node.mapping != nil, case .dictionary(let values) = try TemplateValue(node) else {
            throw ModelError(.project, "the variables must be names with values, such as '{\"name\": \"value\"}'")
        }
        self.values = values
    }

    /// These, and the others where these say nothing.
    public func over(_ others: ModelVariables) -> ModelVariables {
        ModelVariables(others.values.merging(values) { $1 })
    }
}

extension TemplateValue {
    /// Deepest nesting of a YAML value.
    private static let depthMax = 32

    /// A YAML value as dbt would see it. Numbers with a fraction stay as they are written.
    init(_ node: Node, depth: Int = 0) throws {
        guard depth <= Self.depthMax else { throw ModelError(.project, "a value is nested too deeply") }
        switch node {
        case .scalar(let scalar):
            guard scalar.style == .plain || scalar.style == .any else {
                self = .string(scalar.string)
                return
            }
            switch scalar.string {
            case "true", "True", "TRUE": self = .bool(true)
            case "false", "False", "FALSE": self = .bool(false)
            case "", "~", "null", "Null", "NULL": self = .none
            default: self = Int(scalar.string).map(TemplateValue.number) ?? .string(scalar.string)
            }
        case .sequence(let items): self = .list(try items.map { try TemplateValue($0, depth: depth + 1) })
        case .mapping(let members):
            var fields: [String: TemplateValue] = [:]
            for (key, value) in members {
                guard let name = key.string else { throw ModelError(.project, "a name in a mapping is no text") }
                fields[name] = try TemplateValue(value, depth: depth + 1)
            }
            self = .dictionary(fields)
        case .alias: throw ModelError(.project, "aliases in YAML are not supported")
        }
    }
}
