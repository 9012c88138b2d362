import Foundation

/// One measured number: the median of its runs, and how far they lay apart.
struct Measure: Encodable {
    let bench: String
    let measure: String
    let value: Double
    let unit: String
    var versus: [String: Double]?
    /// The smallest and the largest of several runs; nil where there was one.
    var min: Double?
    var max: Double?
    var runs: Int?

    init(bench: String, measure: String, value: Double, unit: String, versus: [String: Double]? = nil) {
        self.bench = bench
        self.measure = measure
        self.value = value
        self.unit = unit
        self.versus = versus
    }

    init(bench: String, measure: String, _ spread: Spread, unit: String, versus: [String: Double]? = nil) {
        self.init(bench: bench, measure: measure, value: spread.median, unit: unit, versus: versus)
        guard spread.count > 1 else { return }
        min = spread.min
        max = spread.max
        runs = spread.count
    }

    var line: String {
        let name = (bench + " " + measure).padding(toLength: 44, withPad: " ", startingAt: 0)
        var line = "  \(name) \(Measure.text(value, width: 12)) \(unit)"
        if let min, let max { line += "  (\(Measure.text(min)) to \(Measure.text(max)))" }
        for (key, value) in (versus ?? [:]).sorted(by: { $0.key < $1.key }) {
            line += "\n" + String(repeating: " ", count: 47) + "× \(String(format: "%.2f", value)) of \(key)"
        }
        return line
    }

    /// A number with as many digits as it deserves, thousands apart.
    static func text(_ value: Double, width: Int = 0) -> String {
        let text: String
        if abs(value) < 1_000 {
            text = String(format: abs(value) < 100 ? "%.2f" : "%.1f", value)
        } else {
            let digits = String(Int64(abs(value).rounded()))
            var grouped = ""
            for (index, digit) in digits.enumerated() {
                if index > 0, (digits.count - index) % 3 == 0 { grouped += "," }
                grouped.append(digit)
            }
            text = (value < 0 ? "-" : "") + grouped
        }
        return String(repeating: " ", count: Swift.max(0, width - text.count)) + text
    }
}

/// Several runs of one thing.
struct Spread {
    private let sorted: [Double]

    init(_ values: [Double]) {
        precondition(!values.isEmpty)
        sorted = values.sorted()
    }

    var count: Int { sorted.count }
    var min: Double { sorted[0] }
    var max: Double { sorted[sorted.count - 1] }
    /// The middle one; of an even number the mean of the two in the middle.
    var median: Double {
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// What a benchmark found: the measures for machines, and tables where these read better than lines.
struct Findings {
    var measures: [Measure]
    private var tables: [TextTable] = []
    private var held = 0
    /// Sentences below it.
    var notes: [String] = []

    init(_ measures: [Measure] = []) { self.measures = measures }

    /// Shows the measures so far that no table holds yet in this one.
    mutating func hold(_ table: TextTable) {
        tables.append(table)
        held = measures.count
    }

    func print() {
        for table in tables { Swift.print(table.text) }
        for measure in measures.dropFirst(held) { Swift.print(measure.line) }
        for note in notes { Swift.print("  \(note)") }
    }
}

/// Columns of text: the first to the left, the others to the right.
struct TextTable {
    /// The widest line that still fits everywhere.
    static let widthMax = 100

    let title: String
    private var rows: [[String]]

    init(_ title: String, _ header: [String]) {
        self.title = title
        rows = [header]
    }

    mutating func add(_ row: [String]) {
        precondition(row.count == rows[0].count)
        rows.append(row)
    }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            "  "
                + zip(row, widths).enumerated().map { index, cell in
                    let space = String(repeating: " ", count: cell.1 - cell.0.count)
                    return index == 0 ? cell.0 + space : space + cell.0
                }.joined(separator: "  ")
        }
        return ([title] + lines).joined(separator: "\n")
    }
}

/// Why a benchmark means nothing.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Tells on standard error what is going on.
func report(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
