extension RowFilter {
    /// The expression over the columns of `schema`, with values of the columns' types.
    /// - Throws: ``IcebergError`` `.badRequest` when a column is not there, is nested in a list or map, has no order, or is
    ///   compared with a value of another type.
    func bound(to schema: Schema) throws -> BoundFilter {
        try bound(to: schema, isNegated: false, depth: 0)
    }

    private func bound(to schema: Schema, isNegated: Bool, depth: Int) throws -> BoundFilter {
        guard depth < Self.depthLimit else {
            throw IcebergError(.badRequest, "the expression is nested more than \(Self.depthLimit) deep")
        }
        func parts(_ expressions: [RowFilter]) throws -> [BoundFilter] {
            try expressions.map { try $0.bound(to: schema, isNegated: isNegated, depth: depth + 1) }
        }
        switch self {
        case .always(let answer): return .always(answer != isNegated)
        case .and(let expressions): return isNegated ? .or(try parts(expressions)) : .and(try parts(expressions))
        case .or(let expressions): return isNegated ? .and(try parts(expressions)) : .or(try parts(expressions))
        case .not(let expression): return try expression.bound(to: schema, isNegated: !isNegated, depth: depth + 1)
        default:
            return try (isNegated ? opposite : self).leaf(in: schema)
        }
    }

    /// Of a leaf: true where it is false, unknown where it is unknown.
    private var opposite: RowFilter {
        switch self {
        case .always, .and, .or, .not: .not(self)
        case .isNull(let name): .notNull(name)
        case .notNull(let name): .isNull(name)
        case .isNaN(let name): .notNaN(name)
        case .notNaN(let name): .isNaN(name)
        case .less(let name, let value): .greaterOrEqual(name, value)
        case .lessOrEqual(let name, let value): .greater(name, value)
        case .greater(let name, let value): .lessOrEqual(name, value)
        case .greaterOrEqual(let name, let value): .less(name, value)
        case .equal(let name, let value): .notEqual(name, value)
        case .notEqual(let name, let value): .equal(name, value)
        case .isIn(let name, let values): .notIn(name, values)
        case .notIn(let name, let values): .isIn(name, values)
        case .startsWith(let name, let prefix): .notStartsWith(name, prefix)
        case .notStartsWith(let name, let prefix): .startsWith(name, prefix)
        }
    }

    /// What is unknown for every row is false here: no row is meant, and the opposite was taken before.
    private func leaf(in schema: Schema) throws -> BoundFilter {
        switch self {
        case .always, .and, .or, .not: return .always(true)
        case .isNull(let name): return .of(try schema.column(toCompare: name).id, .isNull)
        case .notNull(let name): return .of(try schema.column(toCompare: name).id, .notNull)
        case .isNaN(let name): return try Self.nan(schema.column(toCompare: name), .isNaN)
        case .notNaN(let name): return try Self.nan(schema.column(toCompare: name), .notNaN)
        case .less(let name, let value): return try Self.comparison(schema, name, .less, value)
        case .lessOrEqual(let name, let value): return try Self.comparison(schema, name, .lessOrEqual, value)
        case .greater(let name, let value): return try Self.comparison(schema, name, .greater, value)
        case .greaterOrEqual(let name, let value): return try Self.comparison(schema, name, .greaterOrEqual, value)
        case .equal(let name, let value): return try Self.comparison(schema, name, .equal, value)
        case .notEqual(let name, let value): return try Self.comparison(schema, name, .notEqual, value)
        case .isIn(let name, let values): return try Self.among(schema, name, .isIn, values)
        case .notIn(let name, let values): return try Self.among(schema, name, .notIn, values)
        case .startsWith(let name, let prefix): return try Self.prefix(schema, name, .startsWith, prefix)
        case .notStartsWith(let name, let prefix): return try Self.prefix(schema, name, .notStartsWith, prefix)
        }
    }

    private static func nan(_ column: NestedField, _ operation: BoundPredicate.Operation) throws -> BoundFilter {
        switch column.type {
        case .float, .double: return .of(column.id, operation)
        // Other types have no NaN: what is not null is not NaN.
        default: return operation == .isNaN ? .always(false) : .of(column.id, .notNull)
        }
    }

