import Engine

/// The keys of the hours that the minutes of a business day are in, for the engine to join a day's rows with: which hour of
/// the business clock an instant is in is asked of the calendar once for a minute, and not once for a row.
final class MinuteRows: RowSource {
    /// The relation: `minute`, as ``minute(of:)`` counts them, and `key`.
    static let name = "keys_of_minutes"

    /// The number of an instant's minute, as SQL. They are counted from before every instant there is, since the engine's
    /// whole division cuts towards zero.
    static func minute(of instant: String) -> String { "(epoch_us(\(instant)) + 62135596800000000) // 60000000" }

    let columns = [Column("minute", .int64), Column("key", .int32)]
    let rowCountEstimate: Int?
    private let rows: [(minute: Int64, key: Int32)]
    private var next = 0

    init(_ rows: [(minute: Int64, key: Int32)]) {
        self.rows = rows
        rowCountEstimate = rows.count
    }

    func begin() { next = 0 }

    func fill(_ chunk: inout ChunkWriter) throws -> Int {
        let count = min(chunk.capacity, rows.count - next)
        let minutes = chunk.column(0).values(as: Int64.self)
        let keys = chunk.column(1).values(as: Int32.self)
        for row in 0..<count { (minutes[row], keys[row]) = rows[next + row] }
        next += count
        return count
    }
}
