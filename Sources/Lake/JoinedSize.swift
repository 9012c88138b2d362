import Iceberg

/// How large the rows of files are once they are joined, as far as the table's own earlier compactions tell.
///
/// Fresh files of bronze are about three times as large as what they become (another codec, larger dictionaries), so that
/// files packed by their own sizes would come out at a third of the size that is wanted.
struct JoinedSize: Sendable {
    /// Commits that replaced files, the newest, of which the one with the most rows counts.
    static let commitsMax = 16
    /// How much larger than joined ones a file's rows must be to count as not joined yet. Rows differ by themselves, too.
    private static let noticeable = 1.25

    /// Bytes that a row takes in files that compaction wrote; nil where nothing tells.
    private let rowBytes: Double?

    /// Of a table, from the summaries of its snapshots.
    init(of table: Table) {
        let joined = table.metadata.snapshots.filter { $0.operation == .replace }
            .sorted { $0.sequenceNumber > $1.sequenceNumber }.prefix(Self.commitsMax)
        // What takes the place of a handful of rows is mostly a file's beginning and end.
        var largest: (rows: Int64, bytes: Int64)?
        for snapshot in joined {
            guard let rows = Self.number("added-records", of: snapshot), rows > largest?.rows ?? 0,
                let bytes = Self.number("added-files-size", of: snapshot), bytes > 0
            else { continue }
            largest = (rows, bytes)
        }
        rowBytes = largest.map { Double($0.bytes) / Double($0.rows) }
    }

    private static func number(_ key: String, of snapshot: Snapshot) -> Int64? {
        snapshot.summary[key].flatMap { Int64($0) }
    }

    /// About how many bytes a file's rows will take; never more than they do.
    func bytes(of file: DataFile) -> Int64 {
        guard let rowBytes else { return file.fileSizeInBytes }
        let expected = Double(file.recordCount) * rowBytes
        guard expected >= 1, Double(file.fileSizeInBytes) > expected * Self.noticeable else {
            return file.fileSizeInBytes
        }
        return Int64(expected)
    }

    /// About how many bytes several files' rows will take together.
    func bytes(of files: [DataFile]) -> Int64 { files.reduce(0) { $0 + bytes(of: $1) } }
}
