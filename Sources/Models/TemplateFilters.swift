import Foundation

/// The filters and methods of values that templates may use.
enum TemplateFilters {
    /// Their names, for errors.
    static let names =
        "capitalize, count, d, default, first, int, join, last, length, list, lower, replace, reverse, sort, string, title, "
        + "trim, unique, upper"

    /// `value | name(arguments)`.
    static func apply(
        _ name: String, to value: TemplateValue, _ arguments: [TemplateValue]
    ) throws -> TemplateValue {
        switch name {
        case "upper": return .string(value.text.uppercased())
        case "lower": return .string(value.text.lowercased())
        case "capitalize": return .string(value.text.prefix(1).uppercased() + value.text.dropFirst().lowercased())
        case "title": return .string(value.text.capitalized)
        case "trim": return .string(value.text.trimmingCharacters(in: .whitespacesAndNewlines))
        case "string": return .string(value.text)
        case "int":
            if value.number != nil { return value }
            return .number(Int(value.text.trimmingCharacters(in: .whitespaces)) ?? arguments.first?.number ?? 0)
        case "replace":
            guard arguments.count == 2 else { throw ModelError(.project, "the filter replace needs two texts") }
            return .string(value.text.replacing(arguments[0].text, with: arguments[1].text))
        case "default", "d": return value == .none ? arguments.first ?? .string("") : value
        case "length", "count":
            switch value {
            case .string(let text): return .number(text.count)
            case .dictionary(let fields): return .number(fields.count)
            default: return .number(try items(value, name).count)
            }
        case "join":
            return .string(try items(value, name).map(\.text).joined(separator: arguments.first?.text ?? ""))
        case "list": return .list(try items(value, name))
        case "first": return try items(value, name).first ?? .none
        case "last": return try items(value, name).last ?? .none
        case "reverse": return .list(try items(value, name).reversed())
        case "unique":
            var seen: [TemplateValue] = []
            for item in try items(value, name) where !seen.contains(item) { seen.append(item) }
            return .list(seen)
        case "sort":
            let items = try items(value, name)
            if items.allSatisfy({ $0.number != nil }) {
                return .list(items.sorted { ($0.number ?? 0) < ($1.number ?? 0) })
            }
            return .list(items.sorted { $0.text < $1.text })
        default: throw ModelError(.project, "the filter \(name) is not supported; there are \(names)")
        }
    }

    /// `value.name(arguments)`.
    static func method(
        _ name: String, of value: TemplateValue, _ arguments: [TemplateValue]
    ) throws -> TemplateValue {
        switch (name, value) {
        case ("items", .dictionary(let fields)):
            return .list(fields.sorted { $0.key < $1.key }.map { .list([.string($0.key), $0.value]) })
        case ("keys", .dictionary(let fields)): return .list(fields.keys.sorted().map(TemplateValue.string))
        case ("values", .dictionary(let fields)): return .list(fields.sorted { $0.key < $1.key }.map(\.value))
        case ("get", .dictionary(let fields)):
            return arguments.first?.string.flatMap { fields[$0] } ?? (arguments.count > 1 ? arguments[1] : .none)
        case ("upper", .string), ("lower", .string), ("title", .string), ("capitalize", .string):
            return try apply(name, to: value, [])
        case ("replace", .string): return try apply("replace", to: value, arguments)
        case ("strip", .string): return try apply("trim", to: value, [])
        case ("startswith", .string(let text)): return .bool(text.hasPrefix(arguments.first?.text ?? ""))
        case ("endswith", .string(let text)): return .bool(text.hasSuffix(arguments.first?.text ?? ""))
        case ("split", .string(let text)):
            guard let separator = arguments.first?.string, !separator.isEmpty else {
                return .list(text.split(whereSeparator: \.isWhitespace).map { .string(String($0)) })
            }
            return .list(text.components(separatedBy: separator).map(TemplateValue.string))
        case ("join", .string): return try apply("join", to: arguments.first ?? .list([]), [value])
        default: throw ModelError(.project, ".\(name)() of \(value.kind) is not supported")
        }
    }

    private static func items(_ value: TemplateValue, _ filter: String) throws -> [TemplateValue] {
        switch value {
        case .list(let values): return values
        case .dictionary(let fields): return fields.keys.sorted().map(TemplateValue.string)
        case .string(let text): return text.map { .string(String($0)) }
        default: throw ModelError(.project, "the filter \(filter) needs a list, and this is \(value.kind)")
        }
    }
}
