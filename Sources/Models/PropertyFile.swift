import Yams

/// A YAML file of the project: a mapping, with the places of what stands in it.
struct PropertyFile {
    /// The mapping.
    let root: Node
    /// Its path in the project, for errors.
    let name: String

    init(path: String, name: String) throws {
        self.name = name
        let text = try ModelProject.text(path)
        do {
            root = try Yams.compose(yaml: text) ?? Node([(Node, Node)]())
        } catch {
            throw ModelError(.project, "\(name): \(error)")
        }
        guard root.mapping != nil else { throw ModelError(.project, "\(name): it is no mapping of names to values") }
    }

    subscript(key: String) -> Node? { root[key] }

    /// Where a node stands, `models/marts.yml:12`.
    func place(_ node: Node) -> String { "\(name):\(node.mark?.line ?? 0)" }

    func failure(_ node: Node, _ what: String) -> ModelError { ModelError(.project, "\(place(node)): \(what)") }

    /// The items of a list; none where there is nothing.
    func items(_ node: Node?, _ what: String) throws -> [Node] {
        guard let node, node.null == nil else { return [] }
        guard let items = node.sequence else { throw failure(node, "\(what) must be a list") }
        return Array(items)
    }

    func name(_ node: Node, _ what: String) throws -> String {
        guard let name = node["name"]?.scalar?.string, !name.isEmpty else {
            throw failure(node, "\(what) needs a name")
        }
        return name
    }

    func value(_ node: Node) throws -> TemplateValue {
        do { return try TemplateValue(node) } catch let error as ModelError { throw failure(node, error.description) }
    }

    /// A description, or another text that dbt would render: templates in it are refused.
    func text(_ node: Node?) throws -> String {
        guard let node, let text = node.scalar?.string else { return "" }
        guard !text.contains("{{") else { throw failure(node, "a template in a description is not supported") }
        return text
    }

    /// The settings of `config:`, and those of the same names beside it.
    func settings(_ node: Node, beside names: [String]) throws -> [String: TemplateValue] {
        var settings: [String: TemplateValue] = [:]
        for name in names { if let value = node[name] { settings[name] = try self.value(value) } }
        guard let config = node["config"] else { return settings }
        guard case .dictionary(let given) = try value(config) else { throw failure(config, "config must be a mapping") }
        return settings.merging(given) { $1 }
    }

    func paths(_ key: String, _ fallback: String) -> [String] {
        root[key]?.sequence?.compactMap(\.string) ?? [fallback]
    }
}

extension Node {
    /// The members of a mapping whose keys are strings, in order.
    var pairs: [(String, Node)] {
        mapping?.compactMap { key, value in key.string.map { ($0, value) } } ?? []
    }
}

/// What `ref('name')` and `source('schema', 'table')` in a text of YAML name.
enum NamedRelation: Equatable {
    case model(String)
    case source(String)

    /// Nil when the text is neither.
    init?(_ text: String) {
        let text = text.trimmingPrefix(while: \.isWhitespace)
        let isReference = text.hasPrefix("ref(")
        guard isReference || text.hasPrefix("source("), let open = text.firstIndex(of: "("),
            let close = text.lastIndex(of: ")"), text[text.index(after: close)...].allSatisfy(\.isWhitespace)
        else { return nil }
        let words = text[text.index(after: open)..<close].split(separator: ",").map { word in
            String(word.filter { !"'\" ".contains($0) })
        }
        switch (isReference, words.count) {
        case (true, 1), (true, 2): self = .model(words[words.count - 1])
        case (false, 2): self = .source(words.joined(separator: "."))
        default: return nil
        }
    }
}
