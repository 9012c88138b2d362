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
        /// Nothing, and the statement is small or dear: its rows are kept aside and then spread.
        case unknown
        /// Many rows, probably of one partition or a few: worth asking first, which runs the statement for its partition
        /// column alone, so that the rows can go straight into their files.
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

    /// Partitions whose files are open at once. The engine keeps some 300 KiB of buffers for each.
    static let openPartitionsMax = 64
    /// The same in an object store, where it holds two parts of 5 MB for each.
    static let openPartitionsRemoteMax = 4

    /// Files that are synced at the same time.
    private static let syncsAtOnce = 16

    private static let staged = "cartograph_staged"

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
    /// - Parameter rowsPerFile: Rows after which a next file of a partition begins, where the partition is known; rounded
    ///   up to whole row groups.
    public func writeFiles(
        _ select: String, for table: Table, partitioning: Partitioning = .unknown,
        rowsPerFile: Int = TableWriter.rowsPerFile
    ) throws -> [DataFile] {
        let lake = LakeTable(table)
        let columns = table.schema.fields.map { field in
            let name = SQL.identifier(field.name)
            return "CAST(\(name) AS \(field.type.sql)) AS \(name)"
        }
        let rows = "SELECT \(columns.joined(separator: ", ")) FROM (\(select))"
        var files: [DataFile]
        if case .one(let key) = partitioning {
            // Of any spec of the table, also of one that new rows do not follow any more.
            files = try copy(rows, lake, rowsPerFile).map { file in
                var entry = try lake.dataFile(file, partition: key.values)
                entry.specID = key.specID
                return entry
            }
        } else {
            files = try spread(rows, lake, partitioning).map { try lake.dataFile($0.file, partition: $0.partition) }
        }
        for index in files.indices {
            files[index].location = try FileChecksum.seal(
                files[index].location, size: files[index].fileSizeInBytes, in: table.catalog.storage)
        }
        try makeDurable(files.map(\.location), table)
        return files
    }

    /// Syncs several files at a time: the disk's journal takes many of them in one go, which for hundreds of small files
    /// is some twenty times faster than one after the other.
    private func makeDurable(_ locations: [String], _ table: Table) throws {
        if locations.isEmpty { return }
        let storage = table.catalog.storage
        let lanes = min(Self.syncsAtOnce, locations.count)
        _ = try (0..<lanes).mapAtOnce(upTo: lanes) { lane in
            try storage.sync(stride(from: lane, to: locations.count, by: lanes).map { locations[$0] })
        }
        // The engine may have made folders in the data folder, and that itself.
        try storage.sync([table.dataLocation])
    }

    private typealias Written = (file: ParquetFile, partition: [IcebergValue])

    private func spread(_ rows: String, _ lake: LakeTable, _ partitioning: Partitioning) throws -> [Written] {
        if lake.table.spec.fields.isEmpty { return try copy(rows, lake).map { ($0, []) } }
        let field: PartitionExpression
        switch partitioning {
        case .one, .unknown: field = try PartitionExpression(of: lake.table)
        case .probablyOne:
            field = try PartitionExpression(of: lake.table)
            let found = try partitions(in: rows, field)
            if found.isEmpty { return [] }
            if found.count == 1 {
                let value = try field.value(found[0].string)
                return try copy(rows, lake).map { ($0, [value]) }
            }
            if found.count <= openPartitionsMax(lake.table) { return try copyByPartition(rows, lake, field) }
        }
        let staged = SQL.identifier(Self.staged)
        try connection.execute("CREATE OR REPLACE TEMP TABLE \(staged) AS \(rows)")
        // Whatever happens, the rows do not stay; a failure here shows again when the next rows are staged.
        defer { _ = try? connection.execute("DROP TABLE IF EXISTS \(staged)") }
        var found = try partitions(in: "SELECT * FROM \(staged)", field)[...]
        var written: [Written] = []
        while !found.isEmpty {
            let some = found.prefix(openPartitionsMax(lake.table))
            found = found.dropFirst(some.count)
            let texts = some.compactMap(\.string).map(SQL.literal).joined(separator: ", ")
            let isWanted =
                (texts.isEmpty ? "false" : "\(field.sql) IN (\(texts))")
                + (some.contains(.null) ? " OR \(field.sql) IS NULL" : "")
            written += try copyByPartition("SELECT * FROM \(staged) WHERE \(isWanted)", lake, field)
        }
        return written
    }

    private func partitions(in rows: String, _ field: PartitionExpression) throws -> [Value] {
        try connection.query("SELECT DISTINCT \(field.sql) FROM (\(rows)) ORDER BY 1").rows.map { $0[0] }
    }

    private func copy(
        _ rows: String, _ lake: LakeTable, _ rowsPerFile: Int = TableWriter.rowsPerFile
    ) throws -> [ParquetFile] {
        let folder = try folder(lake.table)
        let written = try connection.copyToParquet(
            select: rows, to: folder, fieldIDs: lake.fieldIDs, options: ParquetOptions(rowsPerFile: rowsPerFile))
        // A statement without rows leaves a file without rows, which nothing will ever refer to.
        for file in written where file.rowCount == 0 { try lake.table.catalog.storage.delete(file.path) }
        return written.filter { $0.rowCount > 0 }
    }

    private func copyByPartition(
        _ rows: String, _ lake: LakeTable, _ field: PartitionExpression
    ) throws -> [Written] {
        let written = try connection.copyToParquet(
            select: "SELECT *, \(field.sql) AS \(SQL.identifier(PartitionExpression.column)) FROM (\(rows))",
            to: folder(lake.table), fieldIDs: lake.fieldIDs,
            options: ParquetOptions(partitionColumn: PartitionExpression.column))
        return try written.map { ($0, [try field.value($0.partitionValue)]) }
    }

    private func openPartitionsMax(_ table: Table) -> Int {
        Location.isRemote(table.dataLocation) ? Self.openPartitionsRemoteMax : Self.openPartitionsMax
    }

    private func folder(_ table: Table) throws -> String {
        let path = try Location.opened(table.dataLocation)
        // An object store has no folders.
        if Location.isRemote(path) { return path }
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
