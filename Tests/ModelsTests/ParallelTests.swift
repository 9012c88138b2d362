import Engine
import Foundation
import Iceberg
import Models
import Storage
import Synchronization
import Testing

/// Models that run at the same time.
@Suite struct ParallelTests {
    /// A project whose models are these, all tables of gold.
    private func shop(_ models: [String: String]) throws -> Shop {
        try Shop(ProjectFolder(Dictionary(uniqueKeysWithValues: models.map { ("models/\($0).sql", $1) })))
    }

    private func runner(_ shop: Shop, _ catalog: (any Catalog)? = nil, threads: Int = 2) -> ModelRunner {
        ModelRunner(project: shop.project, catalog: catalog ?? shop.catalog, threads: threads)
    }

    /// The tables that were committed to.
    private func filled(_ shop: Shop) throws -> [String] {
        try shop.snapshots().filter { $0.value != nil }.map(\.key).sorted()
    }

    /// Neither of two models can commit before the other one is at its commit, too.
    @Test(.timeLimit(.minutes(10))) func modelsThatDoNotNeedEachOtherRunAtTheSameTime() throws {
        let shop = try shop(["a": "select 1 as one", "b": "select 2 as two", "c": "select * from {{ ref('a') }}"])
        var steps: [String] = []
        let catalog = MeetingCatalog(shop.catalog, wanted: ["a", "b"])
        let report = try runner(shop, catalog).run {
            switch $0 {
            case .started(let name, let number, let count): steps.append("\(name) \(number)/\(count)")
            case .finished(let model): steps.append("\(model.name) done")
            }
        }
        #expect(catalog.haveMet)
        #expect(steps.prefix(2) == ["a 1/3", "b 2/3"])
        #expect(report.models.map(\.name) == ["a", "b", "c"], "whatever ended first")
        let (made, read) = (steps.firstIndex(of: "a done"), steps.firstIndex(of: "c 3/3"))
        #expect(try #require(made) < #require(read), "c reads a")
    }

    @Test func oneThreadRunsOneModelAfterAnother() throws {
        let shop = try shop(["a": "select 1 as one", "b": "select 2 as two"])
        var steps: [String] = []
        _ = try runner(shop, threads: 1).run {
            switch $0 {
            case .started(let name, _, _): steps.append(name)
            case .finished(let model): steps.append("\(model.name) done")
            }
        }
        #expect(steps == ["a", "a done", "b", "b done"])
    }

    /// Events in any order make the same tables, however many models run at a time.
    @Test(arguments: [2, 5]) func theTablesAreThoseOfOneModelAfterAnother(threads: Int) throws {
        let (one, many) = (try Shop(), try Shop())
        var (random, same) = (Random(state: 7), Random(state: 7))
        for _ in 0..<3 {
            try one.arriveAtRandom(&random)
            try many.arriveAtRandom(&same)
            let (first, second) = (try runner(one, threads: 1).run(), try runner(many, threads: threads).run())
            #expect(first.models.map(\.name) == second.models.map(\.name))
            #expect(first.models.map(\.status) == second.models.map(\.status))
            #expect(first.models.map(\.days) == second.models.map(\.days))
            #expect(first.models.map(\.rows) == second.models.map(\.rows))
        }
        for model in one.project.models where model.materialization != .ephemeral {
            let sql = "SELECT * FROM \(model.table) ORDER BY ALL"
            #expect(try one.rows(sql) == many.rows(sql), "\(model.table)")
        }
        #expect(try one.rows("SELECT count(*) > 5 FROM silver.purchases") == ["true"])
        #expect(try runner(many, threads: threads).run().isChanged == false)
    }

    /// Models that read other versions of the same table's new rows do not see each other's.
    @Test func everyModelSeesTheRowsThatAreNewToIt() throws {
        let kept = "{{ config(materialized='incremental', incremental_strategy='append') }} "
        let rows = "select event_id from {{ new_rows(source('bronze', 'clicks')) }}"
        let columns = ["event_id varchar", "ts timestamptz", "received_at timestamptz"].map {
            "{name: \($0.split(separator: " ")[0]), data_type: \($0.split(separator: " ")[1])}"
        }.joined(separator: ", ")
        let shop = try Shop(
            ProjectFolder([
                "models/s.yml": "sources: [{name: bronze, tables: [{name: clicks, columns: [\(columns)]}]}]",
                "models/a.sql": kept + rows, "models/b.sql": kept + rows,
            ]))
        for number in 0..<4 {
            try shop.arrive("clicks", "event_id, ts", "('c\(number)', '2026-03-01 10:00:00Z')")
            // a is a run ahead of b.
            let catalog = MeetingCatalog(shop.catalog, wanted: ["a", "b"])
            if number % 2 == 0 { _ = try shop.run(select: ["a"]) } else { _ = try runner(shop, catalog).run() }
        }
        for table in ["gold.a", "gold.b"] {
            #expect(try shop.rows("SELECT event_id FROM \(table) ORDER BY 1") == ["c0", "c1", "c2", "c3"], "\(table)")
        }
    }

