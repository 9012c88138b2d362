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

    /// A SELECT of the table's columns over the files of a snapshot (of the current one when it is nil). Without files it
    /// has the columns and no rows.
    public func scanSQL(at snapshot: Snapshot? = nil) throws -> String {
        try scanSQL(of: snapshot.map { try table.files(at: $0) } ?? table.files())
    }

    /// A SELECT of the table's columns over some of its files.
    ///
    /// Columns are found by field id, so files from before a rename or an addition read right.
    public func scanSQL(of files: [DataFile]) throws -> String {
        let fields = table.schema.fields
        guard !files.isEmpty else { return Self.emptySQL(fields) }
        let paths = try files.map { try Location.opened($0.location) }
        let schema = fields.map { field in
            "\(field.id): {name: \(SQL.literal(field.name)), type: \(SQL.literal(field.type.sql)), default_value: NULL}"
        }
        // Folders of partitioned files look like `partition=…`; that is no column.
        return "SELECT \(fields.map { SQL.identifier($0.name) }.joined(separator: ", ")) FROM read_parquet("
            + "\(SQL.list(paths)), schema = MAP {\(schema.joined(separator: ", "))}, hive_partitioning = false)"
    }

    private static func emptySQL(_ fields: [NestedField]) -> String {
        let columns = fields.map { "CAST(NULL AS \($0.type.sql)) AS \(SQL.identifier($0.name))" }
        return "SELECT \(columns.joined(separator: ", ")) WHERE false"
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
