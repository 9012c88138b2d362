import Access
import EventLog
import Foundation
import Server
import Testing

@Suite struct KeyTests {
    @Test("a key is taken from each of its carriers, writes events and reads nothing")
    func carriers() async throws {
        let key = WriteKey.generate()
        let record = try KeyRecord(key, label: "test")
        try await TestServer.with(token: "sesame", keys: [record]) { server in
            try await blocking {
                let wire = try Wire(server)
                for (headers, path) in [
                    (["authorization: Bearer \(key.text)"], "/v1/events"),
                    (["x-cartograph-key: \(key.text)"], "/v1/events"), ([], "/v1/events?a=b&key=\(key.text)"),
                    (["authorization: Bearer sesame"], "/v1/events"),
                ] {
                    try wire.send(post(search("1"), headers, path: path))
                    #expect(try wire.answer()?.accepted == 1)
                }
                for (headers, path) in [
                    ([], "/v1/events"), (["authorization: Bearer wrong"], "/v1/events"),
                    (["x-cartograph-key: ck_\(key.id)_wrong"], "/v1/events"), ([], "/v1/events?key=sesame"),
                ] {
                    try wire.send(post(search("1"), headers, path: path))
                    let answer = try #require(try wire.answer())
                    #expect(answer.status == 401 && answer.headers["www-authenticate"] == "Bearer")
                    #expect(!answer.error.contains(key.secret))
                }
                for path in ["/metrics", "/api/v1/status", "/"] {
                    try wire.send(
                        "GET \(path) HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(key.text)\r\n\r\n")
                    #expect(try wire.answer()?.status == 401)
                    try wire.send("GET \(path)?key=\(key.text) HTTP/1.1\r\nhost: localhost\r\n\r\n")
                    #expect(try wire.answer()?.status == 401)
                }
                #expect(server.log.cut().totals.received == 4)
            }
            #expect(server.metric("cartograph_key_events_total{key=\"\(key.id)\"}") == 3)
            #expect(server.metric("cartograph_http_refused_total{reason=\"unauthorized\"}") == 4)
        }
    }

    @Test("a key past its rate or its quota gets 429 with a true Retry-After")
    func limits() async throws {
        let rated = WriteKey.generate()
        let counted = WriteKey.generate()
        let records = [
            try KeyRecord(rated, label: "rated", rate: 10, burst: 10),
            try KeyRecord(counted, label: "counted", daily: 5),
        ]
        try await TestServer.with(keys: records) { server in
            try await blocking {
                let wire = try Wire(server)
                let eleven = (0..<21).map { search("\($0)") }.joined(separator: "\n")
                try wire.send(post(eleven, ["x-cartograph-key: \(rated.text)"]))
                #expect(try wire.answer()?.accepted == 21)
                try wire.send(post(search("x"), ["x-cartograph-key: \(rated.text)"]))
                let limited = try #require(try wire.answer())
                #expect(limited.status == 429)
                let seconds = try #require(limited.headers["retry-after"].flatMap { Int($0) })
                #expect((1...2).contains(seconds))
                Thread.sleep(forTimeInterval: Double(seconds))
                try wire.send(post(search("x"), ["x-cartograph-key: \(rated.text)"]))
                #expect(try wire.answer()?.accepted == 1)

                // Repeats of a numbered batch take nothing of the quota.
                for _ in 0..<10 {
                    let stamp = ["cartograph-producer: p", "cartograph-sequence: 1"]
                    try wire.send(post(search("a") + "\n" + search("b"), ["x-cartograph-key: \(counted.text)"] + stamp))
                    #expect(try wire.answer()?.accepted == 2)
                }
                try wire.send(post(search("c") + "\nnonsense\n" + search("d"), ["x-cartograph-key: \(counted.text)"]))
                #expect(try wire.answer()?.accepted == 2)
                try wire.send(post(search("e"), ["x-cartograph-key: \(counted.text)"]))
                let over = try #require(try wire.answer())
                #expect(over.status == 429 && over.error.contains("midnight UTC"))
                let left = 86_400 - Int(Date().timeIntervalSince1970) % 86_400
                let retry = try #require(over.headers["retry-after"].flatMap { Int($0) })
                #expect(abs(retry - left) <= 2)
            }
            #expect(server.metric("cartograph_key_limited_total{key=\"\(counted.id)\"}") == 1)
            #expect(server.metric("cartograph_http_refused_total{reason=\"quota\"}") == 1)
        }
    }

