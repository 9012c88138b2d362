import Foundation
import Iceberg
import Storage
import Synchronization
import TestServers
import Testing

/// A catalog's word on how a table's files are reached, over a real object store.
@Suite struct RESTAccessTests {
    private let ceph: CephServer
    private let root = "s3://\(CephServer.bucket)/rest-\(UUID().uuidString.lowercased())"
    private let right = [
        "s3.access-key-id": CephServer.accessKey, "s3.secret-access-key": CephServer.secretKey,
    ]
    private let wrong = ["s3.access-key-id": CephServer.accessKey, "s3.secret-access-key": "WRONG-SECRET"]

    init() throws { ceph = try CephServer.shared() }

    /// A catalog of tables `a.NAME` at `root/NAME`, which says of each what `answer` makes of it.
    private func catalog(
        config: String = "{}", storage: RESTStorage = RESTStorage(),
        _ answer: @escaping @Sendable (_ table: String) -> [String: Any]
    ) throws -> (RESTCatalog, LoopbackEndpoint) {
        let root = root
        let endpoint = try LoopbackEndpoint { request in
            if request.line.contains("/v1/config") { return .status(200, body: config) }
            let name = String(request.line.split(separator: " ")[1].split(separator: "/").last ?? "")
            let metadata = """
                {"format-version":2,"table-uuid":"9c12d441-03fe-4693-9a96-a0705ddf69c1","location":"\(root)/\(name)",
                "last-sequence-number":0,"last-updated-ms":1,"last-column-id":1,"current-schema-id":0,
                "schemas":[{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"x","required":false,"type":"long"}]}],
                "default-spec-id":0,"partition-specs":[{"spec-id":0,"fields":[]}],"last-partition-id":999,
                "default-sort-order-id":0,"sort-orders":[{"order-id":0,"fields":[]}]}
                """
            guard let words = try? JSONSerialization.data(withJSONObject: answer(name)) else { return .status(500) }
            let rest = String(decoding: words, as: UTF8.self).dropFirst()
            return .status(
                200,
                body: "{\"metadata-location\":\"\(root)/\(name)/metadata/1.json\",\"metadata\":\(metadata),\(rest)")
        }
        var settings = RESTCatalogSettings(uri: endpoint.url)
        settings.attempts = 1
        return (try RESTCatalog(settings, storage: storage), endpoint)
    }

    private func withPlace(_ keys: [String: String]) -> [String: String] {
        keys.merging(["s3.endpoint": ceph.endpoint, "client.region": "us-east-1", "s3.path-style-access": "true"]) {
            $1
        }
    }

