import Foundation
import Synchronization

/// A proxy before a real server that loses, cuts and delays what a test says, request by request.
///
/// Every request goes to the server on a connection of its own, so that where an answer ends is plain.
package final class FaultProxy: Sendable {
    /// What happens to a request.
    package enum Fault: Sendable, Hashable {
        /// It is passed on, and so is its answer.
        case none
        /// The connection ends before the server hears of it.
        case lostRequest
        /// The server does it, and its answer is lost.
        case lostAnswer
        /// The server does it; half of the answer comes.
        case halfAnswer
        /// The server does it; the connection is reset.
        case reset
        /// The server does it; the answer comes so many seconds late.
        case lateAnswer(Double)
    }

    /// Where it listens.
    package var port: UInt16 { listener.port }
    private let listener: LoopbackListener
    private let server: UInt16
    private let plan: @Sendable (String, Int) -> Fault
    private let seen = Mutex<[String]>([])

    /// The first lines of the requests so far.
    package var requests: [String] { seen.withLock { $0 } }

    /// A proxy before the server at `port` of this machine.
    /// - Parameter plan: gets the first line of a request and its number, from 0.
    package init(to port: UInt16, _ plan: @escaping @Sendable (String, Int) -> Fault) throws {
        server = port
        self.plan = plan
        listener = try LoopbackListener()
        listener.start { [self] in serve($0) }
    }

    /// Ends every connection and listens no more.
    package func stop() {
        listener.stop()
    }

    private func serve(_ connection: Int32) {
        guard let (line, request) = Self.read(connection) else { return }
        let number = seen.withLock {
            $0.append(line)
            return $0.count - 1
        }
        let fault = plan(line, number)
        if fault == .lostRequest { return }
        guard let answer = ask(request) else { return }
        switch fault {
        case .none: _ = Loopback.write(answer, to: connection)
        case .halfAnswer: _ = Loopback.write(Array(answer.prefix(answer.count / 2)), to: connection)
        case .lateAnswer(let seconds):
            Thread.sleep(forTimeInterval: seconds)
            _ = Loopback.write(answer, to: connection)
        case .reset:
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        case .lostRequest, .lostAnswer: break
        }
    }

    /// The server's whole answer.
    private func ask(_ request: [UInt8]) -> [UInt8]? {
        guard let upstream = try? Loopback.connect(port: server) else { return nil }
        defer { close(upstream) }
        guard Loopback.write(request, to: upstream) else { return nil }
        var answer: [UInt8] = []
        while let more = Loopback.read(upstream, upTo: 1 << 20) { answer += more }
        return answer
    }

    /// A whole request with a field that makes it the connection's last, and its first line.
    private static func read(_ connection: Int32) -> (String, [UInt8])? {
        let blank = Array("\r\n\r\n".utf8)
        var bytes: [UInt8] = []
        var end = bytes.firstRange(of: blank)
        while end == nil {
            guard let more = Loopback.read(connection, upTo: 65_536) else { return nil }
            bytes += more
            end = bytes.firstRange(of: blank)
        }
        guard let end else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let length =
            lines.dropFirst().lazy.compactMap { line -> Int? in
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
                return Int(parts[1].trimmingCharacters(in: .whitespaces))
            }.first ?? 0
        while bytes.count < end.upperBound + length {
            guard let more = Loopback.read(connection, upTo: 1 << 20) else { return nil }
            bytes += more
        }
        bytes.insert(contentsOf: Array("Connection: close\r\n".utf8), at: end.lowerBound + 2)
        return (lines[0], bytes)
    }
}
