import CBench
import Foundation

/// `POST /v1/events`: a batch as NDJSON, a single event as a JSON object.
struct HTTPFormat: RequestFormat {
    let port: Int

    func write(_ batch: Range<Int>, of events: SimulatedEvents, into bytes: inout [UInt8]) {
        let body = batch.count == 1 ? events.event(batch.lowerBound) : events.lines(batch)
        let type = batch.count == 1 ? "application/json" : "application/x-ndjson"
        bytes += Array(
            ("POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: \(type)\r\n"
                + "Content-Length: \(body.count)\r\n\r\n").utf8)
        bytes += body
    }
}

/// Accepts one answer only: 202, all events accepted, none rejected, and the connection kept open.
struct HTTPAnswers: AnswerReader {
    private var length: Int?
    private var bodyStart = 0

    mutating func read(_ bytes: UnsafeRawBufferPointer, events: Int) throws -> (taken: Int, isWhole: Bool) {
        if length == nil {
            guard let end = Self.find("\r\n\r\n", in: bytes) else { return (0, false) }
            bodyStart = end + 4
            length = try Self.bodyLength(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
        guard let length, bytes.count >= bodyStart + length else { return (0, false) }
        let body = UnsafeRawBufferPointer(rebasing: bytes[bodyStart..<bodyStart + length])
        guard bytes.starts(with: "HTTP/1.1 202".utf8), Self.number(after: "\"accepted\":", in: body) == events,
            Self.find("\"rejected\":[]", in: body) != nil
        else {
            throw BenchError(
                "of \(events) events not all were accepted: "
                    + String(decoding: bytes.prefix(bodyStart + length).prefix(800), as: UTF8.self))
        }
        self.length = nil
        return (bodyStart + length, true)
    }

    private static func bodyLength(_ head: UnsafeRawBufferPointer) throws -> Int {
        // Field names may come in any case.
        let text = String(decoding: head, as: UTF8.self).lowercased()
        guard !text.contains("\r\nconnection: close") else {
            throw BenchError("the server closes connections: \(text)")
        }
        var length: Int?
        for line in text.split(separator: "\r\n") where line.hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).trimmingCharacters(in: .whitespaces))
        }
        guard let length else { throw BenchError("an answer without a content-length: \(text)") }
        return length
    }

    private static func find(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress,
            let found = cbench_find(base, bytes.count, text.utf8Start, text.utf8CodeUnitCount)
        else { return nil }
        return found - base
    }

    private static func number(after key: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let at = find(key, in: bytes) else { return nil }
        var value: Int?
        for byte in bytes[(at + key.utf8CodeUnitCount)...] {
            guard (0x30...0x39).contains(byte) else { break }
            value = (value ?? 0) * 10 + Int(byte - 0x30)
        }
        return value
    }
}
