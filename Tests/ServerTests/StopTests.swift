import EventLog
import Foundation
import Server
import Synchronization
import Testing

@Suite struct StopTests {
    @Test("a request in progress at a stop is answered, new connections are refused, then the server ends")
    func drain() async throws {
        let server = try await TestServer.start()
        let body = search("1")
        let wire = try await blocking {
            let wire = try Wire(server)
            try wire.send(
                "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"
                    + "content-length: \(body.utf8.count)\r\n\r\n"
            )
            // The server has read the head.
            #expect(try wire.answer()?.status == 100)
            return SendableWire(wire)
        }
        await server.askToStop()
        try await blocking {
            // Idle connections end, and nobody else gets in.
            while (try? Wire(server)) != nil {}
            try wire.wire.send(body)
            let answer = try #require(try wire.wire.answer())
            #expect(answer.accepted == 1 && answer.headers["connection"] == "close")
            #expect(try wire.wire.isEnded())
        }
        try await server.stop()
    }

    @Test("a body that does not come at a stop is given up after its time")
    func drainBound() async throws {
        let server = try await TestServer.start { $0.drainSeconds = 0.3 }
        let wire = try await blocking {
            let wire = try Wire(server)
            try wire.send(
                "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n")
            #expect(try wire.answer()?.status == 100)
            return SendableWire(wire)
        }
        await server.askToStop()
        try await blocking { () throws in
            #expect(try wire.wire.answer()?.status == 503)
            #expect(try wire.wire.isEnded())
        }
        try await server.stop()
    }

    @Test("whatever is stored while the server stops is answered, and whatever is answered is stored")
    func underLoad() async throws {
        let server = try await TestServer.start()
        let tally = Tally()
        let enough = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sender in 0..<16 {
                group.addTask {
                    try await blocking {
                        let wire = try Wire(server)
                        for number in 0... {
                            do {
                                try wire.send(post(search("\(sender)-\(number)")))
                            } catch { return }
                            guard let answer = try wire.answer() else { return }
                            #expect(answer.accepted == 1)
                            tally.acknowledged.add(1, ordering: .relaxed)
                            if number == 100 { enough.signal() }
                        }
                    }
                }
            }
            try await blocking { for _ in 0..<16 { enough.wait() } }
            await server.askToStop()
            try await group.waitForAll()
        }
        try await server.waitUntilStopped()
        #expect(server.log.cut().totals.accepted == tally.acknowledged.load(ordering: .relaxed))
        try await server.stop()
    }
}

/// Answers that were counted by several threads.
private final class Tally: Sendable {
    let acknowledged = Atomic<Int64>(0)
}

/// A connection that is handed from one thread to the next, never used by two.
struct SendableWire: @unchecked Sendable {
    let wire: Wire
    init(_ wire: Wire) { self.wire = wire }
}
