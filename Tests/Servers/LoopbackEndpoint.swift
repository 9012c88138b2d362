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

    package let port: UInt16
    private let listener: Int32
    private let respond: @Sendable (Request) -> Answer
    private let open = Mutex<[Int32]>([])
    private let seen = Mutex<[Request]>([])

    /// The requests so far.
    package var requests: [Request] { seen.withLock { $0 } }
    /// Where it answers.
    package var url: String { "http://127.0.0.1:\(port)" }

    package init(_ respond: @escaping @Sendable (Request) -> Answer) throws {
        self.respond = respond
        (listener, port) = try Loopback.listen()
        let thread = Thread { [self] in accept() }
        thread.start()
    }

    /// Ends every connection and listens no more.
    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        open.withLock { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }

    private func accept() {
        defer { close(listener) }
        while true {
            let connection = Glibc.accept(listener, nil, nil)
            guard connection >= 0 else { return }
            open.withLock { $0.append(connection) }
            Thread { [self] in
                serve(connection)
                open.withLock { $0.removeAll { $0 == connection } }
                close(connection)
            }.start()
        }
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