    @Test(arguments: [1, 2]) func aModelThatFailsStopsThoseThatNeedItAndNoOthers(threads: Int) throws {
        let shop = try shop([
            "a": "select cast(text as integer) as number from (values ('one')) words(text)",
            "b": "select * from {{ ref('a') }}", "c": "select * from {{ ref('b') }}", "d": "select 1 as one",
            "e": "select * from {{ ref('d') }}", "f": "select error('it is the end') as g",
        ])
        let runner = runner(shop, threads: threads)
        let error = try #require(throws: ModelError.self) { try runner.run() }
        #expect(error.kind == .run)
        #expect(error.description.hasPrefix("a: "), "\(error)")
        #expect(error.description.contains("'one'"), "\(error)")
        #expect(error.description.contains("and f: "), "\(error)")
        #expect(error.description.hasSuffix("; not run because of it: gold.b, gold.c"), "\(error)")
        #expect(try filled(shop) == ["gold.d", "gold.e"])
        #expect(try shop.rows("SELECT one FROM gold.e") == ["1"])
    }

    /// Each finds memory enough for itself alone, and not beside another one.
    @Test func modelsThatHaveNoMemoryBesideOthersRunAlone() throws {
        func model(_ values: Int) -> String { "select len(list(hash(i))) as n from range(\(values)) r(i)" }
        let names = ["a", "b", "c", "d"]
        let shop = try shop(Dictionary(uniqueKeysWithValues: names.map { ($0, model(2_000_000)) }))
        // Without a temporary folder: nothing spills.
        let engine = DuckDB.Settings(threads: 1, memoryLimitBytes: 64_000_000)
        let report = try ModelRunner(project: shop.project, catalog: shop.catalog, engine: engine, threads: 4).run()
        #expect(report.models.map(\.name) == names)
        #expect(try shop.rows("SELECT n FROM gold.d") == ["2000000"])

        let large = try self.shop(["a": model(2_000_000), "b": model(9_000_000), "c": "select * from {{ ref('a') }}"])
        let runner = ModelRunner(project: large.project, catalog: large.catalog, engine: engine, threads: 2)
        let error = try #require(throws: ModelError.self) { try runner.run() }
        #expect(error.kind == .outOfMemory)
        #expect(error.description.hasPrefix("b: "), "\(error)")
        #expect(try filled(large) == ["gold.a", "gold.c"])
    }

    @Test(.timeLimit(.minutes(10))) func cancellingStopsAllThatRun() throws {
        // Each would take days.
        let endless = "select count(*) as n from range(1000000000000) a(i), range(1000000) b(j) where hash(i, j) = 1"
        let shop = try shop(["a": endless, "b": endless, "c": "select 1 as one"])
        let runner = runner(shop)
        var begun = 0
        let error = #expect(throws: ModelError.self) {
            try runner.run {
                guard case .started = $0 else { return }
                begun += 1
                // Their statements may not have begun.
                if begun == 2 { runner.cancel() }
            }
        }
        #expect(error?.kind == .cancelled)
        #expect(try filled(shop) == [])
    }
}

/// A catalog whose commits of some tables wait until each of these is about to be committed.
private final class MeetingCatalog: Catalog {
    private let inner: any Catalog
    private let wanted: Set<String>
    private let arrived = Mutex<Set<String>>([])
    private let allAreThere = DispatchSemaphore(value: 0)
    private static let secondsMax = 60.0

    init(_ inner: any Catalog, wanted: Set<String>) {
        self.inner = inner
        self.wanted = wanted
    }

    var haveMet: Bool { arrived.withLock { $0 == wanted } }

    func commit(_ commits: [TableCommit]) throws -> [TableVersion] {
        for name in commits.map(\.identifier.name) where wanted.contains(name) {
            let isLast = arrived.withLock { arrived in
                arrived.insert(name).inserted && arrived == wanted
            }
            if isLast { for _ in wanted { allAreThere.signal() } }
            guard allAreThere.wait(timeout: .now() + Self.secondsMax) == .success else { throw Alone(name: name) }
            allAreThere.signal()
        }
        return try inner.commit(commits)
    }

    /// Nobody else came.
    private struct Alone: Error { let name: String }

    var storage: any ObjectStorage { inner.storage }
    func createNamespace(_ name: String, ifMissing: Bool) throws {
        try inner.createNamespace(name, ifMissing: ifMissing)
    }
    func listNamespaces() throws -> [String] { try inner.listNamespaces() }
    func listTables(in namespace: String) throws -> [TableIdentifier] { try inner.listTables(in: namespace) }
    func tableExists(_ identifier: TableIdentifier) throws -> Bool { try inner.tableExists(identifier) }
    func dropTable(_ identifier: TableIdentifier) throws { try inner.dropTable(identifier) }
    func load(_ identifier: TableIdentifier) throws -> TableVersion { try inner.load(identifier) }
    func create(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec, properties: [String: String],
        location: String?
    ) throws -> TableVersion {
        try inner.create(identifier, schema: schema, spec: spec, properties: properties, location: location)
    }
}
