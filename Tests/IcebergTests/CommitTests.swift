import Foundation
import Iceberg
import Storage
import Synchronization
import Testing

@Suite("Commits")
struct CommitTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    @Test("Two handles that commit at once both land, the second on top of the first")
    func twoHandles() throws {
        var first = try workspace.table()
        var second = first
        let one = try first.append([try workspace.file("one", of: first)])
        let two = try second.append([try workspace.file("two", of: second)])
        #expect(two.parentID == one.id)
        #expect(two.sequenceNumber == one.sequenceNumber + 1)
        #expect(workspace.names(try second.files()) == ["one", "two"])
        #expect(workspace.names(try first.files()) == ["one"])
        try first.refresh()
        #expect(workspace.names(try first.files()) == ["one", "two"])
        // The lost attempt left nothing behind: two manifests, two lists, three metadata files.
        #expect(try workspace.stored("metadata", of: first).count == 7)
    }

    @Test("A writer whose version was expired meanwhile commits to the newest; what is gone from that one is an error")
    func expiredBase() throws {
        var table = try workspace.table()
        try table.append([try workspace.file("one", day: 1, of: table)])
        var appending = table
        var replacing = table
        try table.append([try workspace.file("two", day: 2, of: table)])
        try table.rewriteManifests(targetBytes: 1 << 20)
        try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        try appending.append([try workspace.file("three", day: 3, of: appending)])
        try replacing.overwrite(
            deletingPartitions: [PartitionKey([.date(1)])], adding: [try workspace.file("four", day: 1, of: replacing)])
        #expect(workspace.names(try replacing.files()) == ["four", "three", "two"])
        try workspace.storage.delete(try #require(replacing.currentSnapshot).manifestList)
        #expect {
            try replacing.append([try workspace.file("five", of: replacing)])
        } throws: {
            ($0 as? StorageError)?.kind == .notFound
        }
    }

    @Test("An overwrite that met an append of the same partition replaces that too, unless the caller objects")
    func overwriteRebased() throws {
        var writer = try workspace.table()
        var rewriter = writer
        try writer.append([try workspace.file("late", day: 1, of: writer)])
        let new = try workspace.file("new", day: 1, of: rewriter)
        struct Moved: Error {}
        let base = rewriter.currentSnapshot?.id
        #expect(throws: Moved.self) {
            try rewriter.overwrite(deletingPartitions: [PartitionKey([.date(1)])], adding: [new]) { snapshot in
                if snapshot?.id != base { throw Moved() }
            }
        }
        try writer.refresh()
        #expect(workspace.names(try writer.files()) == ["late"])
        try rewriter.overwrite(deletingPartitions: [PartitionKey([.date(1)])], adding: [new])
        #expect(workspace.names(try rewriter.files()) == ["new"])
    }

    @Test("Validation sees every base before its commit, and what it throws ends the commit")
    func validation() throws {
        var table = try workspace.table()
        var stale = table
        let first = try table.append([], summary: ["offset": "5"])
        var seen: [Int64?] = []
        struct Behind: Error {}
        #expect(throws: Behind.self) {
            try stale.append([try workspace.file("dup", of: stale)], summary: ["offset": "3"]) { base in
                seen.append(base?.id)
                if let base, Int(base.summary["offset"] ?? "") ?? 0 >= 3 { throw Behind() }
            }
        }
        #expect(seen == [nil, first.id])
        try table.refresh()
        #expect(table.metadata.snapshots.count == 1)
        #expect(try table.files() == [])
    }

    @Test("Writers on many threads lose no commit and double none")
    func manyWriters() async throws {
        let table = try workspace.table(properties: [TableProperty.minimumCountToMerge: "5"])
        let workspace = workspace
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    var mine = table
                    mine.policy = CommitPolicy(attempts: 200, firstPauseMilliseconds: 1, lastPauseMilliseconds: 20)
                    for number in 0..<10 {
                        let file = try workspace.file("w\(writer)-\(number)", day: Int32(writer), of: mine)
                        try mine.append([file])
                    }
                }
            }
            try await group.waitForAll()
        }
        let end = try workspace.catalog.loadTable(table.identifier)
        let expected = (0..<4).flatMap { writer in (0..<10).map { "w\(writer)-\($0)" } }.sorted()
        #expect(workspace.names(try end.files()) == expected)
        #expect(end.metadata.snapshots.count == 40)
        #expect(end.currentSnapshot?.summary["total-data-files"] == "40")
        #expect(end.metadata.snapshots.map(\.sequenceNumber) == (1...40).map(Int64.init))
    }

    @Test("A commit whose answer was lost is found, not repeated")
    func lostAnswer() throws {
        let catalog = UnreliableCatalog(workspace.catalog, [.lostAfter])
        var table = try workspace.table(catalog: catalog)
        let snapshot = try table.append([try workspace.file("a", of: table)])
        #expect(table.metadata.snapshots == [snapshot])
        #expect(workspace.names(try table.files()) == ["a"])
    }

    @Test("A commit whose request was lost is made again; one that never lands says that it is not known")
    func lostRequest() throws {
        let once = UnreliableCatalog(workspace.catalog, [.lostBefore, .refused])
        var table = try workspace.table("once", catalog: once)
        try table.append([try workspace.file("a", of: table)])
        #expect(table.metadata.snapshots.count == 1)
        #expect(workspace.names(try table.files()) == ["a"])

        let never = UnreliableCatalog(workspace.catalog, Array(repeating: .lostBefore, count: 99))
        var dark = try workspace.table("never", catalog: never)
        dark.policy.attempts = 3
        let a = try workspace.file("a", of: dark)
        #expect(kind { try dark.append([a]) } == .uncertain)
        // Each attempt's manifest and list stay: they may be in the table after all.
        #expect(try workspace.stored("metadata", of: dark).filter { $0.hasSuffix(".avro") }.count == 6)
    }

    @Test("A commit that always loses gives up with a conflict and leaves nothing behind")
    func givesUp() throws {
        let catalog = UnreliableCatalog(workspace.catalog, Array(repeating: .refused, count: 99))
        var table = try workspace.table(catalog: catalog)
        let pauses = Mutex<[Int]>([])
        table.policy = CommitPolicy(attempts: 6, pause: { milliseconds in pauses.withLock { $0.append(milliseconds) } })
        let a = try workspace.file("a", of: table)
        #expect(kind { try table.append([a]) } == .conflict)
        #expect(pauses.withLock(\.count) == 5)
        #expect(pauses.withLock { zip($0, [5, 10, 20, 40, 80]).allSatisfy { $0 <= $1 } })
        #expect(try workspace.stored("metadata", of: table).count == 1)
        #expect(try workspace.stored("data", of: table) == ["a"])
    }

    @Test("A full disk at any step of a commit leaves the table as it was, and the next commit works")
    func fullDisk() throws {
        var table = try workspace.table()
        try table.append([try workspace.file("a", of: table)])
        let before = try workspace.stored("metadata", of: table)
        let b = try workspace.file("b", of: table)
        for step in ["-m0.avro", "snap-", ".metadata.json"] {
            workspace.storage.fail { operation, location in operation == "create" && location.contains(step) }
            #expect(throws: StorageError.self) { try table.append([b]) }
            #expect(try workspace.stored("metadata", of: table) == before, "\(step)")
        }
        workspace.storage.fail(where: nil)
        try table.refresh()
        #expect(workspace.names(try table.files()) == ["a"])
        try table.append([b])
        #expect(workspace.names(try table.files()) == ["a", "b"])
    }

    @Test("Files that were written but never committed are in no table")
    func crashLeftovers() throws {
        var table = try workspace.table()
        try table.append([try workspace.file("a", of: table)])
        // What a process leaves that dies between writing and committing: data, manifest, list and metadata.
        _ = try workspace.file("lost", of: table)
        let current = try workspace.storage.read(table.metadataLocation)
        for name in ["00002-dead.metadata.json", "dead-m0.avro", "snap-1-0-dead.avro"] {
            try workspace.storage.create(current, at: Location.join(table.location, "metadata/\(name)"))
        }
        var reopened = try workspace.catalog.loadTable(table.identifier)
        #expect(workspace.names(try reopened.files()) == ["a"])
        try reopened.append([try workspace.file("b", of: reopened)])
        #expect(workspace.names(try reopened.files()) == ["a", "b"])
        #expect(try workspace.stored("data", of: table) == ["a", "b", "lost"])
    }

    @Test("Metadata that cannot be read is an error that names the file")
    func damagedMetadata() throws {
        let table = try workspace.table()
        let path = try Location.path(of: table.metadataLocation)
        try Data("{\"format-version\":2".utf8).write(to: URL(fileURLWithPath: path))
        do {
            _ = try workspace.catalog.loadTable(table.identifier)
            Issue.record("damaged metadata was read")
        } catch let error as IcebergError {
            #expect(error.kind == .malformed)
            #expect(error.description.contains(table.metadataLocation))
        }
    }
}
