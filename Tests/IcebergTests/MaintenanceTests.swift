import Foundation
import Iceberg
import Storage
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
