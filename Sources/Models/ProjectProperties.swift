import Yams

/// What the yml files of the model and seed paths say: of models and seeds, of sources, of exposures, and their tests.
struct ProjectProperties {
    /// What is said of one model or seed.
    struct Entry {
        var description = ""
        var columns: [ModelColumn] = []
        var settings: [String: TemplateValue] = [:]
        var place = ""
    }

    /// A test as it is declared, before it is known what it reads.
    struct DeclaredTest {
        let word: String
        /// The model or seed by name, or the source by its table.
        let subject: Subject
        let column: String?
        let arguments: [String: TemplateValue]
        let settings: [String: TemplateValue]
        let place: String
    }

    enum Subject: Hashable {
        case model(String)
        case source(String)
    }

    private(set) var entries: [String: Entry] = [:]
    private(set) var sources: [SourceTable] = []
    private(set) var exposures: [Exposure] = []
    private(set) var tests: [DeclaredTest] = []

    private static let kinds: Set = ["version", "models", "seeds", "sources", "exposures", "macros"]

    mutating func read(_ file: PropertyFile) throws {
        for (key, node) in file.root.pairs where !Self.kinds.contains(key) {
            throw file.failure(node, "\(key) is not supported; models, seeds, sources, exposures and macros are")
        }
        for kind in ["models", "seeds"] {
            for node in try file.items(file[kind], kind) { try readEntry(node, file) }
        }
        for node in try file.items(file["sources"], "sources") { try readSource(node, file) }
        for node in try file.items(file["exposures"], "exposures") { try readExposure(node, file) }
    }

    private mutating func readEntry(_ node: Node, _ file: PropertyFile) throws {
        let name = try file.name(node, "a model")
        guard entries[name] == nil else {
            throw file.failure(node, "\(name) is described at \(entries[name]?.place ?? "") already")
        }
        var entry = Entry(place: file.place(node))
        entry.description = try file.text(node["description"])
        entry.settings = try file.settings(node, beside: ["tags", "meta"])
        entry.columns = try columns(node, .model(name), file)
        try readTests(node, .model(name), column: nil, file)
        entries[name] = entry
    }

    private mutating func columns(_ node: Node, _ subject: Subject, _ file: PropertyFile) throws -> [ModelColumn] {
        try file.items(node["columns"], "columns").map { column in
            let name = try file.name(column, "a column")
            try readTests(column, subject, column: name, file)
            return ModelColumn(
                name: name, description: try file.text(column["description"]), type: column["data_type"]?.scalar?.string
            )
        }
    }

    // MARK: - Sources and exposures

    private mutating func readSource(_ node: Node, _ file: PropertyFile) throws {
        let name = try file.name(node, "a source")
        let schema = node["schema"]?.scalar?.string ?? name
        let tags = try file.settings(node, beside: ["tags"])["tags"]?.texts.map(\.text) ?? []
        for table in try file.items(node["tables"], "tables") {
            let name = try file.name(table, "a table")
            let subject = Subject.source(schema + "." + name)
            try readTests(table, subject, column: nil, file)
            let columns = try file.items(table["columns"], "columns").map { column in
                let name = try file.name(column, "a column")
                guard let type = column["data_type"]?.scalar?.string else {
                    throw file.failure(column, "a source's column needs a data_type")
                }
                try readTests(column, subject, column: name, file)
                return (name: name, type: type)
            }
            let own = try file.settings(table, beside: ["tags"])["tags"]?.texts.map(\.text) ?? []
            sources.append(
                SourceTable(
                    schema: schema, name: name, description: try file.text(table["description"]), columns: columns,
                    freshness: try freshness(table, of: node, file), tags: tags + own, place: file.place(table)))
        }
    }

