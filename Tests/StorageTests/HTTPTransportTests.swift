import Foundation
import Storage
import TestServers
import Testing

@Suite("HTTP transport")
struct HTTPTransportTests {
    private let transport: HTTPTransport

    init() throws { transport = try HTTPTransport() }

    private func failure(_ request: HTTPRequest, timeoutSeconds: Double = 10, bytesMax: Int = 1000)
        -> HTTPTransportError?
    {
        do {
            _ = try transport.send(request, timeoutSeconds: timeoutSeconds, bytesMax: bytesMax)
            Issue.record("no error")
            return nil
        } catch let error as HTTPTransportError {
            return error
        } catch {
            Issue.record("another error: \(error)")
            return nil
        }
    }

    @Test("A request arrives as it was written, and its answer comes back whole, whatever its status")
    func roundtrip() throws {
        let endpoint = try LoopbackEndpoint { request in
            .status(request.line.hasPrefix("PUT") ? 418 : 200, headers: ["X-Said": "yes"], body: "short and stout")
        }
        defer { endpoint.stop() }
        let url = endpoint.url + "/a%20b//./%2F/%C3%A9?x=%2B&y="
        let put = try transport.send(HTTPRequest("PUT", url, headers: ["X-Asked": "a b"], body: [1, 2, 3]))
        #expect(put.status == 418)
        #expect(put.headers["x-said"] == "yes")
        #expect(put.body == Array("short and stout".utf8))
        let head = try transport.send(HTTPRequest("HEAD", url), bytesMax: 0)
        #expect(head.headers["content-length"] == "15")
        #expect(head.body.isEmpty)
        let seen = try #require(endpoint.requests.first)
        #expect(seen.line == "PUT /a%20b//./%2F/%C3%A9?x=%2B&y= HTTP/1.1")
        #expect(seen.headers["x-asked"] == "a b")
        #expect(seen.body == [1, 2, 3])
    }

    @Test("An answer longer than its bound ends the request")
    func bound() throws {
        let endpoint = try LoopbackEndpoint { _ in .status(200, body: String(repeating: "x", count: 1001)) }
        defer { endpoint.stop() }
        #expect(try transport.send(HTTPRequest("GET", endpoint.url), bytesMax: 1001).body.count == 1001)
        let error = try #require(failure(HTTPRequest("GET", endpoint.url)))
        #expect(error.description.contains("1000 bytes"))
    }

    @Test("Where nobody listens, or the name is unknown, the request surely did not arrive")
    func notSent() throws {
        let endpoint = try LoopbackEndpoint { _ in .close }
        endpoint.stop()
        let refused = try #require(failure(HTTPRequest("PUT", endpoint.url + "/k?secret=1", body: [1])))
        #expect(!refused.mayHaveArrived)
        #expect(refused.description.contains("refused") && !refused.description.contains("secret"), "\(refused)")
        let unknown = try #require(failure(HTTPRequest("PUT", "http://no-such-host.invalid/", body: [1])))
        #expect(!unknown.mayHaveArrived, "\(unknown)")
        let badURL = try #require(failure(HTTPRequest("GET", "ftp://127.0.0.1/")))
        #expect(!badURL.mayHaveArrived)
    }

    @Test("An answer that does not come, or is cut short, leaves open what was done", arguments: [0, 1, 2])
    func maybeDone(_ way: Int) throws {
        let answers: [LoopbackEndpoint.Answer] = [
            .close, .silence, .raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        ]
        let answer = answers[way]
        let endpoint = try LoopbackEndpoint { _ in answer }
        defer { endpoint.stop() }
        let error = try #require(failure(HTTPRequest("PUT", endpoint.url, body: [1]), timeoutSeconds: 0.5))
        #expect(error.mayHaveArrived, "\(error)")
        #expect(endpoint.requests.count == 1)
    }

    @Test("Many threads share the connections, and a redirect is handed back")
    func manyThreads() throws {
        let endpoint = try LoopbackEndpoint { _ in .status(301, headers: ["Location": "http://elsewhere.invalid/"]) }
        defer { endpoint.stop() }
        let transport = transport
        DispatchQueue.concurrentPerform(iterations: 64) { _ in
            #expect((try? transport.send(HTTPRequest("GET", endpoint.url)))?.status == 301)
        }
        #expect(endpoint.requests.count == 64)
    }

    @Test("A file of certificate authorities that is none is refused")
    func certificates() {
        #expect(throws: HTTPTransportError.self) {
            _ = try HTTPTransport(.init(certificateAuthorities: "/nonexistent/ca.pem"))
        }
    }
}
