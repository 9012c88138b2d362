import Foundation

/// Exact arithmetic over columns: `{dollars} / {cds}`, `-{Quantity} * ({UnitPrice} - 0.5)`.
struct Formula: Sendable {
    /// One step of a formula in postfix order.
    enum Step: Sendable {
        case column(Slot)
        case number(Ratio)
        case add, subtract, multiply, divide, negate
    }

    let steps: [Step]

    /// Reads a formula: columns in braces, numbers, `+ - * /`, unary minus and parentheses.
    /// Each column is given a slot among `columns`, in the row or in the elements of `list`.
    init(_ text: String, list: Int?, columns: inout ColumnTable) throws(BracedText.Fault) {
        var reader = Reader(rest: Substring(text), list: list, columns: columns)
        try reader.sum(depth: 0)
        columns = reader.columns
        guard reader.rest.isEmpty else {
            throw BracedText.Fault(
                problem: "'\(reader.rest.prefix(1))' is not expected; use columns in braces, numbers and + - * / ( )")
        }
        steps = reader.steps
    }

    private struct Reader {
        var rest: Substring
        let list: Int?
        var columns: ColumnTable
        var steps: [Step] = []

        mutating func sum(depth: Int) throws(BracedText.Fault) {
            try product(depth: depth)
            while let sign = take(["+", "-"]) {
                try product(depth: depth)
                try append(sign == "+" ? .add : .subtract)
            }
        }

        private mutating func product(depth: Int) throws(BracedText.Fault) {
            try factor(depth: depth)
            while let sign = take(["*", "/"]) {
                try factor(depth: depth)
                try append(sign == "*" ? .multiply : .divide)
            }
        }

        private mutating func factor(depth: Int) throws(BracedText.Fault) {
            guard depth < 32 else { throw BracedText.Fault(problem: "more than 32 levels of parentheses") }
            if take(["-"]) != nil {
                try factor(depth: depth + 1)
                try append(.negate)
            } else if take(["("]) != nil {
                try sum(depth: depth + 1)
                if take([")"]) == nil { throw BracedText.Fault(problem: "a parenthesis is not closed") }
            } else if take(["{"]) != nil {
                guard let close = rest.firstIndex(of: "}") else {
                    throw BracedText.Fault(problem: "a brace is not closed")
                }
                let name = rest[..<close].trimmingCharacters(in: .whitespaces)
                guard !name.isEmpty else { throw BracedText.Fault(problem: "a column's name is missing") }
                rest = rest[rest.index(after: close)...].drop { $0 == " " }
                try append(.column(columns.slot(name, list: list)))
            } else {
                let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
                guard let number = Array(digits.utf8).withUnsafeBufferPointer({ Ratio($0) }) else {
                    let found = rest.isEmpty ? "the formula ends too early" : "'\(rest.prefix(1))' is not expected"
                    throw BracedText.Fault(problem: "\(found); use columns in braces, numbers and + - * / ( )")
                }
                rest = rest[digits.endIndex...].drop { $0 == " " }
                try append(.number(number))
            }
        }

        private mutating func take(_ signs: [Character]) -> Character? {
            rest = rest.drop { $0 == " " }
            guard let first = rest.first, signs.contains(first) else { return nil }
            rest = rest.dropFirst().drop { $0 == " " }
            return first
        }

        private mutating func append(_ step: Step) throws(BracedText.Fault) {
            guard steps.count < ImportLimits.formulaSteps else {
                throw BracedText.Fault(problem: "more than \(ImportLimits.formulaSteps) steps")
            }
            steps.append(step)
        }
    }
}
