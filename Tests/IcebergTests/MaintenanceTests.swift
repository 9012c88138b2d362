import Foundation
import Iceberg
import Storage
import Synchronization
import Testing

@Suite("Maintenance and replaced files")
struct MaintenanceTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    private func delete(
        _ content: DataFile.Content, _ name: String, day: Int32 = 0, of table: Table, referencing: String? = nil
    ) throws -> DataFile {
        var file = try workspace.file(name, day: day, rows: 1, of: table)
        file.content = content
        if content == .equalityDeletes { file.equalityIDs = [1] }
        file.referencedDataFile = referencing
        return file
    }

    private func addDeletes(_ files: [DataFile], referencing: [String] = [], to table: inout Table) throws {
        var update = TableUpdate(table)
        update.addRowDelta(files, referencing: referencing)
        try table.commit(update)
    }

    @Test("Compaction keeps the age of its rows: later deletes by value still apply, earlier ones do not")
    func compactionUnderDeletes() throws {
        var table = try workspace.table()
        let a = try workspace.file("a", of: table)
        try table.append([a, try workspace.file("b", of: table)])
        try addDeletes([try delete(.equalityDeletes, "before", of: table)], to: &table)
        var compactor = table
        try addDeletes([try delete(.equalityDeletes, "after", of: table)], to: &table)
        let joined = try workspace.file("joined", of: table)
        try compactor.replaceFiles([a.location], with: [joined], operation: .replace)
        let applied = Dictionary(
            uniqueKeysWithValues: try compactor.plan().tasks.map {
                (Location.name(of: $0.file.location), workspace.names($0.deletes.map(\.file)))
            })
        #expect(applied == ["joined": ["after"], "b": ["after", "before"]])
        #expect(compactor.currentSnapshot?.summary["total-delete-files"] == "2")
        // Without deletes in between, replaced rows are as new as the commit.
        let plain = try workspace.file("plain", of: table)
        try compactor.replaceFiles([joined.location], with: [plain], operation: .replace)
        let task = try #require(try compactor.plan().tasks.first { $0.file.location == plain.location })
        #expect(task.sequenceNumber == compactor.currentSnapshot?.sequenceNumber)
    }

    @Test("Rows deleted by position, or files gone, since they were read end a replacement")
    func staleReplacement() throws {
        var table = try workspace.table()
        let (a, b) = (try workspace.file("a", of: table), try workspace.file("b", of: table))
        try table.append([a, b])
        var stale = table
        try addDeletes(
            [try delete(.positionDeletes, "p", of: table, referencing: a.location)], referencing: [a.location],
            to: &table)
        let new = try workspace.file("new", of: table)
        #expect(kind { try stale.replaceFiles([a.location], with: [new], operation: .replace) } == .filesMissing)
        stale = table
        try table.replaceFiles([b.location], with: [try workspace.file("b2", of: table)], operation: .replace)
        #expect(kind { try stale.replaceFiles([b.location], with: [new], operation: .replace) } == .filesMissing)
        #expect(
            kind { try addDeletes([delete(.positionDeletes, "q", of: table)], referencing: [b.location], to: &table) }
                == .filesMissing)
        // Deletes can be taken out like data, here with the rows they were applied to.
        let p = try #require(try table.plan().tasks.first { $0.file.location == a.location }?.deletes.first?.file)
        try table.replaceFiles([a.location, p.location], with: [new], operation: .replace)
        #expect(workspace.names(try table.plan().files()) == ["b2", "new"])
        #expect(table.currentSnapshot?.summary["total-delete-files"] == "0")
    }

    @Test("A filter takes out the files all of whose rows it means, and refuses to cut a file")
    func overwriteByFilter() throws {
        var table = try workspace.table()
        var files: [DataFile] = []
        for day in 0..<6 as CountableRange<Int32> { files.append(try workspace.file("d\(day)", day: day, of: table)) }
        files.append(try workspace.file("none", day: nil, of: table))
        try table.append(files)
        try table.overwrite(
            where: .greaterOrEqual("day", .date(4)) || .isNull("day"),
            adding: [try workspace.file("new", day: 9, of: table)])
        #expect(workspace.names(try table.files()) == ["d0", "d1", "d2", "d3", "new"])
        #expect(table.currentSnapshot?.summary["deleted-data-files"] == "3")
        let version = table.version
        #expect(kind { try table.overwrite(where: .equal("id", .string("b")), adding: []) } == .badRequest)
        #expect(try workspace.catalog.load(table.identifier) == version)
        // Statistics can prove it too: every id lies between a and z.
        try table.overwrite(where: .equal("day", .date(0)) && .less("id", .string("zz")), adding: [])
        #expect(workspace.names(try table.files()) == ["d1", "d2", "d3", "new"])
    }

    @Test("Manifests are rewritten by partition, and what the table says stays, deletes and ages with it")
    func manifests() throws {
        var table = try workspace.table()
        for number in 0..<12 {
            try table.append([try workspace.file("f\(number)", day: Int32(number % 3), of: table)])
        }
        try addDeletes([try delete(.equalityDeletes, "e", day: 1, of: table)], to: &table)
        let before = try table.plan()
        #expect(try table.metrics(smallFileBytes: 17).manifests == 13)
        try table.rewriteManifests()
        #expect(table.currentSnapshot?.operation == .replace)
        let metrics = try table.metrics(smallFileBytes: 17)
        #expect((metrics.manifests, metrics.dataFiles, metrics.smallFiles) == (2, 12, 12))
        #expect((metrics.deleteFiles, metrics.partitions, metrics.rows) == (1, 3, 120))
        #expect(Set(try table.plan().tasks) == Set(before.tasks))
        let version = table.version
        try table.rewriteManifests()
        #expect(table.version == version)
        try table.rewriteManifests(targetBytes: 1_500)
        #expect(table.version == version)
        for number in 0..<12 { try table.append([try workspace.file("g\(number)", day: Int32(number % 3), of: table)]) }
        try table.rewriteManifests(targetBytes: 40_000)
        #expect(try table.metrics(smallFileBytes: 0).manifests < 14)
        // Sorted by day, a day's files stand in few manifests.
        let one = try table.plan(where: .equal("day", .date(0)))
        #expect(one.counts.manifestsSkipped > 0)
        #expect(one.tasks.count == 8)
    }

    @Test("Orphans go when they are old; what a snapshot, the log or statistics name stays")
    func orphans() throws {
        let clock = Clock()
        var table = try workspace.table()
        try table.append([try workspace.file("a", of: table)])
        try table.replaceAll(with: [try workspace.file("b", of: table)])
        _ = try workspace.file("lost", of: table)
        try workspace.storage.create([1], at: table.location + "/metadata/dead-m0.avro")
        let stored = try workspace.storage.list(prefix: table.location + "/").count
        let young = try table.removeOrphans()
        #expect((young.orphans, young.youngFiles, young.listedFiles) == ([], 2, stored))
        table.policy = CommitPolicy(now: { CommitPolicy.wallClock() + 4 * 86_400_000 + clock.tick() % 2 })
        let dry = try table.removeOrphans(isDryRun: true)
        #expect(dry.orphans.map(Location.name) == ["lost", "dead-m0.avro"])
        #expect(try workspace.stored("data", of: table) == ["a", "b", "lost"])
        let report = try table.removeOrphans()
        #expect(report.orphans == dry.orphans && report.orphanBytes == 17)
        #expect(try workspace.stored("data", of: table) == ["a", "b"])
        #expect(try workspace.names(table.files()) == ["b"])
        #expect(try table.removeOrphans().orphans == [])
        for snapshot in table.metadata.snapshots { _ = try table.files(at: snapshot) }
    }

    @Test("What storage lists outside of the table's folders is left alone")
    func strangers() throws {
        var table = try workspace.table()
        let stranger = "file://" + workspace.path + "/elsewhere/x"
        try workspace.storage.create([1], at: stranger)
        let listed = try workspace.storage.list(prefix: "file://" + workspace.path + "/elsewhere/")
        workspace.storage.alsoList(try #require(listed.first))
        _ = try workspace.file("lost", of: table)
        table.policy = CommitPolicy(now: { CommitPolicy.wallClock() + 4 * 86_400_000 })
        #expect(try table.removeOrphans().orphans.map(Location.name) == ["lost"])
        #expect(try workspace.storage.exists(stranger))
    }

    @Test("Files of writers that were killed before they were done go with the orphans, after the grace")
    func unfinished() throws {
        var table = try workspace.table()
        try table.append([try workspace.file("a", of: table)])
        let path = try Location.path(of: table.dataLocation) + "/.cartograph-new-dead"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
        #expect(try workspace.stored("data", of: table) == ["a"])
        #expect(try table.removeOrphans().youngFiles == 1)
        table.policy = CommitPolicy(now: { CommitPolicy.wallClock() + 4 * 86_400_000 })
        let report = try table.removeOrphans()
        #expect(report.orphans.map(Location.name) == [".cartograph-new-dead"] && report.orphanBytes == 3)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("Files that go together are deleted by few requests, and those that stay are named")
    func batches() throws {
        let batches = BatchStorage(refusing: "stubborn")
        let catalog = try SQLiteCatalog(
            path: workspace.path + "/batches.sqlite", warehouse: workspace.path, storage: batches)
        try catalog.createNamespace("shop")
        var table = try workspace.table("batches", catalog: catalog)
        let names = (0..<2_100).map { "f\($0)" } + ["stubborn"]
        let template = try workspace.file("template", of: table)
        try table.append(
            names.map { name in
                var file = template
                file.location = table.dataLocation + "/" + name
                return file
            })
        try table.replaceAll(with: [])
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(report.deletedDataFiles == 2_100)
        #expect(report.undeleted == [table.dataLocation + "/stubborn"])
        // Three for data, one of them again file by file; and one each for the other kinds.
        #expect(batches.sizes.filter { $0 == 1_000 }.count == 2)
        #expect(batches.sizes.allSatisfy { $0 <= 1_000 } && batches.sizes.count < 8)
    }

    @Test("Orphans are not looked for where another table keeps files, or where paths are spelled in two ways")
    func sharedOrphans() throws {
        var table = try workspace.table()
        let other = try workspace.catalog.createTable(
            TableIdentifier("shop", "guest"), schema: Workspace.schema, location: table.location + "/inside")
        #expect(kind { _ = try table.removeOrphans(graceSeconds: 0) } == .badRequest)
        try workspace.catalog.dropTable(other.identifier)
        #expect(try table.removeOrphans(graceSeconds: 0).undeleted == [])
        var foreign = try workspace.file("x", of: table)
        foreign.location = "s3://bucket" + (try Location.path(of: foreign.location))
        try table.append([foreign])
        #expect(kind { _ = try table.removeOrphans(graceSeconds: 0) } == .badRequest)
        #expect(try workspace.stored("data", of: table) == ["x"])
        var borrowed = try workspace.table("borrowed", properties: [TableProperty.garbageCollection: "false"])
        #expect(kind { _ = try borrowed.removeOrphans() } == .badRequest)
    }

    @Test("Branches and tags keep and lose snapshots as they say, and readers have their grace")
    func retention() throws {
        let clock = Clock()
        var table = try workspace.table()
        table.policy = CommitPolicy(now: { clock.tick() }, pause: { _ in })
        var ids: [Int64] = []
        for number in 0..<4 { ids.append(try table.append([try workspace.file("m\(number)", of: table)]).id) }
        var update = TableUpdate(table)
        update.setReference("old", isBranch: false, to: ids[0])
        update.setReference(
            "brief", isBranch: false, to: ids[1], retention: ReferenceRetention(maxReferenceAgeMilliseconds: 60_000))
        update.setReference(
            "audit", isBranch: true, to: ids[3], retention: ReferenceRetention(minSnapshotsToKeep: 2))
        try table.commit(update)
        let early = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture, isDryRun: true)
        #expect((early.expiredSnapshots, early.expiredReferences) == (0, []))
        clock.set(forward: 3_600_000)
        let last = try table.append([])
        let dry = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture, isDryRun: true)
        #expect((dry.expiredSnapshots, dry.expiredReferences, dry.deletedManifestLists) == (1, ["brief"], 1))
        #expect(table.metadata.snapshots.count == 5)
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(report == dry)
        #expect(Set(table.metadata.snapshots.map(\.id)) == [ids[0], ids[2], ids[3], last.id])
        #expect(table.metadata.references.keys.sorted() == ["audit", "main", "old"])

        update = TableUpdate(table)
        update.removeReference("audit")
        try table.commit(update)
        // What was current a moment ago may still be read.
        let graced = try table.expireSnapshots(
            keepLast: 1, olderThan: .distantFuture, graceSeconds: 60, isDryRun: true)
        #expect(graced.expiredSnapshots == 1)
        try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(Set(table.metadata.snapshots.map(\.id)) == [ids[0], last.id])
        for snapshot in table.metadata.snapshots { _ = try table.files(at: snapshot) }
    }
}

