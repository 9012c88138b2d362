/// A value of a template's expressions.
enum TemplateValue: Equatable, Sendable {
    case none
    case bool(Bool)
    case number(Int)
    case string(String)
    case list([TemplateValue])
    case dictionary([String: TemplateValue])

    /// Jinja's truth: nothing, zero and empty are false.
    var isTrue: Bool {
        switch self {
        case .none: false
        case .bool(let value): value
        case .number(let value): value != 0
        case .string(let value): !value.isEmpty
        case .list(let values): !values.isEmpty
        case .dictionary(let values): !values.isEmpty
        }
    }

    /// What `{{ }}` writes for it.
    var text: String {
        switch self {
        case .none: ""
        case .bool(let value): value ? "True" : "False"
        case .number(let value): String(value)
        case .string(let value): value
        case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .dictionary(let values):
            "{" + values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.text)" }.joined(separator: ", ") + "}"
        }
    }

    var string: String? {
        if case .string(let value) = self { value } else { nil }
    }
}
