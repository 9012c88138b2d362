/// A drawing of a lineage: columns from what reads nothing, on the left, to what nothing reads.
struct LineageDrawing {
    private static let (boxWidth, boxHeight, columnWidth, rowHeight) = (190, 24, 250, 34)

    private let lineage: Lineage

    init(_ lineage: Lineage) { self.lineage = lineage }

    /// An SVG whose boxes are links to the sections of the page.
    var svg: String {
        var depth: [String: Int] = [:]
        // Each node comes after those it reads.
        for node in lineage.nodes {
            let above = lineage.edges.filter { $0.to == node.table }.compactMap { depth[$0.from] }
            depth[node.table] = (above.max() ?? -1) + 1
        }
        var used: [Int: Int] = [:]
        var place: [String: (x: Int, y: Int)] = [:]
        for node in lineage.nodes {
            let column = depth[node.table] ?? 0
            let row = used[column, default: 0]
            used[column] = row + 1
            place[node.table] = (10 + column * Self.columnWidth, 10 + row * Self.rowHeight)
        }
        let width = 20 + (used.keys.max() ?? 0) * Self.columnWidth + Self.boxWidth
        let height = 20 + (used.values.max() ?? 0) * Self.rowHeight
        var text = "<svg width=\"\(width)\" height=\"\(height)\" role=\"img\" aria-label=\"lineage\">"
        for edge in lineage.edges {
            guard let from = place[edge.from], let to = place[edge.to] else { continue }
            let (x, y) = (from.x + Self.boxWidth, from.y + Self.boxHeight / 2)
            let (endX, endY) = (to.x, to.y + Self.boxHeight / 2)
            let bend = (endX - x) / 2
            text += "<path d=\"M\(x) \(y)C\(x + bend) \(y) \(endX - bend) \(endY) \(endX) \(endY)\"/>"
        }
        for node in lineage.nodes {
            guard let (x, y) = place[node.table] else { continue }
            text += "<a href=\"#\(ModelDocs.anchor(node.table))\"><rect x=\"\(x)\" y=\"\(y)\" rx=\"4\" "
            text += "width=\"\(Self.boxWidth)\" height=\"\(Self.boxHeight)\"/>"
            text += "<text x=\"\(x + 8)\" y=\"\(y + 16)\">\(ModelDocs.escaped(node.table))</text></a>"
        }
        return text + "</svg>"
    }
}
