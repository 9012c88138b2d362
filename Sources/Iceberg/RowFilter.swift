/// A condition on a table's rows, for finding the files that may hold them.
///
/// It has SQL's three values: a comparison with null is unknown, and a row is meant when the whole is true. Numbers are
/// ordered with NaN above all others and equal to itself, as DuckDB, PostgreSQL and Spark order them. Columns are named
/// as in ``Schema/field(named:)``; decimal values are unscaled, with the column's scale.
public indirect enum RowFilter: Sendable, Hashable {
    /// Every row, or none.
    case always(Bool)
    /// All of them; with none, every row.
    case and([RowFilter])
    /// Any of them; with none, no row.
    case or([RowFilter])
    /// The opposite; unknown stays unknown.
    case not(RowFilter)
    case isNull(String)
    case notNull(String)
    /// Not a number; unknown for null.
    case isNaN(String)
    case notNaN(String)
    case less(String, IcebergValue)
    case lessOrEqual(String, IcebergValue)
    case greater(String, IcebergValue)
    case greaterOrEqual(String, IcebergValue)
    case equal(String, IcebergValue)
    case notEqual(String, IcebergValue)
    /// One of the values.
    case isIn(String, [IcebergValue])
    /// None of the values.
    case notIn(String, [IcebergValue])
    /// A string that begins with the prefix.
    case startsWith(String, String)
    case notStartsWith(String, String)

    /// Deepest nesting that is bound to a schema.
    public static let depthLimit = 200
    /// Most values of ``isIn(_:_:)`` and ``notIn(_:_:)`` that files are looked at for; beyond it no file is skipped for
    /// them.
    static let valuesLookedAt = 200

    /// Both.
    public static func && (left: RowFilter, right: RowFilter) -> RowFilter { .and([left, right]) }
    /// Either.
    public static func || (left: RowFilter, right: RowFilter) -> RowFilter { .or([left, right]) }
    /// The opposite.
    public static prefix func ! (expression: RowFilter) -> RowFilter { .not(expression) }
}

/// One comparison of a column.
struct BoundPredicate: Sendable, Hashable {
    /// What is asked of the column.
    enum Operation: Sendable {
        case isNull, notNull, isNaN, notNaN
        case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual
        case isIn, notIn
        case startsWith, notStartsWith
    }

    /// The column's id, or the partition field's.
    var id: Int
    var operation: Operation
    /// Of the column's type, none of them null or NaN; one for comparisons.
    var values: [IcebergValue]
}

/// An expression over column ids, without `not`: it stands in the predicates.
indirect enum BoundFilter: Sendable, Hashable {
    case always(Bool)
    case and([BoundFilter])
    case or([BoundFilter])
    case predicate(BoundPredicate)

    static func of(_ id: Int, _ operation: BoundPredicate.Operation, _ values: [IcebergValue] = []) -> BoundFilter {
        .predicate(BoundPredicate(id: id, operation: operation, values: values))
    }

    /// Whether `isTrue` of the predicates makes the whole true.
    func evaluate(_ isTrue: (BoundPredicate) throws -> Bool) rethrows -> Bool {
        switch self {
        case .always(let answer): answer
        case .and(let parts): try parts.allSatisfy { try $0.evaluate(isTrue) }
        case .or(let parts): try parts.contains { try $0.evaluate(isTrue) }
        case .predicate(let predicate): try isTrue(predicate)
        }
    }

    /// The expression with each predicate replaced.
    func map(_ replaced: (BoundPredicate) -> BoundFilter) -> BoundFilter {
        switch self {
        case .always: self
        case .and(let parts): .and(parts.map { $0.map(replaced) })
        case .or(let parts): .or(parts.map { $0.map(replaced) })
        case .predicate(let predicate): replaced(predicate)
        }
    }

    /// Every row for which this is not true: false or unknown.
    var complement: BoundFilter {
        switch self {
        case .always(let answer): .always(!answer)
        case .and(let parts): .or(parts.map(\.complement))
        case .or(let parts): .and(parts.map(\.complement))
        case .predicate(let predicate):
            switch predicate.operation {
            case .isNull: .of(predicate.id, .notNull)
            case .notNull: .of(predicate.id, .isNull)
            default: .or([.predicate(predicate.opposite), .of(predicate.id, .isNull)])
            }
        }
    }
}

