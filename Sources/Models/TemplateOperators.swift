/// What the operators of expressions do with values.
enum TemplateOperators {
    static func compare(_ left: TemplateValue, _ word: String, _ right: TemplateValue) throws -> Bool {
        switch word {
        case "==": return left == right
        case "!=": return left != right
        case "in": return try isIn(left, right)
        case "not in": return try !isIn(left, right)
        default:
            let order: Int
            switch (left, right) {
            case (.number(let one), .number(let other)): order = one < other ? -1 : (one > other ? 1 : 0)
            case (.string(let one), .string(let other)): order = one < other ? -1 : (one > other ? 1 : 0)
            default: throw ModelError(.project, "\(left.kind) and \(right.kind) have no order")
            }
            return switch word {
            case "<": order < 0
            case "<=": order <= 0
            case ">": order > 0
            default: order >= 0
            }
        }
    }

    private static func isIn(_ value: TemplateValue, _ whole: TemplateValue) throws -> Bool {
        switch whole {
        case .list(let values): return values.contains(value)
        case .dictionary(let fields): return value.string.map { fields[$0] != nil } ?? false
        case .string(let text):
            guard let part = value.string else { throw ModelError(.project, "\(value.kind) cannot be in a string") }
            return part.isEmpty || text.contains(part)
        default: throw ModelError(.project, "nothing is in \(whole.kind)")
        }
    }

    static func compute(_ left: TemplateValue, _ sign: String, _ right: TemplateValue) throws -> TemplateValue {
        switch (sign, left, right) {
        case ("~", _, _): return .string(left.text + right.text)
        case ("+", .string(let one), .string(let other)): return .string(one + other)
        case ("+", .list(let one), .list(let other)): return .list(one + other)
        case (_, .number(let one), .number(let other)):
            let (result, overflows): (Int, Bool)
            switch sign {
            case "+": (result, overflows) = one.addingReportingOverflow(other)
            case "-": (result, overflows) = one.subtractingReportingOverflow(other)
            case "*": (result, overflows) = one.multipliedReportingOverflow(by: other)
            default:
                guard other != 0 else { throw ModelError(.project, "division by zero") }
                guard one != .min || other != -1 else { throw ModelError(.project, "the number is too large") }
                // Python rounds down, and a remainder has the sign of the divisor.
                let remainder = ((one % other) + other) % other
                guard sign == "//" || sign == "%" else {
                    throw ModelError(.project, "\(sign) is not supported: use // for whole numbers")
                }
                return .number(sign == "%" ? remainder : (one - remainder) / other)
            }
            guard !overflows else { throw ModelError(.project, "the number is too large") }
            return .number(result)
        default: throw ModelError(.project, "\(left.kind) \(sign) \(right.kind) is not possible; ~ joins texts")
        }
    }
}
