import Foundation
import Yams

/// A dbt project in a folder: its models in the order they have to run, its sources and its tests.
///
/// Read are `dbt_project.yml` (name, model-paths, macro-paths, test-paths, vars, and `+` settings of folders), `*.sql` in
/// those paths as `Template` describes, and `sources` and `models` of `*.yml` in the model paths.
public struct ModelProject: Sendable {
    /// Most bytes of one file.
    public static let fileBytesMax = 1 << 20
    /// Most files of a project.
    public static let filesMax = 2_000

    /// The project's name.
    public let name: String
    /// Its folder.
    public let folder: String
    /// Its variables with their defaults.
    public let variables: [String: String]
    /// Its models, each after those that it reads.
    public let models: [Model]
    /// Its sources.
    public let sources: [SourceTable]
    /// Statements of the test paths, which return the rows that should not be there.
    let statementTests: [(name: String, template: Template)]
    let macros: [String: TemplateMacro]

    /// Reads a project.
    /// - Throws: `ModelError` of kind `project` that names the file and line.
    public init(folder: String) throws {
        self.folder = folder
        let settings = try ProjectYAML(path: folder + "/dbt_project.yml")
        name = settings["name"]?.string ?? "project"
        var variables: [String: String] = [:]
        for (key, value) in settings["vars"]?.pairs ?? [] { variables[key] = value.scalarText }
        self.variables = variables

        var macros: [String: TemplateMacro] = [:]
        for file in try Self.files(folder, settings.paths("macro-paths", "macros"), "sql") {
            for macro in try Template(try Self.text(file.path), file: file.name).macros { macros[macro.name] = macro }
        }
        self.macros = macros

        let modelPaths = settings.paths("model-paths", "models")
        var found: [Model] = []
        for file in try Self.files(folder, modelPaths, "sql") {
            let template = try Template(try Self.text(file.path), file: file.name)
            let reading = try ModelReading(template, macros: macros, variables: variables)
            found.append(
                try Model(reading, template, file.name, defaults: settings.defaults(for: file, project: name)))
        }
        statementTests = try Self.files(folder, settings.paths("test-paths", "tests"), "sql").map {
            ($0.stem, try Template(try Self.text($0.path), file: $0.name))
        }
        var sources: [SourceTable] = []
        for file in try Self.files(folder, modelPaths, "yml") {
            let yaml = try ProjectYAML(path: file.path)
            sources += try yaml.sources(file.name)
            try yaml.describe(&found, file.name)
        }
        self.sources = sources
        models = try Self.ordered(found, sources: Set(sources.map(\.table)))
    }

    /// The models selected by name and everything they read; all when nothing is named. `gold` or `gold.*` names all of a
    /// schema.
    public func selected(_ names: [String]) throws -> [Model] {
        guard !names.isEmpty else { return models.filter { $0.materialization != .ephemeral } }
        let byName = Dictionary(uniqueKeysWithValues: models.map { ($0.name, $0) })
        var wanted: Set<String> = []
        func add(_ name: String) {
            guard wanted.insert(name).inserted, let model = byName[name] else { return }
            for other in model.references + (model.rebuildDays.map { [$0] } ?? []) { add(other) }
        }
        for name in names {
            let schema = name.hasSuffix(".*") ? String(name.dropLast(2)) : name
            let matches = models.filter { $0.name == name || $0.table == name || $0.schema == schema }
            guard !matches.isEmpty else {
                let known = models.map(\.table).joined(separator: ", ")
                throw ModelError(.project, "there is no model \(name); there are \(known)")
            }
            for model in matches { add(model.name) }
        }
        return models.filter { wanted.contains($0.name) && $0.materialization != .ephemeral }
    }

    func model(_ name: String) -> Model? { models.first { $0.name == name } }