    @Test("browsers are told which pages may send, also on errors, and never with credentials")
    func crossOrigin() async throws {
        let key = WriteKey.generate()
        let record = try KeyRecord(key, label: "shop", rate: 1, burst: 1, origins: ["https://shop.example"])
        try await TestServer.with(keys: [record]) { server in
            try await blocking {
                let wire = try Wire(server)
                func preflight(_ origin: String, _ path: String) throws -> Wire.Answer {
                    try wire.send(
                        "OPTIONS \(path) HTTP/1.1\r\nhost: localhost\r\norigin: \(origin)\r\n"
                            + "access-control-request-method: POST\r\n\r\n")
                    return try #require(try wire.answer())
                }
                for path in ["/v1/events", "/v1/events?key=\(key.text)"] {
                    let answer = try preflight("https://shop.example", path)
                    #expect(answer.status == 204 && answer.body.isEmpty)
                    #expect(answer.headers["access-control-allow-origin"] == "https://shop.example")
                    #expect(answer.headers["access-control-allow-methods"] == "POST")
                    #expect(answer.headers["access-control-allow-headers"]?.contains("x-cartograph-key") == true)
                    #expect(answer.headers["access-control-max-age"] == "7200")
                    #expect(answer.headers["access-control-allow-credentials"] == nil)
                    #expect(answer.headers["vary"] == "origin")
                    #expect(try preflight("https://evil.example", path).headers["access-control-allow-origin"] == nil)
                }
                for (origin, status, allowed) in [
                    ("https://shop.example", 202, true), ("https://shop.example", 429, true),
                    ("https://evil.example", 403, false),
                ] {
                    try wire.send(post(search("1"), ["origin: \(origin)"], path: "/v1/events?key=\(key.text)"))
                    let answer = try #require(try wire.answer())
                    #expect(answer.status == status)
                    #expect(answer.headers["access-control-allow-origin"] == (allowed ? origin : nil))
                    #expect(answer.headers["access-control-allow-credentials"] == nil)
                }
                // A page of some key's origin may read that it shows no key.
                try wire.send(post(search("1"), ["origin: https://shop.example"]))
                let missing = try #require(try wire.answer())
                #expect(missing.status == 401)
                #expect(missing.headers["access-control-allow-origin"] == "https://shop.example")
            }
        }
    }

    @Test("without keys the configured origins may send, and our own pages")
    func configuredOrigins() async throws {
        try await TestServer.with(origins: ["http://localhost:3000"]) { server in
            try await blocking {
                let wire = try Wire(server)
                for (origin, status) in [
                    ("http://localhost:3000", 202), ("http://localhost", 202), ("https://evil.example", 403),
                    ("null", 403),
                ] {
                    try wire.send(post(search("1"), ["origin: \(origin)"]))
                    #expect(try wire.answer()?.status == status, "\(origin)")
                }
            }
        }
    }

    @Test("the tracker script is for everybody, and is kept by browsers")
    func tracker() async throws {
        try await TestServer.with(token: "sesame") { server in
            try await blocking {
                let wire = try Wire(server)
                try wire.send("GET /tracker.js HTTP/1.1\r\nhost: localhost\r\n\r\n")
                let answer = try #require(try wire.answer())
                #expect(answer.status == 200 && answer.body == "// tracker")
                #expect(answer.headers["content-type"] == "text/javascript; charset=utf-8")
                #expect(answer.headers["cache-control"] == "public, max-age=3600")
                #expect(answer.headers["access-control-allow-origin"] == "*")
            }
        }
    }
}