/// The local disk, where removals come in batches, as object stores have them; one file cannot be removed.
private final class BatchStorage: ObjectStorage {
    private let local = LocalStorage()
    private let refused: String
    private let counts = Mutex<[Int]>([])

    init(refusing name: String) { refused = name }

    /// How many files each batch had.
    var sizes: [Int] { counts.withLock { $0 } }

    func read(_ location: String, upTo limit: Int) throws -> [UInt8] { try local.read(location, upTo: limit) }
    func read(_ location: String, range: Range<Int64>) throws -> [UInt8] { try local.read(location, range: range) }
    func size(of location: String) throws -> Int64 { try local.size(of: location) }
    func exists(_ location: String) throws -> Bool { try local.exists(location) }
    func create(_ objects: [NewObject]) throws { try local.create(objects) }
    func list(prefix: String) throws -> [ObjectInfo] { try local.list(prefix: prefix) }
    func sync(_ locations: [String]) throws { try local.sync(locations) }

    func delete(_ location: String) throws {
        guard Location.name(of: location) != refused else { throw StorageError(.failed, at: location, "stays") }
        try local.delete(location)
    }

    func delete(_ locations: [String]) throws {
        counts.withLock { $0.append(locations.count) }
        var failure: (any Error)?
        for location in locations {
            do { try delete(location) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
