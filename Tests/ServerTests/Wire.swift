import Foundation
import Glibc

/// A plain connection to the server, byte by byte.
final class Wire {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// An answer as it came.
    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: String

        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]) ?? [:]
        }
        var accepted: Int? { json["accepted"] as? Int }
        var error: String { json["error"] as? String ?? "" }
    }

    /// How long a test waits for bytes before it fails.
    private static let seconds = 20
    private let socket: Int32
    private var read: [UInt8] = []

    convenience init(_ server: TestServer) throws { try self.init(port: server.port) }

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: Wire.seconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // The socket is closed by deinit, which a throwing init runs too.
        guard result == 0 else { throw Failure(description: "connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close(socket) }

    /// Sends bytes; throws when the server has reset the connection.
    func send(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress.map { $0 + done }, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(description: "send: \(String(cString: strerror(errno)))") }
            done += count
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// Says that no more will be sent.
    func finish() { shutdown(socket, Int32(SHUT_WR)) }

    /// Resets the connection: gone without a word.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        shutdown(socket, Int32(SHUT_RDWR))
    }

    /// Whether the server has said something, or has ended the connection.
    var hasAnswer: Bool {
        var look = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&look, 1, 0) > 0
    }

    /// Reads more; false when the server has ended the connection.
    private func more() throws -> Bool {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &piece, piece.count, 0)
        if count < 0 && errno == ECONNRESET { return false }
        guard count >= 0 else { throw Failure(description: "recv: \(String(cString: strerror(errno)))") }
        read.append(contentsOf: piece[..<count])
        return count > 0
    }

    /// The next answer; nil when the connection ended before one began.
    ///
    /// - Parameter isHead: whether it is the answer to HEAD, which tells a length and has no body.
    func answer(isHead: Bool = false) throws -> Answer? {
        let end = Array("\r\n\r\n".utf8)
        var headEnd = 0
        while true {
            if let found = read.indices.first(where: { read[$0...].starts(with: end) }) {
                headEnd = found
                break
            }
            guard try more() else {
                guard read.isEmpty else { throw Failure(description: "the connection ended inside an answer's head") }
                return nil
            }
        }
        let lines = String(decoding: read[..<headEnd], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let status = Int(lines[0].split(separator: " ")[1]) ?? 0
        let length = isHead ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
        read.removeFirst(headEnd + 4)
        while read.count < length {
            guard try more() else { throw Failure(description: "the connection ended inside an answer's body") }
        }
        let body = String(decoding: read[..<length], as: UTF8.self)
        read.removeFirst(length)
        return Answer(status: status, headers: headers, body: body)
    }

    /// Reads until the server ends the connection; throws when it does not.
    func isEnded() throws -> Bool {
        while try more() {}
        return true
    }
}

/// A request to `/v1/events` as it goes over the wire.
func post(_ body: String, _ headers: [String] = [], path: String = "/v1/events", version: String = "1.1") -> String {
    let fields =
        ["host: localhost", "content-type: application/x-ndjson", "content-length: \(body.utf8.count)"] + headers
    return "POST \(path) HTTP/\(version)\r\n\(fields.joined(separator: "\r\n"))\r\n\r\n\(body)"
}
