import Foundation
import Storage
import Synchronization
import TestServers
import Testing

@Suite("S3 requests and answers")
struct S3ClientTests {
    private static let keys = S3Credentials(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    /// The examples that AWS publishes for signatures in the header, all of 24 May 2013.
    @Test(
        "Signatures are those of AWS's own examples",
        arguments: [
            (
                "GET", "/test.txt", [("Range", "bytes=0-9")], "", [],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            ),
            (
                "PUT", "/" + S3Signer.encoded("test$file.text"),
                [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                "Welcome to Amazon S3.", [], "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
            ),
            (
                "GET", "/", [], "", [("lifecycle", "")],
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
            ),
            (
                "GET", "/", [], "", [("prefix", "J"), ("max-keys", "2")],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
            ),
        ] as [(String, String, [(String, String)], String, [(String, String)], String)])
    func signatures(
        _ method: String, _ path: String, _ headers: [(String, String)], _ body: String, _ query: [(String, String)],
        _ signature: String
    ) throws {
        var fields: HTTPFields = [:]
        for (name, value) in headers { fields.add(name, value) }
        let request = S3Signer(credentials: Self.keys, region: "us-east-1").signed(
            method, isTLS: true, authority: "examplebucket.s3.amazonaws.com", path: path, query: query, headers: fields,
            body: Array(body.utf8), at: 1_369_353_600)
        #expect(request.headers["x-amz-date"] == "20130524T000000Z")
        #expect(try #require(request.headers["Authorization"]).hasSuffix("Signature=" + signature))
    }

    @Test("Temporary keys send and sign their token")
    func sessionToken() throws {
        var keys = Self.keys
        keys.sessionToken = "token/with+signs="
        let request = S3Signer(credentials: keys, region: "eu-central-1").signed(
            "GET", isTLS: false, authority: "h", path: "/", query: [], headers: [:], body: [], at: 0)
        #expect(request.headers["x-amz-security-token"] == "token/with+signs=")
        #expect(try #require(request.headers["Authorization"]).contains("x-amz-security-token"))
    }

    /// Storage at an endpoint, with the pauses it would take.
    private func storage(
        _ endpoint: String, attempts: Int = 5, pauses: PauseLog = PauseLog(), clockSeconds: Double = 0,
        change: (inout S3Settings) -> Void = { _ in }, addresses: [String: String] = [:]
    ) throws -> S3Storage {
        var settings = S3Settings(
            endpoint: endpoint, accessKey: CephServer.accessKey, secretKey: CephServer.secretKey)
        settings.attempts = attempts
        settings.attemptSeconds = 5
        change(&settings)
        let completed = try settings.completed(environment: [:])
        return S3Storage(
            client: try S3Client(
                completed, credentials: S3CredentialSource(completed, environment: [:]), addresses: addresses,
                wallClock: { Date().timeIntervalSince1970 + clockSeconds }, pause: { pauses.add($0) }))
    }

    @Test("A store under load is asked again after the pause it wants, and pauses grow and are bounded")
    func retryAfter() throws {
        let count = Mutex(0)
        let endpoint = try LoopbackEndpoint { _ in
            switch count.withLock({
                $0 += 1; return $0
            }) {
            case 1: .status(503, headers: ["Retry-After": "3"])
            case 2: .status(429, headers: ["Retry-After": "86400"])
            case 3: .status(500)
            default: .status(200, body: "found")
            }
        }
        defer { endpoint.stop() }
        let pauses = PauseLog()
        #expect(try storage(endpoint.url, pauses: pauses).read("s3://bucket/key") == Array("found".utf8))
        let waited = pauses.seconds
        #expect(waited.count == 3)
        #expect(waited[0] >= 3 && waited[0] < 4)
        #expect(waited[1] == 10, "a day is not waited")
        #expect(waited[2] >= 0.4 && waited[2] <= 0.8)
    }

    @Test("A store that always fails is given up after the number of tries, with the reason")
    func givenUp() throws {
        let endpoint = try LoopbackEndpoint { _ in
            .status(
                500, headers: ["Content-Type": "application/xml"],
                body: "<Error><Code>InternalError</Code><Message>odd</Message></Error>")
        }
        defer { endpoint.stop() }
        let error = try #require(failure { _ = try storage(endpoint.url, attempts: 4).read("s3://bucket/a/key") })
        #expect(endpoint.requests.count == 4)
        for word in ["s3://bucket/a/key", "4 tries", "500", "InternalError", "odd"] {
            #expect("\(error)".contains(word), "\(error)")
        }
    }

    @Test(
        "What trying again does not help is said at once, in words that help",
        arguments: [
            (403, "<Error><Code>AccessDenied</Code></Error>", "policy"),
            (
                403, "<Error><Code>InvalidAccessKeyId</Code></Error>",
                "does not know the access key AKIAIOSFODNN7EXAMPLE from the configuration"
            ),
            (301, "<Error><Code>PermanentRedirect</Code></Error>", "s3.region"),
            (400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>", "eu-west-1"),
            (404, "<Error><Code>NoSuchBucket</Code></Error>", "create it"),
            (501, "", "another store"),
            (400, "<!DOCTYPE bomb []><Error/>", "status 400"),
        ])
    func refused(_ status: Int, _ body: String, _ word: String) throws {
        let endpoint = try LoopbackEndpoint { _ in .status(status, body: body) }
        defer { endpoint.stop() }
        let error = try #require(failure { _ = try storage(endpoint.url).read("s3://bucket/key") })
        #expect(endpoint.requests.count == 1)
        #expect(error.reason.contains(word) && !"\(error)".contains(CephServer.secretKey), "\(error)")
    }

    @Test("The real store's refusals have the same words")
    func refusedByCeph() throws {
        let ceph = try CephServer.shared()
        let missing = try #require(failure { _ = try storage(ceph.endpoint).read("s3://no-such-bucket/key") })
        #expect(missing.kind == .failed && missing.reason.contains("create it"), "\(missing)")
        let create = try #require(failure { try storage(ceph.endpoint).create([1], at: "s3://no-such-bucket/key") })
        #expect(create.reason.contains("create it"), "\(create)")
        let exists = try #require(failure { _ = try storage(ceph.endpoint).exists("s3://no-such-bucket/key") })
        #expect(exists.reason.contains("create it"), "\(exists)")
        let wrong = try storage(ceph.endpoint) { $0.secretKey = "wrong" }
        let signature = try #require(failure { _ = try wrong.list(prefix: "s3://\(CephServer.bucket)/") })
        #expect(signature.reason.contains("secret does not belong"), "\(signature)")
        let unknown = try storage(ceph.endpoint) { $0.accessKey = "NOBODY" }
        let key = try #require(failure { _ = try unknown.list(prefix: "s3://\(CephServer.bucket)/") })
        #expect(key.reason.contains("does not know the access key NOBODY"), "\(key)")
    }

    @Test("A clock that is an hour off is put right by the store's own, once")
    func clockSkew() throws {
        let ceph = try CephServer.shared()
        for seconds in [3600.0, -3600] {
            let storage = try storage(ceph.endpoint, clockSeconds: seconds)
            let location = "s3://\(CephServer.bucket)/clock/\(UUID().uuidString)"
            try storage.create([1], at: location)
            #expect(try storage.read(location) == [1])
        }
    }

    @Test("A bucket named in the host's name, and https with an authority of one's own, work")
    func styles() throws {
        let ceph = try CephServer.shared()
        let virtual = try storage(
            "http://s3.test:\(ceph.port)", change: { $0.style = .virtual },
            addresses: ["\(CephServer.bucket).s3.test": "127.0.0.1"])
        let location = "s3://\(CephServer.bucket)/styles/\(UUID().uuidString) +é"
        try virtual.create([1, 2, 3], at: location)
        #expect(try virtual.list(prefix: "s3://\(CephServer.bucket)/styles/").contains { $0.location == location })
        let tls = try S3Storage(ceph.tlsSettings)
        #expect(try tls.read(location) == [1, 2, 3])
        var untrusted = ceph.tlsSettings
        untrusted.certificateAuthorities = nil
        untrusted.attempts = 1
        let error = try #require(failure { _ = try S3Storage(untrusted).read(location) })
        #expect("\(error)".lowercased().contains("certificate"), "\(error)")
        try virtual.delete([location])
        #expect(try !tls.exists(location))
    }

    @Test("A listing of more than a page is whole, and so is its removal")
    func pages() throws {
        let storage = try S3Storage(CephServer.shared().settings)
        let root = "s3://\(CephServer.bucket)/pages-\(UUID().uuidString.lowercased())/"
        let objects = (0..<2003).map { NewObject(location: root + "\($0)", bytes: []) }
        try storage.create(objects)
        let listed = try storage.list(prefix: root).map(\.location)
        #expect(listed == objects.map(\.location).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        try storage.delete(listed)
        #expect(try storage.list(prefix: root) == [])
    }

    @Test(
        "A listing that leads nowhere, or out of its prefix, or is no listing, is refused",
        arguments: [
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken><Contents><Key>p/a</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Key>other</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Key>p/a</Key><Size>-1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Key>p/a</Key><Size>1</Size><LastModified>yesterday</LastModified></Contents></ListBucketResult>",
            "<html></html>", "<ListBucketResult>", "", "not xml",
        ])
    func badListing(_ body: String) throws {
        let endpoint = try LoopbackEndpoint { _ in .status(200, body: body) }
        defer { endpoint.stop() }
        let error = try #require(failure { _ = try storage(endpoint.url).list(prefix: "s3://bucket/p/") })
        #expect(error.kind == .failed && error.reason.contains("listing"), "\(error)")
        #expect(endpoint.requests.count <= 2)
    }

    @Test("A store that writes over objects is found out before anything is entrusted to it")
    func probe() throws {
        try S3Storage(CephServer.shared().settings).probe(prefix: "s3://\(CephServer.bucket)/probe")
        let held = Mutex<(key: String, body: String)>(("", ""))
        let careless = try LoopbackEndpoint { request in
            let words = request.line.split(separator: " ").map(String.init)
            if words[0] == "PUT" {
                held.withLock {
                    $0 = (String(words[1].dropFirst("/bucket/".count)), String(decoding: request.body, as: UTF8.self))
                }
                return .status(200)
            }
            let (key, body) = held.withLock { $0 }
            if words[1].contains("list-type") {
                return .status(
                    200,
                    body:
                        "<ListBucketResult><Contents><Key>\(key)</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>"
                )
            }
            return .status(200, body: body)
        }
        defer { careless.stop() }
        let error = try #require(failure { try storage(careless.url).probe(prefix: "s3://bucket/lake") })
        #expect(error.reason.contains("wrote over"), "\(error)")
    }

    @Test("XML is read whole, and what an enemy would write is refused")
    func xml() throws {
        let text =
            "<?xml version='1.0'?><!-- c --><a:r x=\"1>\"><b>x &amp; &lt;y&gt; &#233;&#xe9;</b><c/><b>2</b></a:r>"
        let root = try XMLElement(parsing: Array(text.utf8))
        #expect(root.name == "r" && root.children.count == 3 && root.text("b") == "x & <y> éé" && root.text("c") == "")
        let deep = String(repeating: "<a>", count: 100) + String(repeating: "</a>", count: 100)
        let many = "<a>" + String(repeating: "<b/>", count: XMLElement.elementsMax) + "</a>"
        let bad = [
            "", "<", "<a", "<a>", "</a>", "<a></b>", "<a>&x;</a>", "<a>&#55296;</a>", "<a b></a>", "<a b=c></a>",
            "x<a/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a><![CDATA[x]]></a>", deep, many, "<a b='",
            "<a>&#999999999999;</a>",
        ]
        for text in bad {
            #expect(throws: (any Error).self, "\(text.prefix(40))") { try XMLElement(parsing: Array(text.utf8)) }
        }
        #expect(throws: (any Error).self) { try XMLElement(parsing: Array("<a>".utf8) + [0xFF] + Array("</a>".utf8)) }
    }
}

/// The pauses that a client would have taken.
final class PauseLog: Sendable {
    private let taken = Mutex<[Double]>([])
    var seconds: [Double] { taken.withLock { $0 } }
    func add(_ seconds: Double) { taken.withLock { $0.append(seconds) } }
}
