public import Engine
public import Iceberg

extension LakeTable {
    /// Most bytes of files that a search for damage reads.
    static let searchedBytesMax: Int64 = 16 << 30

    /// The first file of a snapshot that the engine cannot read to its end, named with the engine's reason; nil when all can
    /// be read, or the bound of ``searchedBytesMax`` was met. For after a failure whose text names no file: this reads
    /// everything.
    public func unreadableFile(at snapshot: Snapshot? = nil, by connection: Connection) throws -> LakeTableError? {
        let (data, deletes) = try entries(at: snapshot)
        var searched: Int64 = 0
        for entry in data + deletes {
            searched += entry.file.fileSizeInBytes
            if searched > Self.searchedBytesMax { return nil }
            do {
                let path = SQL.literal(try FileReader(table: table).path(entry.file))
                _ = try connection.query(
                    "SELECT count(hash(COLUMNS(*))) FROM read_parquet(\(path), hive_partitioning = false)")
            } catch let error as EngineError {
                return LakeTableError(
                    "\(entry.file.location) of \(table.identifier) is damaged (\(error.message)): restore it from a copy, or "
                        + "read the table as it was before (--at)")
            }
        }
        return nil
    }
}

extension EngineError {
    /// Whether the text speaks of a damaged file without saying which.
    public var isOfUnnamedFile: Bool {
        let words = [
            "corrupt", "out of buffer", "invalid string encoding", "payload", "decompress", "parquet", "thrift", "read",
        ]
        let text = message.lowercased()
        return !text.contains(".parquet") && words.contains { text.contains($0) }
    }
}
