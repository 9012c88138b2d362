import Foundation
import Iceberg
import Models
import Testing

@Suite struct BackfillTests {
    private static let settings = "{{ config(materialized='incremental', incremental_strategy='insert_overwrite', "
    private static let some = "{% if is_incremental() %} where business_day in ({{ var('touched_days') }}){% endif %}"

    /// A shop of four models, with sales on the first days of four months.
    private func shop() throws -> Shop {
        let columns = ["event_id varchar", "ts timestamptz", "received_at timestamptz"].map {
            "{name: \($0.split(separator: " ")[0]), data_type: \($0.split(separator: " ")[1])}"
        }.joined(separator: ", ")
        let shop = try Shop(
            ProjectFolder([
                "dbt_project.yml": """
                {name: shop, vars: {touched_days: "date '1970-01-01'"}, models: {+schema: gold}}
                """,
                "models/s.yml": "sources: [{name: bronze, tables: [{name: purchases, columns: [\(columns)]}]}]",
                "models/bought.sql": """
                {{ config(materialized='incremental', partition_by='business_day') }}
                select event_id, cast(ts at time zone 'UTC' as date) as business_day
                from {{ new_rows(source('bronze', 'purchases')) }}
                {% if is_incremental() %} where event_id not in (select event_id from {{ this }}){% endif %}
                """,
                "models/sales.sql": Self.settings
                    + "partition_by='business_day') }} select event_id, business_day, 1 as units "
                    + "from {{ ref('bought') }}" + Self.some,
                // What happened on the day before counts, too.
                "models/days.sql": """
                {{ config(materialized='ephemeral') }} select unnest([{{ var('touched_days') }}]) as business_day
                union select cast(unnest([{{ var('touched_days') }}]) + 1 as date)
                """,
                "models/daily.sql": Self.settings
                    + "partition_by='month(business_day)', meta={'rebuild_days': 'days'}) }}"
                        + """
                        select business_day, (select count(*) from {{ ref('sales') }} as other
                            where other.business_day between sales.business_day - 1 and sales.business_day) as units
                        from {{ ref('sales') }} as sales
                        """ + Self.some + " group by business_day",
                "models/total.sql": "select cast(sum(units) as bigint) as units from {{ ref('daily') }}",
            ]))
        let events = (1...4).flatMap { month in
            (1...3).map { "('\(month)-\($0)', TIMESTAMPTZ '2026-0\(month)-0\($0) 23:50:00Z')" }
        }
        try shop.arrive("purchases", "event_id, ts", events.joined(separator: ", "))
        try shop.run()
        return shop
    }

    private func rows(_ shop: Shop) throws -> [[String]] {
        try shop.project.models.filter { $0.materialization != .ephemeral }
            .map { try shop.rows("SELECT * FROM \($0.table) ORDER BY ALL") }
    }

    private func journal(_ shop: Shop) -> String { shop.folder + "/backfill.json" }

    @Test func aBackfillGivesTheSameRowsAndLeavesNothingToDo() throws {
        let shop = try shop()
        let before = try rows(shop)
        let report = try shop.runner().backfill("2026-01-02"..."2026-03-02", journal: journal(shop))
        #expect(try rows(shop) == before)
        #expect(try shop.run().isChanged == false)
        #expect(report.models.first { $0.name == "daily" }?.days == 61, "and the day after the last")
        #expect(FileManager.default.fileExists(atPath: journal(shop)) == false)
        let days = try shop.catalog.loadTable(TableIdentifier("gold", "daily")).metadata.snapshots.suffix(4).prefix(3)
            .map { TouchedDays.parsing($0.summary["cartograph.days"] ?? "") }
        #expect(days.map(\.count) == [31, 29, 4], "and the day after each")
    }

    /// A day whose rows are wrong without a commit that says so: a run does not see it, a backfill of the day puts it right.
    @Test func aBackfillPutsRightWhatNoChangeNamed() throws {
        let shop = try shop()
        let right = try shop.rows("SELECT * FROM gold.daily ORDER BY ALL")
        try shop.falsify("gold.daily", "SELECT * REPLACE (units + 1 AS units)")
        #expect(try shop.run().models.first { $0.name == "daily" }?.status == .unchanged)
        #expect(try shop.rows("SELECT * FROM gold.daily ORDER BY ALL") != right)
        _ = try shop.runner().backfill(
            "2026-01-01"..."2026-04-03", ModelSelection(select: ["daily"]), journal: journal(shop))
        #expect(try shop.rows("SELECT * FROM gold.daily ORDER BY ALL") == right)
        #expect(try shop.run().models.first { $0.name == "daily" }?.status == .unchanged)
    }

    /// Cancelled after any of its commits, it goes on where it was, also when events came and a run did what they asked for.
    @Test(arguments: [1, 4, 7, 10], [false, true]) func anInterruptedBackfillGoesOn(after steps: Int, isBusy: Bool)
        throws
    {
        let shop = try shop()
        let range = "2026-01-01"..."2026-04-30"
        let runner = shop.runner()
        var step = 0
        let error = #expect(throws: ModelError.self) {
            try runner.backfill(range, journal: journal(shop)) { _ in
                step += 1
                if step == steps { runner.cancel() }
            }
        }
        #expect(error?.kind == .cancelled)
        if isBusy {
            try shop.arrive("purchases", "event_id, ts", "('late', '2026-02-02 23:58:00Z')")
            try shop.run()
        }
        #expect(throws: ModelError.self) {
            try shop.runner().backfill("2026-01-01"..."2026-01-02", journal: journal(shop))
        }
        let report = try shop.runner().backfill(range, journal: journal(shop))
        #expect(report.isResumed)
        for model in report.models { #expect(model.days + model.before >= 120, "\(model)") }
        if steps > 4 {
            let sales = report.models.first { $0.name == "sales" }
            #expect((sales?.before ?? 0) >= (isBusy ? 119 : 120), "its days were done")
        }
        let found = try rows(shop)
        #expect(try shop.run().isChanged == false)
        try shop.run(fullRefresh: true)
        #expect(try rows(shop) == found)
    }

    @Test func whatIsNoRangeOrNotKeptByDaysIsRefused() throws {
        let shop = try shop()
        for range in ["2026-02-30"..."2026-03-01", "1700-01-01"..."2026-01-01", "x"..."y"] {
            #expect(throws: ModelError.self) { try shop.runner().backfill(range, journal: journal(shop)) }
        }
        let error = #expect(throws: ModelError.self) {
            try shop.runner().backfill(
                "2026-01-01"..."2026-01-02", ModelSelection(select: ["total"]), journal: journal(shop))
        }
        #expect(error?.description.contains("kept by business days") == true)
    }
}

extension TouchedDays {
    fileprivate static func parsing(_ text: String) -> [Substring] { text.split(separator: ",") }
}
