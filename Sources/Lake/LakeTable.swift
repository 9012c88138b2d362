public import Engine
import Foundation
public import Iceberg
import Storage

/// An Iceberg table as the engine reads and writes it: SQL over its files, and files as its commits want them.
public struct LakeTable: Sendable {
    /// The table, at the version that is read.
    public var table: Table

    /// A table to read or write with the engine.
    public init(_ table: Table) { self.table = table }

    /// A SELECT of the table's columns over the files of a snapshot, with the columns it had then; over those of the
    /// current one when it is nil. Without files it has the columns and no rows.
    ///
    /// Columns are found by field id, or by the table's name mapping in files without ids, so files from before a rename
    /// or an addition read right. Rows that delete files take away are left out.
    ///
    /// - Parameter filter: Files none of whose rows it means are left out; the other rows of the files that are read are
    ///   there too. Its columns are those of ``schema(at:)``.
    /// - Throws: ``LakeTableError`` that names the file when one is missing, not of the size or the number of rows that
    ///   the table knows, or written in a way that is not read; `IcebergError` when the metadata is damaged.
    public func scanSQL(at snapshot: Snapshot? = nil, where filter: RowFilter = .always(true)) throws -> String {
        try scanSQL(of: plan(at: snapshot, where: filter), at: snapshot)
    }

    /// Which files of a snapshot may have rows that a filter means.
    /// - Throws: `IcebergError` `.badRequest` when the filter does not fit ``schema(at:)``, or what is wrong with the
    ///   metadata.
    public func plan(at snapshot: Snapshot? = nil, where filter: RowFilter = .always(true)) throws -> ScanPlan {
        try table.plan(where: filter, at: snapshot, schema: schema(at: snapshot))
    }

    /// The columns that the table had when a snapshot was made; those it has now for the current one.
    public func schema(at snapshot: Snapshot?) -> Schema {
        snapshot?.schemaID.flatMap { id in table.metadata.schemas.first { $0.schemaID == id } } ?? table.schema
    }

    /// A SELECT of the columns that the table had at a snapshot over the files of a plan.
    /// - Throws: As ``scanSQL(at:where:)``.
    public func scanSQL(of plan: ScanPlan, at snapshot: Snapshot? = nil) throws -> String {
        try LakeScan(table, schema: schema(at: snapshot)).sql(plan)
    }

    /// A SELECT of the table's columns over some of its files, less the rows that are deleted from them.
    /// - Throws: As ``scanSQL(at:where:)``.
    public func scanSQL(of tasks: [ScanTask]) throws -> String {
        try LakeScan(table, schema: table.schema).sql(ScanPlan(tasks: tasks))
    }

    /// A SELECT of the table's columns over some of its files, for which no delete files hold.
    /// - Throws: As ``scanSQL(at:where:)``.
    public func scanSQL(of files: [DataFile]) throws -> String {
        try scanSQL(of: files.map { ScanTask(file: $0) })
    }

    /// The field ids that go into the table's Parquet files.
    public var fieldIDs: [FieldID] {
        table.schema.fields.map { Self.fieldID($0.name, $0.id, $0.type) }
    }

    private static func fieldID(_ name: String, _ id: Int, _ type: IcebergType) -> FieldID {
        switch type {
        case .struct(let type):
            FieldID(name, id, children: type.fields.map { fieldID($0.name, $0.id, $0.type) })
        case .list(let type): FieldID(name, id, children: [fieldID("element", type.elementID, type.element)])
        case .map(let type):
            FieldID(
                name, id, children: [fieldID("key", type.keyID, type.key), fieldID("value", type.valueID, type.value)])
        default: FieldID(name, id)
        }
    }

    /// The table's entry for a file that the engine wrote, with counts and bounds of its columns.
    /// - Parameter partition: a value for each field of the table's partition spec.
    public func dataFile(_ file: ParquetFile, partition: [IcebergValue]) throws -> DataFile {
        var entry = DataFile(
            location: try Location.url(forPath: file.path), partition: partition,
            recordCount: Int64(file.rowCount), fileSizeInBytes: Int64(file.byteCount))
        entry.specID = table.spec.specID
        for field in table.schema.fields { Self.describe(field.id, field.type, [field.name], file, &entry) }
        return entry
    }

    private static func describe(
        _ id: Int, _ type: IcebergType, _ path: [String], _ file: ParquetFile, _ entry: inout DataFile
    ) {
        switch type {
        case .struct(let type):
            for field in type.fields { describe(field.id, field.type, path + [field.name], file, &entry) }
        case .list(let type): describe(type.elementID, type.element, path + ["element"], file, &entry)
        case .map(let type):
            describe(type.keyID, type.key, path + ["key"], file, &entry)
            describe(type.valueID, type.value, path + ["value"], file, &entry)
        default:
            guard let column = file.columns[path] else { return }
            if let count = column.byteCount { entry.columnSizes[id] = Int64(count) }
            if let count = column.valueCount { entry.valueCounts[id] = Int64(count) }
            if let count = column.nullCount { entry.nullValueCounts[id] = Int64(count) }
            // Bounds are for skipping files by plain columns; those inside of lists help nobody.
            guard path.count == 1 else { return }
            if let value = column.minimum.flatMap({ IcebergValue(bound: $0, of: type) }) {
                entry.lowerBounds[id] = SingleValue.lowerBound(value)
            }
            if let value = column.maximum.flatMap({ IcebergValue(bound: $0, of: type) }) {
                entry.upperBounds[id] = SingleValue.upperBound(value)
            }
        }
    }
}

/// Why a table cannot be read or written with the engine.
public struct LakeTableError: Error, CustomStringConvertible, Sendable {
    /// What, where, and what to do.
    public let description: String

    init(_ description: String) { self.description = description }
}
