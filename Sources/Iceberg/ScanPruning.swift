/// Tells from partition values and statistics whether rows may be there for which an expression is true. What is not
/// known never excludes anything.
struct ScanPruning: Sendable {
    private let rows: BoundFilter
    private let metadata: TableMetadata
    private let columns: [Int: Column]
    private let partitions: [Int: Partition]

    private struct Column: Sendable {
        var type: IcebergType
        /// Inside a struct: not every writer counts the nulls of a field whose struct is null.
        var isNested: Bool
    }

    /// What an expression says of one spec's partition values.
    private struct Partition: Sendable {
        var expression: BoundFilter
        /// What each predicate says.
        var projections: [BoundPredicate: BoundFilter]
        var fields: [(id: Int, type: IcebergType)]
        /// Places of the fields among a file's partition values.
        var places: [Int: Int]

        func mayMatch(_ predicate: BoundPredicate, _ file: DataFile) -> Bool {
            guard let place = places[predicate.id] else { return true }
            return predicate.mayMatch(file.partition[place])
        }
    }

    /// Of an expression over columns of `schema`.
    init(_ rows: BoundFilter, schema: Schema, _ metadata: TableMetadata) {
        self.rows = rows
        self.metadata = metadata
        var columns: [Int: Column] = [:]
        schema.visit { path, field in
            columns[field.id] = Column(type: field.type, isNested: !schema.fields.contains { $0.id == field.id })
        }
        self.columns = columns
        partitions = Dictionary(
            metadata.partitionSpecs.map { ($0.specID, Self.partition(rows, $0, metadata)) }, uniquingKeysWith: { $1 })
    }

    private static func partition(
        _ rows: BoundFilter, _ spec: PartitionSpec, _ metadata: TableMetadata
    ) -> Partition {
        var projections: [BoundPredicate: BoundFilter] = [:]
        let expression = rows.map { predicate in
            let projection = BoundFilter.and(
                spec.fields.filter { $0.sourceID == predicate.id }.map {
                    $0.transform.project(predicate, onto: $0.fieldID)
                })
            projections[predicate] = projection
            return projection
        }
        let fields = spec.fields.map { field in
            (field.fieldID, field.transform.resultType(of: metadata.field(id: field.sourceID)?.type ?? .string))
        }
        return Partition(
            expression: expression, projections: projections, fields: fields,
            places: Dictionary(spec.fields.enumerated().map { ($1.fieldID, $0) }) { first, _ in first })
    }

    /// Whether a file of the manifest may have rows.
    func mayMatch(_ manifest: ManifestFile) -> Bool {
        guard let partition = partitions[manifest.specID], manifest.partitions.count == partition.fields.count else {
            return true
        }
        return partition.expression.evaluate { predicate in
            guard let place = partition.places[predicate.id] else { return true }
            let summary = manifest.partitions[place]
            let type = partition.fields[place].type
            return Range(summary, type).mayMatch(predicate)
        }
    }

    /// Whether the file's partition may have rows.
    func mayMatch(partitionOf file: DataFile) -> Bool {
        guard let partition = partitions[file.specID], file.partition.count == partition.fields.count else {
            return true
        }
        return partition.expression.evaluate { partition.mayMatch($0, file) }
    }

    /// Whether the file may have rows, by its columns' statistics and its partition together: each condition must be
    /// possible by both.
    func mayMatch(statisticsOf file: DataFile) -> Bool {
        let partition = partitions[file.specID].flatMap { file.partition.count == $0.fields.count ? $0 : nil }
        return rows.evaluate { predicate in
            if let column = columns[predicate.id],
                !Range(file, predicate.id, column.type, isNested: column.isNested).mayMatch(predicate)
            {
                return false
            }
            guard let partition, let projection = partition.projections[predicate] else { return true }
            return projection.evaluate { partition.mayMatch($0, file) }
        }
    }
}

/// What is known of a column's values in a file, or of a partition field's in a manifest.
private struct Range {
    /// False only when there are none.
    var hasNull = true
    var hasNonNull = true
    var hasNaN = true
    var lower: IcebergValue?
    var upper: IcebergValue?

    init(_ summary: FieldSummary, _ type: IcebergType) {
        hasNull = summary.containsNull
        hasNaN = type.isFloating && summary.containsNaN != false
        // The specification leaves bounds out only where every value is null or NaN.
        hasNonNull = hasNaN || !hasNull || summary.lowerBound != nil || summary.upperBound != nil
        setBounds(summary.lowerBound, summary.upperBound, type)
    }

    init(_ file: DataFile, _ id: Int, _ type: IcebergType, isNested: Bool) {
        let values = file.valueCounts[id]
        if let nulls = file.nullValueCounts[id] {
            hasNull = nulls > 0 || (isNested && values != file.recordCount)
            if let values, nulls >= values, !isNested || values == file.recordCount { hasNonNull = false }
        }
        hasNaN = type.isFloating && file.nanValueCounts[id] != 0
        setBounds(file.lowerBounds[id], file.upperBounds[id], type)
    }

    private mutating func setBounds(_ lowest: [UInt8]?, _ highest: [UInt8]?, _ type: IcebergType) {
        // A bound that is no value of the type, or is NaN, says nothing.
        func value(_ bytes: [UInt8]?) -> IcebergValue? {
            guard let value = bytes.flatMap({ try? SingleValue.decode($0, as: type) }), !value.isNaN else { return nil }
            return value
        }
        lower = value(lowest)
        upper = value(highest)
    }

    func mayMatch(_ predicate: BoundPredicate) -> Bool {
        switch predicate.operation {
        case .isNull: return hasNull
        case .notNull, .notNaN: return hasNonNull
        case .isNaN: return hasNonNull && hasNaN
        default: break
        }
        guard hasNonNull else { return false }
        // NaN is above all numbers, and in no bound.
        switch predicate.operation {
        case .less: return lower?.order(to: predicate.values[0]).map { $0 < 0 } ?? true
        case .lessOrEqual: return lower?.order(to: predicate.values[0]).map { $0 <= 0 } ?? true
        case .greater: return hasNaN || upper?.order(to: predicate.values[0]).map { $0 > 0 } ?? true
        case .greaterOrEqual: return hasNaN || upper?.order(to: predicate.values[0]).map { $0 >= 0 } ?? true
        case .equal, .isIn:
            guard predicate.values.count <= RowFilter.valuesLookedAt else { return true }
            return predicate.values.contains(where: mayHold)
        case .notEqual, .notIn:
            guard !hasNaN, let lower, let upper, lower == upper else { return true }
            return !predicate.values.contains(lower)
        case .startsWith:
            return (lower?.order(toPrefix: predicate.values[0]).map { $0 <= 0 } ?? true)
                && (upper?.order(toPrefix: predicate.values[0]).map { $0 >= 0 } ?? true)
        case .notStartsWith:
            // Between two strings with the prefix lie only strings with it.
            guard let lower, let upper, lower.begins(with: predicate.values[0]) == true else { return true }
            return upper.begins(with: predicate.values[0]) != true
        default: return true
        }
    }

    private func mayHold(_ value: IcebergValue) -> Bool {
        (lower?.order(to: value).map { $0 <= 0 } ?? true) && (upper?.order(to: value).map { $0 >= 0 } ?? true)
    }
}

extension IcebergType {
    fileprivate var isFloating: Bool { self == .float || self == .double }
}
