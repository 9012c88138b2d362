import Foundation
import Iceberg
import Models
import Testing

@Suite struct PlanTests {
    /// Whatever arrives, a plan names the models and days that the run after it changes, and changes none.
    @Test(arguments: [4]) func aPlanSaysWhatTheRunDoes(seed: UInt64) throws {
        let shop = try Shop()
        var random = Random(state: seed)
        for round in 0..<4 {
            try shop.arriveAtRandom(&random)
            let before = round == 0 ? [:] : try shop.snapshots()
            let plan = try shop.runner().plan()
            if round > 0 { #expect(try shop.snapshots() == before) }
            let report = try shop.run()
            #expect(plan.models.map(\.name) == report.models.map(\.name))
            for (planned, done) in zip(plan.models, report.models) {
                switch done.status {
                case .rebuilt: #expect(["create", "rebuild"].contains(planned.action.rawValue), "\(planned)")
                // A run also notes that it looked, where no day was touched.
                case .unchanged, .updated: #expect(planned.days == done.days, "\(planned) \(done)")
                }
            }
            #expect(try shop.runner().plan().models.allSatisfy { $0.action == .unchanged })
        }
    }

    @Test func aPlanSaysWhy() throws {
        let shop = try Shop()
        #expect(try shop.runner().plan().models.allSatisfy { $0.action == .create && $0.reason == "it is new" })
        try shop.arrive("purchases", "event_id, ts", "('p1', '2026-03-01 10:00:00Z')")
        try shop.run()
        try shop.arrive("purchases", "event_id, ts", "('p2', '2026-03-02 10:00:00Z'), ('p1', '2026-03-01 10:00:00Z')")
        func planned(_ runner: ModelRunner) throws -> [String: String] {
            let models = try runner.plan().models.filter { $0.action != .unchanged }
            return Dictionary(uniqueKeysWithValues: models.map { ($0.table, "\($0.action.rawValue): \($0.reason)") })
        }
        let plan = try planned(shop.runner())
        #expect(plan["silver.purchases"] == "append: new snapshots of bronze.purchases")
        #expect(plan["gold.daily_sales"] == "replace_days: silver.sales changed on 2026-03-02")
        #expect(plan["gold.daily_search_terms"] == nil)
        try shop.run()
        let gap = try planned(shop.runner(["session_gap_minutes": "45"]))
        #expect(
            gap == [
                "silver.sessions": "rebuild: its definition changed",
                "gold.cart_abandonment": "rebuild: silver.sessions changed on all days",
            ])
        #expect(try shop.runner().plan(fullRefresh: true).models.allSatisfy { $0.reason == "asked for" })
    }

    @Test func onlyWhatAChangeIsAboutIsMadeAnew() throws {
        let folder = try ProjectFolder([
            "models/a.sql": "select {{ one() }} as x", "models/b.sql": "select * from {{ ref('a') }}",
            "models/c.sql": "select '--' as x, 2 as y", "macros/m.sql": "{% macro one() %}1{% endmacro %}",
        ])
        let shop = try Shop(folder)
        try shop.run()
        func changed() throws -> [String] {
            let runner = ModelRunner(project: try ModelProject(folder: folder.path), catalog: shop.catalog)
            return try runner.run().models.filter { $0.status != .unchanged }.map(\.name)
        }
        try folder.write("models/c.sql", "-- a comment\nselect   '--' as x, /* and another */\n 2 as y")
        try folder.write("models/a.yml", "models: [{name: a, description: More words.}]")
        #expect(try changed() == [])
        try folder.write("macros/m.sql", "{% macro one() %}3{% endmacro %}")
        #expect(try changed() == ["a", "b"])
        try folder.write("models/c.sql", "select '- -' as x, 2 as y")
        #expect(try changed() == ["c"])
    }

    /// Rows that are only added are made anew with the rows that they were made from.
    @Test func whatOnlyGrowsIsMadeAnewWithWhatItReads() throws {
        func settings(_ n: Int) -> String { "name: shop\nvars: {n: \(n)}\nmodels: {+schema: gold}\n" }
        let source = "{name: event_id, data_type: varchar}, {name: received_at, data_type: timestamptz}"
        let new = "{% if is_incremental() %} where event_id not in (select event_id from {{ this }}){% endif %}"
        let folder = try ProjectFolder([
            "dbt_project.yml": settings(1),
            "models/s.yml": "sources: [{name: bronze, tables: [{name: t, columns: [\(source)]}]}]",
            "models/base.sql": "{{ config(materialized='incremental') }} select event_id, {{ var('n') }} as n "
                + "from {{ new_rows(source('bronze', 't')) }}" + new,
            "models/more.sql": "{{ config(materialized='incremental') }} select event_id, n "
                + "from {{ new_rows(ref('base')) }}" + new,
        ])
        let shop = try Shop(folder)
        try shop.arrive("t", "event_id", "('a'), ('b')")
        try shop.run()
        try shop.arrive("t", "event_id", "('c')")
        #expect(try shop.runner().plan().models.map(\.action) == [.append, .append])
        try folder.write("dbt_project.yml", settings(2))
        let runner = ModelRunner(project: try ModelProject(folder: folder.path), catalog: shop.catalog)
        #expect(try runner.plan().models.map(\.reason) == ["its definition changed", "gold.base was made anew"])
        _ = try runner.run()
        #expect(try shop.rows("SELECT * FROM gold.more ORDER BY 1") == ["a 2", "b 2", "c 2"])
    }

    /// Parts of the project in any order, some of them whole, and everything at last: the rows are those of one run.
    @Test(arguments: [6]) func anyOrderOfRunsGivesTheSameRows(seed: UInt64) throws {
        let shop = try Shop()
        var random = Random(state: seed)
        try shop.arriveAtRandom(&random)
        try shop.run()
        let names = shop.project.models.filter { $0.materialization != .ephemeral }.map(\.name)
        for _ in 0..<3 {
            try shop.arriveAtRandom(&random)
            for _ in 0..<3 {
                let name = names[random.below(names.count)]
                let words = [name, name + "+", "+" + name, "1+" + name][random.below(4)]
                _ = try shop.runner().run(ModelSelection(select: [words]), fullRefresh: random.below(4) == 0)
            }
        }
        try shop.run()
        let tables = shop.project.models.filter { $0.materialization != .ephemeral }.map(\.table)
        let found = try tables.map { try shop.rows("SELECT * FROM \($0) ORDER BY ALL") }
        try shop.run(fullRefresh: true)
        for (index, table) in tables.enumerated() {
            #expect(try shop.rows("SELECT * FROM \(table) ORDER BY ALL") == found[index], "\(table)")
        }
        #expect(found.contains { $0.count > 20 })
    }
}
