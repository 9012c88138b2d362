/// What reads what in a project: sources, models and seeds, exposures and tests.
public struct ModelGraph: Sendable {
    /// One of them.
    public enum Node: Hashable, Sendable, Comparable {
        /// A table that is read and not made, as `bronze.clicks`.
        case source(String)
        /// A model or a seed by name.
        case model(String)
        /// Who reads tables, by name.
        case exposure(String)
        /// A test, by its number in the project.
        case test(Int)
    }

    private let parents: [Node: [Node]]
    private let children: [Node: [Node]]
    /// All nodes, each after those it reads.
    public let nodes: [Node]

    /// The graph of a project.
    public init(_ project: ModelProject) {
        var parents: [Node: [Node]] = [:]
        var nodes: [Node] = []
        func add(_ node: Node, _ references: [String], _ sources: [String]) {
            nodes.append(node)
            parents[node] = Set(references.map(Node.model) + sources.map(Node.source)).sorted()
        }
        for source in project.sources { add(.source(source.table), [], []) }
        for model in project.models { add(.model(model.name), model.upstream, model.sources) }
        for exposure in project.exposures { add(.exposure(exposure.name), exposure.references, exposure.sources) }
        for (number, test) in project.tests.enumerated() { add(.test(number), test.references, test.sources) }
        var children: [Node: [Node]] = [:]
        for node in nodes { for parent in parents[node] ?? [] { children[parent, default: []].append(node) } }
        self.parents = parents
        self.children = children
        self.nodes = nodes
    }

    /// What a node reads.
    public func parents(of node: Node) -> [Node] { parents[node] ?? [] }

    /// What reads a node.
    public func children(of node: Node) -> [Node] { children[node] ?? [] }

    /// All that the nodes read, over at most so many steps; without them.
    public func ancestors(of nodes: Set<Node>, steps: Int = .max) -> Set<Node> { reached(nodes, steps, parents) }

    /// All that reads the nodes, over at most so many steps; without them.
    public func descendants(of nodes: Set<Node>, steps: Int = .max) -> Set<Node> { reached(nodes, steps, children) }

    private func reached(_ from: Set<Node>, _ steps: Int, _ edges: [Node: [Node]]) -> Set<Node> {
        var found: Set<Node> = []
        var border = from
        var step = 0
        while !border.isEmpty, step < steps {
            border = Set(border.flatMap { edges[$0] ?? [] }).subtracting(found)
            found.formUnion(border)
            step += 1
        }
        return found.subtracting(from)
    }
}
