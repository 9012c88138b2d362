import Foundation
import Glibc
import Synchronization

/// Stands between a client and the server, and can lose an answer after the server has given it, as a network does.
final class CuttingProxy: Sendable {
    /// What becomes of a request.
    enum Fate: Sendable {
        /// It is passed on, and so is its answer.
        case passes
        /// It is passed on, and the connection ends before the answer.
        case losesAnswer
        /// The connection ends before it is passed on.
        case losesRequest
    }

    let port: Int
    private let listener: Int32
    private let target: Int
    private let fate: Mutex<@Sendable (_ request: String) -> Fate>
    private let cuts = Mutex(0)

    /// Takes connections for the server at `target` on a free port.
    init(to target: Int, _ fate: @escaping @Sendable (String) -> Fate) throws {
        self.target = target
        self.fate = Mutex(fate)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let taken = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard taken else { throw Wire.Failure(description: "no port for the proxy") }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                guard let self else {
                    close(client)
                    return
                }
                Thread { self.serve(client) }.start()
            }
        }.start()
    }

    /// How many answers or requests it has lost.
    var lost: Int { cuts.withLock { $0 } }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// One request and its answer; each has a connection of its own.
    private func serve(_ client: Int32) {
        defer { close(client) }
        guard let request = CuttingProxy.read(client, untilClosed: false) else { return }
        let fate = fate.withLock { $0 }(String(decoding: request, as: UTF8.self))
        if fate == .losesRequest {
            cuts.withLock { $0 += 1 }
            return
        }
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(target)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return }
        CuttingProxy.write(CuttingProxy.closing(request), to: server)
        guard let answer = CuttingProxy.read(server, untilClosed: true) else { return }
        if fate == .losesAnswer {
            cuts.withLock { $0 += 1 }
            return
        }
        CuttingProxy.write(CuttingProxy.closing(answer), to: client)
    }

    /// A message that says that its connection ends after it; else the other side would send the next one on it.
    private static func closing(_ message: [UInt8]) -> [UInt8] {
        let end = Array("\r\n\r\n".utf8)
        guard let place = message.indices.first(where: { message[$0...].starts(with: end) }) else { return message }
        return message[..<place] + Array("\r\nConnection: close".utf8) + message[place...]
    }

    private static func read(_ socket: Int32, untilClosed: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if !untilClosed {
                let text = String(decoding: bytes, as: UTF8.self)
                if let end = text.range(of: "\r\n\r\n") {
                    let head = text[..<end.lowerBound].lowercased()
                    let length = head.components(separatedBy: "\r\n").first { $0.hasPrefix("content-length:") }
                        .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
                    if text[end.upperBound...].utf8.count >= length ?? 0 { return bytes }
                }
            }
            let count = recv(socket, &piece, piece.count, 0)
            if count <= 0 { return untilClosed && count == 0 ? bytes : nil }
            bytes += piece[..<count]
        }
    }

    private static func write(_ bytes: [UInt8], to socket: Int32) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(socket, $0.baseAddress.map { $0 + done }, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            done += count
        }
    }
}
