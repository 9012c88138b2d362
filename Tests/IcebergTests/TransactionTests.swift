import Foundation
import Iceberg
import Storage
import Testing

@Suite("Transactions over several tables")
struct TransactionTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    private func tables(_ names: [String] = ["a", "b", "c"], catalog: (any Catalog)? = nil) throws -> [Table] {
        try names.map { try workspace.table($0, catalog: catalog) }
    }

    /// One appended file a table.
    private func round(
        _ tables: [Table], file name: String, catalog: (any Catalog)? = nil,
        validate: @escaping (Snapshot?) throws -> Void = { _ in }
    ) throws -> Transaction {
        var round = Transaction(catalog ?? workspace.catalog, policy: CommitPolicy(attempts: 4, pause: { _ in }))
        for table in tables {
            var update = TableUpdate(table)
            update.append([try workspace.file(name, of: table)], summary: ["round": name], validate: validate)
            try round.stage(update)
        }
        return round
    }

    private func reload(_ tables: [Table]) throws -> [Table] {
        try tables.map { try workspace.catalog.loadTable($0.identifier) }
    }

    private func names(_ tables: [Table]) throws -> [[String]] { try tables.map { workspace.names(try $0.files()) } }

    @Test("Several tables are committed to at once")
    func together() throws {
        let before = try tables()
        let after = try round(before, file: "x").commit()
        #expect(after.map(\.identifier) == before.map(\.identifier))
        #expect(try names(after) == [["x"], ["x"], ["x"]])
        #expect(try reload(before).map(\.version) == after.map(\.version))
        #expect(after.allSatisfy { $0.currentSnapshot?.summary["round"] == "x" })
    }

    @Test("A conflict on one table rebases all, and each is validated against the snapshot it follows")
    func conflict() throws {
        let before = try tables()
        var other = before[1]
        let meanwhile = try other.append([try workspace.file("meanwhile", of: other)])
        var seen: [Int64?] = []
        let after = try round(before, file: "x") { seen.append($0?.id) }.commit()
        #expect(try names(after) == [["x"], ["meanwhile", "x"], ["x"]])
        #expect(seen == [nil, nil, nil, nil, meanwhile.id, nil])
        // What the lost attempt wrote is gone: metadata, list and manifest of the first commit beside the table's first.
        #expect(try workspace.stored("metadata", of: before[0]).count == 4)
    }

    @Test("When one table refuses, none changes and nothing is left behind")
    func allOrNothing() throws {
        let before = try tables()
        let stored = try before.map { try workspace.stored("metadata", of: $0) }
        struct Behind: Error {}
        let staged = try round(before, file: "x") { _ in }
        var update = TableUpdate(try workspace.table("d"))
        update.append([]) { _ in throw Behind() }
        var refused = staged
        try refused.stage(update)
        #expect(throws: Behind.self) { try refused.commit() }

        try workspace.catalog.dropTable(before[2].identifier)
        #expect(kind { _ = try staged.commit() } == .notFound)
        #expect(try names(reload(Array(before[..<2]))) == [[], []])
        #expect(try before.map { try workspace.stored("metadata", of: $0) } == stored)
    }

    @Test("A table that is created in a transaction is there with the others, or not at all")
    func creation() throws {
        let existing = try workspace.table("a")
        func staged() throws -> Transaction {
            var staged = try round([existing], file: UUID().uuidString)
            let metadata = try TableMetadata(
                location: "file://" + workspace.path + "/made", schema: Workspace.schema,
                spec: PartitionSpec(of: Workspace.schema, by: [("day", .identity)]), properties: [:],
                nowMilliseconds: 1)
            var update = TableUpdate(creating: TableIdentifier("shop", "made"), metadata)
            update.append([])
            try staged.stage(update)
            return staged
        }
        let (first, second) = (try staged(), try staged())
        let after = try first.commit()
        #expect(after[1].currentSnapshot?.parentID == nil)
        #expect(try names(reload(after)).map(\.count) == [1, 0])
        #expect(kind { _ = try second.commit() } == .alreadyExists)
        #expect(try reload(after).map(\.metadata.snapshots.count) == [1, 1])

        var nowhere = Transaction(workspace.catalog)
        try nowhere.stage(TableUpdate(creating: TableIdentifier("nowhere", "made"), after[1].metadata))
        #expect(kind { _ = try nowhere.commit() } == .badNamespace)
    }

    @Test(
        "A lost answer is looked up in every table, and a lost request is made again",
        arguments: [[.lostAfter], [.lostBefore], [.lostBefore, .refused, .lostAfter]] as [[UnreliableCatalog.Fate]])
    func lostAnswers(_ fates: [UnreliableCatalog.Fate]) throws {
        let catalog = UnreliableCatalog(workspace.catalog, fates)
        let before = try tables(catalog: catalog)
        let after = try round(before, file: "x", catalog: catalog).commit()
        #expect(try names(after) == [["x"], ["x"], ["x"]])
        #expect(after.allSatisfy { $0.metadata.snapshots.count == 1 })
        #expect(try reload(before).map(\.version) == after.map(\.version))
    }

    @Test("A lost answer over metadata alone, and over a creation, is known by what the tables say")
    func lostMetadata() throws {
        let catalog = UnreliableCatalog(workspace.catalog, [.lostAfter, .lostAfter, .lostBefore])
        let table = try workspace.table("a", catalog: catalog)
        var round = Transaction(catalog, policy: CommitPolicy(attempts: 4, pause: { _ in }))
        var update = TableUpdate(table)
        update.setProperties(["owner": "anna"])
        try round.stage(update)
        var metadata = table.metadata
        metadata.tableUUID = UUID().uuidString.lowercased()
        metadata.location += "-made"
        try round.stage(TableUpdate(creating: TableIdentifier("shop", "made"), metadata))
        let after = try round.commit()
        #expect(after[0].metadata.properties["owner"] == "anna")
        #expect(after[0].metadata.metadataLog.count == 1)
        #expect(after[1].metadata.tableUUID == metadata.tableUUID)

        var again = after[0]
        try again.setProperties(["owner": "bea"])
        try again.setProperties(["owner": "eve"])
        #expect(again.metadata.metadataLog.count == 3)
        #expect(try workspace.catalog.loadTable(again.identifier).metadata.properties["owner"] == "eve")
    }

    @Test("An answer that stays lost says so, and no file that the tables may refer to is deleted")
    func uncertain() throws {
        let catalog = UnreliableCatalog(workspace.catalog, Array(repeating: .lostBefore, count: 99))
        let before = try tables(catalog: catalog)
        #expect(kind { _ = try round(before, file: "x", catalog: catalog).commit() } == .uncertain)
        for table in before {
            #expect(try workspace.stored("metadata", of: table).filter { $0.hasSuffix(".avro") }.count == 8)
        }
    }

    @Test("Several changes of one table are one version, and the later see the earlier")
    func steps() throws {
        let table = try workspace.table("a")
        var update = TableUpdate(table)
        update.setProperties(["k": "v"])
        update.append([try workspace.file("one", day: 1, of: table)])
        update.append([try workspace.file("two", day: 2, of: table)])
        update.overwrite(
            deletingPartitions: [PartitionKey([.date(1)])], adding: [try workspace.file("three", day: 1, of: table)])
        var round = Transaction(workspace.catalog)
        try round.stage(update)
        #expect(kind { try round.stage(TableUpdate(table)) } == .badRequest)
        let after = try round.commit()[0]
        #expect(workspace.names(try after.files()) == ["three", "two"])
        #expect(after.metadata.snapshots.count == 3)
        #expect(after.metadata.metadataLog.count == 1)
        #expect(after.metadata.properties["k"] == "v")
    }

    @Test("A full disk at any file of a round leaves every table as it was")
    func fullDisk() throws {
        let before = try tables()
        let stored = try before.map { try workspace.stored("metadata", of: $0) }
        for step in ["/b/metadata/", "/c/metadata/snap-", ".metadata.json"] {
            let staged = try round(before, file: "x-\(stored.count)-\(abs(step.hashValue))")
            workspace.storage.fail { operation, location in operation == "create" && location.contains(step) }
            #expect(throws: StorageError.self) { try staged.commit() }
            workspace.storage.fail(where: nil)
            #expect(try before.map { try workspace.stored("metadata", of: $0) } == stored, "\(step)")
        }
        #expect(try names(reload(before)) == [[], [], []])
    }

    @Test("Rounds and single commits on many threads lose nothing and never commit half")
    func manyWriters() async throws {
        let before = try tables(["a", "b"])
        let workspace = workspace
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 {
                group.addTask {
                    let policy = CommitPolicy(attempts: 200, firstPauseMilliseconds: 1, lastPauseMilliseconds: 20)
                    for number in 0..<8 {
                        var round = Transaction(workspace.catalog, policy: policy)
                        for table in before {
                            var update = TableUpdate(table)
                            update.append([], summary: ["from": "\(writer)-\(number)"])
                            try round.stage(update)
                        }
                        _ = try round.commit()
                        var alone = before[0]
                        alone.policy = policy
                        try alone.append([], summary: ["alone": "1"])
                    }
                }
            }
            try await group.waitForAll()
        }
        let after = try reload(before)
        let rounds = after.map { table in table.metadata.snapshots.compactMap { $0.summary["from"] } }
        #expect(rounds[0] == rounds[1])
        #expect(Set(rounds[0]).count == 24 && rounds[0].count == 24)
        #expect(after[0].metadata.snapshots.count == 48)
    }
}
