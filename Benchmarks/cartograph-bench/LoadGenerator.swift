import CBench
import Foundation
import Glibc

/// Recognises a server's answers and checks each.
protocol AnswerReader {
    /// Takes what it can from the bytes that have come.
    ///
    /// - Parameter events: how many events the request held.
    /// - Returns: how many bytes it took, and whether the answer is whole.
    /// - Throws: when the answer is not that all of them were accepted.
    mutating func read(_ bytes: UnsafeRawBufferPointer, events: Int) throws -> (taken: Int, isWhole: Bool)
}

/// What a run of the load generator saw.
struct LoadResult {
    var events = 0
    var requests = 0
    /// From the first request to the last answer.
    var seconds = 0.0
    /// Processor seconds of this process meanwhile.
    var generatorCPU = 0.0
    /// From before a request's first byte was sent to its whole answer read, nanoseconds, in no order.
    var latencies: [UInt64] = []
}

/// Sends prepared requests over a fixed number of connections, each the next one as soon as its answer has come, from one
/// thread: a closed loop, as cheap as this machine lets it be.
final class LoadGenerator<Reader: AnswerReader> {
    /// The longest wait for any answer, in milliseconds.
    private static var patience: Int32 { 30_000 }
    /// The longest answer, in bytes.
    private static var answerBytes: Int { 256 << 10 }

    /// One connection and the request on its way.
    private final class Connection {
        let descriptor: Int32
        var reader: Reader
        var request = RequestRing.Request(range: 0..<0, events: 0, places: 0..<0)
        var sent = 0
        var began: UInt64 = 0
        var isWaiting = false
        let answer = UnsafeMutableRawPointer.allocate(byteCount: LoadGenerator.answerBytes, alignment: 64)
        var answerCount = 0

        init(_ descriptor: Int32, _ reader: Reader) {
            self.descriptor = descriptor
            self.reader = reader
        }

        deinit {
            close(descriptor)
            answer.deallocate()
        }
    }

    private let connections: [Connection]
    private let poll: Int32
    private var result = LoadResult()
    private var outstanding = 0
    private var deadline: UInt64 = 0
    private var left = 0

    /// Takes over connected sockets.
    init(_ sockets: [Int32], reader: () -> Reader) throws {
        connections = sockets.map { Connection($0, reader()) }
        poll = epoll_create1(0)
        guard poll >= 0 else { throw BenchError("epoll: \(String(cString: strerror(errno)))") }
        for (index, connection) in connections.enumerated() {
            guard fcntl(connection.descriptor, F_SETFL, O_NONBLOCK) == 0 else {
                throw BenchError("a socket: \(String(cString: strerror(errno)))")
            }
            var event = epoll_event()
            // Told once about each change, so that nothing is to be set again for a request.
            event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
            event.data.u64 = UInt64(index)
            guard epoll_ctl(poll, EPOLL_CTL_ADD, connection.descriptor, &event) == 0 else {
                throw BenchError("epoll: \(String(cString: strerror(errno)))")
            }
        }
    }

    deinit { close(poll) }

    /// Sends until the time or the events are used up, and waits for every answer.
    func run(_ ring: RequestRing, seconds: Double, events: Int) throws -> LoadResult {
        guard ring.requests.count > connections.count else {
            throw BenchError("\(ring.requests.count) requests are too few for \(connections.count) connections")
        }
        result = LoadResult()
        let cpu = Clocks.ownCPU()
        let began = Clocks.now()
        deadline = began + UInt64(seconds * 1e9)
        left = events
        for connection in connections { try begin(connection, ring) }
        try loop(ring)
        result.seconds = Double(Clocks.now() - began) / 1e9
        result.generatorCPU = Double(Clocks.ownCPU() - cpu) / 1e9
        return result
    }

    private func loop(_ ring: RequestRing) throws {
        let room = 64
        let ready = UnsafeMutablePointer<epoll_event>.allocate(capacity: room)
        defer { ready.deallocate() }
        while outstanding > 0 {
            let count = epoll_wait(poll, ready, Int32(room), LoadGenerator.patience)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw BenchError("no answer for \(LoadGenerator.patience / 1_000) s to any of \(outstanding) requests")
            }
            for index in 0..<Int(count) {
                let connection = connections[Int(ready[index].data.u64)]
                if ready[index].events & EPOLLOUT.rawValue != 0 { try push(connection, ring) }
                if ready[index].events & ~EPOLLOUT.rawValue != 0 { try pull(connection, ring) }
            }
        }
    }

    private func begin(_ connection: Connection, _ ring: RequestRing) throws {
        guard left > 0 else { return }
        connection.request = ring.take()
        left -= connection.request.events
        connection.sent = connection.request.range.lowerBound
        connection.isWaiting = true
        outstanding += 1
        connection.began = Clocks.now()
        try push(connection, ring)
    }

    private func push(_ connection: Connection, _ ring: RequestRing) throws {
        let end = connection.request.range.upperBound
        while connection.sent < end {
            let count = send(
                connection.descriptor, ring.pointer(connection.sent), end - connection.sent, Int32(MSG_NOSIGNAL))
            if count > 0 {
                connection.sent += count
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                throw BenchError("the server broke a connection: \(String(cString: strerror(errno)))")
            }
        }
    }

    private func pull(_ connection: Connection, _ ring: RequestRing) throws {
        while true {
            let room = LoadGenerator.answerBytes - connection.answerCount
            guard room > 0 else { throw BenchError("an answer is longer than \(LoadGenerator.answerBytes) bytes") }
            let count = recv(connection.descriptor, connection.answer + connection.answerCount, room, 0)
            if count < 0 && errno == EAGAIN { return }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw BenchError("the server closed a connection") }
            connection.answerCount += count
            try answer(connection, ring)
            // A short read means that there is no more for now; what comes later is told.
            if count < room { return }
        }
    }

    private func answer(_ connection: Connection, _ ring: RequestRing) throws {
        guard connection.isWaiting else { throw BenchError("an answer came that nothing was asked for") }
        let bytes = UnsafeRawBufferPointer(start: connection.answer, count: connection.answerCount)
        let (taken, isWhole) = try connection.reader.read(bytes, events: connection.request.events)
        connection.answerCount -= taken
        if connection.answerCount > 0 { memmove(connection.answer, connection.answer + taken, connection.answerCount) }
        guard isWhole else { return }
        let now = Clocks.now()
        guard connection.sent == connection.request.range.upperBound, connection.answerCount == 0 else {
            throw BenchError("an answer came before its request was sent, or more than one")
        }
        result.latencies.append(now - connection.began)
        result.requests += 1
        result.events += connection.request.events
        connection.isWaiting = false
        outstanding -= 1
        if now < deadline { try begin(connection, ring) }
    }
}

/// Exact percentiles of everything that was measured.
struct Percentiles {
    private let sorted: [UInt64]

    init(_ nanoseconds: [UInt64]) { sorted = nanoseconds.sorted() }

    /// The smallest value that at least this share of all does not exceed, in milliseconds.
    func milliseconds(_ share: Double) -> Double {
        guard !sorted.isEmpty else { return .nan }
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return Double(sorted[min(max(rank, 1), sorted.count) - 1]) / 1e6
    }
}
