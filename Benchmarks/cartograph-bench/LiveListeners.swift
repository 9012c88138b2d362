import Foundation
import Glibc
import Synchronization

/// Many who follow the live view, read by one thread that throws away what it reads.
final class LiveListeners: Sendable {
    /// What came since the last look.
    struct Counts {
        var messages = 0
        var bytes = 0
    }

    private let counts = Mutex(Counts())
    private let isOver = Atomic<Bool>(false)
    private let sockets: [Int32]

    /// Connects and asks; throws when one is not let in.
    init(port: Int, count: Int) throws {
        sockets = try Connect.tcp(port: port, count: count)
        let request = Array("GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        for socket in sockets {
            guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
                throw BenchError("a listener could not ask for the live view")
            }
        }
        Thread { [self] in read() }.start()
    }

    /// What came since the last call.
    func take() -> Counts {
        counts.withLock { counts in
            defer { counts = Counts() }
            return counts
        }
    }

    func stop() { isOver.store(true, ordering: .releasing) }

    private func read() {
        var polled = sockets.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let begin = Array("id: ".utf8)
        while !isOver.load(ordering: .acquiring) {
            guard poll(&polled, nfds_t(polled.count), 100) > 0 else { continue }
            for place in polled.indices where polled[place].revents != 0 {
                let count = recv(polled[place].fd, &buffer, buffer.count, 0)
                guard count > 0 else {
                    polled[place].fd = -1
                    continue
                }
                let messages = buffer[..<count].split(separator: UInt8(ascii: "\n")).count { $0.starts(with: begin) }
                counts.withLock {
                    $0.messages += messages
                    $0.bytes += count
                }
            }
        }
        for socket in sockets { close(socket) }
    }
}

extension Platform {
    /// What those who follow the live view cost the server, beside the same load without them: in the same run, in turns.
    func listeners(_ count: Int) throws -> [Measure] {
        try withServer { server in
            let load = try ServerProcess(
                CartographServer.binary,
                ["simulate", "--to", server.address, "--rate", "\(rate)", "--for", "\(seconds + 30)s", "--json"],
                name: "the simulator")
            defer { load.stop() }
            let slice = Double(seconds) / 6
            func spent(_ seconds: Double) throws -> Double {
                let before = try server.process.cpuSeconds()
                usleep(UInt32(seconds * 1e6))
                return try server.process.cpuSeconds() - before
            }
            // The first views and the pools of threads come to be.
            _ = try spent(3)
            var (alone, beside, messages, bytes) = (0.0, 0.0, 0, 0)
            for _ in 0..<3 {
                alone += try spent(slice)
                let listeners = try LiveListeners(port: server.port, count: count)
                defer { listeners.stop() }
                // Their first messages are whole views.
                _ = try spent(1)
                _ = listeners.take()
                beside += try spent(slice)
                let came = listeners.take()
                messages += came.messages
                bytes += came.bytes
            }
            guard messages > count else { throw BenchError("only \(messages) messages came") }
            func measure(_ name: String, _ value: Double, _ unit: String) -> Measure {
                Measure(bench: "listeners", measure: name, value: value, unit: unit)
            }
            return [
                measure("server without any", alone / slice / 3 * 100, "% of a processor"),
                measure("server with \(count)", beside / slice / 3 * 100, "% of a processor"),
                measure("messages to each", Double(messages) / slice / 3 / Double(count), "messages/s"),
                measure("one message", Double(bytes) / Double(messages), "bytes"),
                measure("a message's cost", (beside - alone) / Double(messages) * 1e6, "µs"),
            ]
        }
    }
}
