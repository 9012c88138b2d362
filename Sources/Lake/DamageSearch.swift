public import Engine
public import Iceberg
import Storage

/// Finds the file behind a failure of the engine. It does not say of all damage which file it is in, and what it says
/// depends on which byte is wrong: so after any failure that is not the statement's own, the files are tried one by one.
public struct DamageSearch {
    /// A table that the statement read, and the snapshot; nil for the current one.
    public typealias Scan = (table: LakeTable, snapshot: Snapshot?)

    /// Most bytes of files that a search reads.
    public static let bytesMax: Int64 = 16 << 30

    private let connection: Connection
    private var bytesRead: Int64 = 0

    /// A search through a connection, which is used only during the calls.
    public init(_ connection: Connection) { self.connection = connection }

    /// The error to show in the place of `error`, which a statement over these tables ended with: the one that names the
    /// damaged file, or `error` where it names one already, is the statement's own, or no file is found.
    ///
    /// - Parameter bound: whether the engine took the tables' own SELECTs, without the statement. Only then can a
    ///   statement be wrong in itself.
    public mutating func explained(_ error: EngineError, _ scans: [Scan], bound: Bool = true) throws -> any Error {
        switch error.kind {
        case .libraryMissing, .interrupted: return error
        case .statement where bound: return error
        default: break
        }
        let entries = try scans.map { scan in
            let (data, deletes) = try scan.table.entries(at: scan.snapshot)
            return (scan.table, (data + deletes).map(\.file))
        }
        let isNamed = entries.contains { _, files in
            files.contains { error.message.contains(Location.name(of: $0.location)) }
        }
        if isNamed { return error }
        for (table, files) in entries {
            if let found = try unreadable(files, of: table) { return found }
        }
        return error
    }

    /// The first of a table's files that the engine cannot read to its end, with the engine's reason.
    public mutating func unreadable(_ files: [DataFile], of table: LakeTable) throws -> LakeTableError? {
        for file in files {
            bytesRead += file.fileSizeInBytes
            if bytesRead > Self.bytesMax { return nil }
            do {
                // As the table reads it, and every column as it stands in the file.
                if file.content == .data { try read(table.scanSQL(of: [file])) }
                let path = SQL.literal(try FileReader(table: table.table).path(file))
                try read("SELECT * FROM read_parquet(\(path), hive_partitioning = false)")
            } catch let error as EngineError where error.kind != .interrupted {
                return LakeTableError(
                    "\(file.location) of \(table.table.identifier) is damaged (\(error.message)): restore it from a copy, "
                        + "or read the table as it was before (--at)")
            } catch let error as LakeTableError {
                return error
            }
        }
        return nil
    }

    private func read(_ rows: String) throws {
        _ = try connection.query("SELECT count(hash(COLUMNS(*))) FROM (\(rows))")
    }
}
