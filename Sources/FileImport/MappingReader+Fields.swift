import Foundation
import Yams

extension MappingReader {
    private static let sources = ["column", "template", "constant", "calculate", "sum"]

    /// The `fields` of an event, or of one object in a list.
    mutating func fields(_ node: MappingNode, list: Int?, depth: Int) throws(MappingError) -> [EventField] {
        var result: [EventField] = []
        for (name, value) in try node.entries("a map of field to value") {
            guard FieldName.isValid(name) else {
                throw value.error("a field's name has letters, digits and underscores, at most 64")
            }
            if depth == 0, name == "type" { throw value.error("is written beside fields, not inside them") }
            result.append(try field(name, value, list: list, depth: depth))
        }
        guard !result.isEmpty else { throw node.error("is empty; name at least one field") }
        return result
    }

    private mutating func field(
        _ name: String, _ node: MappingNode, list: Int?, depth: Int
    ) throws(MappingError) -> EventField {
        guard node.isMap else { return try shorthand(name, node, list: list, depth: depth) }
        let entries = try node.entries("a value")
        if entries.contains(where: { $0.key == "each" }) { return try each(name, node, depth: depth) }
        let known =
            MappingReader.sources + ["type", "format", "timezone", "decimals", "default", "optional", "each", "fields"]
        let keys = try node.keys(known, "a value")
        let given = MappingReader.sources.filter { keys[$0] != nil }
        guard given.count == 1, let kind = given.first, let source = keys[kind] else {
            let problem =
                given.isEmpty ? "says not where its value comes from" : "has both \(given.joined(separator: " and "))"
            throw node.error("\(problem); give exactly one of \(MappingReader.sources.joined(separator: ", "))")
        }
        if let stray = keys["fields"] { throw stray.error("belongs to a list; add each: row") }
        let value: EventField.Source
        switch kind {
        case "column":
            value = .template(Template(parts: [.column(columns.slot(try source.text("a column"), list: list))]))
        case "template": value = .template(try template(source, list: list))
        case "constant": value = try constant(source, keepText: keys["type"] != nil)
        case "calculate": value = .formula(try formula(source, list: list))
        default:
            if depth > 0 { throw source.error("sums belong to the event, not to the objects of a list") }
            value = .sum(try formula(source, list: nil), list: nil)
        }
        let numeric = kind == "calculate" || kind == "sum"
        let type = try valueType(keys, node, numeric: numeric)
        if numeric, type == .string {
            throw node.error("is a number; give it type integer, decimal, quantity or money")
        }
        if case .timestamp = type, numeric { throw node.error("a timestamp comes from a column or a template") }
        let fallback: Template? = if let node = keys["default"] { try template(node, list: list) } else { nil }
        let optional = if let node = keys["optional"] { try node.bool() } else { false }
        if optional, let node = keys["default"] {
            throw node.error("a field with a default is never left out; remove optional")
        }
        return EventField(name: name, source: value, type: type, isOptional: optional, fallback: fallback)
    }

    /// A value in one word: `derived`, a number, a boolean, or text with columns in braces.
    private mutating func shorthand(
        _ name: String, _ node: MappingNode, list: Int?, depth: Int
    ) throws(MappingError) -> EventField {
        let scalar = try node.scalar("a text, or a map such as {column: price, type: money}")
        let source: EventField.Source
        if scalar.string == "derived" {
            if depth > 0 { throw node.error("only fields of the event itself can be derived") }
            source = .derived
        } else if let literal = scalar.jsonLiteral {
            source = .literal(literal)
        } else {
            source = .template(try template(node, list: list))
        }
        return EventField(name: name, source: source)
    }

    private func constant(_ node: MappingNode, keepText: Bool) throws(MappingError) -> EventField.Source {
        let scalar = try node.scalar("a text or a number")
        if !keepText, let literal = scalar.jsonLiteral { return .literal(literal) }
        return .template(Template(parts: [.text(Array(try node.text("a text or a number").utf8))]))
    }

    /// A list of objects, or a sum over one: `{each: row, fields: …}`, `{each: lines, sum: …}`.
    private mutating func each(_ name: String, _ node: MappingNode, depth: Int) throws(MappingError) -> EventField {
        if depth > 0 { throw node.error("lists inside lists are not supported") }
        let keys = try node.keys(["each", "fields", "sum", "type", "decimals", "optional"], "a list")
        guard let eachNode = keys["each"] else { throw node.error("each is missing") }
        let path = try eachNode.text("row, or the path of an array")
        var list: Int?
        if path != "row" {
            guard layout.format == .ndjson else {
                throw eachNode.error("must be row; only ndjson rows hold arrays of their own, such as '\(path)'")
            }
            list = columns.list(path)
        }
        if let sum = keys["sum"] {
            if let stray = keys["fields"] { throw stray.error("give fields or sum, not both") }
            let type = try valueType(keys, node, numeric: true)
            return EventField(
                name: name, source: .sum(try formula(sum, list: list), list: list), type: type)
        }
        guard let fields = keys["fields"] else { throw node.error("fields is missing; it says what each object holds") }
        for key in ["type", "decimals"] {
            if let stray = keys[key] { throw stray.error("has no meaning for a list of objects; remove it") }
        }
        let optional = if let node = keys["optional"] { try node.bool() } else { false }
        let inner = try self.fields(fields, list: list, depth: depth + 1)
        return EventField(
            name: name, source: .each(inner, list: list), isOptional: optional)
    }

