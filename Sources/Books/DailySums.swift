import Engine

/// Sums by business day and something else, such as a currency; each in ten-thousandths.
struct DailySums {
    /// A day and what else the sum is of.
    struct Cell: Hashable, Comparable {
        let day: String
        let name: String

        static func < (one: Cell, other: Cell) -> Bool { (one.day, one.name) < (other.day, other.name) }

        var text: String { [day, name].filter { !$0.isEmpty }.joined(separator: " ") }
    }

    /// What is summed up.
    struct Measure {
        let name: String
        let isMoney: Bool

        static func count(_ name: String) -> Measure { Measure(name: name, isMoney: false) }
        static func money(_ name: String) -> Measure { Measure(name: name, isMoney: true) }
    }

    /// Most cells that are compared.
    static let cellsMax = 5_000_000

    private(set) var sums: [Cell: [Int128]] = [:]

    init() {}

    /// The sums of a statement: a day and a name as texts, then numbers.
    init(_ connection: Connection, _ sql: String, measures: Int) throws {
        let numbers = (1...measures).map { "CAST(m\($0) AS DECIMAL(38, 4))" }.joined(separator: ", ")
        try connection.stream(
            "SELECT coalesce(CAST(day AS VARCHAR), ''), coalesce(CAST(name AS VARCHAR), ''), \(numbers) FROM (\(sql))"
        ) { row in
            guard sums.count < Self.cellsMax else {
                throw LakeAbsence(description: "there are more than \(Self.cellsMax) sums by day to compare")
            }
            try add(row[0].text, row[1].text, row.dropFirst(2).map(Self.tenThousandths))
            return true
        }
    }

    private static func tenThousandths(_ value: Value) throws -> Int128 {
        switch value {
        case .null: return 0
        case .decimal(let unscaled, let scale) where scale == 4: return unscaled
        default: throw LakeAbsence(description: "\(value.text) is no sum of money")
        }
    }

    /// Adds to a cell.
    mutating func add(_ day: String, _ name: String, _ values: [Int128]) throws {
        let cell = Cell(day: day, name: name)
        sums[cell] = zip(sums[cell] ?? Array(repeating: 0, count: values.count), values).map { $0 + $1 }
    }

    /// Some of the measures.
    func picking(_ indexes: [Int]) -> DailySums {
        var picked = DailySums()
        picked.sums = sums.mapValues { values in indexes.map { values[$0] } }
        return picked
    }

    /// A line for each measure: the totals, and the cells that differ.
    static func lines(
        _ measures: [Measure], _ what: String, _ leftName: String, _ left: DailySums, _ rightName: String,
        _ right: DailySums
    ) -> [TrialBalance.Line] {
        let cells = Set(left.sums.keys).union(right.sums.keys).sorted()
        return measures.indices.map { index in
            let measure = measures[index]
            func text(_ value: Int128) -> String { DecimalText.text(value, isWhole: !measure.isMoney) }
            var (leftSum, rightSum): (Int128, Int128) = (0, 0)
            var offenders = Offenders()
            for cell in cells {
                let one = left.sums[cell]?[index] ?? 0
                let other = right.sums[cell]?[index] ?? 0
                leftSum += one
                rightSum += other
                guard one != other else { continue }
                offenders.since = offenders.since ?? (cell.day.isEmpty ? nil : cell.day)
                offenders.add("\(cell.text): \(text(one)), not \(text(other))")
            }
            var line = TrialBalance.Line(
                "\(measure.name), \(what)", leftName, text(leftSum), rightName, text(rightSum))
            line.blame(offenders)
            return line
        }
    }

    /// The days on which any measure differs, in order.
    static func daysThatDiffer(_ left: DailySums, _ right: DailySums) -> [String] {
        let cells = Set(left.sums.keys).union(right.sums.keys)
        return Set(cells.filter { left.sums[$0] != right.sums[$0] }.map(\.day)).sorted()
    }
}
