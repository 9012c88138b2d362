import Foundation

/// `COPY … FROM STDIN` of one batch, a transaction of its own, in the text format, which PostgreSQL 15 took 5 to 20 %
/// cheaper than the binary one; the query and its data are sent in one go (PostgreSQL documentation, Frontend/Backend
/// Protocol: Query, CopyData, CopyDone).
struct PostgresFormat: RequestFormat {
    let table: String
    /// When the events were received, as PostgreSQL reads it.
    let receivedAt: String

    func write(_ batch: Range<Int>, of events: SimulatedEvents, into bytes: inout [UInt8]) throws {
        PostgresMessage.write("Q", Array("COPY \(table) (received_at, topic, user_id, raw) FROM STDIN\0".utf8), &bytes)
        var rows: [UInt8] = []
        for index in batch {
            let raw = events.event(index)
            let type = try EventText.field("type", of: raw) ?? "\\N"
            let user = try EventText.field("user_id", of: raw) ?? "\\N"
            rows += Array("\(receivedAt)\t\(type)\t\(user)\t".utf8)
            for byte in raw {
                // The text format's own escape; the simulator writes no control characters.
                if byte == UInt8(ascii: "\\") { rows.append(byte) }
                rows.append(byte)
            }
            rows.append(UInt8(ascii: "\n"))
        }
        PostgresMessage.write("d", rows, &bytes)
        PostgresMessage.write("c", [], &bytes)
    }
}

/// Waits for `COPY n` with all rows, and for the server to be ready again, outside of any transaction.
struct PostgresAnswers: AnswerReader {
    private var copied = -1

    mutating func read(_ bytes: UnsafeRawBufferPointer, events: Int) throws -> (taken: Int, isWhole: Bool) {
        var at = 0
        while bytes.count - at >= 5 {
            let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at + 1, as: UInt32.self)))
            guard bytes.count - at > length else { break }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[(at + 5)..<(at + 1 + length)])
            let type = bytes[at]
            at += 1 + length
            switch type {
            case UInt8(ascii: "C"):
                let tag = String(decoding: payload.dropLast(), as: UTF8.self)
                copied = tag.hasPrefix("COPY ") ? Int(tag.dropFirst(5)) ?? -1 : -1
            case UInt8(ascii: "Z"):
                guard copied == events, payload.first == UInt8(ascii: "I") else {
                    throw BenchError("PostgreSQL copied \(copied) of \(events) rows")
                }
                copied = -1
                return (at, true)
            // CopyInResponse, a notice, a changed parameter.
            case UInt8(ascii: "G"), UInt8(ascii: "N"), UInt8(ascii: "S"): break
            default: throw BenchError("PostgreSQL: \(PostgresMessage.text(payload))")
            }
        }
        return (at, false)
    }
}

/// Messages of PostgreSQL's protocol, version 3.0.
enum PostgresMessage {
    /// Adds a message: its type, its length, its contents.
    static func write(_ type: Character, _ contents: [UInt8], _ bytes: inout [UInt8]) {
        bytes += Array(String(type).utf8)
        bytes += integer(contents.count + 4)
        bytes += contents
    }

    /// The first message of a session, which has no type.
    static func startup(user: String, database: String) -> [UInt8] {
        let contents = integer(3 << 16) + Array("user\0\(user)\0database\0\(database)\0\0".utf8)
        return integer(contents.count + 4) + contents
    }

    /// An error's fields on one line.
    static func text(_ payload: some Sequence<UInt8>) -> String {
        String(decoding: payload.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
    }

    private static func integer(_ value: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(value).bigEndian) { Array($0) }
    }
}

/// A session in which nothing is measured: setting up and looking.
struct PostgresSession {
    let connection: PlainConnection

    /// Begins a session of the user that the bench's own server trusts.
    init(port: Int) throws {
        connection = try PlainConnection(port: port)
        try connection.send(PostgresMessage.startup(user: "bench", database: "postgres"))
        try untilReady()
    }

    /// Runs a statement; returns the first column of its last row.
    @discardableResult
    func run(_ statement: String) throws -> String? {
        var bytes: [UInt8] = []
        PostgresMessage.write("Q", Array((statement + "\0").utf8), &bytes)
        try connection.send(bytes)
        return try untilReady()
    }

    @discardableResult
    private func untilReady() throws -> String? {
        var value: String?
        while let head = connection.bytes(5) {
            let length = head[1...].reduce(0) { $0 << 8 | Int($1) } - 4
            guard let payload = connection.bytes(length) else { break }
            switch head[0] {
            case UInt8(ascii: "Z"): return value
            case UInt8(ascii: "E"): throw BenchError("PostgreSQL: \(PostgresMessage.text(payload))")
            case UInt8(ascii: "D"):
                // Two bytes of how many columns, four of the first one's length.
                let count = payload.dropFirst(2).prefix(4).reduce(0) { $0 << 8 | Int($1) }
                value = String(decoding: payload.dropFirst(6).prefix(count), as: UTF8.self)
            default: break
            }
        }
        throw BenchError("PostgreSQL closed the connection")
    }
}