    private static func among(
        _ schema: Schema, _ name: String, _ operation: BoundPredicate.Operation, _ values: [IcebergValue]
    ) throws -> BoundFilter {
        let column = try schema.column(toCompare: name)
        let isIn = operation == .isIn
        var plain: [IcebergValue] = []
        var rest: [BoundFilter] = []
        for value in values {
            let part = try comparison(schema, name, isIn ? .equal : .notEqual, value)
            if case .predicate(let predicate) = part, !predicate.values.isEmpty {
                plain += predicate.values
            } else {
                rest.append(part)
            }
        }
        // An empty list is answered for null as well.
        if !plain.isEmpty { rest.append(.of(column.id, operation, plain)) }
        return isIn ? .or(rest) : .and(rest)
    }

    private static func prefix(
        _ schema: Schema, _ name: String, _ operation: BoundPredicate.Operation, _ prefix: String
    ) throws -> BoundFilter {
        let column = try schema.column(toCompare: name)
        guard column.type == .string else {
            throw IcebergError(.badRequest, "column \(name) is a \(column.type), and only strings begin with a prefix")
        }
        return .of(column.id, operation, [.string(prefix)])
    }

    private static func comparison(
        _ schema: Schema, _ name: String, _ operation: BoundPredicate.Operation, _ value: IcebergValue
    ) throws -> BoundFilter {
        let column = try schema.column(toCompare: name)
        // Unknown for every row.
        if value == .null { return .always(false) }
        switch try value.literal(of: column.type, column: name) {
        case .value(let value) where value.isNaN:
            switch operation {
            case .equal, .greaterOrEqual: return .of(column.id, .isNaN)
            case .notEqual, .less: return .of(column.id, .notNaN)
            case .lessOrEqual: return .of(column.id, .notNull)
            default: return .always(false)
            }
        case .value(let value): return .of(column.id, operation, [value])
        case .above: return Self.beyond(column.id, isTrue: [.less, .lessOrEqual, .notEqual].contains(operation))
        case .below: return Self.beyond(column.id, isTrue: [.greater, .greaterOrEqual, .notEqual].contains(operation))
        }
    }

    /// A comparison that every value of the column answers alike.
    private static func beyond(_ id: Int, isTrue: Bool) -> BoundFilter {
        isTrue ? .of(id, .notNull) : .always(false)
    }
}

extension Schema {
    /// A column that rows can be chosen by: primitive, and not inside a list or map.
    fileprivate func column(toCompare name: String) throws -> NestedField {
        guard let column = field(named: name) else {
            throw IcebergError(.badRequest, "there is no column \(name)")
        }
        guard column.type.isPrimitive, !isInsideListOrMap(column.id) else {
            throw IcebergError(
                .badRequest, "column \(name) is, or is in, a list, map or struct: it has no single value")
        }
        return column
    }

    private func isInsideListOrMap(_ id: Int) -> Bool {
        func holds(_ fields: [NestedField]) -> Bool {
            fields.contains { field in
                if field.id == id { return true }
                if case .struct(let inner) = field.type { return holds(inner.fields) }
                return false
            }
        }
        return !holds(fields)
    }
}

/// A value as a column's type has it.
private enum Literal {
    case value(IcebergValue)
    /// Above every value of the column's type.
    case above
    case below
}

extension IcebergValue {
    fileprivate func literal(of type: IcebergType, column: String) throws -> Literal {
        switch (self, type) {
        case (.long(let number), .int):
            return Int32(exactly: number).map { .value(.int($0)) } ?? (number > 0 ? .above : .below)
        case (.int(let number), .long): return .value(.long(Int64(number)))
        case (.int(let number), .double): return .value(.double(Double(number)))
        case (.float(let number), .double): return .value(.double(Double(number)))
        case (.double(let number), .float) where number.isNaN || Double(Float(number)) == number:
            return .value(.float(Float(number)))
        case (.decimal(let number), .decimal(let precision, _)):
            var limit: Int128 = 1
            for _ in 0..<precision { limit *= 10 }
            if number >= limit { return .above }
            return number <= -limit ? .below : .value(self)
        default:
            guard fits(type), self != .null else {
                throw IcebergError(.badRequest, "column \(column) is a \(type), and \(self) is no value of it")
            }
            return .value(self)
        }
    }
}