extension BoundPredicate {
    /// True where this is false; unknown where it is.
    var opposite: BoundPredicate {
        var opposite = self
        opposite.operation =
            switch operation {
            case .isNull: .notNull
            case .notNull: .isNull
            case .isNaN: .notNaN
            case .notNaN: .isNaN
            case .less: .greaterOrEqual
            case .lessOrEqual: .greater
            case .greater: .lessOrEqual
            case .greaterOrEqual: .less
            case .equal: .notEqual
            case .notEqual: .equal
            case .isIn: .notIn
            case .notIn: .isIn
            case .startsWith: .notStartsWith
            case .notStartsWith: .startsWith
            }
        return opposite
    }

    /// Whether it may hold of a value; true when the two cannot be compared.
    func mayMatch(_ value: IcebergValue) -> Bool {
        if value == .null { return operation == .isNull }
        switch operation {
        case .isNull: return false
        case .notNull: return true
        case .isNaN: return value.isNaN
        case .notNaN: return !value.isNaN
        case .less: return value.order(to: values[0]).map { $0 < 0 } ?? true
        case .lessOrEqual: return value.order(to: values[0]).map { $0 <= 0 } ?? true
        case .greater: return value.order(to: values[0]).map { $0 > 0 } ?? true
        case .greaterOrEqual: return value.order(to: values[0]).map { $0 >= 0 } ?? true
        case .equal: return value.order(to: values[0]).map { $0 == 0 } ?? true
        case .notEqual: return value.order(to: values[0]).map { $0 != 0 } ?? true
        case .isIn: return values.contains { value.order(to: $0).map { $0 == 0 } ?? true }
        case .notIn: return values.allSatisfy { value.order(to: $0).map { $0 != 0 } ?? true }
        case .startsWith: return value.begins(with: values[0]) ?? true
        case .notStartsWith: return value.begins(with: values[0]).map { !$0 } ?? true
        }
    }
}

extension IcebergValue {
    /// Whether it is a floating-point number that is none.
    var isNaN: Bool {
        switch self {
        case .float(let number): number.isNaN
        case .double(let number): number.isNaN
        default: false
        }
    }

    /// Negative, zero or positive as it is below, equal to or above `other`, with NaN above all numbers; nil for null and
    /// between types.
    func order(to other: IcebergValue) -> Int? {
        switch (self, other) {
        case (.float(let a), .float(let b)) where a.isNaN || b.isNaN: a.isNaN ? (b.isNaN ? 0 : 1) : -1
        case (.double(let a), .double(let b)) where a.isNaN || b.isNaN: a.isNaN ? (b.isNaN ? 0 : 1) : -1
        default:
            if let isLess = isLess(than: other), let isMore = other.isLess(than: self) {
                isLess ? -1 : isMore ? 1 : 0
            } else {
                nil
            }
        }
    }

    /// Whether a string begins with the string `prefix`; nil for other types.
    func begins(with prefix: IcebergValue) -> Bool? {
        guard case .string(let text) = self, case .string(let prefix) = prefix else { return nil }
        return text.utf8.starts(with: prefix.utf8)
    }

    /// Order of what is left of both when cut to the length of `prefix`; nil for other types than strings.
    func order(toPrefix prefix: IcebergValue) -> Int? {
        guard case .string(let text) = self, case .string(let prefix) = prefix else { return nil }
        let cut = text.utf8.prefix(prefix.utf8.count)
        if cut.elementsEqual(prefix.utf8) { return 0 }
        return cut.lexicographicallyPrecedes(prefix.utf8) ? -1 : 1
    }
}
