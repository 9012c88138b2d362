import Engine
import Foundation
import Storage
import Synchronization
import TestServers
import Testing

@Suite struct ObjectStoreTests {
    private let ceph: CephServer
    private let storage: S3Storage
    private let root = "s3://\(CephServer.bucket)/engine-\(UUID().uuidString.lowercased())"

    init() throws {
        ceph = try CephServer.shared()
        storage = try S3Storage(ceph.settings)
    }

    private func access(_ settings: S3Settings, secretKey: String? = nil) throws -> ObjectStoreAccess {
        let access = try S3Storage(settings).access()
        return ObjectStoreAccess(
            authority: access.authority, isTLS: access.isTLS, usesPathStyle: access.style == .path,
            region: access.region, accessKey: access.credentials.accessKey,
            secretKey: secretKey ?? access.credentials.secretKey,
            certificateAuthorities: access.certificateAuthorities)
    }

    private func connection(_ access: ObjectStoreAccess) throws -> sending Connection {
        try DuckDB(.init(memoryLimitBytes: 96 << 20, objectStore: { [access] })).connect()
    }

    private func failure(_ body: () throws -> Void) -> EngineError? {
        do {
            try body()
            Issue.record("no error")
            return nil
        } catch let error as EngineError {
            return error
        } catch {
            Issue.record("another error: \(error)")
            return nil
        }
    }

    @Test(
        "Parquet goes to the store and comes back, under names with signs in them, by http and by https",
        arguments: [false, true])
    func roundtrip(_ isTLS: Bool) throws {
        let connection = try connection(access(isTLS ? ceph.tlsSettings : ceph.settings))
        let path = root + "/a b+c%20é*[1]&x=1.parquet"
        let files = try connection.copyToParquet(
            select: "SELECT i::BIGINT AS id, 'n' || i AS name FROM range(50000) t(i)", to: path,
            fieldIDs: [FieldID("id", 1), FieldID("name", 2)])
        #expect(files.map(\.path) == [path])
        #expect(files.first?.rowCount == 50_000)
        #expect(try storage.size(of: path) == Int64(files.first?.byteCount ?? -1))
        let rows = try connection.query("SELECT count(*), sum(id) FROM read_parquet(\(SQL.list([path])))").rows
        #expect(rows == [[.integer(50_000), .integer(1_249_975_000)]])
    }

