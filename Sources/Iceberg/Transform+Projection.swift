extension Transform {
    /// What is true of the partition value `partition` of every row for which `predicate` is true of the source column:
    /// an inclusive projection. `.always(true)` where nothing can be said.
    func project(_ predicate: BoundPredicate, onto partition: Int) -> BoundFilter {
        switch (self, predicate.operation) {
        case (.void, _), (.unknown, _): return .always(true)
        case (.identity, _):
            var same = predicate
            same.id = partition
            return .predicate(same)
        case (_, .isNull), (_, .notNull): return .of(partition, predicate.operation)
        case (.bucket, .equal), (.bucket, .isIn): return among(predicate.values, partition)
        case (.bucket, _): return .always(true)
        case (.truncate, .startsWith), (.truncate, .notStartsWith): return projectPrefix(predicate, partition)
        case (.truncate, _), (.year, _), (.month, _), (.day, _), (.hour, _): return projectOrder(predicate, partition)
        }
    }

    /// Of transforms that keep the order: x ≤ y makes T(x) ≤ T(y).
    private func projectOrder(_ predicate: BoundPredicate, _ partition: Int) -> BoundFilter {
        switch predicate.operation {
        case .equal, .isIn: return among(predicate.values, partition)
        case .less, .lessOrEqual:
            let bound = predicate.operation == .less ? predicate.values[0].predecessor : predicate.values[0]
            guard let value = transformed(bound) else { return .always(true) }
            return .of(partition, .lessOrEqual, [lenient(value)])
        case .greater, .greaterOrEqual:
            let bound = predicate.operation == .greater ? predicate.values[0].successor : predicate.values[0]
            guard let value = transformed(bound) else { return .always(true) }
            return .of(partition, .greaterOrEqual, [value])
        default: return .always(true)
        }
    }

    private func projectPrefix(_ predicate: BoundPredicate, _ partition: Int) -> BoundFilter {
        guard case .truncate(let width) = self, case .string(let prefix) = predicate.values[0] else {
            return .always(true)
        }
        let length = prefix.unicodeScalars.count
        if length <= width { return .of(partition, predicate.operation, predicate.values) }
        guard predicate.operation == .startsWith else { return .always(true) }
        return transformed(.string(prefix)).map { .of(partition, .equal, [$0]) } ?? .always(true)
    }

    private func among(_ values: [IcebergValue], _ partition: Int) -> BoundFilter {
        guard values.count <= RowFilter.valuesLookedAt else { return .always(true) }
        var found: [IcebergValue] = []
        for value in values {
            guard let value = transformed(value) else { return .always(true) }
            found.append(value)
            if lenient(value) != value { found.append(lenient(value)) }
        }
        return .of(partition, .isIn, found)
    }

    private func transformed(_ value: IcebergValue) -> IcebergValue? {
        // A transform that does not apply to the value says nothing about it.
        guard let value = try? apply(value), value != .null else { return nil }
        return value
    }

    /// Early writers rounded times before 1970 towards zero, and so put rows one unit later than they belong. Where files
    /// are looked for at or before a negative value, those of the next one may have such rows.
    private func lenient(_ value: IcebergValue) -> IcebergValue {
        switch (self, value) {
        case (.year, .int(let number)) where number < 0, (.month, .int(let number)) where number < 0,
            (.hour, .int(let number)) where number < 0:
            .int(number + 1)
        case (.day, .date(let number)) where number < 0: .date(number + 1)
        default: value
        }
    }
}

extension IcebergValue {
    /// The largest value below, where values are counted; itself elsewhere, which is never too small a bound.
    fileprivate var predecessor: IcebergValue { stepped(by: -1) }
    /// The smallest value above, where values are counted; itself elsewhere, which is never too large a bound.
    fileprivate var successor: IcebergValue { stepped(by: 1) }

    private func stepped(by step: Int) -> IcebergValue {
        func moved<Number: FixedWidthInteger>(_ number: Number) -> Number {
            let (moved, overflow) = number.addingReportingOverflow(Number(step))
            return overflow ? number : moved
        }
        return switch self {
        case .int(let number): .int(moved(number))
        case .long(let number): .long(moved(number))
        case .date(let number): .date(moved(number))
        case .timestamp(let number): .timestamp(moved(number))
        case .timestamptz(let number): .timestamptz(moved(number))
        case .decimal(let number): .decimal(moved(number))
        default: self
        }
    }
}
