/// Which part of a project a command is about, in dbt's syntax.
///
/// Words are joined (`a b`), and cut with each other where commas stand (`tag:daily,path:models/marts`). A word is a name, a
/// table (`gold.daily_sales`), a schema or folder (`gold`, `marts`), `tag:`, `path:`, `source:`, `exposure:`,
/// `config.materialized:`, `resource_type:`, `test_name:` or `state:modified` (`state:new`), with `*` and `?` in its value.
/// `+` before it adds all that it reads, `2+` that over two steps; `+` and `+2` after it add what reads it; `@` adds what
/// reads it, and all that those read.
public struct ModelSelection: Sendable {
    /// Most words of a selection.
    public static let wordsMax = 1_000

    private let select: [String]
    private let exclude: [String]

    /// - Parameters:
    ///   - select: what to take, of which each may hold several words; all when there is none.
    ///   - exclude: what to leave out of it.
    public init(select: [String] = [], exclude: [String] = []) {
        self.select = Self.words(select)
        self.exclude = Self.words(exclude)
    }

    private static func words(_ texts: [String]) -> [String] {
        texts.flatMap { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
    }

    /// Everything.
    public static let all = ModelSelection()

    /// Whether it takes every model.
    public var isAll: Bool { select.isEmpty && exclude.isEmpty }

    /// The nodes of a project that are meant.
    /// - Parameter isModified: whether a model is not what its table was made by; nil when nobody knows.
    func nodes(
        of project: ModelProject, isModified: ((Model) throws -> ModelChange)? = nil
    ) throws -> Set<ModelGraph.Node> {
        guard select.count + exclude.count <= Self.wordsMax else {
            throw ModelError(.project, "a selection may have up to \(Self.wordsMax) words")
        }
        let search = NodeSearch(project: project, graph: ModelGraph(project), isModified: isModified)
        let taken =
            try select.isEmpty
            ? Set(search.graph.nodes) : select.reduce(into: []) { $0.formUnion(try search.union($1)) }
        return try exclude.reduce(taken) { $0.subtracting(try search.union($1)) }
    }
}

/// Whether a model is what its table was made by.
enum ModelChange {
    case same
    case modified
    case new
}

/// Finds the nodes that words of a selection mean.
private struct NodeSearch {
    let project: ModelProject
    let graph: ModelGraph
    let isModified: ((Model) throws -> ModelChange)?

    /// A word with commas: what all its parts mean.
    func union(_ word: String) throws -> Set<ModelGraph.Node> {
        let parts = word.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let found = try parts.map(nodes)
        return found.dropFirst().reduce(found[0]) { $0.intersection($1) }
    }

    private func nodes(_ word: String) throws -> Set<ModelGraph.Node> {
        var text = Substring(word)
        let isWhole = text.first == "@"
        if isWhole { text = text.dropFirst() }
        let above = Self.steps(text.prefix { $0.isNumber || $0 == "+" })
        if above != nil { text = text.drop { $0.isNumber }.dropFirst() }
        let tail = text.lastIndex(of: "+").map { text[$0...] }
        let below = tail.flatMap { Self.steps($0) }
        if below != nil, let tail { text = text[..<tail.startIndex] }
        guard !text.isEmpty, !isWhole || (above == nil && below == nil) else {
            throw ModelError(
                .project, "\"\(word)\" selects nothing: write it as model, +model, model+, 2+model or @model")
        }
        let found = try matches(String(text))
        var all = found
        if let above { all.formUnion(graph.ancestors(of: found, steps: above)) }
        if let below { all.formUnion(graph.descendants(of: found, steps: below)) }
        if isWhole {
            all.formUnion(graph.descendants(of: found))
            all.formUnion(graph.ancestors(of: all))
        }
        return all
    }

    /// The steps that `+`, `2+` and `+2` mean; nil for anything else.
    private static func steps(_ text: Substring) -> Int? {
        guard text.count(where: { $0 == "+" }) == 1, text.first == "+" || text.last == "+" else { return nil }
        let digits = text.filter { $0 != "+" }
        return digits.isEmpty ? .max : Int(digits)
    }

    private func matches(_ text: String) throws -> Set<ModelGraph.Node> {
        var (method, value) = ("", text)
        if let colon = text.firstIndex(of: ":") {
            (method, value) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
        } else if text.contains("/") {
            method = "path"
        }
        let pattern = NamePattern(value)
        var found: Set<ModelGraph.Node> = []
        for node in graph.nodes where try matches(node, method, pattern, value) { found.insert(node) }
        guard found.isEmpty, ["", "fqn", "source", "exposure", "path"].contains(method), !pattern.hasWildcards else {
            return found
        }
        let known = project.models.map(\.table).joined(separator: ", ")
        throw ModelError(.project, "there is no \(method.isEmpty ? "model" : method) \(value); there are \(known)")
    }

