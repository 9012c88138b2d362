import Foundation
import Glibc

/// Sockets to servers on this machine.
enum Connect {
    /// A connected TCP socket; nil when nobody listens.
    static func tcp(port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7f00_0001).bigEndian)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard connected == 0 else {
            close(descriptor)
            return nil
        }
        var isOn: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }

    /// Several; throws when one cannot be made.
    static func tcp(port: Int, count: Int) throws -> [Int32] {
        try (0..<count).map { _ in
            guard let socket = tcp(port: port) else { throw BenchError("nobody listens on port \(port)") }
            return socket
        }
    }

    /// A port on which nobody listens now.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7f00_0001).bigEndian)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard bound else { throw BenchError("no free port: \(String(cString: strerror(errno)))") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// A plain connection that is read line by line, for what is not measured by the byte.
final class PlainConnection: Sendable {
    private let descriptor: Int32
    // Used by one thread only.
    nonisolated(unsafe) private let stream: UnsafeMutablePointer<FILE>

    init(port: Int) throws {
        guard let descriptor = Connect.tcp(port: port), let opened = fdopen(descriptor, "r") else {
            throw BenchError("nobody listens on \(port)")
        }
        self.descriptor = descriptor
        stream = opened
    }

    deinit { fclose(stream) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw BenchError("a request was not sent")
        }
    }

    /// The next line; nil at the end.
    func line() -> String? {
        var buffer: UnsafeMutablePointer<CChar>?
        var size = 0
        defer { free(buffer) }
        let count = getline(&buffer, &size, stream)
        guard count > 0, let buffer else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: buffer, count: count), as: UTF8.self)
    }

    /// That many bytes; nil when the connection ends before.
    func bytes(_ count: Int) -> [UInt8]? {
        var body = [UInt8](repeating: 0, count: count)
        return fread(&body, 1, count, stream) == count ? body : nil
    }

    /// The body of the next HTTP answer.
    func answer() -> String? {
        var length = 0
        while let header = line(), header != "\r\n" {
            let parts = header.lowercased().split(separator: ":")
            if parts.first == "content-length", parts.count == 2 {
                length = Int(parts[1].trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
            }
        }
        return bytes(length).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The socket itself, a copy of its own, once nothing more is read here.
    func socket() throws -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw BenchError("a socket: \(String(cString: strerror(errno)))") }
        return copy
    }
}
