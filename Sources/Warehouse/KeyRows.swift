import Engine

/// The keys of a dimension's members, for the engine to join a day's rows with.
final class KeyRows: RowSource {
    /// The relation of a dimension's keys: `natural` and `key`.
    static func name(_ dimension: String) -> String { "keys_of_\(dimension)" }

    let columns: [Column]
    let rowCountEstimate: Int?
    private let rows: [(natural: String, key: Int32)]
    private var next = 0

    /// - Parameter isTime: whether the natural values are microseconds since 1970.
    init(_ rows: [[String?]], isTime: Bool) throws {
        columns = [Column("natural", isTime ? .timestamptz : .string), Column("key", .int32)]
        rowCountEstimate = rows.count
        self.rows = try rows.map { row in
            guard let natural = row[0], let key = row[1].flatMap({ Int32($0) }) else {
                throw WarehouseError(.statement, "the warehouse has a member without a key")
            }
            return (natural, key)
        }
    }

    func begin() { next = 0 }

    func fill(_ chunk: inout ChunkWriter) throws -> Int {
        let count = min(chunk.capacity, rows.count - next)
        let naturals = chunk.column(0)
        let keys = chunk.column(1).values(as: Int32.self)
        for row in 0..<count {
            let (natural, key) = rows[next + row]
            keys[row] = key
            if case .timestamptz = columns[0].type {
                guard let time = Int64(natural) else { throw WarehouseError(.statement, "'\(natural)' is no time") }
                naturals.values(as: Int64.self)[row] = time
            } else {
                var text = natural
                text.withUTF8 { bytes in
                    guard let start = bytes.baseAddress else { return naturals.copyString(row, [0], 0) }
                    naturals.copyString(row, start, bytes.count)
                }
            }
        }
        next += count
        return count
    }
}