    /// Each model after those it reads; among those that are free, by name, so that the order never depends on the disk.
    private static func ordered(_ models: [Model], sources: Set<String>) throws -> [Model] {
        var byName: [String: Model] = [:]
        for model in models {
            guard byName.updateValue(model, forKey: model.name) == nil else {
                throw ModelError(.project, "there are two models called \(model.name)")
            }
        }
        var done: [Model] = []
        var state: [String: Bool] = [:]
        func visit(_ model: Model, _ path: [String]) throws {
            if let isDone = state[model.name] {
                guard isDone else {
                    throw ModelError(
                        .project,
                        "models refer to each other in a circle: \((path + [model.name]).joined(separator: " → "))")
                }
                return
            }
            state[model.name] = false
            for source in model.sources where !sources.contains(source) {
                throw ModelError(.project, "\(model.name) reads the source \(source), which no yml file declares")
            }
            for name in (model.references + (model.rebuildDays.map { [$0] } ?? [])).sorted() {
                guard let other = byName[name] else {
                    throw ModelError(.project, "\(model.name) refers to the model \(name), which does not exist")
                }
                try visit(other, path + [model.name])
            }
            state[model.name] = true
            done.append(model)
        }
        for model in models.sorted(by: { ($0.schema, $0.name) < ($1.schema, $1.name) }) { try visit(model, []) }
        return done
    }
}

extension ModelProject {
    /// A file of the project: its path, its path inside the project, and its name without extension.
    struct File {
        let path: String
        let name: String
        let stem: String
    }

    static func files(_ folder: String, _ paths: [String], _ suffix: String) throws -> [File] {
        var files: [File] = []
        for path in paths {
            guard let inside = FileManager.default.enumerator(atPath: folder + "/" + path) else { continue }
            for case let entry as String in inside where entry.hasSuffix("." + suffix) {
                let name = path + "/" + entry
                let stem = (entry as NSString).lastPathComponent.dropLast(suffix.count + 1)
                files.append(File(path: folder + "/" + name, name: name, stem: String(stem)))
                guard files.count <= filesMax else {
                    throw ModelError(.project, "\(folder) has more than \(filesMax) files of models")
                }
            }
        }
        return files.sorted { $0.name < $1.name }
    }

    static func text(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ModelError(.project, "\(path) cannot be read: is this the folder of a dbt project?")
        }
        guard data.count <= fileBytesMax else {
            throw ModelError(.project, "\(path) is larger than \(fileBytesMax) bytes")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ModelError(.project, "\(path) is not UTF-8")
        }
        return text
    }
}

extension Model {
    init(_ reading: ModelReading, _ template: Template, _ file: String, defaults: [String: String]) throws {
        func setting(_ key: String) -> String? { reading.config[key]?.string ?? defaults[key] }
        func failure(_ what: String) -> ModelError { ModelError(.project, "\(file): \(what)") }
        let stem = file.split(separator: "/").last?.dropLast(4) ?? ""
        guard !stem.isEmpty, stem.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
            throw failure("a model's name may have letters, digits and _")
        }
        guard let schema = setting("schema") else { throw failure("it has no schema: set +schema in dbt_project.yml") }
        guard let materialization = Materialization(rawValue: setting("materialized") ?? "table") else {
            throw failure("materialized must be table, incremental or ephemeral")
        }
        guard let strategy = Strategy(rawValue: setting("incremental_strategy") ?? "append") else {
            throw failure("incremental_strategy must be append or insert_overwrite")
        }
        name = String(stem)
        self.schema = schema
        description = ""
        self.materialization = materialization
        self.strategy = strategy
        partitioning = Partitioning(setting("partition_by"))
        if materialization == .incremental, strategy == .insertOverwrite, partitioning == .none {
            throw failure("insert_overwrite needs partition_by")
        }
        if case .dictionary(let meta) = reading.config["meta"] {
            rebuildDays = meta["rebuild_days"]?.string
        } else {
            rebuildDays = nil
        }
        references = reading.references
        sources = reading.sources
        columns = []
        self.template = template
    }
}

extension Model.Partitioning {
    /// `column` or `month(column)`.
    fileprivate init(_ text: String?) {
        guard let text, !text.isEmpty else {
            self = .none
            return
        }
        if text.hasPrefix("month("), text.hasSuffix(")") {
            self = .month(of: String(text.dropFirst(6).dropLast()))
        } else {
            self = .day(of: text)
        }
    }

    var column: String? {
        switch self {
        case .none: nil
        case .day(let column), .month(let column): column
        }
    }
}
