/// A piece of an import. The same file and mapping always give the same chunks, so that `ImportFile.identity` and
/// `index` can be the producer and the sequence of an idempotent append.
public struct ImportChunk: Sendable {
    /// 0 for the first chunk, then one more each time.
    public let index: Int
    /// The events, in the order of the file, groups in the order of their first rows; may be empty.
    public fileprivate(set) var events: [ImportedEvent] = []
    /// The rows that made no event; may be empty.
    public fileprivate(set) var rejected: [RejectedRow] = []
    /// Rows read so far, the header and blank lines apart. After the last chunk it is the number of all rows in
    /// events (`ImportedEvent.rows`) plus all rejected ones.
    public fileprivate(set) var rows = 0
    /// Bytes of the file read so far.
    public fileprivate(set) var bytesRead: Int64 = 0
    /// Bytes of the whole file.
    public let totalBytes: Int64
    private var bytes = 0
    private var count = 0

    init(index: Int, totalBytes: Int64) {
        self.index = index
        self.totalBytes = totalBytes
    }

    mutating func add(_ event: ImportedEvent) {
        events.append(event)
        bytes += event.json.count + event.sourceLines.count
        count += event.rows
    }

    mutating func add(_ row: RejectedRow) {
        rejected.append(row)
        bytes += row.raw.count
        count += 1
    }

    /// Counts a row that is held for later.
    mutating func addHeld() { count += 1 }

    mutating func close(rows: Int, bytesRead: Int64) {
        self.rows = rows
        self.bytesRead = bytesRead
    }

    func isFull(_ eventsPerChunk: Int) -> Bool {
        events.count >= eventsPerChunk || count >= ImportLimits.rowsPerChunk || bytes >= ImportLimits.chunkBytes
    }
}

/// One event made of one or more rows.
public struct ImportedEvent: Sendable {
    /// The line its first row begins on, counted from one.
    public let firstLine: Int
    /// The line its last row ends on.
    public let lastLine: Int
    /// How many rows it is made of.
    public let rows: Int
    /// The event: one JSON object in the shape of the contract, UTF-8, without a line end.
    public let json: [UInt8]
    /// Its rows as they are in the file, without line ends, joined by LF.
    public let sourceLines: [UInt8]
}

/// A row, or a line that is no row, of which no event was made.
public struct RejectedRow: Sendable {
    /// The line it begins on, counted from one.
    public let line: Int
    /// The bytes as they are in the file, without the line end; of a row longer than `ImportLimits.rowBytes` the first
    /// `ImportLimits.rejectedBytes`.
    public let raw: [UInt8]
    /// Why, in the words of the contract, such as `missing_field:user_id`.
    public let reason: String
}
