/// Makes tests of what the yml files declare and of the statements of the test paths.
struct TestReading {
    private let properties: ProjectProperties
    private let models: [String: Model]
    /// Models that are switched off, and their tests with them.
    private let skipped: Set<String>
    private let macros: [String: TemplateMacro]
    private let variables: [String: TemplateValue]
    private let settings: ProjectSettings

    init(
        _ properties: ProjectProperties, models: [String: Model], skipped: Set<String>, macros: [String: TemplateMacro],
        variables: [String: TemplateValue], settings: ProjectSettings
    ) {
        self.properties = properties
        self.models = models
        self.skipped = skipped
        self.macros = macros
        self.variables = variables
        self.settings = settings
    }

    func tests(statements: [(ModelProject.File, Template)]) throws -> [ModelTest] {
        let declared = try properties.tests.compactMap { test in
            do {
                return try self.test(test)
            } catch let error as ModelError where !error.description.contains(test.place) {
                throw ModelError(.project, "\(test.place): \(error.description)")
            }
        }
        return try declared
            + statements.filter { $0.1.macros.isEmpty }.compactMap { try test(statement: $0.1, of: $0.0) }
    }

    private func test(_ declared: ProjectProperties.DeclaredTest) throws -> ModelTest? {
        let table: String
        var references: [String] = []
        var sources: [String] = []
        switch declared.subject {
        case .model(let name):
            guard let model = models[name] else {
                guard skipped.contains(name) else { throw ModelError(.project, "there is no model \(name)") }
                return nil
            }
            (table, references) = (model.table, [name])
        case .source(let name): (table, sources) = (name, [name])
        }
        let options = try ModelSettings(
            [settings.defaults("data_tests", for: ""), declared.settings], file: declared.place)
        guard options.isEnabled else { return nil }
        let (kind, reading) = try kind(declared)
        references += reading.references.filter { !references.contains($0) }
        sources += reading.sources.filter { !sources.contains($0) }
        let subject = declared.column.map { "\(table).\($0)" } ?? table
        return try ModelTest(
            name: "\(subject): \(declared.word)", word: declared.word, table: table, column: declared.column,
            place: declared.place, references: references, sources: sources, kind: kind, options)
    }

    private func test(statement: Template, of file: ModelProject.File) throws -> ModelTest? {
        let reading = try ModelReading(statement, macros: macros, variables: variables)
        let options = try ModelSettings([settings.defaults("data_tests", for: ""), reading.config], file: file.name)
        guard options.isEnabled else { return nil }
        return try ModelTest(
            name: file.stem, word: file.stem, table: nil, column: nil, place: file.name, references: reading.references,
            sources: reading.sources, kind: .statement(statement), options)
    }

    /// What a declared test looks for, and what it reads beside its own table.
    private func kind(
        _ test: ProjectProperties.DeclaredTest
    ) throws -> (ModelTest.Kind, (references: [String], sources: [String])) {
        let none: ([String], [String]) = ([], [])
        func column() throws {
            guard test.column != nil else { throw ModelError(.project, "\(test.word) is a test of a column") }
        }
        switch test.word {
        case "not_null":
            try column()
            return (.notNull, none)
        case "unique":
            try column()
            return (.unique, none)
        case "accepted_values":
            try column()
            guard let values = test.arguments["values"]?.list else {
                throw ModelError(.project, "accepted_values needs values: a list")
            }
            return (.acceptedValues(values.map(\.text)), none)
        case "relationships":
            try column()
            guard let to = test.arguments["to"]?.string, let field = test.arguments["field"]?.string else {
                throw ModelError(.project, "relationships needs to and field")
            }
            switch NamedRelation(to) {
            case .model(let name):
                guard let model = models[name] else {
                    throw ModelError(.project, "relationships refers to the model \(name), which does not exist")
                }
                return (.relationships(to: model.table, field: field), ([name], []))
            case .source(let table): return (.relationships(to: table, field: field), ([], [table]))
            case nil: throw ModelError(.project, "relationships needs to: ref('model')")
            }
        default:
            let macro = "test_" + test.word
            guard let found = macros[macro] else {
                throw ModelError(
                    .project,
                    "there is no test \(test.word): not_null, unique, accepted_values, relationships, or "
                        + "{% test \(test.word)(model) %} in the project's macros")
            }
            var arguments = test.arguments
            arguments["model"] = .string("model")
            if let column = test.column, found.parameters.contains(where: { $0.name == "column_name" }) {
                arguments["column_name"] = .string(column)
            }
            let reading = try ModelReading(
                macro: macro, arguments.mapValues(Self.rendered), macros: macros, variables: variables)
            var (references, sources) = (reading.references, reading.sources)
            for case .some(let relation) in test.arguments.values.map({ $0.string.flatMap(NamedRelation.init) }) {
                switch relation {
                case .model(let name): references.append(name)
                case .source(let table): sources.append(table)
                }
            }
            return (.macro(macro, arguments), (references, sources))
        }
    }

    /// An argument, with a name in the place of what `ref('…')` in it stands for.
    private static func rendered(_ value: TemplateValue) -> TemplateValue {
        value.string.flatMap(NamedRelation.init) == nil ? value : .string("relation")
    }
}

extension ModelTest {
    fileprivate init(
        name: String, word: String, table: String?, column: String?, place: String, references: [String],
        sources: [String], kind: Kind, _ options: ModelSettings
    ) throws {
        func bound(_ key: String) throws -> Bound {
            guard let text = options.text(key) else { return Bound(sign: "!=", count: 0) }
            guard let bound = Bound(text) else { throw options.failure("\(key) must be such as \"> 10\"") }
            return bound
        }
        let severity = (options.text("severity") ?? "error").lowercased()
        guard let severity = Severity(rawValue: severity) else {
            throw options.failure("severity must be warn or error")
        }
        self.name = name
        self.word = word
        self.table = table
        self.column = column
        self.severity = severity
        tags = options.texts("tags")
        self.place = place
        self.references = references
        self.sources = sources
        self.kind = kind
        filter = options.text("where")
        warnIf = try bound("warn_if")
        errorIf = try bound("error_if")
    }
}
