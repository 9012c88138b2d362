/// A file of the dbt project as a template, in the part of Jinja that the project is written in.
///
/// Understood are `{{ expression }}`, `{% if %} {% elif %} {% else %} {% endif %}`, `{% for x in list %} {% endfor %}` with
/// `loop.first`, `loop.last`, `loop.index`, `{% macro name(a, b='x') %} {% endmacro %}` in the project's macros,
/// `{# comments #}` and `-` for trimming. Expressions are strings, whole numbers, `true`, `false`, `none`, names, lists,
/// dictionaries, calls, `not`, `and`, `or`, `==`, `!=`, `~` and `+` for joining. The functions are those of
/// `TemplateContext`: config, ref, source, this, var, is_incremental and new_rows. Filters, `set` and imports are refused
/// by name, so that nothing is left out in silence.
struct Template: Sendable {
    /// Most characters that a template may render to.
    static let outputMax = 8 << 20
    /// Deepest nesting of macro calls.
    static let callDepthMax = 32

    let nodes: [TemplateNode]
    let macros: [TemplateMacro]
    let file: String

    init(_ text: String, file: String) throws {
        var parser = try TemplateParser(text, file: file)
        nodes = try parser.nodes()
        macros = parser.macros
        self.file = file
    }

    /// The text that it stands for in a context.
    func render(_ context: TemplateContext) throws -> String {
        var renderer = TemplateRenderer(context, file: file)
        try renderer.render(nodes, [:])
        return renderer.output
    }
}

/// What the names and functions of a template stand for.
struct TemplateContext {
    /// The project's macros by name.
    var macros: [String: TemplateMacro]
    /// Names that stand for values.
    var names: [String: TemplateValue]
    /// Built-in functions: nil when there is none of that name. They come before macros.
    var call: (_ name: String, _ plain: [TemplateValue], _ named: [String: TemplateValue]) throws -> TemplateValue?
}

private struct TemplateRenderer {
    private(set) var output = ""
    private let context: TemplateContext
    private let file: String
    private var callDepth: Int

    init(_ context: TemplateContext, file: String, callDepth: Int = 0) {
        self.context = context
        self.file = file
        self.callDepth = callDepth
    }

    mutating func render(_ nodes: [TemplateNode], _ scope: [String: TemplateValue]) throws {
        for node in nodes {
            switch node {
            case .text(let text): output += text
            case .output(let expression, let line):
                output += try located(line) { try value(expression, scope).text }
            case .condition(let branches, let line):
                for branch in branches {
                    guard try branch.when.map({ when in try located(line) { try value(when, scope).isTrue } }) ?? true
                    else { continue }
                    try render(branch.then, scope)
                    break
                }
            case .loop(let name, let items, let body, let line):
                guard case .list(let values) = try located(line, { try value(items, scope) }) else {
                    throw failure("for needs a list", line)
                }
                for (index, item) in values.enumerated() {
                    var inner = scope
                    inner[name] = item
                    inner["loop"] = .dictionary([
                        "first": .bool(index == 0), "last": .bool(index == values.count - 1),
                        "index": .number(index + 1),
                    ])
                    try render(body, inner)
                }
            }
            guard output.utf8.count <= Template.outputMax else { throw failure("it renders to too much text", 0) }
        }
    }

    private func value(_ expression: TemplateExpression, _ scope: [String: TemplateValue]) throws -> TemplateValue {
        switch expression {
        case .value(let value): return value
        case .name(let name):
            guard let value = scope[name] ?? context.names[name] else {
                throw ModelError(.project, "\(name) is not defined")
            }
            return value
        case .attribute(let inner, let name):
            guard case .dictionary(let fields) = try value(inner, scope), let field = fields[name] else {
                throw ModelError(.project, "there is no .\(name)")
            }
            return field
        case .list(let items): return .list(try items.map { try value($0, scope) })
        case .dictionary(let items):
            var fields: [String: TemplateValue] = [:]
            for item in items { fields[item.key] = try value(item.value, scope) }
            return .dictionary(fields)
        case .not(let inner): return .bool(try !value(inner, scope).isTrue)
        case .and(let left, let right):
            let first = try value(left, scope)
            return first.isTrue ? try value(right, scope) : first
        case .or(let left, let right):
            let first = try value(left, scope)
            return first.isTrue ? first : try value(right, scope)
        case .equal(let left, let right): return .bool(try value(left, scope) == value(right, scope))
        case .joined(let left, let right):
            return .string(try value(left, scope).text + value(right, scope).text)
        case .call(let name, let plain, let named):
            let plain = try plain.map { try value($0, scope) }
            let named = try named.mapValues { try value($0, scope) }
            if let result = try context.call(name, plain, named) { return result }
            guard let macro = context.macros[name] else {
                throw ModelError(.project, "there is no function or macro \(name)")
            }
            return .string(try expand(macro, plain, named))
        }
    }

    private func expand(
        _ macro: TemplateMacro, _ plain: [TemplateValue], _ named: [String: TemplateValue]
    ) throws -> String {
        guard callDepth < Template.callDepthMax else {
            throw ModelError(.project, "the macro \(macro.name) calls itself without end")
        }
        guard plain.count <= macro.parameters.count else {
            throw ModelError(.project, "the macro \(macro.name) takes \(macro.parameters.count) values")
        }
        var scope: [String: TemplateValue] = [:]
        for (index, parameter) in macro.parameters.enumerated() {
            if index < plain.count {
                scope[parameter.name] = plain[index]
            } else if let given = named[parameter.name] {
                scope[parameter.name] = given
            } else if let fallback = parameter.fallback {
                scope[parameter.name] = try value(fallback, [:])
            } else {
                throw ModelError(.project, "the macro \(macro.name) needs \(parameter.name)")
            }
        }
        var renderer = TemplateRenderer(context, file: macro.file, callDepth: callDepth + 1)
        try renderer.render(macro.body, scope)
        return renderer.output
    }

    /// Puts the place in front of an error that does not have one yet.
    private func located<Result>(_ line: Int, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ModelError where !error.description.contains(".sql:") {
            throw failure(error.description, line)
        }
    }

    private func failure(_ what: String, _ line: Int) -> ModelError {
        ModelError(.project, "\(file)\(line > 0 ? ":\(line)" : ""): \(what)")
    }
}
