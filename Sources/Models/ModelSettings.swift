import Yams

/// What `dbt_project.yml` sets for the files of a folder.
struct ProjectSettings {
    private let file: PropertyFile
    private let context: TemplateContext
    let name: String

    init(folder: String, variables given: ModelVariables) throws {
        file = try PropertyFile(path: folder + "/dbt_project.yml", name: "dbt_project.yml")
        name = file["name"]?.scalar?.string ?? "project"
        // As in dbt: only values that are given to the run are known here.
        context = TemplateContext(macros: [:], names: [:]) { name, plain, _ in
            name == "var" ? try TemplateContext.variable(plain, given.values) : nil
        }
    }

    func paths(_ key: String, _ fallback: String) -> [String] { file.paths(key, fallback) }

    /// The project's variables with their defaults; those under the project's own name come before the others.
    func variables() throws -> ModelVariables {
        guard let node = file["vars"] else { return ModelVariables() }
        guard case .dictionary(var values) = try file.value(node) else {
            throw file.failure(node, "vars must be a mapping")
        }
        if case .dictionary(let own)? = values[name] {
            values[name] = nil
            values.merge(own) { $1 }
        }
        return ModelVariables(values)
    }

    /// The `+` settings of the folders that a file is in, the innermost last, for `models`, `seeds` or `data_tests`.
    func defaults(_ kind: String, for path: String) throws -> [String: TemplateValue] {
        var settings: [String: TemplateValue] = [:]
        var node = file[kind]
        func take() throws {
            for (key, value) in node?.pairs ?? [] where key.hasPrefix("+") {
                let key = String(key.dropFirst())
                settings[key] = try Self.joined(key, settings[key], try rendered(value))
            }
        }
        try take()
        node = node?[name]
        try take()
        let folders = path.split(separator: "/").dropFirst()
        for folder in folders {
            let stem = folder.split(separator: ".").first.map(String.init) ?? ""
            node = node?[folder == folders.last ? stem : String(folder)]
            try take()
        }
        return settings
    }

    /// Tags add up, mappings are joined, everything else is replaced.
    static func joined(_ key: String, _ outer: TemplateValue?, _ inner: TemplateValue) throws -> TemplateValue {
        switch (key, outer, inner) {
        case ("tags", let outer?, _): return .list(outer.texts + inner.texts.filter { !outer.texts.contains($0) })
        case ("meta", .dictionary(let one)?, .dictionary(let other)): return .dictionary(one.merging(other) { $1 })
        default: return inner
        }
    }

    private func rendered(_ node: Node) throws -> TemplateValue {
        guard let text = node.scalar?.string, text.contains("{{") || text.contains("{%") else {
            return try file.value(node)
        }
        do {
            let written = try Template(text, file: file.place(node)).render(context)
            return ["True": .bool(true), "False": .bool(false), "None": .none][written] ?? .string(written)
        } catch let error as ModelError {
            throw file.failure(node, error.description)
        }
    }
}

extension TemplateValue {
    /// A text, or a list of texts, as a list.
    var texts: [TemplateValue] { list ?? (self == .none ? [] : [.string(text)]) }
}

/// The settings of one model or seed: those of its folder, then of its yml entry, then of its own file.
struct ModelSettings {
    private let values: [String: TemplateValue]
    private let file: String

    init(_ layers: [[String: TemplateValue]], file: String) throws {
        var values: [String: TemplateValue] = [:]
        for layer in layers {
            for (key, value) in layer { values[key] = try ProjectSettings.joined(key, values[key], value) }
        }
        self.values = values
        self.file = file
        // What would be left out in silence otherwise.
        for key in ["pre-hook", "post-hook", "pre_hook", "post_hook", "alias", "sql_header"] {
            guard values[key]?.isTrue != true else { throw failure("the setting \(key) is not supported") }
        }
    }

    func failure(_ what: String) -> ModelError { ModelError(.project, "\(file): \(what)") }

    /// A setting's text; nil where it is not set.
    func text(_ key: String) -> String? {
        guard let value = values[key], value != .none else { return nil }
        return value.text
    }

    func flag(_ key: String) -> Bool? {
        guard case .bool(let value)? = values[key] else { return nil }
        return value
    }

    func texts(_ key: String) -> [String] { values[key]?.texts.map(\.text) ?? [] }

    func mapping(_ key: String) -> [String: TemplateValue] { values[key]?.dictionary ?? [:] }

    var isEnabled: Bool { flag("enabled") ?? true }
}
