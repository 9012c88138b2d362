import Foundation
import Iceberg
import Models
import Testing

@Suite struct RunTests {
    @Test func aSecondRunChangesNothing() throws {
        let shop = try Shop()
        try shop.arrive("clicks", "event_id, ts", "('c1', '2026-03-01 10:00:00Z')")
        try shop.arrive("purchases", "event_id, ts", "('p1', '2026-03-01 10:00:00Z')")
        #expect(try shop.run().isChanged)
        let before = try shop.snapshots()
        #expect(try shop.run().isChanged == false)
        #expect(try shop.snapshots() == before)
        #expect(before.count == shop.project.models.count { $0.materialization != .ephemeral })
    }

    @Test func anEmptyLakeGivesEmptyTables() throws {
        let shop = try Shop()
        try shop.run()
        #expect(try shop.rows("SELECT count(*) FROM gold.daily_sales") == ["0"])
        #expect(try shop.run().isChanged == false)
        try shop.arrive("purchases", "event_id, ts", "('p1', '2026-03-01 10:00:00Z')")
        try shop.run()
        #expect(try shop.rows("SELECT orders FROM gold.daily_sales") == ["1"])
    }

    @Test func whatACutShortRunLeftBehindIsCaughtUp() throws {
        let shop = try Shop()
        try shop.arrive("purchases", "event_id, total_amount, ts", "('p1', 1.00, '2026-03-01 10:00:00Z')")
        try shop.run()
        // Two runs that got no further than silver, then a whole one without anything new.
        try shop.arrive("purchases", "event_id, total_amount, ts", "('p2', 2.00, '2026-03-02 10:00:00Z')")
        try shop.run(select: ["purchases"])
        try shop.arrive("purchases", "event_id, total_amount, ts", "('p3', 3.00, '2026-03-03 10:00:00Z')")
        try shop.run(select: ["purchases"])
        #expect(try shop.rows("SELECT count(*) FROM gold.daily_sales") == ["1"])
        let report = try shop.run()
        #expect(
            try shop.rows("SELECT business_day, revenue FROM gold.daily_sales ORDER BY 1") == [
                "2026-03-01 1.0000", "2026-03-02 2.0000", "2026-03-03 3.0000",
            ])
        #expect(report.models.first { $0.name == "daily_sales" }?.days == .some(["2026-03-02", "2026-03-03"]))
    }

    @Test func commitsSayWhatTheyCoverOfTheLog() throws {
        let shop = try Shop()
        try shop.arrive("clicks", "event_id, ts", "('c1', '2026-03-01 10:00:00Z')")
        try shop.arrive("purchases", "event_id, ts", "('p1', '2026-03-01 10:00:00Z')")
        try shop.run()
        let summary = try shop.catalog.loadTable(TableIdentifier("gold", "daily_channel")).currentSnapshot?.summary
        #expect(
            summary?["cartograph.offsets"] == #"{"bronze.clicks":"clicks@0","bronze.purchases":"purchases@1"}"#)
    }

    @Test func cancellingEndsTheRunAndTheNextOneFinishesIt() throws {
        let shop = try Shop()
        try shop.arrive("purchases", "event_id, ts", "('p1', '2026-03-01 10:00:00Z')")
        let runner = shop.runner()
        let error = #expect(throws: ModelError.self) {
            try runner.run { if case .finished(let model) = $0, model.name == "purchases" { runner.cancel() } }
        }
        #expect(error?.kind == .cancelled)
        _ = try runner.run()
        #expect(try shop.rows("SELECT orders FROM gold.daily_sales") == ["1"])
    }

    @Test func aSelectionRunsWhatItReads() throws {
        let shop = try Shop()
        let names = try shop.run(select: ["+gold.daily_sales"]).models.map(\.name)
        #expect(names == ["purchases", "exchange_rates", "daily_rates", "sales", "daily_sales"])
        #expect(try shop.run(select: ["daily_sales"]).models.map(\.name) == ["daily_sales"])
        #expect(throws: ModelError.self) { try shop.run(select: ["daily_sails"]) }
    }

    @Test func smallFilesAreJoinedWithoutTouchingWhatIsMadeFromThem() throws {
        let shop = try Shop()
        for number in 0..<26 {
            try shop.arrive("stock", "event_id, ts", "('s\(number)', '2026-03-01 10:00:00Z')")
            try shop.run(select: ["stock"])
        }
        let table = try shop.catalog.loadTable(TableIdentifier("silver", "stock"))
        #expect(try table.files().count < 5)
        #expect(table.metadata.snapshots.contains { $0.operation == .replace })
        #expect(try shop.rows("SELECT count(*), count(DISTINCT event_id) FROM silver.stock") == ["26 26"])
        #expect(try shop.run(select: ["stock"]).isChanged == false)
    }

    /// Compaction and its like commit without changing a row, and what is made from the table stays as it is.
    @Test func anInputThatIsOnlyOrderedAnewChangesNoRow() throws {
        let shop = try Shop()
        for topic in ["clicks", "carts", "purchases", "stock"] {
            try shop.arrive(topic, "event_id, ts", "('\(topic)1', '2026-03-01 10:00:00Z')")
        }
        try shop.run()
        let tables = shop.project.models.filter { $0.materialization != .ephemeral }.map(\.table)
        let before = try tables.map { try shop.rows("SELECT * FROM \($0) ORDER BY ALL") }
        #expect(before.contains { $0.count > 0 })
        for name in tables {
            var table = try shop.catalog.loadTable(try TableIdentifier(parsing: name))
            var update = TableUpdate(table)
            update.rewriteManifests(all: true, summary: table.currentSnapshot?.summary ?? [:])
            try table.commit(update)
        }
        try shop.run()
        for (index, table) in tables.enumerated() {
            #expect(try shop.rows("SELECT * FROM \(table) ORDER BY ALL") == before[index], "\(table)")
        }
    }

    @Test func testsFindWhatShouldNotBe() throws {
        let shop = try Shop()
        try shop.arrive("carts", "event_id, action, ts", "('k1', 'add', '2026-03-01 10:00:00Z')")
        try shop.run()
        #expect(try shop.runner().test().failures.isEmpty)
        try shop.arrive("carts", "event_id, action, ts", "('k2', 'steal', '2026-03-01 10:00:00Z')")
        try shop.run()
        let failures = try shop.runner().test().failures
        #expect(failures.map(\.name) == ["silver.carts.action: accepted_values"])
        #expect(failures.first?.failures == 1)
    }

    /// Events in any order, repeated, late and in conflict, in many runs, must give what one run over all of them gives.
    @Test(arguments: [1, 2, 3]) func manyRunsGiveWhatOneRunGives(seed: UInt64) throws {
        let shop = try Shop()
        var random = Random(state: seed)
        for _ in 0..<6 {
            try shop.arriveAtRandom(&random)
            try shop.run()
        }
        let tables = shop.project.models.filter { $0.materialization != .ephemeral }.map(\.table)
        let incremental = try tables.map { try shop.rows("SELECT * FROM \($0) ORDER BY ALL") }
        try shop.run(fullRefresh: true)
        let whole = try tables.map { try shop.rows("SELECT * FROM \($0) ORDER BY ALL") }
        for (index, table) in tables.enumerated() {
            #expect(incremental[index] == whole[index], "\(table)")
        }
        #expect(whole.contains { $0.count > 20 })
        #expect(try shop.runner().test().failures.isEmpty)
    }
}
