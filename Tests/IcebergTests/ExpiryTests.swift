import Foundation
import Iceberg
import Storage
import Testing

@Suite("Expiry, and tables against a model")
struct ExpiryTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    @Test("Expiry deletes what only forgotten snapshots had, and nothing that a remaining one has")
    func expiry() throws {
        var table = try workspace.table()
        let a = try workspace.file("a", day: 1, of: table)
        let b = try workspace.file("b", day: 2, of: table)
        try table.append([a, b])
        try table.overwrite(
            deletingPartitions: [PartitionKey([.date(1)])], adding: [try workspace.file("c", day: 1, of: table)])
        try table.append([try workspace.file("d", day: 3, of: table)])
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(report.expiredSnapshots == 2)
        #expect(report.deletedManifestLists == 2)
        #expect(report.deletedDataFiles == 1)
        #expect(report.undeleted == [])
        #expect(try workspace.stored("data", of: table) == ["b", "c", "d"])
        #expect(workspace.names(try table.files()) == ["b", "c", "d"])
        #expect(table.history.count == 1)
        #expect(try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture) == ExpiryReport())
    }

    @Test("Without a grace, snapshots made within a millisecond, or dated ahead, are forgotten like others")
    func aheadOfTheClock() throws {
        var table = try workspace.table()
        table.policy.now = { 1_000 }
        for name in ["a", "b", "c"] { try table.append([try workspace.file(name, day: 1, of: table)]) }
        #expect(try #require(table.currentSnapshot).timestampMilliseconds > 1_000)
        #expect(try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture).expiredSnapshots == 2)
        #expect(workspace.names(try table.files()) == ["a", "b", "c"])
    }

    @Test("Snapshots newer than the moment, the last ones, and what a tag names are kept")
    func kept() throws {
        var table = try workspace.table()
        var ids: [Int64] = []
        for number in 0..<5 { ids.append(try table.append([try workspace.file("f\(number)", of: table)]).id) }
        let third = try #require(table.snapshot(id: ids[2]))
        let moment = Date(timeIntervalSince1970: Double(third.timestampMilliseconds) / 1000)
        try table.expireSnapshots(keepLast: 1, olderThan: moment)
        #expect(table.metadata.snapshots.map(\.id) == Array(ids[2...]))
        try table.expireSnapshots(keepLast: 2, olderThan: .distantFuture)
        #expect(table.metadata.snapshots.map(\.id) == Array(ids[3...]))
    }

    @Test("An expiry that was not committed deletes nothing")
    func notCommitted() throws {
        let catalog = UnreliableCatalog(
            workspace.catalog, [.works, .works] + Array(repeating: .lostBefore, count: 99))
        var table = try workspace.table(catalog: catalog)
        table.policy.attempts = 2
        try table.append([try workspace.file("a", of: table)])
        try table.replaceAll(with: [try workspace.file("b", of: table)])
        #expect(kind { try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture) } == .uncertain)
        #expect(try workspace.stored("data", of: table) == ["a", "b"])
    }

    @Test("An expiry whose answer was lost still cleans up, once")
    func lostAnswer() throws {
        let catalog = UnreliableCatalog(workspace.catalog, [.works, .works, .lostAfter])
        var table = try workspace.table(catalog: catalog)
        try table.append([try workspace.file("a", of: table)])
        try table.replaceAll(with: [try workspace.file("b", of: table)])
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(report.expiredSnapshots == 1)
        #expect(try workspace.stored("data", of: table) == ["b"])
    }

    /// Loses the answer to its third commit, after which another writer takes a file back into the table.
    private final class OvertakenCatalog: ForwardingCatalog {
        let inner: any Catalog
        private let commits = Counter(0)
        private let meanwhile: @Sendable () throws -> Void

        init(_ inner: any Catalog, _ meanwhile: @escaping @Sendable () throws -> Void) {
            (self.inner, self.meanwhile) = (inner, meanwhile)
        }

        func commit(_ requests: [TableCommit]) throws -> [TableVersion] {
            let versions = try inner.commit(requests)
            guard commits.add(1) == 3 else { return versions }
            try meanwhile()
            throw IcebergError(.uncertain, "the answer was lost")
        }
    }

    @Test("An expiry whose answer was lost deletes nothing that another writer took back meanwhile")
    func overtaken() throws {
        let plain = try workspace.table()
        let a = try workspace.file("a", of: plain)
        let catalog = OvertakenCatalog(workspace.catalog) { [workspace] in
            var rival = try workspace.catalog.loadTable(plain.identifier)
            try rival.append([a])
        }
        var table = try catalog.loadTable(plain.identifier, policy: plain.policy)
        try table.append([a, try workspace.file("b", of: table)])
        try table.replaceAll(with: [try workspace.file("c", of: table)])
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(report.expiredSnapshots == 1 && report.deletedDataFiles == 1)
        #expect(try workspace.stored("data", of: table) == ["a", "c"])
        try table.refresh()
        #expect(workspace.names(try table.files()) == ["a", "c"])
    }

    @Test("A table that borrows its files keeps them")
    func borrowed() throws {
        var table = try workspace.table(properties: [TableProperty.garbageCollection: "false"])
        try table.append([try workspace.file("a", of: table)])
        try table.replaceAll(with: [])
        #expect(kind { try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture) } == .badRequest)
        #expect(try workspace.stored("data", of: table) == ["a"])
    }

    @Test("Files that storage does not let go of are named, and the rest is deleted")
    func undeleted() throws {
        var table = try workspace.table()
        let a = try workspace.file("a", of: table)
        try table.append([a, try workspace.file("a2", of: table)])
        try table.replaceAll(with: [])
        workspace.storage.fail { operation, location in operation == "delete" && location.hasSuffix("/a") }
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(report.undeleted == [a.location])
        #expect(report.deletedDataFiles == 1)
    }

    /// What the table should say: the files of every snapshot that is kept.
    private struct Model {
        var live: [String: Int32] = [:]
        var snapshots: [(id: Int64, files: Set<String>)] = []
    }

    @Test(
        "A long random life of appends, overwrites and expiries agrees with a model", arguments: [1, 2, 3] as [UInt64])
    func randomLife(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var table = try workspace.table(properties: [
            TableProperty.minimumCountToMerge: "4", TableProperty.previousVersionsMax: "5",
        ])
        var model = Model()
        for step in 0..<120 {
            // Now and then another handle carries on, which read the table from the catalog.
            if step % 10 == 0 { table = try reopened(table) }
            var adding: [DataFile] = []
            for number in 0..<Int.random(in: 0...3, using: &random) {
                let day = Int32.random(in: 0..<6, using: &random)
                adding.append(try workspace.file("s\(step)-\(number)", day: day, rows: Int64(number), of: table))
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                try table.append(adding)
            case 5..<8:
                let days = Set((0..<2).map { _ in Int32.random(in: 0..<6, using: &random) })
                try table.overwrite(deletingPartitions: days.map { PartitionKey([.date($0)]) }, adding: adding)
                model.live = model.live.filter { !days.contains($0.value) }
            case 8:
                let gone = Array(model.live.keys.sorted().prefix(2))
                try table.replaceFiles(
                    gone.map { table.dataLocation + "/" + $0 }, with: adding, operation: .overwrite)
                for name in gone { model.live[name] = nil }
            default:
                for file in adding { try workspace.storage.delete(file.location) }
                adding = []
                let keep = Int.random(in: 1...5, using: &random)
                try table.expireSnapshots(keepLast: keep, olderThan: .distantFuture)
                model.snapshots = model.snapshots.suffix(keep)
                try checkReachable(table, model)
                continue
            }
            for file in adding {
                if case .date(let day) = file.partition[0] { model.live[Location.name(of: file.location)] = day }
            }
            model.snapshots.append((try #require(table.currentSnapshot?.id), Set(model.live.keys)))
            #expect(Set(workspace.names(try table.files())) == Set(model.live.keys), "step \(step)")
            #expect(table.currentSnapshot?.summary["total-data-files"] == String(model.live.count))
        }
        try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(try workspace.stored("data", of: table) == model.live.keys.sorted())
    }

    private func reopened(_ table: Table) throws -> Table {
        try workspace.catalog.loadTable(table.identifier, policy: table.policy)
    }

    /// Every kept snapshot still says what it said, and every file of it is there.
    private func checkReachable(_ table: Table, _ model: Model) throws {
        #expect(table.metadata.snapshots.map(\.id) == model.snapshots.map(\.id))
        let stored = Set(try workspace.stored("data", of: table))
        for (id, files) in model.snapshots {
            let snapshot = try #require(table.snapshot(id: id))
            #expect(Set(workspace.names(try table.files(at: snapshot))) == files)
            #expect(files.isSubset(of: stored))
        }
        #expect(stored == model.snapshots.reduce(into: Set()) { $0.formUnion($1.files) })
    }
}
