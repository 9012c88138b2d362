import Foundation
import Synchronization

/// A real HTTP/1.1 endpoint on a free loopback port, which answers as a test says: with an answer, or by misbehaving.
package final class LoopbackEndpoint: Sendable {
    /// What came in.
    package struct Request: Sendable {
        package let line: String
        package let headers: [String: String]
        package let body: [UInt8]
    }

    /// What goes out.
    package enum Answer: Sendable {
        /// A whole answer, after which the connection stays open.
        case status(Int, headers: [String: String] = [:], body: String = "")
        /// These bytes as they are, and then the end.
        case raw(String)
        /// The connection ends without a word.
        case close
        /// Nothing, until the endpoint is stopped.
        case silence
    }

    /// Where it listens.
    package var port: UInt16 { listener.port }
    private let listener: LoopbackListener
    private let respond: @Sendable (Request) -> Answer
    private let seen = Mutex<[Request]>([])

    /// The requests so far.
    package var requests: [Request] { seen.withLock { $0 } }
    /// Where it answers.
    package var url: String { "http://127.0.0.1:\(port)" }

    package init(_ respond: @escaping @Sendable (Request) -> Answer) throws {
        self.respond = respond
        listener = try LoopbackListener()
        listener.start { [self] in serve($0) }
    }

    /// Ends every connection and listens no more.
    package func stop() {
        listener.stop()
    }

    private func serve(_ connection: Int32) {
        var pending: [UInt8] = []
        while let request = Self.read(connection, &pending) {
            seen.withLock { $0.append(request) }
            switch respond(request) {
            case .status(let status, let headers, let body):
                let isHead = request.line.hasPrefix("HEAD ")
                var text = "HTTP/1.1 \(status) Said\r\n"
                for (name, value) in headers { text += "\(name): \(value)\r\n" }
                if headers["Content-Length"] == nil { text += "Content-Length: \(body.utf8.count)\r\n" }
                guard Loopback.write(Array((text + "\r\n" + (isHead ? "" : body)).utf8), to: connection) else { return }
            case .raw(let text):
                _ = Loopback.write(Array(text.utf8), to: connection)
                return
            case .close: return
            case .silence:
                _ = Loopback.read(connection, upTo: 1)
                return
            }
        }
    }

    private static func read(_ connection: Int32, _ pending: inout [UInt8]) -> Request? {
        let blank = Array("\r\n\r\n".utf8)
        var end = pending.firstRange(of: blank)
        while end == nil {
            guard let more = Loopback.read(connection, upTo: 65_536) else { return nil }
            pending += more
            end = pending.firstRange(of: blank)
        }
        guard let end else { return nil }
        let lines = String(decoding: pending[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        pending.removeFirst(end.upperBound)
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while pending.count < length {
            guard let more = Loopback.read(connection, upTo: 65_536) else { return nil }
            pending += more
        }
        let body = Array(pending.prefix(length))
        pending.removeFirst(length)
        return Request(line: lines[0], headers: headers, body: body)
    }
}
