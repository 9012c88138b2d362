import Engine
import Iceberg

extension Compaction {
    /// How rows are ordered in new files.
    public enum Order: Sendable, Hashable {
        /// File after file, the smallest first.
        case asWritten
        /// By columns, ascending, nulls last. Whole partitions are written anew.
        case columns([String])
        /// As the table's sort order says. Whole partitions are written anew, unless they are in that order.
        case ofTable
    }
}

extension Compaction.Order {
    /// Whether partitions are sorted as a whole.
    var isSorted: Bool { self != .asWritten }

    /// The sort order that files written so have; nil when it is none of the table's.
    func orderID(in table: Table) -> Int? {
        self == .ofTable ? table.sortOrder.orderID : nil
    }

    /// What follows `ORDER BY`; nil when rows are not sorted.
    /// - Throws: ``LakeTableError`` when a column is not there, or the table's order is none or cannot be worked out.
    func sql(for table: Table) throws -> String? {
        switch self {
        case .asWritten: return nil
        case .columns(let names):
            guard !names.isEmpty else { throw LakeTableError("no column was named to sort \(table.identifier) by") }
            return try names.map { name in
                guard let column = table.schema.fields.first(where: { $0.name == name }), column.type.isPrimitive else {
                    throw LakeTableError(
                        "\(table.identifier) cannot be sorted by \(name): it has no such column of single values")
                }
                return "\(SQL.identifier(name)) ASC NULLS LAST"
            }.joined(separator: ", ")
        case .ofTable:
            guard !table.sortOrder.isUnsorted else {
                throw LakeTableError(
                    "\(table.identifier) has no sort order: name the columns (--sort-by), or set one with an engine")
            }
            return try table.sortOrder.fields.map { field in
                guard let column = table.schema.fields.first(where: { $0.id == field.sourceID }),
                    let value = field.transform.sortable(SQL.identifier(column.name), column.type)
                else {
                    throw LakeTableError(
                        "the sort order of \(table.identifier) is by \(field.transform.name) of column id "
                            + "\(field.sourceID), which is not worked out here: name the columns (--sort-by)")
                }
                let direction = field.direction == .ascending ? "ASC" : "DESC"
                return "\(value) \(direction) NULLS \(field.nullOrder == .first ? "FIRST" : "LAST")"
            }.joined(separator: ", ")
        }
    }
}

extension Table {
    /// The order that rows of new files should have.
    var sortOrder: SortOrder {
        metadata.sortOrders.first { $0.orderID == metadata.defaultSortOrderID } ?? .unsorted
    }
}

extension Transform {
    /// An expression that is ordered as the transform of `column` is; nil where there is none.
    fileprivate func sortable(_ column: String, _ type: IcebergType) -> String? {
        guard type.isPrimitive else { return nil }
        // As UTC, whatever the session's time zone.
        let moment = type == .timestamptz ? "make_timestamp(epoch_us(\(column)))" : column
        switch self {
        case .identity: return column
        case .year: return "date_trunc('year', \(moment))"
        case .month: return "date_trunc('month', \(moment))"
        case .day: return "date_trunc('day', \(moment))"
        case .hour: return "date_trunc('hour', \(moment))"
        case .truncate(let width):
            switch type {
            case .string: return "left(\(column), \(width))"
            case .int, .long: return "(\(column) - ((\(column) % \(width)) + \(width)) % \(width))"
            default: return nil
            }
        case .bucket, .void, .unknown: return nil
        }
    }
}
