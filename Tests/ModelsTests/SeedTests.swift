import Foundation
import Models
import Testing

@Suite struct SeedTests {
    private static let settings = """
        name: shop
        models: {shop: {+schema: gold}}
        seeds:
          shop:
            +schema: silver
            rates:
              +column_types: {rate: "decimal(18,6)"}
        """

    @Test func aSeedBecomesATableThatModelsRead() throws {
        let folder = try ProjectFolder([
            "dbt_project.yml": Self.settings,
            "seeds/rates.csv": "day,currency,rate\n2026-03-01,EUR,1.08\n2026-03-02,\"U\"\"SD\",\n",
            "models/dear.sql": "select currency from {{ ref('rates') }} where rate > 1",
        ])
        let shop = try Shop(folder)
        #expect(try shop.run().models.map(\.table) == ["silver.rates", "gold.dear"])
        #expect(
            try shop.rows("SELECT day, currency, rate, typeof(rate), typeof(day) FROM silver.rates ORDER BY day") == [
                "2026-03-01 EUR 1.080000 DECIMAL(18,6) DATE", "2026-03-02 U\"SD NULL DECIMAL(18,6) DATE",
            ])
        #expect(try shop.rows("SELECT * FROM gold.dear") == ["EUR"])
        #expect(try shop.run().isChanged == false)
    }

    @Test func aChangedSeedRebuildsWhatReadsItAndNothingElse() throws {
        let folder = try ProjectFolder([
            "dbt_project.yml": Self.settings, "seeds/rates.csv": "day,rate\n2026-03-01,1.08\n",
            "models/reader.sql": "select max(rate) as rate from {{ ref('rates') }}",
            "models/other.sql": "select 1 as x",
        ])
        let shop = try Shop(folder)
        try shop.run()
        try folder.write("seeds/rates.csv", "day,rate\n2026-03-01,1.09\n")
        let report = try ModelRunner(project: ModelProject(folder: folder.path), catalog: shop.catalog).run()
        #expect(report.models.filter { $0.status != .unchanged }.map(\.name) == ["rates", "reader"])
        #expect(try shop.rows("SELECT * FROM gold.reader") == ["1.090000"])
    }

    @Test func columnsWithoutATypeGetTheFirstThatFits() throws {
        let folder = try ProjectFolder([
            "dbt_project.yml": "name: shop\nseeds: {+schema: gold}\n",
            "seeds/s.csv": "i,d,day,is,text,gap\n1,1.5,2026-03-01,true,x,\n-2,2,2026-03-02,false,7,\n",
        ])
        let shop = try Shop(folder)
        try shop.run()
        #expect(
            try shop.rows("SELECT typeof(COLUMNS(*)) FROM gold.s LIMIT 1") == [
                "INTEGER DOUBLE DATE BOOLEAN VARCHAR INTEGER"
            ])
    }

    @Test func whatIsWrongInASeedIsNamedWithItsLine() throws {
        func reason(_ csv: String, _ settings: String = Self.settings) -> String? {
            #expect(throws: ModelError.self) {
                let folder = try ProjectFolder(["dbt_project.yml": settings, "seeds/rates.csv": csv])
                _ = try withExtendedLifetime(folder) { try ModelProject(folder: folder.path) }
            }?.description
        }
        #expect(reason("day,rate\n\n2026-03-01,1,2\n")?.contains("seeds/rates.csv:3: it has 3 fields") == true)
        #expect(reason("day,rate\n\"x,1\n")?.contains("seeds/rates.csv:2: a quoted field is not closed") == true)
        #expect(reason("day,Day,rate\n")?.contains("two columns are called Day") == true)
        #expect(reason("day\n")?.contains("column_types names the column rate") == true)
        #expect(reason("")?.contains("no line that names its columns") == true)
        #expect(reason("day,rate\n\"x\"y,1\n")?.contains("follows the closing quote") == true)
    }

    @Test func aValueThatDoesNotFitItsTypeStopsTheRun() throws {
        let folder = try ProjectFolder(["dbt_project.yml": Self.settings, "seeds/rates.csv": "rate\nx\n"])
        let shop = try Shop(folder)
        let reason = #expect(throws: ModelError.self) { try shop.run() }?.description
        #expect(reason?.contains("rates") == true)
        #expect(reason?.contains("\"x\"") == true)
    }
}
