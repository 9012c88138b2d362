import Yams

/// Reads a mapping's YAML tree into rules: the top of the file and the rules' heads.
struct MappingReader {
    var name = ""
    var about = ""
    var layout = FileLayout()
    var rules: [EventRule] = []
    var columns = ColumnTable()
    var timestamps: [TimestampFormat] = []

    private static let topKeys = [
        "name", "description", "format", "header", "columns", "delimiter", "quote", "encoding", "empty_values",
        "decimal_comma", "events",
    ]

    mutating func read(_ root: MappingNode) throws(MappingError) {
        let top = try root.keys(MappingReader.topKeys, "a map with name, format and events")
        guard let nameNode = top["name"] else { throw root.error("name is missing; it becomes part of derived ids") }
        name = try nameNode.text("a short name such as my-shop")
        guard name.utf8.count <= 64, name.utf8.allSatisfy(MappingReader.isNameByte) else {
            throw nameNode.error("may have up to 64 letters, digits, dots, hyphens and underscores, not '\(name)'")
        }
        if let node = top["description"] { about = try node.scalar("a text").string }
        try readLayout(root, top)
        guard let events = top["events"] else { throw root.error("events is missing; it lists the rules") }
        let nodes = try events.list("a list of rules")
        guard !nodes.isEmpty else { throw events.error("is empty; give at least one rule with type and fields") }
        for node in nodes { rules.append(try rule(node)) }
        let used = columns.names.count + columns.lists.reduce(0) { $0 + $1.names.count }
        guard used <= ImportLimits.columns else {
            throw root.error("reads \(used) columns; at most \(ImportLimits.columns) are possible")
        }
        if let given = layout.columns, let unknown = columns.names.first(where: { !given.contains($0) }) {
            throw root.error(
                "events read the column '\(unknown)', which is not among columns: \(given.joined(separator: ", "))")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private mutating func readLayout(_ root: MappingNode, _ top: [String: MappingNode]) throws(MappingError) {
        guard let format = top["format"] else { throw root.error("format is missing; use csv, whitespace or ndjson") }
        layout.format = try format.choice("format", FileLayout.Format.self)
        let unfit: [String] =
            switch layout.format {
            case .csv: []
            case .whitespace: ["delimiter", "quote"]
            case .ndjson: ["delimiter", "quote", "header", "columns", "decimal_comma"]
            }
        for key in unfit {
            if let node = top[key] {
                throw node.error("has no meaning for format \(layout.format.rawValue); remove it")
            }
        }
        if let node = top["delimiter"] { layout.delimiter = try separator(node, "tab", UInt8(ascii: "\t")) }
        if let node = top["quote"] {
            let none = try node.scalar("one character or none").string == "none"
            layout.quote = none ? nil : try separator(node, nil, 0)
            if layout.quote == layout.delimiter { throw node.error("must differ from the delimiter") }
        } else if layout.quote == layout.delimiter {
            throw root.error("delimiter is the quote character; give another quote, or none")
        }
        if let node = top["columns"] {
            let names = try node.texts("a list of column names")
            guard names.count <= ImportLimits.columns, Set(names).count == names.count else {
                throw node.error("must be at most \(ImportLimits.columns) different names")
            }
            layout.columns = names
        }
        layout.hasHeader = layout.format != .ndjson && layout.columns == nil
        if let node = top["header"] {
            layout.hasHeader = try node.bool()
            if !layout.hasHeader, layout.columns == nil {
                throw node.error("without a header the mapping must name the columns; add columns: [first, second, …]")
            }
        }
        if let node = top["encoding"] {
            layout.encoding = try node.choice("encoding", FileLayout.Encoding.self)
            if layout.format == .ndjson, layout.encoding != .utf8 {
                throw node.error("JSON is always utf8; remove it")
            }
        }
        if let node = top["empty_values"] {
            layout.emptyValues = try node.texts("a list of texts that mean nothing, such as [NULL]").map {
                Array($0.utf8)
            }
        }
        if let node = top["decimal_comma"] { layout.decimalComma = try node.bool() }
    }

    private func separator(_ node: MappingNode, _ word: String?, _ meaning: UInt8) throws(MappingError) -> UInt8 {
        let text = try node.scalar("one character").string
        if let word, text == word { return meaning }
        let bytes = Array(text.utf8)
        guard bytes.count == 1, bytes[0] < 0x80, bytes[0] != 0x0a, bytes[0] != 0x0d, bytes[0] != 0 else {
            let other = word.map { " or \($0)" } ?? ""
            throw node.error("must be one ASCII character\(other), not '\(text)'")
        }
        return bytes[0]
    }

    private mutating func rule(_ node: MappingNode) throws(MappingError) -> EventRule {
        let keys = try node.keys(["when", "type", "group_by", "max_rows_held", "fields"], "a map with type and fields")
        guard let typeNode = keys["type"] else { throw node.error("type is missing; name the event, such as purchase") }
        let type = try typeNode.text("an event type, such as purchase")
        guard FieldName.isValid(type) else { throw typeNode.error("is not an event type: '\(type)'") }
        var conditions: [Condition] = []
        if let when = keys["when"] {
            for (column, value) in try when.entries("a map of column to condition") {
                conditions += try self.conditions(columns.slot(column, list: nil), value)
            }
        }
        var group: [Slot] = []
        if let node = keys["group_by"] {
            for name in try node.texts("a list of columns") { group.append(columns.slot(name, list: nil)) }
        }
        var held = ImportLimits.rowsHeld
        if let node = keys["max_rows_held"] {
            if group.isEmpty { throw node.error("has a meaning only beside group_by; remove it") }
            held = try node.integer(1...ImportLimits.rowsHeldMax)
        }
        guard let fieldsNode = keys["fields"] else {
            throw node.error("fields is missing; it says what the event holds")
        }
        let fields = try self.fields(fieldsNode, list: nil, depth: 0)
        let derived = fields.contains { if case .derived = $0.source { true } else { false } }
        return EventRule(
            path: node.path, type: type, conditions: conditions, groupBy: group, rowsHeld: held, fields: fields,
            isDerived: derived, idDomain: Array("cartograph id 1\n\(name)\n\(type)\n".utf8))
    }

    private func conditions(_ slot: Slot, _ node: MappingNode) throws(MappingError) -> [Condition] {
        guard node.isMap else {
            return [Condition(slot: slot, test: .oneOf([Array(try node.text("a text or a condition").utf8)]))]
        }
        var result: [Condition] = []
        let known = ["equals", "not_equals", "one_of", "starts_with", "ends_with", "contains", "empty"]
        let keys = try node.keys(known, "a text or a condition")
        for key in known {
            guard let value = keys[key] else { continue }
            let test: Condition.Test
            switch key {
            case "equals": test = .oneOf([Array(try value.text("a text").utf8)])
            case "not_equals": test = .noneOf([Array(try value.text("a text").utf8)])
            case "one_of": test = .oneOf(try value.texts("a list of texts").map { Array($0.utf8) })
            case "starts_with": test = .startsWith(Array(try value.text("a text").utf8))
            case "ends_with": test = .endsWith(Array(try value.text("a text").utf8))
            case "contains": test = .contains(Array(try value.text("a text").utf8))
            default: test = .isEmpty(try value.bool())
            }
            result.append(Condition(slot: slot, test: test))
        }
        guard !result.isEmpty else { throw node.error("is empty; use one of \(known.joined(separator: ", "))") }
        return result
    }
}

/// Names of fields and event types.
enum FieldName {
    /// A letter or underscore, then letters, digits and underscores; at most 64.
    static func isValid(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 64, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 0x5f
        }
    }
}