    private func freshness(_ table: Node, of source: Node, _ file: PropertyFile) throws -> SourceFreshness? {
        func setting(_ key: String) -> Node? {
            for node in [table, source] { if let found = node["config"]?[key] ?? node[key] { return found } }
            return nil
        }
        guard let rules = setting("freshness"), rules.null == nil else { return nil }
        func seconds(_ key: String) throws -> Int? {
            guard let rule = rules[key], rule.null == nil else { return nil }
            let periods = ["minute": 60, "hour": 3_600, "day": 86_400]
            guard let count = rule["count"]?.int, (1...1_000_000).contains(count),
                let period = rule["period"]?.string.flatMap({ periods[$0] })
            else { throw file.failure(rule, "\(key) needs a count and a period of minute, hour or day") }
            return count * period
        }
        guard let loadedAt = setting("loaded_at_field")?.scalar?.string else {
            throw file.failure(rules, "freshness needs loaded_at_field")
        }
        return SourceFreshness(
            loadedAt: loadedAt, warnAfterSeconds: try seconds("warn_after"),
            errorAfterSeconds: try seconds("error_after"),
            filter: rules["filter"]?.scalar?.string)
    }

    private mutating func readExposure(_ node: Node, _ file: PropertyFile) throws {
        let name = try file.name(node, "an exposure")
        var (references, sources): ([String], [String]) = ([], [])
        for relation in try file.items(node["depends_on"], "depends_on") {
            switch relation.scalar.flatMap({ NamedRelation($0.string) }) {
            case .model(let name): references.append(name)
            case .source(let table): sources.append(table)
            case nil: throw file.failure(relation, "depends_on takes ref('model') and source('schema', 'table')")
            }
        }
        let settings = try file.settings(node, beside: ["tags", "meta"])
        var columns: [String: [String]] = [:]
        for (model, names) in settings["meta"]?.dictionary?["columns"]?.dictionary ?? [:] {
            guard references.contains(model) else {
                throw file.failure(node, "\(name) names columns of \(model), which is not in its depends_on")
            }
            columns[model] = names.texts.map(\.text)
        }
        let owner = node["owner"]
        exposures.append(
            Exposure(
                name: name, kind: node["type"]?.scalar?.string ?? "", description: try file.text(node["description"]),
                owner: owner?["name"]?.scalar?.string ?? owner?["email"]?.scalar?.string ?? "",
                url: node["url"]?.scalar?.string ?? "", references: references, sources: sources, columns: columns,
                tags: settings["tags"]?.texts.map(\.text) ?? [], place: file.place(node)))
    }

    // MARK: - Tests

    private mutating func readTests(_ node: Node, _ subject: Subject, column: String?, _ file: PropertyFile) throws {
        for test in try file.items(node["data_tests"] ?? node["tests"], "data_tests") {
            tests.append(try declared(test, subject, column, file))
        }
    }

    private func declared(
        _ node: Node, _ subject: Subject, _ column: String?, _ file: PropertyFile
    ) throws -> DeclaredTest {
        if let word = node.scalar?.string {
            return DeclaredTest(
                word: word, subject: subject, column: column, arguments: [:], settings: [:], place: file.place(node))
        }
        guard let (word, body) = node.pairs.first, case .dictionary(var given) = try file.value(body) else {
            throw file.failure(node, "a test is a name, or a name with its arguments")
        }
        var settings = given["config"]?.dictionary ?? [:]
        given["config"] = nil
        // dbt 1.11 wants these under config, older releases directly.
        for key in ["severity", "where", "warn_if", "error_if", "tags", "enabled"] {
            if let value = given.removeValue(forKey: key) { settings[key] = value }
        }
        for key in ["name", "description", "meta"] { given[key] = nil }
        // dbt 1.11 wants the arguments under `arguments`, older releases directly.
        if case .dictionary(let arguments)? = given.removeValue(forKey: "arguments") { given.merge(arguments) { $1 } }
        for key in ["limit", "fail_calc", "store_failures"] where settings[key] != nil {
            throw file.failure(node, "the setting \(key) of a test is not supported")
        }
        return DeclaredTest(
            word: word, subject: subject, column: column, arguments: given, settings: settings, place: file.place(node))
    }
}