    @Test("A folder of partitioned files, and one of files by rows, is written next to what is there")
    func folders() throws {
        let connection = try connection(access(ceph.settings))
        let select = "SELECT i::BIGINT AS id, (i % 8)::VARCHAR AS part FROM range(80000) t(i)"
        for _ in 0..<2 {
            let files = try connection.copyToParquet(
                select: select, to: root + "/parts", fieldIDs: [FieldID("id", 1)],
                options: .init(partitionColumn: "part"))
            #expect(
                files.count == 8 && files.allSatisfy { $0.path.hasPrefix(root + "/parts/") && $0.rowCount == 10_000 })
        }
        let files = try connection.copyToParquet(
            select: select, to: root + "/rows", fieldIDs: [], options: .init(rowsPerFile: 40_000))
        #expect(files.count >= 2 && files.reduce(0) { $0 + $1.rowCount } == 80_000)
        #expect(try storage.list(prefix: root + "/parts/").count == 16)
    }

    @Test("Files far larger than the memory for them are written and read within it")
    func boundedMemory() throws {
        let folder = NSTemporaryDirectory() + "engine-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let access = try access(ceph.settings)
        let settings = DuckDB.Settings(memoryLimitBytes: 96 << 20, temporaryFolder: folder, objectStore: { [access] })
        let connection = try DuckDB(settings).connect()
        let files = try connection.copyToParquet(
            select:
                "SELECT i::BIGINT AS id, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS text, (i % 4)::VARCHAR AS part "
                + "FROM range(3000000) t(i)",
            to: root + "/large", fieldIDs: [], options: .init(partitionColumn: "part"))
        #expect(files.reduce(0) { $0 + $1.byteCount } > 96 << 20)
        let paths = files.map(\.path)
        #expect(
            try connection.query("SELECT count(*) FROM read_parquet(\(SQL.list(paths))) WHERE length(text) = 64").first
                == .integer(3_000_000))
    }

    @Test("New keys are used from the next statement on, by connections that are open")
    func newKeys() throws {
        let right = try access(ceph.settings)
        let wrong = try access(ceph.settings, secretKey: "not the secret")
        let current = Mutex(wrong)
        let database = try DuckDB(.init(objectStore: { [current.withLock { $0 }] }))
        let connection = try database.connect()
        let copy = "COPY (SELECT 1 AS x) TO '\(root)/keys.parquet' (FORMAT parquet)"
        let refused = try #require(failure { try connection.execute(copy) })
        #expect(refused.kind == .io)
        #expect(
            refused.message.contains("s3.secret_key") && refused.message.contains("SignatureDoesNotMatch"), "\(refused)"
        )
        #expect(!"\(refused)".contains("not the secret"))
        current.withLock { $0 = right }
        try connection.execute(copy)
        #expect(try storage.exists(root + "/keys.parquet"))
    }

    @Test("Of several accesses the one with the longest beginning counts, and one that is gone is used no more")
    func scopes() throws {
        var right = try access(ceph.settings)
        right.scopes = [root + "/mine/"]
        let wrong = try access(ceph.settings, secretKey: "not the secret")
        let current = Mutex([wrong, right])
        let connection = try DuckDB(.init(objectStore: { current.withLock { $0 } })).connect()
        func copy(_ name: String) -> String { "COPY (SELECT 1 AS x) TO '\(root)/\(name)' (FORMAT parquet)" }
        try connection.execute(copy("mine/a.parquet"))
        #expect(try storage.exists(root + "/mine/a.parquet"))
        _ = failure { try connection.execute(copy("mined/a.parquet")) }
        current.withLock { $0 = [wrong] }
        _ = failure { try connection.execute(copy("mine/b.parquet")) }
    }

    @Test("What the store refuses is said in words that help, and shows no secret")
    func errors() throws {
        let connection = try connection(access(ceph.settings))
        let bucket = try #require(
            failure {
                try connection.execute("COPY (SELECT 1 AS x) TO 's3://no-such-bucket/x.parquet' (FORMAT parquet)")
            })
        #expect(bucket.kind == .io && bucket.message.contains("create the bucket"), "\(bucket)")
        let gone = try #require(failure { _ = try connection.query("SELECT * FROM read_parquet(['\(root)/gone'])") })
        #expect(gone.kind == .io && gone.message.contains("gone"), "\(gone)")
        var unreachable = try access(ceph.settings)
        let (listener, port) = try Loopback.listen()
        close(listener)
        unreachable.authority = "127.0.0.1:\(port)"
        let lost = try #require(
            failure { _ = try self.connection(unreachable).query("SELECT * FROM read_parquet(['\(root)/x'])") })
        #expect(lost.kind == .io && lost.message.contains("network"), "\(lost)")
        var untrusted = try access(ceph.tlsSettings)
        untrusted.certificateAuthorities = nil
        let authority = try #require(
            failure { _ = try self.connection(untrusted).query("SELECT * FROM read_parquet(['\(root)/x'])") })
        #expect(authority.message.contains("s3.ca_file"), "\(authority)")
        for error in [bucket, gone, lost, authority] { #expect(!"\(error)".contains(CephServer.secretKey)) }
    }

    @Test("Without an object store an s3 location is refused, and nothing is fetched for it")
    func noStore() throws {
        let connection = try DuckDB().connect()
        #expect(throws: EngineError.self) { _ = try connection.query("SELECT * FROM read_parquet(['\(root)/x'])") }
    }
}
