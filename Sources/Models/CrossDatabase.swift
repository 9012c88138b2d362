/// dbt's macros for what databases say differently, as dbt-duckdb writes them, so that a model means the same natively and in
/// dbt (`dbt.date_trunc('month', 'business_day')`).
enum CrossDatabase {
    /// A call's values by the names that dbt gives them.
    private struct Arguments {
        let values: [String: TemplateValue]

        init(_ macro: Macro, _ name: String, _ plain: [TemplateValue], _ named: [String: TemplateValue]) throws {
            guard plain.count <= macro.parameters.count else {
                throw ModelError(.project, "dbt.\(name) takes \(macro.parameters.count) values")
            }
            var values = named
            for (parameter, value) in zip(macro.parameters, plain) { values[parameter] = value }
            for parameter in macro.parameters.prefix(macro.required) where values[parameter] == nil {
                throw ModelError(.project, "dbt.\(name) needs \(parameter)")
            }
            if let unknown = named.keys.sorted().first(where: { !macro.parameters.contains($0) }) {
                throw ModelError(.project, "dbt.\(name) has no parameter \(unknown)")
            }
            self.values = values
        }

        subscript(name: String) -> String { values[name]?.text ?? "" }
    }

    private struct Macro {
        let parameters: [String]
        let required: Int
        let sql: @Sendable (Arguments) throws -> String

        init(
            _ parameters: [String], required: Int? = nil, _ sql: @escaping @Sendable (Arguments) throws -> String
        ) {
            self.parameters = parameters
            self.required = required ?? parameters.count
            self.sql = sql
        }
    }

    /// Their names, for errors.
    static var names: String { macros.keys.sorted().joined(separator: ", ") }

    /// The SQL that a call stands for; nil when there is no such macro.
    static func sql(_ name: String, _ plain: [TemplateValue], _ named: [String: TemplateValue]) throws -> String? {
        guard let macro = macros[name] else { return nil }
        return try macro.sql(Arguments(macro, name, plain, named))
    }

    private static let macros: [String: Macro] = [
        "any_value": Macro(["expression"]) { "arbitrary(\($0["expression"]))" },
        "bool_or": Macro(["expression"]) { "bool_or(\($0["expression"]))" },
        "cast": Macro(["field", "type"]) { "cast(\($0["field"]) as \($0["type"]))" },
        "cast_bool_to_text": Macro(["field"]) { "cast(\($0["field"]) as text)" },
        "concat": Macro(["fields"]) { arguments in
            guard let fields = arguments.values["fields"]?.list else {
                throw ModelError(.project, "dbt.concat needs a list")
            }
            return fields.map(\.text).joined(separator: " || ")
        },
        "date_trunc": Macro(["datepart", "date"]) { "date_trunc('\($0["datepart"])', \($0["date"]))" },
        "dateadd": Macro(["datepart", "interval", "from_date_or_timestamp"]) {
            dateAdd($0["datepart"], $0["interval"], $0["from_date_or_timestamp"])
        },
        "datediff": Macro(["first_date", "second_date", "datepart"]) { arguments in
            let (first, second) = (arguments["first_date"], arguments["second_date"])
            guard arguments["datepart"].lowercased() == "week" else {
                return "(date_diff('\(arguments["datepart"])', \(first)::timestamp, \(second)::timestamp))"
            }
            return """
                (date_diff('day', \(first)::timestamp, \(second)::timestamp) // 7 + case
                    when date_part('dow', (\(first))::timestamp) <= date_part('dow', (\(second))::timestamp)
                        then case when \(first) <= \(second) then 0 else -1 end
                    else case when \(first) <= \(second) then 1 else 0 end
                end)
                """
        },
        "equals": Macro(["expr1", "expr2"]) { "(\($0["expr1"]) = \($0["expr2"]))" },
        "escape_single_quotes": Macro(["expression"]) { $0["expression"].replacing("'", with: "''") },
        "except": Macro([]) { _ in "except" },
        "hash": Macro(["field"]) { "md5(cast(\($0["field"]) as text))" },
        "intersect": Macro([]) { _ in "intersect" },
        "last_day": Macro(["date", "datepart"]) { arguments in
            let start = "date_trunc('\(arguments["datepart"])', \(arguments["date"]))"
            return "cast(\(dateAdd("day", "-1", dateAdd(arguments["datepart"], "1", start))) as date)"
        },
        "length": Macro(["expression"]) { "length(\($0["expression"]))" },
        "listagg": Macro(["measure", "delimiter_text", "order_by_clause"], required: 1) { arguments in
            let delimiter = arguments.values["delimiter_text"]?.text ?? "','"
            let order = arguments.values["order_by_clause"].map { $0 == .none ? "" : " " + $0.text } ?? ""
            return "string_agg(\(arguments["measure"]), \(delimiter)\(order))"
        },
        "position": Macro(["substring_text", "string_text"]) {
            "position(\($0["substring_text"]) in \($0["string_text"]))"
        },
        "replace": Macro(["field", "old_chars", "new_chars"]) {
            "replace(\($0["field"]), \($0["old_chars"]), \($0["new_chars"]))"
        },
        "right": Macro(["string_text", "length_expression"]) {
            "right(\($0["string_text"]), \($0["length_expression"]))"
        },
        "safe_cast": Macro(["field", "type"]) { "cast(\($0["field"]) as \($0["type"]))" },
        "split_part": Macro(["string_text", "delimiter_text", "part_number"]) {
            "string_split(\($0["string_text"]), \($0["delimiter_text"]))[\($0["part_number"])]"
        },
        "string_literal": Macro(["value"]) { "'\($0["value"])'" },
        "type_bigint": Macro([]) { _ in "bigint" },
        "type_boolean": Macro([]) { _ in "boolean" },
        "type_float": Macro([]) { _ in "float" },
        "type_int": Macro([]) { _ in "integer" },
        "type_numeric": Macro([]) { _ in "numeric(28,6)" },
        "type_string": Macro([]) { _ in "text" },
        "type_timestamp": Macro([]) { _ in "timestamp" },
    ]

    private static func dateAdd(_ part: String, _ interval: String, _ from: String) -> String {
        switch part.lowercased() {
        case "quarter": "(\(from) + (cast(\(interval) as bigint) * 3) * interval 1 month)"
        case "week": "(\(from) + (cast(\(interval) as bigint) * 7) * interval 1 day)"
        default: "(\(from) + cast(\(interval) as bigint) * interval 1 \(part.lowercased()))"
        }
    }
}