    private mutating func valueType(
        _ keys: [String: MappingNode], _ node: MappingNode, numeric: Bool
    ) throws(MappingError) -> ValueType {
        enum Word: String, CaseIterable { case string, integer, decimal, quantity, money, timestamp }
        let word =
            if let node = keys["type"] { try node.choice("type", Word.self) } else { numeric ? Word.decimal : .string }
        for (key, fits) in [
            ("format", word == .timestamp), ("timezone", word == .timestamp),
            ("decimals", word == .decimal || word == .money),
        ] {
            if let stray = keys[key], !fits { throw stray.error("has no meaning for type \(word.rawValue); remove it") }
        }
        var places: Int?
        if let node = keys["decimals"] { places = try node.integer(0...(word == .money ? 4 : 12)) }
        switch word {
        case .string: return .string
        case .integer: return .integer
        case .decimal: return .decimal(places: places)
        case .quantity: return .quantity
        case .money: return .money(places: places)
        case .timestamp:
            guard let formatNode = keys["format"] else {
                throw node.error("a timestamp needs a format; \(TimestampFormat.known)")
            }
            let text = try formatNode.text("a format")
            guard let pattern = TimestampFormat.Pattern(text) else {
                throw formatNode.error("unknown format '\(text)'; \(TimestampFormat.known)")
            }
            var zone = TimeZone(secondsFromGMT: 0)
            if let node = keys["timezone"] {
                let name = try node.text("a time zone")
                zone = name == "UTC" ? zone : TimeZone(identifier: name)
                if zone == nil {
                    throw node.error("unknown time zone '\(name)'; use a name such as UTC or Europe/London")
                }
            }
            guard let zone else { throw node.error("the time zone UTC is not known on this machine") }
            timestamps.append(TimestampFormat(pattern: pattern, zone: zone))
            return .timestamp(timestamps.count - 1)
        }
    }

    private mutating func template(_ node: MappingNode, list: Int?) throws(MappingError) -> Template {
        let text = try node.text("a text")
        let parts: [BracedText.Part]
        do {
            parts = try BracedText.parts(of: text)
        } catch {
            throw node.error("\(error.problem) in '\(text)'")
        }
        return Template(
            parts: parts.map { part in
                switch part {
                case .text(let text): .text(Array(text.utf8))
                case .column(let name): .column(columns.slot(name, list: list))
                }
            })
    }

    private mutating func formula(_ node: MappingNode, list: Int?) throws(MappingError) -> Formula {
        let text = try node.text("a formula such as \"{price} * {quantity}\"")
        do {
            return try Formula(text, list: list, columns: &columns)
        } catch {
            throw node.error("\(error.problem) in '\(text)'")
        }
    }
}

/// Splits `session-{customer}-{date}` into text and columns; `{{` and `}}` are braces themselves.
enum BracedText {
    struct Fault: Error { let problem: String }

    enum Part {
        case text(String)
        case column(String)
    }

    static func parts(of text: String) throws(Fault) -> [Part] {
        var parts: [Part] = []
        var run = ""
        var rest = Substring(text)
        while let character = rest.first {
            if rest.hasPrefix("{{") || rest.hasPrefix("}}") {
                run.append(character)
                rest = rest.dropFirst(2)
            } else if character == "{" {
                guard let close = rest.firstIndex(of: "}") else { throw Fault(problem: "a brace is not closed") }
                let name = rest[rest.index(after: rest.startIndex)..<close].trimmingCharacters(in: .whitespaces)
                guard !name.isEmpty, !name.contains("{") else { throw Fault(problem: "a column's name is missing") }
                if !run.isEmpty { parts.append(.text(run)) }
                run = ""
                parts.append(.column(name))
                rest = rest[rest.index(after: close)...]
            } else if character == "}" {
                throw Fault(problem: "a closing brace has no opening one")
            } else {
                run.append(character)
                rest = rest.dropFirst()
            }
        }
        if !run.isEmpty { parts.append(.text(run)) }
        return parts
    }
}
