import Foundation
import Iceberg
import Storage
import Synchronization
import Testing

/// The promises of commits, kept by the catalog itself and by it behind the REST API.
@Suite("Commits to the catalog and through it")
struct CatalogCommitTests {
    enum Way: String, CaseIterable, Sendable { case embedded, rest }

    private func with(_ way: Way, _ body: @escaping @Sendable (any CatalogDirectory) throws -> Void) async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let catalog: any CatalogDirectory =
                way == .rest ? try await blocking { try server.client() } : try #require(server.catalog)
            try await blocking { try body(catalog) }
        }
    }

    @Test("Two handles that commit at once both land, the second on top of the first", arguments: Way.allCases)
    func twoHandles(_ way: Way) async throws {
        try await with(way) { catalog in
            var first = try Sample.table(catalog)
            var second = first
            let one = try first.append([try Sample.file("one", of: first)])
            let two = try second.append([try Sample.file("two", of: second)])
            #expect(two.parentID == one.id)
            #expect(two.sequenceNumber == one.sequenceNumber + 1)
            #expect(try Sample.names(second) == ["one", "two"])
            try first.refresh()
            #expect(first.version == second.version)
        }
    }

    @Test("Writers on many threads lose no commit and double none", arguments: Way.allCases)
    func manyWriters(_ way: Way) async throws {
        try await with(way) { catalog in
            let table = try Sample.table(catalog)
            let failures = Mutex<[String]>([])
            DispatchQueue.concurrentPerform(iterations: 4) { writer in
                var mine = table
                do {
                    for number in 0..<6 { try mine.append([try Sample.file("w\(writer)-\(number)", of: mine)]) }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
            #expect(failures.withLock { $0 } == [])
            let end = try catalog.loadTable(table.identifier)
            let expected = (0..<4).flatMap { writer in (0..<6).map { "w\(writer)-\($0)" } }.sorted()
            #expect(try Sample.names(end) == expected)
            #expect(end.metadata.snapshots.map(\.sequenceNumber) == (1...24).map(Int64.init))
        }
    }

    @Test("Tables change together or not at all", arguments: Way.allCases)
    func together(_ way: Way) async throws {
        try await with(way) { catalog in
            let (one, two) = (try Sample.table(catalog, "one"), try Sample.table(catalog, "two"))
            var round = Transaction(catalog)
            for table in [one, two] {
                var update = TableUpdate(table)
                update.append([try Sample.file("a", of: table)])
                try round.stage(update)
            }
            #expect(try round.commit().map { try Sample.names($0) } == [["a"], ["a"]])
            // The second table goes away, so neither gets the next change.
            var broken = Transaction(catalog, policy: CommitPolicy(attempts: 3, pause: { _ in }))
            for table in [try catalog.loadTable(one.identifier), try catalog.loadTable(two.identifier)] {
                var update = TableUpdate(table)
                update.append([try Sample.file("b", of: table)])
                try broken.stage(update)
            }
            try catalog.dropTable(two.identifier)
            #expect(Sample.kind { _ = try broken.commit() } == .notFound)
            #expect(try Sample.names(try catalog.loadTable(one.identifier)) == ["a"])
        }
    }

    @Test("A table can be created by the commit that fills it, once", arguments: Way.allCases)
    func creation(_ way: Way) async throws {
        try await with(way) { catalog in
            try catalog.createNamespace("shop")
            let identifier = TableIdentifier("shop", "new")
            let location = try Sample.table(catalog, "other").location + "-new"
            let metadata = try TableMetadata(
                location: location, schema: Sample.schema, spec: .unpartitioned, properties: ["a": "b"],
                nowMilliseconds: CommitPolicy.wallClock())
            let made = try catalog.commit([TableCommit(identifier, replacing: nil, with: metadata)])
            #expect(made[0].metadata.tableUUID == metadata.tableUUID)
            #expect(made[0].metadata.properties["a"] == "b")
            #expect(made[0].metadata.currentSchema.fields == Sample.schema.fields)
            var another = metadata
            another.tableUUID = UUID().uuidString.lowercased()
            #expect(
                Sample.kind { _ = try catalog.commit([TableCommit(identifier, replacing: nil, with: another)]) }
                    == .alreadyExists)
        }
    }

    @Test("Snapshots expire and properties change", arguments: Way.allCases)
    func upkeep(_ way: Way) async throws {
        try await with(way) { catalog in
            var table = try Sample.table(catalog)
            for name in ["a", "b", "c"] { try table.append([try Sample.file(name, of: table)]) }
            try table.setProperties(["x": "1", "write.metadata.delete-after-commit.enabled": nil])
            #expect(table.metadata.properties == ["x": "1"])
            let report = try table.expireSnapshots(keepLast: 1, olderThan: Date(timeIntervalSinceNow: 60))
            #expect(report.expiredSnapshots == 2)
            #expect(try Sample.names(table) == ["a", "b", "c"])
            #expect(table.metadata.snapshots.count == 1)
        }
    }

    @Test("Namespaces and tables come, are listed, change their names and go", arguments: Way.allCases)
    func names(_ way: Way) async throws {
        try await with(way) { catalog in
            try catalog.createNamespace("a.b.c", properties: ["owner": "me"])
            #expect(try catalog.namespaceExists("a.b"))
            #expect(try catalog.namespaceProperties("a.b.c") == ["owner": "me"])
            #expect(Sample.kind { try catalog.createNamespace("a.b.c", properties: [:]) } == .alreadyExists)
            let changes = try catalog.updateNamespace("a.b.c", setting: ["x": "1"], removing: ["owner", "no"])
            #expect(changes == NamespacePropertyChanges(updated: ["x"], removed: ["owner"], missing: ["no"]))
            #expect(try catalog.namespaceProperties("a.b.c") == ["x": "1"])
            #expect(Sample.kind { _ = try catalog.namespaceProperties("nowhere") } == .badNamespace)

            let table = try Sample.table(catalog)
            #expect(Sample.kind { try catalog.dropNamespace("shop") } == .namespaceNotEmpty)
            let moved = TableIdentifier("a.b.c", "moved")
            try catalog.renameTable(table.identifier, to: moved)
            #expect(try catalog.listTables(in: "shop") == [])
            #expect(try catalog.listTables(in: "a.b.c") == [moved])
            #expect(try catalog.load(moved) == table.version)
            #expect(Sample.kind { try catalog.renameTable(table.identifier, to: moved) } == .notFound)
            try catalog.dropNamespace("shop")
            #expect(try !catalog.namespaceExists("shop"))
            #expect(Sample.kind { try catalog.dropNamespace("shop") } == .badNamespace)

            try catalog.dropTable(moved)
            #expect(try !catalog.tableExists(moved))
            let back = try catalog.registerTable(moved, metadataLocation: table.metadataLocation, overwrite: false)
            #expect(back == table.version)
            #expect(
                Sample.kind {
                    _ = try catalog.registerTable(moved, metadataLocation: table.metadataLocation, overwrite: false)
                } == .alreadyExists)
            try catalog.purgeTable(moved)
            #expect(try catalog.storage.list(prefix: table.location + "/") == [])
            #expect(Sample.kind { _ = try catalog.load(moved) } == .notFound)
        }
    }
}

