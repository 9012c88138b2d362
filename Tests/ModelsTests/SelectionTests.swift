import Models
import Testing

@Suite struct SelectionTests {
    private static let folder = try? ProjectFolder([
        "dbt_project.yml": """
        name: shop
        models: {shop: {+schema: silver, marts: {+schema: gold, +tags: daily}}}
        seeds: {+schema: silver}
        """,
        "models/sources.yml": "sources: [{name: bronze, tables: [{name: t, columns: [{name: x, data_type: int}]}]}]",
        "models/a.sql": "select * from {{ source('bronze', 't') }}",
        "models/b.sql": "{{ config(tags=['slow', 'raw']) }} select * from {{ ref('a') }}",
        "models/marts/c.sql": "select b.* from {{ ref('b') }} as b, {{ ref('s') }} as s",
        "models/marts/d.sql": "{{ config(tags='slow') }} select * from {{ ref('c') }}",
        "models/marts/other.sql": "select 1 as x", "seeds/s.csv": "x\n1\n",
        "models/exposures.yml": "exposures: [{name: board, type: dashboard, depends_on: [\"ref('c')\"]}]",
    ])

    @Test(arguments: [
        ("b", "b"), ("+b", "a b"), ("b+", "b c d"), ("+b+", "a b c d"), ("1+c", "b c s"), ("c+1", "c d"),
        ("@b", "a b c d s"),
        ("tag:slow", "b d"), ("tag:daily", "c d other"), ("tag:slow,tag:daily", "d"), ("a tag:slow", "a b d"),
        ("path:models/marts", "c d other"), ("models/marts/c.sql", "c"), ("source:bronze.t+1", "a"),
        ("source:bronze+", "a b c d"),
        ("+exposure:board", "a b c s"), ("gold.c", "c"), ("gold", "c d other"), ("marts", "c d other"),
        ("silver.*", "a b s"),
        ("o*", "other"), ("config.materialized:seed", "s"), ("resource_type:seed", "s"),
        ("resource_type:model", "a b c d other"),
        ("2+d,tag:slow", "b d"),
    ])
    func wordsMeanWhatTheyMeanInDbt(words: String, expected: String) throws {
        let project = try ModelProject(folder: try #require(Self.folder).path)
        let names = try project.models(ModelSelection(select: [words])).map(\.name).sorted()
        #expect(names.joined(separator: " ") == expected)
    }

    @Test func whatIsExcludedIsLeftOut() throws {
        let project = try ModelProject(folder: try #require(Self.folder).path)
        let names = try project.models(ModelSelection(select: ["a+"], exclude: ["c+", "tag:raw"])).map(\.name)
        #expect(names == ["a"])
        #expect(try project.models(.all).count == 6)
    }

    @Test(arguments: ["nobody", "path:models/nowhere", "+", "b++", "state:modified", "colour:red", "@+b"])
    func whatMeansNothingIsRefused(words: String) throws {
        let project = try ModelProject(folder: try #require(Self.folder).path)
        #expect(throws: ModelError.self) { try project.models(ModelSelection(select: [words])) }
    }

    @Test func whatWasChangedIsFoundByState() throws {
        let folder = try ProjectFolder([
            "models/a.sql": "select 1 as x", "models/b.sql": "select * from {{ ref('a') }}",
            "models/c.sql": "select 3 as x",
        ])
        let shop = try Shop(folder)
        try shop.run()
        try folder.write("models/a.sql", "select 2 as x")
        try folder.write("models/n.sql", "select 4 as x")
        let runner = ModelRunner(project: try ModelProject(folder: folder.path), catalog: shop.catalog)
        #expect(try runner.plan(ModelSelection(select: ["state:modified"])).models.map(\.name) == ["a", "n"])
        #expect(try runner.plan(ModelSelection(select: ["state:new"])).models.map(\.name) == ["n"])
        #expect(try runner.plan(ModelSelection(select: ["state:modified+"])).models.map(\.name) == ["a", "b", "n"])
    }
}
