/// Renders nodes in a context.
struct TemplateRenderer {
    private(set) var output = ""
    private let context: TemplateContext
    private let file: String
    private let callDepth: Int
    private let rounds: Rounds

    /// Rounds of loops so far, over all macros.
    private final class Rounds {
        var count = 0
    }

    /// What `return` throws: it ends a macro with a value.
    private struct Returned: Error {
        let value: TemplateValue
    }

    init(_ context: TemplateContext, file: String) {
        self.init(context, file: file, callDepth: 0, rounds: Rounds())
    }

    private init(_ context: TemplateContext, file: String, callDepth: Int, rounds: Rounds) {
        self.context = context
        self.file = file
        self.callDepth = callDepth
        self.rounds = rounds
    }

    mutating func render(_ nodes: [TemplateNode], _ scope: inout [String: TemplateValue]) throws {
        for node in nodes {
            switch node {
            case .text(let text): output += text
            case .output(let expression, let line):
                output += try located(line) { try value(expression, scope).text }
            case .condition(let branches, let line):
                for branch in branches {
                    guard try branch.when.map({ when in try located(line) { try value(when, scope).isTrue } }) ?? true
                    else { continue }
                    try render(branch.then, &scope)
                    break
                }
            case .loop(let names, let items, let body, let otherwise, let line):
                try loop(names, try located(line) { try value(items, scope) }, body, otherwise, &scope, line)
            case .set(let name, let expression, let line):
                scope[name] = try located(line) { try value(expression, scope) }
            case .setBlock(let name, let body):
                let before = output
                output = ""
                try render(body, &scope)
                scope[name] = .string(output)
                output = before
            }
            guard output.utf8.count <= Template.outputMax else { throw failure("it renders to too much text", 0) }
        }
    }

    private mutating func loop(
        _ names: [String], _ items: TemplateValue, _ body: [TemplateNode], _ otherwise: [TemplateNode],
        _ scope: inout [String: TemplateValue], _ line: Int
    ) throws {
        guard let values = items.list ?? items.dictionary.map({ $0.keys.sorted().map(TemplateValue.string) }) else {
            throw failure("for needs a list, and this is \(items.kind)", line)
        }
        for (index, item) in values.enumerated() {
            rounds.count += 1
            guard rounds.count <= Template.roundsMax else {
                throw failure("its loops go on for more than \(Template.roundsMax) rounds", line)
            }
            var inner = scope
            if names.count == 1 {
                inner[names[0]] = item
            } else {
                guard let parts = item.list, parts.count == names.count else {
                    throw failure("for takes items of \(names.count) parts", line)
                }
                for (name, part) in zip(names, parts) { inner[name] = part }
            }
            inner["loop"] = .dictionary([
                "first": .bool(index == 0), "last": .bool(index == values.count - 1), "index": .number(index + 1),
                "index0": .number(index), "length": .number(values.count),
            ])
            try render(body, &inner)
        }
        if values.isEmpty { try render(otherwise, &scope) }
    }

    // MARK: - Expressions

    private func value(_ expression: TemplateExpression, _ scope: [String: TemplateValue]) throws -> TemplateValue {
        switch expression {
        case .value(let value): return value
        case .name(let name):
            guard let value = scope[name] ?? context.names[name] else {
                throw ModelError(.project, "\(name) is not defined")
            }
            return value
        case .attribute(let inner, let name): return try attribute(try value(inner, scope), name)
        case .index(let inner, let key): return try item(try value(inner, scope), try value(key, scope))
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
        case .conditional(let then, let when, let otherwise):
            if try value(when, scope).isTrue { return try value(then, scope) }
            return try otherwise.map { try value($0, scope) } ?? .string("")
        case .compared(let left, let word, let right):
            return .bool(try TemplateOperators.compare(try value(left, scope), word, try value(right, scope)))
        case .computed(let left, let sign, let right):
            return try TemplateOperators.compute(try value(left, scope), sign, try value(right, scope))
        case .isDefined(let inner):
            guard case .name(let name) = inner else { return .bool(true) }
            return .bool(scope[name] != nil || context.names[name] != nil || context.macros[name] != nil)
        case .isNone(let inner): return .bool(try value(inner, scope) == .none)
        case .filter(let inner, let name, let plain):
            return try TemplateFilters.apply(name, to: try value(inner, scope), try plain.map { try value($0, scope) })
        case .call(let callee, let plain, let named):
            return try call(
                callee, try plain.map { try value($0, scope) }, try named.mapValues { try value($0, scope) }, scope)
        }
    }

