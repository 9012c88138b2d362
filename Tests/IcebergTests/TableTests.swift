import Foundation
import Iceberg
import Storage
import Testing

@Suite("Tables")
struct TableTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    @Test("Appended files are in the table, with the writer's words in the summary")
    func append() throws {
        var table = try workspace.table()
        #expect(try table.files() == [])
        let a = try workspace.file("a", day: 1, rows: 5, of: table)
        let b = try workspace.file("b", day: 2, rows: 6, of: table)
        let snapshot = try table.append([a, b], summary: ["cartograph.offsets": "{\"0\":7}", "total-records": "lies"])
        #expect(Set(try table.files()) == [a, b])
        #expect(snapshot.summary["cartograph.offsets"] == "{\"0\":7}")
        #expect(snapshot.summary["total-records"] == "11")
        #expect(snapshot.summary["added-data-files"] == "2")
        #expect(snapshot.summary["added-files-size"] == "32")
        #expect(snapshot.summary["changed-partition-count"] == "2")
        #expect(snapshot.operation == .append)
        let reopened = try workspace.catalog.loadTable(table.identifier)
        #expect(reopened.currentSnapshot == snapshot)
        #expect(reopened.version == table.version)
        #expect(Set(try reopened.files()) == [a, b])
    }

    @Test("An append of nothing is a commit that carries its summary")
    func emptyAppend() throws {
        var table = try workspace.table()
        try table.append([try workspace.file("a", of: table)])
        let snapshot = try table.append([], summary: ["k": "v"])
        #expect(snapshot.summary["k"] == "v")
        #expect(snapshot.summary["total-data-files"] == "1")
        #expect(try workspace.names(table.files()) == ["a"])
    }

    @Test("Overwriting replaces exactly the named partitions, the null one too")
    func overwrite() throws {
        var table = try workspace.table()
        var files: [DataFile] = []
        for (name, day) in [("a1", 1), ("a2", 1), ("b", 2), ("n", nil)] as [(String, Int32?)] {
            files.append(try workspace.file(name, day: day, of: table))
        }
        try table.append(files)
        let c = try workspace.file("c", day: 1, of: table)
        let snapshot = try table.overwrite(deletingPartitions: [PartitionKey([.date(1)])], adding: [c])
        #expect(workspace.names(try table.files()) == ["b", "c", "n"])
        #expect(snapshot.operation == .overwrite)
        #expect(snapshot.summary["deleted-data-files"] == "2")
        #expect(snapshot.summary["total-data-files"] == "3")
        let gone = try table.overwrite(deletingPartitions: [PartitionKey([.null])], adding: [])
        #expect(gone.operation == .delete)
        #expect(workspace.names(try table.files()) == ["b", "c"])
        // Earlier snapshots still have what they had.
        #expect(workspace.names(try table.files(at: snapshot)) == ["b", "c", "n"])
    }

    @Test("Replacing all leaves only the new files; replacing files needs every one of them to be there")
    func replace() throws {
        var table = try workspace.table()
        let a = try workspace.file("a", day: 1, of: table)
        let b = try workspace.file("b", day: 2, of: table)
        try table.append([a])
        try table.append([b])
        let compacted = try workspace.file("ab", day: 1, rows: 10, of: table)
        let unknown = kind {
            try table.replaceFiles([a.location, "file:///nowhere"], with: [compacted], operation: .replace)
        }
        #expect(unknown == .filesMissing)
        #expect(workspace.names(try table.files()) == ["a", "b"])
        #expect(try table.replaceFiles([a.location], with: [compacted], operation: .replace).operation == .replace)
        #expect(workspace.names(try table.files()) == ["ab", "b"])
        try table.replaceAll(with: [try workspace.file("all", day: 3, of: table)])
        #expect(workspace.names(try table.files()) == ["all"])
        #expect(table.currentSnapshot?.summary["total-records"] == "10")
    }

    @Test("Sequence numbers of files survive being moved to other manifests")
    func sequenceNumbers() throws {
        var table = try workspace.table(properties: [TableProperty.minimumCountToMerge: "3"])
        for number in 1...8 { try table.append([try workspace.file("f\(number)", day: Int32(number), of: table)]) }
        try table.overwrite(deletingPartitions: [PartitionKey([.date(4)])], adding: [])
        let snapshot = try #require(table.currentSnapshot)
        let codec = ManifestCodec(table.metadata)
        var sequence: [String: Int64] = [:]
        for manifest in try ManifestList.read(try workspace.storage.read(snapshot.manifestList), at: "list") {
            for entry in try codec.read(try workspace.storage.read(manifest.location), of: manifest) where entry.isLive
            {
                sequence[Location.name(of: entry.file.location)] = entry.sequenceNumber
                #expect(manifest.minSequenceNumber <= entry.sequenceNumber ?? 0)
            }
        }
        #expect(sequence == ["f1": 1, "f2": 2, "f3": 3, "f5": 5, "f6": 6, "f7": 7, "f8": 8])
    }

    @Test("Many small appends do not make many manifests")
    func merging() throws {
        var table = try workspace.table(properties: [TableProperty.minimumCountToMerge: "10"])
        for number in 0..<60 { try table.append([try workspace.file("f\(number)", day: Int32(number), of: table)]) }
        let list = try #require(table.currentSnapshot?.manifestList)
        #expect(try ManifestList.read(try workspace.storage.read(list), at: list).count <= 12)
        #expect(try table.files().count == 60)
    }

    @Test("The files added since a snapshot are those of the appends after it")
    func addedFiles() throws {
        var table = try workspace.table(properties: [TableProperty.minimumCountToMerge: "4"])
        #expect(try table.addedFiles(after: nil) == [])
        var ids: [Int64] = []
        for number in 0..<9 {
            ids.append(try table.append([try workspace.file("f\(number)", day: Int32(number), of: table)]).id)
        }
        for (index, id) in ids.enumerated() {
            let names = try table.addedFiles(after: id).map { Location.name(of: $0.location) }
            #expect(names == (index + 1..<9).map { "f\($0)" })
        }
        let middle = try #require(table.snapshot(id: ids[5]))
        #expect(workspace.names(try table.addedFiles(after: ids[2], upTo: middle)) == ["f3", "f4", "f5"])
        #expect(try table.addedFiles(after: nil).map { Location.name(of: $0.location) } == (0..<9).map { "f\($0)" })
        #expect(kind { _ = try table.addedFiles(after: 12345) } == .historyDisconnected)
        #expect(kind { _ = try table.addedFiles(after: ids[7], upTo: middle) } == .historyDisconnected)

        try table.expireSnapshots(keepLast: 3, olderThan: .distantFuture)
        #expect(workspace.names(try table.addedFiles(after: ids[5])) == ["f6", "f7", "f8"])
        #expect(kind { _ = try table.addedFiles(after: ids[4]) } == .historyDisconnected)
        let replaced = try table.overwrite(deletingPartitions: [PartitionKey([.date(0)])], adding: [])
        #expect(kind { _ = try table.addedFiles(after: ids[8]) } == .notAppendOnly)
        #expect(try table.addedFiles(after: replaced.id) == [])
    }

    @Test("A moment names the snapshot that was current then")
    func timeTravel() throws {
        var table = try workspace.table()
        let made = Date(timeIntervalSince1970: Double(table.metadata.lastUpdatedMilliseconds) / 1000)
        table.policy.now = { Int64(made.timeIntervalSince1970 * 1000) + 10_000 }
        let first = try table.append([])
        table.policy.now = { Int64(made.timeIntervalSince1970 * 1000) + 20_000 }
        let second = try table.append([])
        #expect(table.snapshot(asOf: made) == nil)
        #expect(table.snapshot(asOf: made + 15) == first)
        #expect(table.snapshot(asOf: made + 20) == second)
        #expect(table.history.map(\.snapshotID) == [first.id, second.id])
        // A clock that goes back does not make time in the table go back.
        table.policy.now = { 0 }
        #expect(try table.append([]).timestampMilliseconds > second.timestampMilliseconds)
    }

    @Test("Old metadata files are deleted as they leave the log, and the current one never is")
    func metadataFiles() throws {
        var table = try workspace.table(properties: [TableProperty.previousVersionsMax: "3"])
        for _ in 0..<10 { try table.append([]) }
        let files = try workspace.stored("metadata", of: table).filter { $0.hasSuffix(".metadata.json") }
        #expect(files.map { $0.prefix(5) } == ["00007", "00008", "00009", "00010"])
        #expect(table.metadata.metadataLog.map { Location.name(of: $0.location) } == Array(files.dropLast()))
        try table.setProperties([TableProperty.deleteAfterCommit: "false", TableProperty.previousVersionsMax: nil])
        #expect(
            try workspace.catalog.loadTable(table.identifier).metadata.properties == [
                TableProperty.deleteAfterCommit: "false"
            ])
    }

    @Test("Files that a commit names twice, of an unknown spec or with negative counts are refused")
    func badRequests() throws {
        var table = try workspace.table()
        var file = try workspace.file("a", of: table)
        #expect(kind { try table.append([file, file]) } == .badRequest)
        file.specID = 9
        #expect(kind { try table.append([file]) } == .badRequest)
        file.specID = 0
        file.recordCount = -1
        #expect(kind { try table.append([file]) } == .badRequest)
        #expect(table.currentSnapshot == nil)
        #expect(try workspace.stored("metadata", of: table).count == 1)
    }

    @Test("The catalog lists, finds, refuses and forgets tables by name")
    func catalog() throws {
        let catalog = workspace.catalog
        let table = try workspace.table("orders")
        #expect(table.location == "file://\(workspace.path)/shop/orders")
        #expect(try catalog.listNamespaces() == ["shop"])
        try catalog.createNamespace("shop")
        #expect(kind { try catalog.createNamespace("shop", ifMissing: false) } == .alreadyExists)
        #expect(kind { _ = try workspace.table("orders") } == .alreadyExists)
        #expect(try catalog.listTables(in: "shop") == [TableIdentifier("shop", "orders")])
        #expect(try catalog.listTables(in: "none") == [])
        for (namespace, name, expected) in [
            ("none", "t", IcebergError.Kind.badNamespace), ("shop", "a/b", .badRequest), ("shop", "..", .badRequest),
            ("..", "t", .badRequest), ("shop", "", .badRequest), ("shop", "a.b", .badRequest),
            ("shop", "a\0b", .badRequest),
        ] {
            let made = kind {
                _ = try catalog.createTable(TableIdentifier(namespace, name), schema: Workspace.schema)
            }
            #expect(made == expected, "\(namespace) \(name)")
        }
        #expect(try TableIdentifier(parsing: "a.b.c") == TableIdentifier("a.b", "c"))
        #expect(kind { _ = try TableIdentifier(parsing: "orders") } == .badRequest)
        try catalog.dropTable(table.identifier)
        #expect(try !catalog.tableExists(table.identifier))
        #expect(kind { _ = try catalog.loadTable(table.identifier) } == .notFound)
        #expect(kind { try catalog.dropTable(table.identifier) } == .notFound)
    }

    @Test("A table that was dropped and made again is not taken for the old one")
    func recreated() throws {
        var old = try workspace.table()
        try workspace.catalog.dropTable(old.identifier)
        #expect(kind { try old.append([]) } == .notFound)
        var new = try workspace.table()
        try new.append([])
        #expect(kind { try old.append([]) } == .notFound)
        #expect(kind { try old.refresh() } == .notFound)
    }
}