    private func error(_ body: () throws -> Void) -> String {
        do {
            try body()
            Issue.record("no error")
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test("Files are written and read with the keys and at the address of the table's answer alone")
    func config() throws {
        let words = withPlace(right)
        let (catalog, endpoint) = try catalog { _ in ["config": words] }
        defer { endpoint.stop() }
        let table = try catalog.loadTable(TableIdentifier("a", "t"))
        let file = table.location + "/data/x"
        try catalog.storage.create([1, 2, 3], at: file)
        #expect(try catalog.storage.read(file) == [1, 2, 3])
        #expect(try catalog.storage.list(prefix: table.location + "/").map(\.location) == [file])
        // Whoever knows the store by himself sees the same object.
        #expect(try S3Storage(ceph.settings).read(file, upTo: 10) == [1, 2, 3])
        let asked = endpoint.requests.filter { $0.line.contains("/tables/t") }
        #expect(
            asked.allSatisfy { request in
                request.headers.contains {
                    $0.key.lowercased() == "x-iceberg-access-delegation" && $0.value == "vended-credentials"
                }
            })
        try catalog.storage.delete([file])
        #expect(try !catalog.storage.exists(file))
    }

    @Test("Of several credentials the one with the longest prefix counts, before the table's config")
    func longestPrefix() throws {
        let (right, wrong, place) = (right, wrong, withPlace([:]))
        let bucket = "s3://\(CephServer.bucket)"
        let root = root
        let (catalog, endpoint) = try catalog { name in
            [
                "config": place.merging(wrong) { $1 },
                "storage-credentials": [
                    ["prefix": bucket, "config": wrong],
                    ["prefix": "\(root)/\(name)/", "config": right],
                    ["prefix": "\(root)/\(name)/closed/", "config": wrong],
                    ["prefix": "\(root)/\(name)-and-more", "config": wrong],
                    ["prefix": "gs://elsewhere", "config": ["gcs.oauth2.token": "t"]],
                ],
            ]
        }
        defer { endpoint.stop() }
        let table = try catalog.loadTable(TableIdentifier("a", "t"))
        // Hadoop's spelling names the same bucket.
        let open = "s3a" + table.location.dropFirst(2) + "/data/x"
        try catalog.storage.create([7], at: open)
        #expect(try catalog.storage.read(open) == [7])
        let refused = error { try catalog.storage.create([7], at: table.location + "/closed/x") }
        #expect(refused.contains("from the catalog") && !refused.contains("WRONG"), "\(refused)")
        // Elsewhere in the bucket, the shorter one.
        #expect(error { _ = try catalog.storage.read("\(bucket)/elsewhere") }.contains("from the catalog"))
        // An engine is told the same, under the longest beginnings.
        let scopes = try (catalog.storage as? RESTStorage)?.scopes() ?? []
        let secrets = Dictionary(scopes.map { ($0.prefix, $0.access.credentials.secretKey) }) { $1 }
        #expect(secrets["\(root)/t/"] == CephServer.secretKey)
        #expect(secrets["\(root)/t/closed/"] == "WRONG-SECRET" && secrets[bucket] == "WRONG-SECRET", "\(secrets.keys)")
    }

    @Test("Two tables are reached each in its own way; what a catalog says for all counts where it says no more")
    func tablesApart() throws {
        let (right, wrong) = (right, wrong)
        let words = try String(
            decoding: JSONSerialization.data(withJSONObject: ["overrides": withPlace(wrong)]), as: UTF8.self)
        let (catalog, endpoint) = try catalog(config: words) { $0 == "one" ? ["config": right] : ["config": [:]] }
        defer { endpoint.stop() }
        let one = try catalog.loadTable(TableIdentifier("a", "one"))
        let two = try catalog.loadTable(TableIdentifier("a", "two"))
        try catalog.storage.create([1], at: one.location + "/x")
        #expect(error { try catalog.storage.create([1], at: two.location + "/x") }.contains("secret does not belong"))
        // Files of both in one call, each with its own keys.
        _ = error { try catalog.storage.delete([two.location + "/x", one.location + "/x"]) }
        #expect(try !catalog.storage.exists(one.location + "/x"))
    }

    @Test("Keys that end are asked for again, and a session token never goes with other keys")
    func renewal() throws {
        let (right, place) = (right, withPlace([:]))
        let loads = Mutex(0)
        let (catalog, endpoint) = try catalog { _ in
            let load = loads.withLock { count -> Int in
                count += 1
                return count
            }
            let ended = [
                "s3.access-key-id": "OLD", "s3.secret-access-key": "OLD", "s3.session-token": "OLD",
                "s3.session-token-expires-at-ms": "1000",
            ]
            return [
                "config": place.merging(ended) { $1 },
                "storage-credentials":
                    load == 1 ? [] : [["prefix": "s3", "config": right]],
            ]
        }
        defer { endpoint.stop() }
        let table = try catalog.loadTable(TableIdentifier("a", "t"))
        try catalog.storage.create([5], at: table.location + "/x")
        #expect(try catalog.storage.read(table.location + "/x") == [5])
        #expect(loads.withLock { $0 } == 2)
    }

    @Test("Half of a pair of keys, and a style that is none, are errors that name no value")
    func malformed() throws {
        for words in [["s3.access-key-id": "SECRET-VALUE"], ["s3.path-style-access": "SECRET-VALUE"]] {
            let (catalog, endpoint) = try catalog { _ in ["config": words] }
            defer { endpoint.stop() }
            let said = error { _ = try catalog.load(TableIdentifier("a", "t")) }
            #expect(said.contains(words.keys.first ?? "?") && !said.contains("SECRET-VALUE"), "\(said)")
        }
    }

    @Test("Where a catalog says nothing, the settings' own storage is asked")
    func silence() throws {
        let own = RESTStorage(over: try S3Storage(ceph.settings))
        let (catalog, endpoint) = try catalog(storage: own) { _ in ["config": ["io-impl": "whatever"]] }
        defer { endpoint.stop() }
        let table = try catalog.loadTable(TableIdentifier("a", "t"))
        try catalog.storage.create([1], at: table.location + "/x")
        #expect(try own.scopes().isEmpty)
    }
}