    private func attribute(_ value: TemplateValue, _ name: String) throws -> TemplateValue {
        if let field = value.dictionary?[name] { return field }
        // A relation stands as its text, `"gold"."daily_sales"`.
        if let text = value.string, ["schema", "identifier", "name", "table"].contains(name) {
            let parts = text.split(separator: "\".\"").map { $0.filter { $0 != "\"" } }
            if parts.count == 2 { return .string(name == "schema" ? parts[0] : parts[1]) }
        }
        throw ModelError(.project, "there is no .\(name) of \(value.kind)")
    }

    private func item(_ value: TemplateValue, _ key: TemplateValue) throws -> TemplateValue {
        if let fields = value.dictionary, let name = key.string {
            guard let field = fields[name] else { throw ModelError(.project, "there is no ['\(name)']") }
            return field
        }
        if let values = value.list, let number = key.number {
            let place = number < 0 ? values.count + number : number
            guard values.indices.contains(place) else {
                throw ModelError(.project, "there is no [\(number)] of \(values.count) items")
            }
            return values[place]
        }
        throw ModelError(.project, "\(value.kind) has no item by \(key.kind)")
    }

    private func call(
        _ callee: TemplateExpression, _ plain: [TemplateValue], _ named: [String: TemplateValue],
        _ scope: [String: TemplateValue]
    ) throws -> TemplateValue {
        switch callee {
        case .name("return"): throw Returned(value: plain.first ?? .none)
        case .name("log"), .name("print"): return .string("")
        case .name(let name):
            if case .macro(let held)? = scope[name] { return try expand(held, plain, named) }
            if let result = try context.call(name, plain, named) { return result }
            return try expand(name, plain, named)
        case .attribute(.name(let space), let name) where scope[space] == nil && context.names[space] == nil:
            return try call(space, name, plain, named)
        case .attribute(let inner, let name):
            return try TemplateFilters.method(name, of: try value(inner, scope), plain)
        case .call(let inner, let innerPlain, let innerNamed):
            let made = try call(
                inner, try innerPlain.map { try value($0, scope) }, try innerNamed.mapValues { try value($0, scope) },
                scope)
            guard case .macro(let name) = made else { throw ModelError(.project, "\(made.kind) cannot be called") }
            return try expand(name, plain, named)
        default: throw ModelError(.project, "this cannot be called")
        }
    }

    /// `space.name(…)`.
    private func call(
        _ space: String, _ name: String, _ plain: [TemplateValue], _ named: [String: TemplateValue]
    ) throws -> TemplateValue {
        if let result = try context.call("\(space).\(name)", plain, named) { return result }
        switch (space, name) {
        case ("adapter", "dispatch"):
            guard let wanted = plain.first?.string else { throw ModelError(.project, "adapter.dispatch needs a name") }
            let names = ["\(TemplateContext.adapter)__\(wanted)", "default__\(wanted)"]
            guard let found = names.first(where: { context.macros[$0] != nil }) else {
                throw ModelError(.project, "there is no macro \(names.joined(separator: " or ")) to dispatch to")
            }
            return .macro(found)
        case ("exceptions", "raise_compiler_error"):
            throw ModelError(.project, plain.first?.text ?? "the project raised an error")
        case ("dbt", _):
            guard let sql = try CrossDatabase.sql(name, plain, named) else {
                throw ModelError(
                    .project, "dbt.\(name) is not supported; of dbt's own macros there are \(CrossDatabase.names)")
            }
            return .string(sql)
        default:
            // The project's own macros may be called by its name.
            guard context.macros[name] != nil else {
                throw ModelError(.project, "\(space).\(name) is not supported")
            }
            return try expand(name, plain, named)
        }
    }

    private func expand(
        _ name: String, _ plain: [TemplateValue], _ named: [String: TemplateValue]
    ) throws -> TemplateValue {
        guard let macro = context.macros[name] else {
            throw ModelError(.project, "there is no function or macro \(name)")
        }
        guard callDepth < Template.callDepthMax else {
            throw ModelError(.project, "the macro \(macro.name) calls itself without end")
        }
        guard plain.count <= macro.parameters.count else {
            throw ModelError(.project, "the macro \(macro.name) takes \(macro.parameters.count) values")
        }
        if let unknown = named.keys.sorted().first(where: { key in !macro.parameters.contains { $0.name == key } }) {
            throw ModelError(.project, "the macro \(macro.name) has no parameter \(unknown)")
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
        var renderer = TemplateRenderer(context, file: macro.file, callDepth: callDepth + 1, rounds: rounds)
        do {
            try renderer.render(macro.body, &scope)
        } catch let returned as Returned {
            return returned.value
        }
        return .string(renderer.output)
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
