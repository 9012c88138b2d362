import EventLog
import Foundation
import Server
import Testing

@Suite struct BoundsTests {
    @Test("a head that dribbles in is cut off")
    func slowHead() async throws {
        try await TestServer.with(limits: { $0.headSeconds = 0.4 }) { server in
            try await blocking {
                let wire = try Wire(server)
                // A first request in time, so that the rule is seen to hold on connections in use.
                try wire.send(post(search("1")))
                #expect(try wire.answer()?.accepted == 1)
                let took = try dribble(
                    "POST /v1/events HTTP/1.1\r\nx: " + String(repeating: "a", count: 10_000), to: wire)
                #expect(took < 5)
                let answer = try #require(try wire.answer())
                #expect(answer.status == 408 && answer.headers["connection"] == "close")
                #expect(try wire.isEnded())
            }
            #expect(server.metric("cartograph_http_refused_total{reason=\"slow_head\"}") == 1)
        }
    }

    @Test("a body below the least rate is cut off, and one above is not", arguments: ["/v1/events", "/v1/quarantine"])
    func slowBody(_ path: String) async throws {
        try await TestServer.with(limits: {
            $0.bodyGraceSeconds = 0.4
            $0.bodyBytesPerSecond = 2_000
        }) { server in
            try await blocking {
                let wire = try Wire(server)
                let head = "POST \(path) HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n"
                try wire.send(head)
                let took = try dribble(String(repeating: " ", count: 100_000), to: wire)
                #expect(took < 5)
                if path == "/v1/events" { #expect(try wire.answer()?.status == 408) }
                #expect(try wire.isEnded())
                guard path == "/v1/events" else { return }
                // A slow sender that keeps the rate: 2 s for what is given 0.4 s of grace.
                let steady = try Wire(server)
                try steady.send("POST \(path) HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20000\r\n\r\n")
                for _ in 0..<20 {
                    try steady.send(String(repeating: " ", count: 1_000))
                    Thread.sleep(forTimeInterval: 0.1)
                }
                #expect(try steady.answer()?.accepted == 0)
            }
            #expect(server.metric("cartograph_http_refused_total{reason=\"slow_body\"}") == 1)
            #expect(server.log.cut().totals.received == 0)
        }
    }

    @Test("a body may not take for ever, however fast it comes")
    func longBody() async throws {
        try await TestServer.with(limits: { $0.bodySeconds = 0.5 }) { server in
            try await blocking {
                let wire = try Wire(server)
                try wire.send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
                let began = Date()
                do {
                    while Date().timeIntervalSince(began) < 10 {
                        try wire.send("400\r\n" + String(repeating: " ", count: 1_024) + "\r\n")
                        Thread.sleep(forTimeInterval: 0.01)
                    }
                } catch is Wire.Failure {
                    // The connection was ended under the sender.
                }
                #expect(Date().timeIntervalSince(began) < 6)
            }
            #expect(server.metric("cartograph_http_refused_total{reason=\"slow_body\"}") == 1)
        }
    }

    @Test("a connection that says nothing is closed")
    func idle() async throws {
        try await TestServer.with(limits: { $0.idleSeconds = 0.3 }) { server in
            try await blocking {
                let silent = try Wire(server)
                #expect(try silent.isEnded())
                let used = try Wire(server)
                try used.send(post(search("1")))
                #expect(try used.answer()?.accepted == 1)
                #expect(try used.isEnded())
            }
        }
    }

    @Test("too large a body is refused, announced or not, and the connection goes on")
    func oversize() async throws {
        try await TestServer.with { server in
            try await blocking {
                let mebibyte = [UInt8](repeating: 0x20, count: 1 << 20)
                let wire = try Wire(server)
                try wire.send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: \(17 << 20)\r\n\r\n")
                // Refused by its head alone.
                let early = try #require(try wire.answer())
                #expect(early.status == 413 && early.error.contains("too_large"))
                for _ in 0..<17 { try wire.send(mebibyte) }
                try wire.send(post(search("1")))
                #expect(try wire.answer()?.accepted == 1)

                let chunked = try Wire(server)
                try chunked.send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
                for _ in 0..<17 { try chunked.send(Array("100000\r\n".utf8) + mebibyte + Array("\r\n".utf8)) }
                try chunked.send("0\r\n\r\n")
                #expect(try chunked.answer()?.status == 413)
                try chunked.send(post(search("2")))
                #expect(try chunked.answer()?.accepted == 1)

                // Past what is thrown away for a sender's sake the connection is cut.
                let endless = try Wire(server)
                try endless.send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
                // Its client gets a moment to read the answer, in which loopback carries gigabytes: sent to until it fails.
                let piece = Array("100000\r\n".utf8) + mebibyte + Array("\r\n".utf8)
                let limit = ContinuousClock.now + .seconds(20)
                #expect(throws: Wire.Failure.self) { while ContinuousClock.now < limit { try endless.send(piece) } }
            }
            #expect(server.log.cut().totals.received == 2)
        }
    }

    @Test("a body that grows past the limit when it is decompressed is refused, and its memory given back")
    func bomb() async throws {
        try await TestServer.with { server in
            let bomb = try gzipped([UInt8](repeating: 0x20, count: 64 << 20))
            try await blocking {
                let wire = try Wire(server)
                let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: gzip\r\ncontent-length: "
                for _ in 0..<5 {
                    try wire.send(Array("\(head)\(bomb.count)\r\n\r\n".utf8) + bomb)
                    #expect(try wire.answer()?.status == 413)
                }
                let small = try gzipped(Array(search("1").utf8))
                try wire.send(Array("\(head)\(small.count)\r\n\r\n".utf8) + small)
                #expect(try wire.answer()?.accepted == 1)
                #expect(try inFlight(wire) == 0)
            }
        }
    }

    @Test("under pressure the answer is 429 with Retry-After, and the bytes held stay within their bound")
    func pressure() async throws {
        try await TestServer.with(limits: { $0.inFlightBytes = 1 << 20 }) { server in
            try await blocking {
                let watcher = try Wire(server)
                let half = 400 << 10
                let first = try Wire(server)
                let second = try Wire(server)
                for wire in [first, second] {
                    try wire.send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: \(2 * half)\r\n\r\n")
                    try wire.send([UInt8](repeating: 0x20, count: half))
                }
                while try inFlight(watcher) < 2 * half {}
                let third = try Wire(server)
                try third.send(post(String(repeating: " ", count: half)))
                let refused = try #require(try third.answer())
                #expect(refused.status == 429 && refused.headers["retry-after"] == "1")
                #expect(try inFlight(watcher) <= 1 << 20)
                // What fits is taken, on the same connection.
                try third.send(post(search("1")))
                #expect(try third.answer()?.accepted == 1)
                // The first gets on when the second is gone.
                second.reset()
                while try inFlight(watcher) > half {}
                try first.send([UInt8](repeating: 0x20, count: half))
                #expect(try first.answer()?.accepted == 0)
                #expect(try inFlight(watcher) == 0)
            }
            #expect(server.metric("cartograph_http_refused_total{reason=\"pressure\"}") == 1)
        }
    }

    @Test("past the most connections, a new one waits until another ends")
    func connections() async throws {
        try await TestServer.with(limits: { $0.connections = 3 }) { server in
            try await blocking {
                var wires = try (0..<3).map { _ in try Wire(server) }
                for wire in wires {
                    try wire.send(post(search("a")))
                    #expect(try wire.answer()?.accepted == 1)
                }
                let waiting = try Wire(server)
                try waiting.send(post(search("b")))
                for _ in 0..<50 {
                    try wires[0].send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
                    let text = try #require(try wires[0].answer()).body
                    #expect(text.contains("cartograph_http_connections 3.0"))
                }
                #expect(server.log.cut().totals.accepted == 3)
                wires.removeLast()
                #expect(try waiting.answer()?.accepted == 1)
            }
        }
    }

    @Test("a client that disappears costs nothing but its answer")
    func gone() async throws {
        try await TestServer.with { server in
            try await blocking {
                let watcher = try Wire(server)
                for number in 0..<50 {
                    let wire = try Wire(server)
                    try wire.send(post((0..<50).map { search("\(number)-\($0)") }.joined(separator: "\n")))
                    if number % 2 == 0 { wire.reset() }
                    let torn = try Wire(server)
                    try torn.send(String(post(search("torn")).dropLast(3)))
                }
                while try inFlight(watcher) > 0 {}
                try watcher.send(post(search("last")))
                #expect(try watcher.answer()?.accepted == 1)
            }
            let totals = server.log.cut().totals
            #expect(totals.quarantined == 0 && (totals.accepted - 1) % 50 == 0 && totals.accepted > 1)
        }
    }
}

/// Sends bytes one by one with a pause between, until the server has had enough; how long that took, in seconds.
private func dribble(_ text: String, to wire: Wire) throws -> Double {
    let began = Date()
    do {
        for byte in text.utf8 {
            try wire.send([byte])
            Thread.sleep(forTimeInterval: 0.02)
            if Date().timeIntervalSince(began) > 10 { break }
            if wire.hasAnswer { break }
        }
    } catch is Wire.Failure {
        // The connection was ended under the sender.
    }
    return Date().timeIntervalSince(began)
}

/// The bytes of bodies that the server says it holds.
private func inFlight(_ wire: Wire) throws -> Int {
    try wire.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
    let text = try #require(try wire.answer()).body
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("cartograph_http_body_bytes ") })
    return Int(Double(line.split(separator: " ")[1]) ?? -1)
}
