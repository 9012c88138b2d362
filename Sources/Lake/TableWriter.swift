public import Engine
import Foundation
public import Iceberg
import Storage

/// Writes the rows of a statement into a lake table: Parquet through the engine, made durable, then one commit.
///
/// Files of a write that fails are left behind for orphan removal: whether a commit refers to a file is not always known
/// at once, and a file too many costs only space.
public struct TableWriter {
    /// What a write does to the rows that are there.
    public enum Mode: Sendable {
        /// Keeps them.
        case append
        /// Drops those of these partitions.
        case overwritePartitions([PartitionKey])
        /// Drops them all.
        case replaceAll
    }

    /// What is known of the partitions of the rows, to save work.
    public enum Partitioning: Sendable {
        /// Nothing.
        case unknown
        /// Often just one partition: worth asking first, which runs the statement's partition column twice.
        case probablyOne
        /// All rows are of this one, which is not checked.
        case one(PartitionKey)
    }

    /// What was written.
    public struct Result: Sendable {
        /// The commit.
        public let snapshot: Snapshot
        /// The new files.
        public let files: [DataFile]
        /// Rows in them.
        public var rowCount: Int { files.reduce(0) { $0 + Int($1.recordCount) } }
    }

    /// Rows after which a next file of a partition begins, where the partition is known beforehand.
    public static let rowsPerFile = 4_000_000

    private let connection: Connection

    /// Writes through a connection, which is used only during the calls.
    public init(_ connection: Connection) { self.connection = connection }

    /// Writes the rows of `select` and commits them.
    ///
    /// Columns are matched by name, and converted where their type differs; a missing one is an error.
    /// - Parameters:
    ///   - summary: goes into the snapshot's summary.
    ///   - validate: gets the snapshot that the commit will follow; throwing ends the commit.
    @discardableResult
    public func write(
        _ select: String, into table: inout Table, mode: Mode, partitioning: Partitioning = .unknown,
        summary: [String: String] = [:], validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Result {
        let files = try writeFiles(select, for: table, partitioning: partitioning)
        let snapshot =
            switch mode {
            case .append: try table.append(files, summary: summary, validate: validate)
            case .overwritePartitions(let keys):
                try table.overwrite(deletingPartitions: keys, adding: files, summary: summary, validate: validate)
            case .replaceAll: try table.replaceAll(with: files, summary: summary, validate: validate)
            }
        return Result(snapshot: snapshot, files: files)
    }

    /// Writes the rows of `select` as durable files of the table, which no commit knows yet.
    public func writeFiles(
        _ select: String, for table: Table, partitioning: Partitioning = .unknown
    ) throws -> [DataFile] {
        let lake = LakeTable(table)
        let columns = table.schema.fields.map { field in
            let name = SQL.identifier(field.name)
            return "CAST(\(name) AS \(field.type.sql)) AS \(name)"
        }
        let rows = "SELECT \(columns.joined(separator: ", ")) FROM (\(select))"
        let written: [(file: ParquetFile, partition: [IcebergValue])]
        switch try known(partitioning, rows, table) {
        case .some(let partition): written = try copy(rows, lake).map { ($0, partition) }
        case .none: written = try copyByPartition(rows, lake)
        }
        let files = try written.map { try lake.dataFile($0.file, partition: $0.partition) }
        try table.catalog.storage.sync(files.map(\.location))
        return files
    }

    /// The values of the one partition that all rows are in; nil when they have to be spread.
    private func known(_ partitioning: Partitioning, _ rows: String, _ table: Table) throws -> [IcebergValue]? {
        if table.spec.fields.isEmpty { return [] }
        switch partitioning {
        case .unknown: return nil
        case .one(let key): return key.values
        case .probablyOne:
            let field = try PartitionExpression(of: table)
            let found = try connection.query("SELECT DISTINCT \(field.sql) FROM (\(rows)) LIMIT 2").rows
            guard found.count == 1 else { return nil }
            return [try field.value(found[0][0].string)]
        }
    }

    private func copy(_ rows: String, _ lake: LakeTable) throws -> [ParquetFile] {
        let folder = try folder(lake.table)
        let written = try connection.copyToParquet(
            select: rows, to: folder, fieldIDs: lake.fieldIDs, options: ParquetOptions(rowsPerFile: Self.rowsPerFile))
        // A statement without rows leaves a file without rows, which nothing will ever refer to.
        for file in written where file.rowCount == 0 { try lake.table.catalog.storage.delete(file.path) }
        return written.filter { $0.rowCount > 0 }
    }

    private func copyByPartition(
        _ rows: String, _ lake: LakeTable
    ) throws -> [(file: ParquetFile, partition: [IcebergValue])] {
        let field = try PartitionExpression(of: lake.table)
        let written = try connection.copyToParquet(
            select: "SELECT *, \(field.sql) AS \(SQL.identifier(PartitionExpression.column)) FROM (\(rows))",
            to: folder(lake.table), fieldIDs: lake.fieldIDs,
            options: ParquetOptions(partitionColumn: PartitionExpression.column))
        return try written.map { ($0, [try field.value($0.partitionValue)]) }
    }

    private func folder(_ table: Table) throws -> String {
        let path = try Location.path(of: table.dataLocation)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}

/// The partition field of a table, as SQL that gives its value as text, and back.
struct PartitionExpression {
    /// What the engine calls the field in a statement and in the folders it makes.
    static let column = "partition"

    /// The partition value of a row as text.
    let sql: String
    private let type: IcebergType

    /// - Throws: `LakeTableError` for specs that our tables do not have.
    init(of table: Table) throws {
        guard table.spec.fields.count == 1, let field = table.spec.fields.first,
            let source = table.schema.field(id: field.sourceID)
        else {
            throw LakeTableError("\(table.identifier) is partitioned by more than one field, which is not written")
        }
        let name = SQL.identifier(source.name)
        switch field.transform {
        case .identity: sql = "CAST(\(name) AS VARCHAR)"
        case .day: sql = "CAST(CAST(\(name) AS DATE) AS VARCHAR)"
        case .month:
            let date = "CAST(\(name) AS DATE)"
            sql = "CAST((year(\(date)) - 1970) * 12 + month(\(date)) - 1 AS VARCHAR)"
        default:
            throw LakeTableError("\(table.identifier) is partitioned by \(field.transform.name), which is not written")
        }
        type = field.transform.resultType(of: source.type)
    }

    /// The value that the text stands for.
    func value(_ text: String?) throws -> IcebergValue {
        guard let text else { return .null }
        guard let value = IcebergValue(bound: text, of: type) else {
            throw LakeTableError("the partition value \"\(text)\" is not a \(type)")
        }
        return value
    }
}
