/// A file of the dbt project as a template, in the part of Jinja and of dbt's functions that models are written in.
///
/// Understood are
/// - `{{ expression }}`, `{# comments #}` and `-` for trimming;
/// - `{% if %} {% elif %} {% else %} {% endif %}`; `{% for x in list %}`, also `for key, value in d.items()`, with
///   `{% else %}` and `loop.first`, `loop.last`, `loop.index`, `loop.index0`, `loop.length`; `{% set x = … %}` and
///   `{% set x %} {% endset %}`;
/// - `{% macro name(a, b='x') %}` and `{% test name(model, column_name) %}` in the project's macros, and `return(…)`;
/// - strings, whole numbers, `true`, `false`, `none`, lists, tuples, dictionaries, `x[0]`, `x.name`, calls, filters
///   (`TemplateFilters`), `not`, `and`, `or`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, `is none`, `is defined`,
///   `+`, `-`, `*`, `//`, `%`, `~`, and `a if c else b`;
/// - of dbt: config, ref, source, this, var, is_incremental, execute, target, adapter.dispatch, exceptions.raise_compiler_error,
///   log, and the macros for all databases as `dbt.date_trunc` and so on (`CrossDatabase`).
///
/// Everything else (`do`, `call`, imports, run_query, env_var…) is refused by name with file and line, so that nothing is left
/// out in silence.
struct Template: Sendable {
    /// Most characters that a template may render to.
    static let outputMax = 8 << 20
    /// Deepest nesting of macro calls.
    static let callDepthMax = 32
    /// Most rounds of all loops of one rendering.
    static let roundsMax = 100_000

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
        var scope: [String: TemplateValue] = [:]
        try renderer.render(nodes, &scope)
        return renderer.output
    }

    /// The text of a macro called with values by name.
    static func call(
        _ macro: String, _ arguments: [String: TemplateValue], _ context: TemplateContext
    ) throws -> String {
        let given = arguments.mapValues(TemplateExpression.value)
        var renderer = TemplateRenderer(context, file: context.macros[macro]?.file ?? macro)
        var scope: [String: TemplateValue] = [:]
        try renderer.render([.output(.call(.name(macro), [], named: given), line: 0)], &scope)
        return renderer.output
    }
}

/// What the names and functions of a template stand for.
struct TemplateContext {
    /// The project's macros by name.
    var macros: [String: TemplateMacro]
    /// Names that stand for values.
    var names: [String: TemplateValue]
    /// Built-in functions: nil when there is none of that name. They come before macros. A function of a namespace is called
    /// by both names, `config.get`.
    var call: (_ name: String, _ plain: [TemplateValue], _ named: [String: TemplateValue]) throws -> TemplateValue?

    /// The engine that the templates are rendered for, as dbt names it.
    static let adapter = "duckdb"

    init(
        macros: [String: TemplateMacro], names: [String: TemplateValue],
        call:
            @escaping (_ name: String, _ plain: [TemplateValue], _ named: [String: TemplateValue]) throws
            -> TemplateValue?
    ) {
        self.macros = macros
        self.names = names
        self.names["execute"] = .bool(true)
        self.names["target"] = .dictionary([
            "type": .string(Self.adapter), "name": .string("cartograph"), "schema": .string("gold"),
            "database": .string("cartograph"), "profile_name": .string("cartograph"), "threads": .number(1),
        ])
        self.call = call
    }
}
