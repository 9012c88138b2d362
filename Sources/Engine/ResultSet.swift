/// The rows of a statement.
public struct ResultSet: Sendable {
    /// The names of the columns, in order; names may repeat.
    public let columns: [String]
    /// The rows; each has a value for each column.
    public let rows: [[Value]]
    /// Whether there were more rows than were asked for.
    public let isTruncated: Bool

    /// A result made elsewhere than in the engine.
    public init(columns: [String], rows: [[Value]], isTruncated: Bool = false) {
        self.columns = columns
        self.rows = rows
        self.isTruncated = isTruncated
    }

    /// The values of a column, or nil if there is none of that name.
    public subscript(column: String) -> [Value]? {
        columns.firstIndex(of: column).map { index in rows.map { $0[index] } }
    }

    /// The only value of a result with one row and one column or more; nil when there is no row.
    public var first: Value? { rows.first?.first }

    /// An array of JSON objects, one per row, with values as `Value.json` says.
    public func json() -> String {
        let keys = columns.map { JSONText.quoted($0) + ":" }
        var out = "["
        for (index, row) in rows.enumerated() {
            if index > 0 { out += "," }
            out += "{"
            for (position, value) in row.enumerated() {
                if position > 0 { out += "," }
                out += keys[position]
                out += value.json
            }
            out += "}"
        }
        return out + "]"
    }

    /// A table for a terminal: numbers to the right, long cells cut with `…`, and no wider than `width` characters.
    public func table(width: Int = 120) -> String {
        let cells = [columns.map(Self.onOneLine)] + rows.map { $0.map { Self.onOneLine($0.text) } }
        let shown = Self.widths(cells, total: width)
        let isNumber = columns.indices.map { column in
            rows.contains { $0[column].isNumber } && rows.allSatisfy { $0[column].isNumber || $0[column].isNull }
        }
        func line(_ row: [String], _ pads: Bool) -> String {
            shown.indices.map { column in
                let text = Self.cut(row[column], shown[column])
                let space = String(repeating: " ", count: shown[column] - text.count)
                return pads && isNumber[column] ? space + text : text + space
            }.joined(separator: "  ")
        }
        var lines = [line(cells[0], true), shown.map { String(repeating: "─", count: $0) }.joined(separator: "  ")]
        lines += cells.dropFirst().map { line($0, true) }
        if shown.count < columns.count { lines.append("(\(columns.count - shown.count) more columns)") }
        lines.append("\(rows.count) row\(rows.count == 1 ? "" : "s")\(isTruncated ? ", and more" : "")")
        return lines.map { $0.trimmingTrailingSpaces() }.joined(separator: "\n")
    }

    private static let cellWidthMin = 6

    /// Column widths that fit: the widest columns give way first, then columns at the end are left out.
    private static func widths(_ cells: [[String]], total: Int) -> [Int] {
        var widths = cells[0].indices.map { column in cells.reduce(0) { max($0, $1[column].count) } }
        func sum() -> Int { widths.reduce(0, +) + 2 * max(0, widths.count - 1) }
        while sum() > total {
            guard let widest = widths.max(), widest > cellWidthMin else {
                if widths.count <= 1 { break }
                widths.removeLast()
                continue
            }
            let next = widths.filter { $0 < widest }.max() ?? 0
            let count = widths.count { $0 == widest }
            let target = max(next, cellWidthMin, widest - (sum() - total + count - 1) / count)
            widths = widths.map { $0 == widest ? min($0, max(target, cellWidthMin)) : $0 }
        }
        return widths
    }

    private static func cut(_ text: String, _ width: Int) -> String {
        text.count <= width ? text : text.prefix(max(0, width - 1)) + "…"
    }

    private static func onOneLine(_ text: String) -> String {
        String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
    }
}

extension Value {
    var isNumber: Bool {
        switch self {
        case .integer, .double, .decimal: true
        default: false
        }
    }
}

extension String {
    fileprivate func trimmingTrailingSpaces() -> String {
        var text = Substring(self)
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