/// What our client does when answers get lost on the way.
@Suite("Lost answers")
struct LostAnswerTests {
    private func proxied(
        _ fate: @escaping @Sendable (String) -> CuttingProxy.Fate,
        _ body: @escaping @Sendable (RESTCatalog, CuttingProxy, TestServer) throws -> Void
    ) async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let proxy = try CuttingProxy(to: server.port, fate)
            defer { proxy.stop() }
            try await blocking { try body(try server.client(port: proxy.port), proxy, server) }
        }
    }

    @Test("A commit whose answer is lost after it was made is found, not repeated")
    func lostAnswer() async throws {
        let first = Mutex(true)
        try await proxied({ request in
            guard request.contains("add-snapshot") else { return .passes }
            return first.withLock { isFirst in
                defer { isFirst = false }
                return isFirst ? .losesAnswer : .passes
            }
        }) { catalog, proxy, server in
            var table = try Sample.table(catalog)
            let snapshot = try table.append([try Sample.file("a", of: table)])
            #expect(proxy.lost == 1)
            #expect(table.metadata.snapshots == [snapshot])
            #expect(try Sample.names(table) == ["a"])
        }
    }

    @Test("A commit whose request is lost is made again, once")
    func lostRequest() async throws {
        let first = Mutex(true)
        try await proxied({ request in
            guard request.contains("add-snapshot") else { return .passes }
            return first.withLock { isFirst in
                defer { isFirst = false }
                return isFirst ? .losesRequest : .passes
            }
        }) { catalog, proxy, _ in
            var table = try Sample.table(catalog)
            try table.append([try Sample.file("a", of: table)])
            #expect(proxy.lost == 1)
            #expect(table.metadata.snapshots.count == 1)
        }
    }

    @Test("A commit that never gets an answer says that its fate is not known, and loses no file")
    func neverAnswered() async throws {
        try await proxied({ $0.contains("add-snapshot") ? .losesRequest : .passes }) { catalog, _, _ in
            var table = try Sample.table(catalog)
            table.policy = CommitPolicy(attempts: 3, pause: { _ in })
            let file = try Sample.file("a", of: table)
            #expect(Sample.kind { try table.append([file]) } == .uncertain)
            let left = try catalog.storage.list(prefix: table.location + "/metadata/snap-")
            #expect(left.count == 3)
        }
    }

    @Test("A transaction over two tables whose answer is lost is found in both")
    func lostTransaction() async throws {
        let first = Mutex(true)
        try await proxied({ request in
            guard request.contains("transactions/commit") else { return .passes }
            return first.withLock { isFirst in
                defer { isFirst = false }
                return isFirst ? .losesAnswer : .passes
            }
        }) { catalog, proxy, _ in
            let tables = [try Sample.table(catalog, "one"), try Sample.table(catalog, "two")]
            var round = Transaction(catalog, policy: CommitPolicy(pause: { _ in }))
            for table in tables {
                var update = TableUpdate(table)
                update.append([try Sample.file("a", of: table)])
                try round.stage(update)
            }
            let after = try round.commit()
            #expect(proxy.lost == 1)
            #expect(after.map(\.metadata.snapshots.count) == [1, 1])
        }
    }

    @Test("Reading is tried again until it is answered")
    func reading() async throws {
        let count = Mutex(0)
        try await proxied({ request in
            guard request.hasPrefix("GET"), request.contains("/tables/") else { return .passes }
            return count.withLock { count in
                count += 1
                return count <= 2 ? .losesAnswer : .passes
            }
        }) { catalog, proxy, _ in
            let table = try Sample.table(catalog)
            #expect(try catalog.load(table.identifier) == table.version)
            #expect(proxy.lost == 2)
        }
    }
}
