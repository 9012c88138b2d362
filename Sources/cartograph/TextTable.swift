import Events
import Foundation

/// Rows of text as a table that fits a terminal.
struct TextTable {
    private let head: [String]
    private var rows: [[String]] = []

    /// A table with these column heads; empty heads are not printed. All columns but the first are set to the right.
    init(_ head: [String]) { self.head = head }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// The table, each line ended.
    var text: String {
        let shown = head.allSatisfy(\.isEmpty) ? rows : [head] + rows
        let widths = head.indices.map { column in shown.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for (index, row) in shown.enumerated() {
            let cells = row.enumerated().map { column, cell in
                let pad = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + pad : pad + cell
            }
            var line = "  " + cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            text += line + "\n"
            if index == 0 && shown.count > rows.count {
                text += "  " + widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ") + "\n"
            }
        }
        return text
    }
}

extension Int64 {
    /// With thousands set apart by commas.
    var grouped: String {
        var digits = String(magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (self < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}

extension Money {
    /// With thousands set apart by commas.
    var grouped: String {
        let text = description
        let parts = text.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let whole = Int64(parts[0]) else { return text }
        return (text.hasPrefix("-0") ? "-" : "") + whole.grouped + "." + parts[1]
    }
}

extension Double {
    /// With that many places.
    func rounded(to places: Int) -> String { String(format: "%.\(places)f", self) }
}
