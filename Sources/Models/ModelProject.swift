import Foundation

/// A dbt project in a folder: its models and seeds in the order they have to run, its sources, exposures and tests.
///
/// Read are `dbt_project.yml` (name, model-paths, macro-paths, seed-paths, test-paths, vars, and `+` settings of folders),
/// `*.sql` in those paths as `Template` describes, `*.csv` in the seed paths, and `models`, `seeds`, `sources` and
/// `exposures` of `*.yml` in the model and seed paths.
public struct ModelProject: Sendable {
    /// Most bytes of one file of SQL or YAML.
    public static let fileBytesMax = 1 << 20
    /// Most files of a project.
    public static let filesMax = 2_000

    /// The project's name.
    public let name: String
    /// Its folder.
    public let folder: String
    /// Its models and seeds, each after those that it reads.
    public let models: [Model]
    /// Its sources.
    public let sources: [SourceTable]
    /// Who reads its tables.
    public let exposures: [Exposure]
    /// What has to hold, those of the yml files first.
    public let tests: [ModelTest]

    /// Its variables.
    let variables: ModelVariables
    let macros: [String: TemplateMacro]
    private let byName: [String: Model]

    /// Reads a project.
    /// - Parameter variables: values instead of the project's defaults.
    /// - Throws: `ModelError` of kind `project` that names the file and line.
    public init(folder: String, variables given: ModelVariables = ModelVariables()) throws {
        self.folder = folder
        let settings = try ProjectSettings(folder: folder, variables: given)
        name = settings.name
        variables = given.over(try settings.variables())
        var macros: [String: TemplateMacro] = [:]
        for file in try Self.files(folder, settings.paths("macro-paths", "macros"), "sql") {
            for macro in try Template(try Self.text(file.path), file: file.name).macros {
                if let other = macros.updateValue(macro, forKey: macro.name) {
                    throw ModelError(.project, "\(file.name): the macro \(macro.name) is in \(other.file) already")
                }
            }
        }
        // Generic tests may stand beside the singular ones.
        let testPaths = settings.paths("test-paths", "tests")
        let testFiles = try Self.files(folder, testPaths, "sql").map {
            ($0, try Template(try Self.text($0.path), file: $0.name))
        }
        for macro in testFiles.flatMap(\.1.macros) { macros[macro.name] = macro }
        self.macros = macros

        let modelPaths = settings.paths("model-paths", "models")
        let seedPaths = settings.paths("seed-paths", "seeds")
        var properties = ProjectProperties()
        for suffix in ["yml", "yaml"] {
            for file in try Self.files(folder, modelPaths + seedPaths, suffix) {
                try properties.read(try PropertyFile(path: file.path, name: file.name))
            }
        }
        var found: [Model] = []
        var skipped: Set<String> = []
        for file in try Self.files(folder, modelPaths, "sql") {
            let template = try Template(try Self.text(file.path), file: file.name)
            let reading = try ModelReading(template, macros: macros, variables: variables.values)
            let entry = properties.entries[file.stem]
            let own = try ModelSettings(
                [settings.defaults("models", for: file.name), entry?.settings ?? [:], reading.config], file: file.name)
            guard own.isEnabled else {
                skipped.insert(file.stem)
                continue
            }
            found.append(try Model(reading, template, file, own, entry))
        }
        for file in try Self.files(folder, seedPaths, "csv") {
            let entry = properties.entries[file.stem]
            let own = try ModelSettings(
                [settings.defaults("seeds", for: file.name), entry?.settings ?? [:]], file: file.name)
            guard own.isEnabled else {
                skipped.insert(file.stem)
                continue
            }
            found.append(try Model(seed: file, own, entry))
        }
        models = try Self.ordered(found, sources: Set(properties.sources.map(\.table)))
        byName = Dictionary(uniqueKeysWithValues: models.map { ($0.name, $0) })
        for (name, entry) in properties.entries.sorted(by: { $0.value.place < $1.value.place })
        where byName[name] == nil && !skipped.contains(name) {
            throw ModelError(.project, "\(entry.place): it describes the model \(name), which does not exist")
        }
        sources = properties.sources
        exposures = properties.exposures
        tests = try TestReading(
            properties, models: byName, skipped: skipped, macros: macros, variables: variables.values,
            settings: settings
        ).tests(statements: testFiles)
        try checkReferences()
    }

    func model(_ name: String) -> Model? { byName[name] }

    func source(_ table: String) -> SourceTable? { sources.first { $0.table == table } }

    /// Exposures and tests are about what there is.
    private func checkReferences() throws {
        let readers =
            exposures.map { ("\($0.place): the exposure \($0.name)", $0.references, $0.sources) }
            + tests.map { ("\($0.place): the test \($0.name)", $0.references, $0.sources) }
        for (reader, references, sources) in readers {
            for name in references where byName[name] == nil {
                throw ModelError(.project, "\(reader) refers to the model \(name), which does not exist")
            }
            for table in sources where source(table) == nil {
                throw ModelError(.project, "\(reader) reads the source \(table), which no yml file declares")
            }
        }
        for exposure in exposures {
            for (name, columns) in exposure.columns {
                guard let model = byName[name], !model.columns.isEmpty else { continue }
                if let missing = columns.first(where: { column in !model.columns.contains { $0.name == column } }) {
                    throw ModelError(
                        .project,
                        "\(exposure.place): the exposure \(exposure.name) needs the column \(missing) of \(name), which its "
                            + "yml file does not describe")
                }
            }
        }
    }

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
            for name in model.upstream.sorted() {
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
