public import Engine
public import Iceberg
import Storage

/// Finds the file behind a failure of the engine. It does not say of all damage which file it is in, and what it says
/// depends on which byte is wrong: so after any failure that is not the statement's own, the files are tried one by one.
public struct DamageSearch {
    /// A table that the statement read, and the files.
    public struct Scan {
        /// The table.
        public var table: LakeTable
        /// Its files that were read, those of deletes among them.
        public var files: [DataFile]

        /// A scan of all files of a plan.
        public init(_ table: LakeTable, _ plan: ScanPlan) {
            self.table = table
            var seen: Set<ObjectName> = []
            let deletes = plan.tasks.flatMap(\.deletes).map(\.file).filter {
                seen.insert(ObjectName($0.location)).inserted
            }
            files = plan.tasks.map(\.file) + deletes
        }

        /// A scan of all of a table's files.
        /// - Throws: What reading the manifests throws.
        public init(all table: LakeTable) throws { self.init(table, try table.plan()) }
    }

    /// Most bytes of files that a search reads.
    public static let bytesMax: Int64 = 16 << 30
    /// Most files that are named when it is one of several.
    static let namesMax = 3

    private let connection: Connection
    private var bytesRead: Int64 = 0

    /// Runs `body`, and names the damaged file where it fails because of one.
    ///
    /// - Parameters:
    ///   - scans: what it reads, the likeliest first; asked for when it has failed.
    ///   - connection: what it reads them through.
    ///   - areBound: As ``explained(_:_:areBound:)``.
    public static func naming<Result>(
        in scans: @autoclosure () throws -> [Scan], _ connection: Connection, areBound: Bool = true,
        _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as EngineError {
            var search = try DamageSearch(like: connection)
            throw try search.explained(error, try scans(), areBound: areBound)
        }
    }

    /// A search with an engine of its own, as the one of `connection` is: some failures end the engine they happen in.
    public init(like connection: Connection) throws {
        self.connection = try DuckDB(connection.database.settings).connect()
    }

    /// The error to show in the place of `error`, which a statement over these scans ended with: the one that names the
    /// damaged file, or `error` where it names one already, is the statement's own, or no file is found.
    ///
    /// - Parameter areBound: whether the engine took the tables' own SELECTs, without the statement. Only then can a
    ///   statement be wrong in itself.
    public mutating func explained(_ error: EngineError, _ scans: [Scan], areBound: Bool = true) throws -> any Error {
        switch error.kind {
        case .libraryMissing, .interrupted, .limit: return error
        case .statement where areBound: return error
        default: break
        }
        let isNamed = scans.contains { scan in
            scan.files.contains { Self.names(error.message, $0.location) }
        }
        if isNamed { return error }
        for scan in scans {
            if let found = try unreadable(scan.files, of: scan.table) { return found }
        }
        let all = scans.flatMap(\.files).map(\.location)
        guard error.kind == .fault, !all.isEmpty else { return error }
        // Whether damage shows depends on what the engine had in memory before.
        let names = all.prefix(Self.namesMax).joined(separator: ", ") + (all.count > Self.namesMax ? ", …" : "")
        return LakeTableError(
            "one of the \(all.count) files that were read is damaged (\(error.message)), which shows only now and then: "
                + "\(names). Restore them from a copy, or read the tables as they were before (--at)")
    }

    /// Whether a message names a file, byte by byte: letters that only look alike name another one.
    private static func names(_ message: String, _ location: String) -> Bool {
        !message.utf8.ranges(of: Location.name(of: location).utf8).isEmpty
    }

    /// The first of a table's files that the engine cannot read to its end, with the engine's reason.
    private mutating func unreadable(_ files: [DataFile], of table: LakeTable) throws -> LakeTableError? {
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
        _ = try connection.query("SELECT sum(hash(r)) FROM (\(rows)) r")
    }
}
