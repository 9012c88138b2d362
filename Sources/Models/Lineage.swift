/// What reads what, of a part of a project, for people and for machines.
public struct Lineage: Sendable {
    /// A source, model, seed or exposure.
    public struct Entry: Sendable, Encodable {
        /// Its name.
        public let name: String
        /// Its table; its name for an exposure.
        public let table: String
        /// source, model, seed or exposure.
        public let kind: String
        /// How a model's table is kept up; empty for anything else.
        public let materialized: String
        /// What it says.
        public let description: String
        /// Its file and, of what a yml file declares, the line.
        public let place: String
        /// Its tags.
        public let tags: [String]
    }

    /// That one reads the other.
    public struct Edge: Sendable, Encodable, Hashable {
        /// What is read, by its table.
        public let from: String
        /// Who reads it.
        public let to: String
    }

    /// Each after those it reads.
    public let nodes: [Entry]
    /// In the order of the nodes that read.
    public let edges: [Edge]

    /// The lineage of what a selection means; tests are left out.
    public init(_ project: ModelProject, _ selection: ModelSelection = .all) throws {
        let chosen = try selection.nodes(of: project)
        let graph = ModelGraph(project)
        let shown = graph.nodes.filter { node in
            if case .test = node { false } else { chosen.contains(node) }
        }
        nodes = shown.map { Self.entry($0, project) }
        let tables = Dictionary(uniqueKeysWithValues: zip(shown, nodes.map(\.table)))
        edges = shown.flatMap { node in
            graph.parents(of: node).compactMap { parent in
                tables[parent].flatMap { from in tables[node].map { Edge(from: from, to: $0) } }
            }
        }
    }

    private static func entry(_ node: ModelGraph.Node, _ project: ModelProject) -> Entry {
        switch node {
        case .source(let table):
            let source = project.source(table)
            return Entry(
                name: source?.name ?? table, table: table, kind: "source", materialized: "",
                description: source?.description ?? "", place: source?.place ?? "", tags: source?.tags ?? [])
        case .model(let name):
            let model = project.model(name)
            let isSeed = model?.materialization == .seed
            return Entry(
                name: name, table: model?.table ?? name, kind: isSeed ? "seed" : "model",
                materialized: model?.materialization.rawValue ?? "", description: model?.description ?? "",
                place: model?.file ?? "", tags: model?.tags ?? [])
        case .exposure(let name):
            let exposure = project.exposures.first { $0.name == name }
            return Entry(
                name: name, table: name, kind: "exposure", materialized: "", description: exposure?.description ?? "",
                place: exposure?.place ?? "", tags: exposure?.tags ?? [])
        case .test(let number):
            let test = project.tests[number]
            return Entry(
                name: test.name, table: test.name, kind: "test", materialized: "", description: "", place: test.place,
                tags: test.tags)
        }
    }

    /// Trees from what reads nothing of the selection to what nothing reads. What was shown before is named again with an arrow
    /// and not followed.
    public var text: String {
        var children: [String: [String]] = [:]
        var hasParent: Set<String> = []
        for edge in edges {
            children[edge.from, default: []].append(edge.to)
            hasParent.insert(edge.to)
        }
        let entries = Dictionary(nodes.map { ($0.table, $0) }) { first, _ in first }
        var lines: [String] = []
        var shown: Set<String> = []
        func title(_ table: String) -> String {
            guard let entry = entries[table] else { return table }
            switch entry.kind {
            case "exposure": return "\(table) (exposure)"
            case "seed": return "\(table) (seed)"
            default: return entry.materialized == "ephemeral" ? "\(table) (ephemeral)" : table
            }
        }
        func show(_ table: String, _ lead: String, _ mark: String, _ next: String) {
            let below = children[table] ?? []
            let isNew = shown.insert(table).inserted
            lines.append(lead + mark + title(table) + (isNew || below.isEmpty ? "" : " ↑"))
            guard isNew else { return }
            for (index, child) in below.enumerated() {
                let isLast = index == below.count - 1
                show(child, lead + next, isLast ? "└─ " : "├─ ", isLast ? "   " : "│  ")
            }
        }
        for node in nodes where !hasParent.contains(node.table) { show(node.table, "", "", "") }
        return lines.map { $0 + "\n" }.joined()
    }
}
