import Iceberg
import Models
import Testing

@Suite struct ContractTests {
    private func problems(_ shop: Shop) throws -> [ContractProblem] { try shop.runner().plan().problems }

    @Test func theShopsOwnProjectFits() throws {
        #expect(try problems(try Shop()).isEmpty)
    }

    @Test func aSourcesColumnThatWentIsMissedByNameBeforeAnythingIsWritten() throws {
        let shop = try Shop()
        try shop.arrive("clicks", "event_id, ts", "('c1', '2026-03-01 10:00:00Z')")
        try shop.run()
        try shop.arrive("purchases", "event_id, ts", "('p1', '2026-03-01 10:00:00Z')")
        var table = try shop.catalog.loadTable(TableIdentifier("bronze", "clicks"))
        try table.updateSchema { try $0.renameColumn("page", to: "path") }
        let found = try problems(shop)
        #expect(found.map(\.table) == ["bronze.clicks"])
        #expect(found.first?.column == "page")
        #expect(found.first?.neededBy.contains("silver.clicks") == true)
        #expect(found.first?.neededBy.contains("gold.daily_funnel") == true)
        #expect(found.first?.neededBy.contains("gold.daily_sales") == false)
        #expect(
            found.first?.description.contains(
                "silver.clicks (models/staging/clicks.sql) needs the column page of bronze.clicks")
                == true)
        let before = try shop.snapshots()
        let error = #expect(throws: ModelError.self) { try shop.run() }
        #expect(error?.kind == .contract)
        #expect(try shop.snapshots() == before)
        // What does not need it runs.
        #expect(try shop.run(select: ["+daily_sales"]).isChanged)
    }

    private static let files = [
        "models/a.sql": "select 1 as id, 2.5 as price", "models/b.sql": "select price from {{ ref('a') }}",
        "models/c.sql": "select * from {{ ref('b') }}", "models/free.sql": "select 1 as x",
        "models/a.yml": "models: [{name: a, columns: [{name: id, data_tests: [unique]}, {name: price}]}]",
        "models/e.yml": """
        exposures:
          - {name: board, type: dashboard, owner: {name: Ann}, depends_on: [ref('a'), ref('c')], meta: {columns: {a: [price]}}}
        """,
        "tests/t.sql": "select * from {{ ref('a') }} where id is null",
    ]

    @Test func aModelsColumnThatWasRenamedIsMissedByWhoNeedsIt() throws {
        let folder = try ProjectFolder(Self.files)
        #expect(try problems(try Shop(folder)).isEmpty)
        let shop = try Shop(folder)
        try shop.run()
        try folder.write("models/a.sql", "select 1 as key, 2.5 as amount")
        let found = try ModelRunner(project: ModelProject(folder: folder.path), catalog: shop.catalog).plan().problems
        let texts = found.map(\.description)
        #expect(found.count == 4)
        #expect(
            texts.contains {
                $0.contains("gold.b (models/b.sql) needs the column price of gold.a") && $0.contains("gold.c")
            })
        #expect(
            texts.contains { $0.contains("the test gold.a.id: unique (models/a.yml:1) needs the column id of gold.a") })
        #expect(texts.contains { $0.contains("the test t (tests/t.sql) needs the column id of gold.a") })
        #expect(
            texts.contains {
                $0.contains("the exposure board of Ann (models/e.yml:2) needs the column price of gold.a")
            })
        // Run by itself it would leave its readers without what they need; they are asked for only with it.
        #expect(try shop.run().models.count == 4)
    }

    @Test func anEnforcedContractHoldsTypes() throws {
        let folder = try ProjectFolder([
            "models/a.sql": "select 1 as id, 'x' as word",
            "models/a.yml": """
            models:
              - name: a
                config: {contract: {enforced: true}}
                columns: [{name: id, data_type: bigint}, {name: word, data_type: varchar}, {name: gone, data_type: date}]
            """,
        ])
        let texts = try problems(try Shop(folder)).map(\.description)
        #expect(texts.count == 2)
        #expect(texts.first?.contains("its contract says that id is bigint, and it is INTEGER.") == true)
        #expect(texts.last?.contains("gone is date, and it is not there.") == true)
    }
}