    private func matches(
        _ node: ModelGraph.Node, _ method: String, _ pattern: NamePattern, _ value: String
    ) throws -> Bool {
        switch method {
        case "", "fqn":
            guard case .model(let name) = node, let model = project.model(name) else { return false }
            let folders = model.file.split(separator: "/").dropFirst().dropLast().map(String.init)
            let names = [name, model.table, model.schema, model.schema + ".*", project.name] + folders
            return names.contains(where: pattern.fits) || pattern.fits(folders.joined(separator: "."))
                || pattern.fits(([project.name] + folders + [name]).joined(separator: "."))
        case "tag": return tags(node).contains(where: pattern.fits)
        case "path":
            let file = file(node)
            let folder = value.hasSuffix("/") ? value : value + "/"
            // As a path from above the project, too.
            return pattern.fits(file) || file.hasPrefix(folder) || "models/\(file)".hasPrefix(folder)
                || pattern.fits("models/" + file)
        case "source":
            guard case .source(let table) = node else { return false }
            let parts = table.split(separator: ".").map(String.init)
            return pattern.fits(table) || parts.contains(where: pattern.fits)
        case "exposure":
            guard case .exposure(let name) = node else { return false }
            return pattern.fits(name)
        case "config.materialized":
            guard case .model(let name) = node, let model = project.model(name) else { return false }
            return pattern.fits(model.materialization.rawValue)
        case "resource_type":
            switch node {
            case .source: return pattern.fits("source")
            case .exposure: return pattern.fits("exposure")
            case .test: return pattern.fits("test")
            case .model(let name): return pattern.fits(project.model(name)?.materialization == .seed ? "seed" : "model")
            }
        case "test_name":
            guard case .test(let number) = node else { return false }
            return pattern.fits(project.tests[number].word)
        case "state":
            guard ["modified", "new"].contains(value) else {
                throw ModelError(.project, "state: takes modified or new")
            }
            guard let isModified else { throw ModelError(.project, "state: needs the tables; it is not known here") }
            guard case .model(let name) = node, let model = project.model(name), model.materialization != .ephemeral
            else {
                return false
            }
            let change = try isModified(model)
            return value == "new" ? change == .new : change != .same
        default:
            throw ModelError(
                .project,
                "a selection by \(method): is not supported; there are tag:, path:, source:, exposure:, "
                    + "config.materialized:, resource_type:, test_name: and state:")
        }
    }

    private func tags(_ node: ModelGraph.Node) -> [String] {
        switch node {
        case .source(let table): project.source(table)?.tags ?? []
        case .model(let name): project.model(name)?.tags ?? []
        case .exposure(let name): project.exposures.first { $0.name == name }?.tags ?? []
        case .test(let number): project.tests[number].tags
        }
    }

    private func file(_ node: ModelGraph.Node) -> String {
        let place =
            switch node {
            case .source(let table): project.source(table)?.place ?? ""
            case .model(let name): project.model(name)?.file ?? ""
            case .exposure(let name): project.exposures.first { $0.name == name }?.place ?? ""
            case .test(let number): project.tests[number].place
            }
        return place.split(separator: ":").first.map(String.init) ?? ""
    }
}

/// A name with `*` for any text and `?` for any character.
private struct NamePattern {
    private let characters: [Character]
    let hasWildcards: Bool

    init(_ text: String) {
        characters = Array(text)
        hasWildcards = text.contains { $0 == "*" || $0 == "?" }
    }

    func fits(_ name: String) -> Bool {
        let name = Array(name)
        // The last star, and what it took so far: enough to go back to, since an earlier one need never take more.
        var (at, position, star, taken) = (0, 0, -1, 0)
        while position < name.count {
            if at < characters.count, characters[at] == "*" {
                (star, taken) = (at, position)
                at += 1
            } else if at < characters.count, characters[at] == "?" || characters[at] == name[position] {
                at += 1
                position += 1
            } else if star >= 0 {
                taken += 1
                (at, position) = (star + 1, taken)
            } else {
                return false
            }
        }
        return characters[at...].allSatisfy { $0 == "*" }
    }
}

extension ModelProject {
    /// The models and seeds with tables that a selection means, in the order they have to run.
    public func models(_ selection: ModelSelection) throws -> [Model] { try models(in: selection.nodes(of: self)) }

    func models(in nodes: Set<ModelGraph.Node>) -> [Model] {
        models.filter { $0.materialization != .ephemeral && nodes.contains(.model($0.name)) }
    }

    /// The models of a selection that a run brings up to date: those that are meant, and with a model that reads a source both
    /// by itself and through others (what arrived, and what of it was kept) those others, so that it sees both as of the same
    /// moment.
    func modelsToRun(in nodes: Set<ModelGraph.Node>) -> [Model] {
        var wanted = nodes
        // Each comes after those it reads.
        for model in models.reversed() where wanted.contains(.model(model.name)) {
            for name in model.references {
                guard let other = self.model(name), !Set(other.sources).isDisjoint(with: model.sources) else {
                    continue
                }
                wanted.insert(.model(name))
            }
        }
        return models(in: wanted)
    }

    /// The tests that a selection means: those named, and those of what is selected.
    func tests(in nodes: Set<ModelGraph.Node>) -> [ModelTest] {
        let graph = ModelGraph(self)
        return tests.enumerated().filter { number, _ in
            nodes.contains(.test(number)) || graph.parents(of: .test(number)).contains(where: nodes.contains)
        }.map(\.element)
    }
}
