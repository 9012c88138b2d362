import CBench
import Foundation

/// A pipeline of `XADD events:TYPE * raw JSON`, in the Redis serialization protocol (redis.io, RESP2).
struct RedisFormat: RequestFormat {
    func write(_ batch: Range<Int>, of events: SimulatedEvents, into bytes: inout [UInt8]) throws {
        for index in batch {
            let raw = events.event(index)
            bytes += Array("*5\r\n$4\r\nXADD\r\n".utf8)
            let key = "events:" + (try EventText.field("type", of: raw) ?? "none")
            bytes += Array("$\(key.utf8.count)\r\n\(key)\r\n$1\r\n*\r\n$3\r\nraw\r\n$\(raw.count)\r\n".utf8)
            bytes += raw
            bytes += Array("\r\n".utf8)
        }
    }
}

/// Counts the replies of a pipeline; each must be the id of a stored entry.
struct RedisAnswers: AnswerReader {
    private var replies = 0

    mutating func read(_ bytes: UnsafeRawBufferPointer, events: Int) throws -> (taken: Int, isWhole: Bool) {
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "$") else {
                throw BenchError("Redis: \(String(decoding: bytes[at...].prefix(200), as: UTF8.self))")
            }
            var length = 0
            var end = at + 1
            while end < bytes.count, (0x30...0x39).contains(bytes[end]) {
                length = length * 10 + Int(bytes[end] - 0x30)
                end += 1
            }
            // Two line ends, one after the length and one after the id.
            guard end + 2 + length + 2 <= bytes.count else { break }
            at = end + 2 + length + 2
            replies += 1
        }
        guard replies >= events else { return (at, false) }
        guard replies == events else { throw BenchError("Redis gave \(replies) replies to \(events) commands") }
        replies = 0
        return (at, true)
    }
}

/// Fields of a simulated event, found in its text.
enum EventText {
    /// A field whose value is a string without escapes; nil when the event has none.
    static func field(_ name: String, of raw: UnsafeRawBufferPointer) throws -> String? {
        let mark = Array("\"\(name)\":\"".utf8)
        guard let base = raw.baseAddress, let found = cbench_find(base, raw.count, mark, mark.count) else { return nil }
        let value = raw[(found - base + mark.count)...].prefix { $0 != UInt8(ascii: "\"") }
        guard !value.contains(UInt8(ascii: "\\")) else { throw BenchError("\(name) holds an escape") }
        return String(decoding: value, as: UTF8.self)
    }
}
