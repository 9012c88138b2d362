import Foundation
import Synchronization

/// A real HTTP/1.1 endpoint on a free loopback port, which answers as a test says: with an answer, or by misbehaving.
final class LoopbackEndpoint: Sendable {
    /// What came in.
    struct Request: Sendable {
        let line: String
        let headers: [String: String]
        let body: [UInt8]
    }

    /// What goes out.
    enum Answer: Sendable {
        /// A whole answer, after which the connection stays open.
        case status(Int, headers: [String: String] = [:], body: String = "")
        /// These bytes as they are, and then the end.
        case raw(String)
        /// The connection ends without a word.
        case close
        /// Nothing, until the endpoint is stopped.
        case silence
    }

    let port: UInt16
    private let listener: Int32
    private let respond: @Sendable (Request) -> Answer
    private let open = Mutex<[Int32]>([])
    private let seen = Mutex<[Request]>([])

    /// The requests so far.
    var requests: [Request] { seen.withLock { $0 } }
    /// Where it answers.
    var url: String { "http://127.0.0.1:\(port)" }

    init(_ respond: @escaping @Sendable (Request) -> Answer) throws {
        self.respond = respond
        (listener, port) = try Loopback.listen()
        let thread = Thread { [self] in accept() }
        thread.start()
    }

    /// Ends every connection and listens no more.
    func stop() {
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

/// Sockets on 127.0.0.1, blocking.
enum Loopback {
    struct Failure: Error { let what: String }

    /// A listening socket and its port, a free one unless named.
    static func listen(port: UInt16 = 0) throws -> (Int32, UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = self.address(port)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard isBound == 0, Glibc.listen(descriptor, 128) == 0 else { throw Failure(what: "cannot listen") }
        var actual = length
        let isNamed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &actual) }
        }
        guard isNamed == 0 else { throw Failure(what: "cannot tell the port") }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// A connection to a port of this machine.
    static func connect(port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = self.address(port)
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard isConnected == 0 else {
            close(descriptor)
            throw Failure(what: "cannot connect to port \(port)")
        }
        return descriptor
    }

    /// What has come, or nil at the end or a failure.
    static func read(_ descriptor: Int32, upTo count: Int) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, recv(descriptor, buffer.baseAddress, count, 0))
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// Whether all of it went out.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let put = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard put > 0 else { return false }
            sent += put
        }
        return true
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }
}
