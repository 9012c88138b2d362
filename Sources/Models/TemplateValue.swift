/// A value of a template's expressions.
enum TemplateValue: Equatable, Sendable {
    case none
    case bool(Bool)
    case number(Int)
    case string(String)
    case list([TemplateValue])
    case dictionary([String: TemplateValue])
    /// A macro as a value: what `adapter.dispatch` gives.
    case macro(String)

    /// Jinja's truth: nothing, zero and empty are false.
    var isTrue: Bool {
        switch self {
        case .none: false
        case .bool(let value): value
        case .number(let value): value != 0
        case .string(let value): !value.isEmpty
        case .list(let values): !values.isEmpty
        case .dictionary(let values): !values.isEmpty
        case .macro: true
        }
    }

    /// What `{{ }}` writes for it.
    var text: String {
        switch self {
        case .none: "None"
        case .bool(let value): value ? "True" : "False"
        case .number(let value): String(value)
        case .string(let value): value
        case .list(let values): "[" + values.map(\.quoted).joined(separator: ", ") + "]"
        case .dictionary(let values):
            "{" + values.sorted { $0.key < $1.key }.map { "'\($0.key)': \($0.value.quoted)" }.joined(separator: ", ")
                + "}"
        case .macro(let name): name
        }
    }

    /// The same inside of a list, where Python writes strings in quotes.
    private var quoted: String {
        guard case .string(let value) = self else { return text }
        let mark = value.contains("'") && !value.contains("\"") ? "\"" : "'"
        return mark + value.replacing("\\", with: "\\\\").replacing(mark, with: "\\" + mark) + mark
    }

    var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    var number: Int? {
        if case .number(let value) = self { value } else { nil }
    }

    var list: [TemplateValue]? {
        if case .list(let values) = self { values } else { nil }
    }

    var dictionary: [String: TemplateValue]? {
        if case .dictionary(let values) = self { values } else { nil }
    }

    /// Python's name of its type, for errors.
    var kind: String {
        switch self {
        case .none: "none"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .macro: "a macro"
        }
    }
}
