import Access
import EventLog
import Events
import Foundation
import Server
import Testing

@Suite struct RequestTests {
    @Test("an event is answered with its commit once it is in the log")
    func single() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                try wire.send(post(search("1")))
                let answer = try #require(try wire.answer())
                #expect(answer.status == 202)
                #expect(answer.body == #"{"accepted":1,"rejected":[],"rejected_count":0,"commit":1}"#)
                #expect(answer.headers["content-type"] == "application/json")
                #expect(answer.headers["date"]?.hasSuffix("GMT") == true)
                #expect(server.log.cut().totals.accepted == 1)
                // The connection stays.
                try wire.send(post(search("2") + "\nnonsense\n" + search("3")))
                let second = try #require(try wire.answer())
                #expect(
                    second.body
                        == #"{"accepted":2,"rejected":[{"index":1,"reason":"not_json"}],"rejected_count":1,"commit":2}"#
                )
            }
        }
    }

    @Test("pipelined requests are answered in their order, the door's and the others'")
    func pipelining() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                var text = ""
                for number in 0..<60 {
                    switch number % 3 {
                    case 0: text += post((0...number).map { search("\(number)-\($0)") }.joined(separator: "\n"))
                    case 1: text += "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
                    default: text += "GET /nothing-\(number) HTTP/1.1\r\nhost: localhost\r\n\r\n"
                    }
                }
                try wire.send(text)
                for number in 0..<60 {
                    let answer = try #require(try wire.answer(), "answer \(number)")
                    switch number % 3 {
                    case 0: #expect(answer.accepted == number + 1, "answer \(number)")
                    case 1: #expect(answer.status == 200 && answer.body.contains("ok"), "answer \(number)")
                    default: #expect(answer.status == 404 && answer.error.contains("/nothing-\(number)"))
                    }
                }
            }
        }
    }

    @Test("requests sent ahead past the bound cost the connection, and none that was answered is lost")
    func pipeliningBound() async throws {
        try await TestServer.with(limits: { $0.heldParts = 10 }) { server in
            let answers = try await blocking {
                let wire = try Wire(server)
                try wire.send((0..<200).map { post(search("\($0)")) }.joined())
                var answers = 0
                while let answer = try wire.answer() {
                    #expect(answer.accepted == 1)
                    answers += 1
                }
                return answers
            }
            #expect(answers >= 1 && answers < 200)
            #expect(server.log.cut().totals.accepted == answers)
        }
    }

    @Test("a body in chunks is put together")
    func chunked() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                try wire.send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
                for letter in search("1") { try wire.send("1\r\n\(letter)\r\n") }
                try wire.send("0\r\n\r\n")
                #expect(try wire.answer()?.accepted == 1)
                try wire.send(post(search("2")))
                #expect(try wire.answer()?.accepted == 1)
            }
        }
    }

    @Test("a client that asks first is told to go on, or why not before it sends")
    func expectation() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                let body = search("1")
                let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"
                try wire.send(head + "content-length: \(body.utf8.count)\r\n\r\n")
                #expect(try wire.answer()?.status == 100)
                try wire.send(body)
                #expect(try wire.answer()?.accepted == 1)
                try wire.send(head + "content-length: 99999999\r\n\r\n")
                let refusal = try #require(try wire.answer())
                #expect(refusal.status == 413 && refusal.headers["connection"] == "close")
                #expect(try wire.isEnded())
            }
        }
    }

    @Test("connections end when they are asked to, and HTTP/1.0 is understood")
    func connectionEnds() async throws {
        try await TestServer.with { server in
            try await blocking {
                for (headers, version, ends) in [
                    (["connection: close"], "1.1", true), ([], "1.0", true), (["connection: keep-alive"], "1.0", false),
                    ([], "1.1", false),
                ] {
                    let wire = try Wire(server)
                    try wire.send(post(search("1"), headers, version: version))
                    let answer = try #require(try wire.answer())
                    #expect(answer.accepted == 1)
                    #expect(answer.headers["connection"] == (ends ? "close" : version == "1.0" ? "keep-alive" : nil))
                    if ends {
                        #expect(try wire.isEnded())
                    } else {
                        try wire.send(post(search("2")))
                        #expect(try wire.answer()?.accepted == 1)
                    }
                }
            }
        }
    }

    @Test("a client that closes its side after its requests gets all answers")
    func halfClosed() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                try wire.send((0..<20).map { post(search("\($0)")) }.joined())
                wire.finish()
                for number in 0..<20 { #expect(try wire.answer()?.accepted == 1, "answer \(number)") }
                #expect(try wire.isEnded())
                // One that closes inside its body stored nothing.
                let torn = try Wire(server)
                try torn.send(String(post(search("torn")).dropLast(5)))
                torn.finish()
                #expect(try torn.answer()?.status == 400)
                #expect(try torn.isEnded())
                #expect(server.log.cut().totals.received == 20)
            }
        }
    }

    @Test(
        "bad requests are told what is wrong, as JSON, and leave the connection as it was",
        arguments: [
            (["content-type: image/png"], 415, "image/png"), (["content-encoding: br"], 415, "br"),
            (["cartograph-producer: p"], 400, "cartograph-sequence"), (["expect: nonsense"], 417, "100-continue"),
            (["content-encoding: gzip"], 400, "not compressed"), (["content-encoding: zstd"], 400, "not compressed"),
        ])
    func badHeaders(_ headers: [String], _ status: Int, _ words: String) async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                let body = search("1")
                try wire.send(
                    "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: \(body.utf8.count)\r\n"
                        + headers.joined(separator: "\r\n") + "\r\n\r\n" + body)
                let answer = try #require(try wire.answer())
                #expect(answer.status == status && answer.error.contains(words), "\(answer)")
                guard status != 417 else { return }
                try wire.send(post(search("2")))
                #expect(try wire.answer()?.accepted == 1)
                #expect(server.log.cut().totals.received == 1)
            }
        }
    }

    @Test("what is not HTTP, and heads that are too large, get an answer and an end")
    func malformed() async throws {
        try await TestServer.with { server in
            try await blocking {
                for (text, status) in [
                    ("this is not http\r\n\r\n", 400), ("POST /v1/events HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
                    ("POST /v1/events HTTP/1.1\r\nx: " + String(repeating: "a", count: 100_000) + "\r\n\r\n", 431),
                    ("POST /v1/events HTTP/1.1\r\n" + (0..<200).map { "x\($0): a\r\n" }.joined() + "\r\n", 431),
                ] {
                    let wire = try Wire(server)
                    try wire.send(text)
                    let answer = try wire.answer()
                    #expect(answer?.status == status && answer?.error.isEmpty == false, "\(text.prefix(40))")
                    #expect(try wire.isEnded())
                }
            }
        }
    }

    @Test("other methods and paths are refused as JSON")
    func otherMethods() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                for method in ["GET", "PUT", "DELETE"] {
                    try wire.send("\(method) /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
                    let answer = try #require(try wire.answer())
                    #expect(answer.status == 405 && answer.headers["allow"] == "POST, OPTIONS" && !answer.error.isEmpty)
                }
                for path in ["/v1/event", "/v1/events/more", "/v1/eventsx", "/nothing"] {
                    try wire.send(post(search("1"), path: path))
                    let answer = try #require(try wire.answer())
                    #expect(answer.status == 404 && answer.error.contains(path))
                }
                #expect(server.log.cut().totals.received == 0)
            }
        }
    }

    @Test("a numbered batch that is sent again is stored once")
    func numbered() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                let stamp = ["cartograph-producer: p", "cartograph-sequence: 1"]
                try wire.send(post(search("1"), stamp) + post(search("1"), stamp))
                #expect(try wire.answer()?.json["repeat"] == nil)
                #expect(try wire.answer()?.json["repeat"] as? Bool == true)
                try wire.send(post(search("3"), ["cartograph-producer: p", "cartograph-sequence: 3"]))
                #expect(try wire.answer()?.status == 409)
                #expect(server.log.cut().totals.accepted == 1)
            }
        }
    }
}

@Suite struct DescriptionTests {
    @Test("the description of the interface is JSON, and names what the door answers")
    func openAPI() async throws {
        try await TestServer.with { server in
            try await blocking {
                let wire = try Wire(server)
                try wire.send("GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n")
                let answer = try #require(try wire.answer())
                let paths = try #require(answer.json["paths"] as? [String: Any])
                let post = try #require((paths["/v1/events"] as? [String: Any])?["post"] as? [String: Any])
                let responses = try #require(post["responses"] as? [String: Any])
                #expect(
                    Set(responses.keys) == ["202", "400", "401", "403", "408", "409", "413", "415", "429", "503"])
                #expect(paths["/tracker.js"] != nil)
            }
        }
    }
}
