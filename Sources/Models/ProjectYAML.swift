import Yams

/// A YAML file of the project, and what its words mean in dbt.
struct ProjectYAML {
    private let root: Node

    init(path: String) throws {
        let text = try ModelProject.text(path)
        do {
            root = try Yams.compose(yaml: text) ?? Node([(Node, Node)]())
        } catch {
            throw ModelError(.project, "\(path): \(error)")
        }
    }

    subscript(key: String) -> Node? { root[key] }

    func paths(_ key: String, _ fallback: String) -> [String] {
        root[key]?.sequence?.compactMap(\.string) ?? [fallback]
    }

    /// The `+` settings of the folders that a file is in, the innermost last.
    func defaults(for file: ModelProject.File, project: String) -> [String: String] {
        var settings: [String: String] = [:]
        var node = root["models"]?[project]
        func take() {
            for (key, value) in node?.pairs ?? [] where key.hasPrefix("+") {
                settings[String(key.dropFirst())] = value.scalarText
            }
        }
        take()
        for folder in file.name.split(separator: "/").dropFirst().dropLast() {
            node = node?[String(folder)]
            take()
        }
        return settings
    }

    func sources(_ file: String) throws -> [SourceTable] {
        var found: [SourceTable] = []
        for source in root["sources"]?.sequence.map(Array.init) ?? [] {
            guard let schema = source["name"]?.string else { throw failure(file, source, "a source needs a name") }
            for table in source["tables"]?.sequence.map(Array.init) ?? [] {
                guard let name = table["name"]?.string else { throw failure(file, table, "a table needs a name") }
                let columns = try (table["columns"]?.sequence.map(Array.init) ?? []).map { column in
                    guard let name = column["name"]?.string, let type = column["data_type"]?.string else {
                        throw failure(file, column, "a source's column needs a name and a data_type")
                    }
                    return (name: name, type: type)
                }
                found.append(SourceTable(schema: source["schema"]?.string ?? schema, name: name, columns: columns))
            }
        }
        return found
    }

    func describe(_ models: inout [Model], _ file: String) throws {
        for entry in root["models"]?.sequence.map(Array.init) ?? [] {
            guard let name = entry["name"]?.string, let index = models.firstIndex(where: { $0.name == name }) else {
                throw failure(
                    file, entry, "it describes the model \(entry["name"]?.string ?? "?"), which does not exist")
            }
            models[index].description = entry["description"]?.string ?? ""
            models[index].columns = try (entry["columns"]?.sequence.map(Array.init) ?? []).map { column in
                guard let name = column["name"]?.string else { throw failure(file, column, "a column needs a name") }
                let tests = column["data_tests"] ?? column["tests"]
                return ModelColumn(
                    name: name, description: column["description"]?.string ?? "",
                    tests: try (tests?.sequence.map(Array.init) ?? []).map { try test($0, file) })
            }
        }
    }

    private func test(_ node: Node, _ file: String) throws -> ColumnTest {
        if let word = node.string {
            if word == "not_null" { return .notNull }
            if word == "unique" { return .unique }
        }
        if let (name, settings) = node.pairs.first {
            // dbt 1.11 wants the settings under `arguments`, older releases directly.
            let arguments = settings["arguments"] ?? settings
            if name == "accepted_values", let values = arguments["values"]?.sequence {
                return .acceptedValues(values.map(\.scalarText))
            }
            if name == "relationships", let to = arguments["to"]?.string, let field = arguments["field"]?.string,
                let model = Self.reference(to)
            {
                return .relationships(to: model, field: field)
            }
        }
        throw failure(file, node, "a test must be not_null, unique, accepted_values or relationships with its settings")
    }

    /// The name in `ref('name')`.
    private static func reference(_ text: String) -> String? {
        let parts = text.split(whereSeparator: { "'\"".contains($0) })
        return parts.count == 3 && parts[0] == "ref(" && parts[2] == ")" ? String(parts[1]) : nil
    }

    private func failure(_ file: String, _ node: Node, _ what: String) -> ModelError {
        ModelError(.project, "\(file):\(node.mark?.line ?? 0): \(what)")
    }
}

extension Node {
    /// The members of a mapping whose keys are strings, in order.
    var pairs: [(String, Node)] {
        mapping?.compactMap { key, value in key.string.map { ($0, value) } } ?? []
    }

    /// A scalar as it is written; empty for anything else.
    var scalarText: String { scalar?.string ?? "" }
}
