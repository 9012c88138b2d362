import Models
import Testing

/// What templates stand for, seen through models that select it.
@Suite struct TemplateTests {
    /// The rows of a model over nothing.
    private func rows(_ sql: String, macros: String = "", vars: String = "vars: {}") throws -> [String] {
        let shop = try Shop(
            ProjectFolder([
                "dbt_project.yml": "name: shop\n\(vars)\nmodels: {shop: {+schema: gold}}\n", "models/a.sql": sql,
                "macros/m.sql": macros,
            ]))
        try shop.run()
        return try shop.rows("SELECT * FROM gold.a")
    }

    private func text(_ template: String, macros: String = "", vars: String = "vars: {}") throws -> String? {
        try rows("select '\(template)' as x", macros: macros, vars: vars).first
    }

    @Test(arguments: [
        ("{{ [1, 2, 3] | join(\"-\") }}", "1-2-3"), ("{{ \" Ab \" | trim | upper }}", "AB"),
        ("{{ \"a,b\".split(\",\") | last }}", "b"), ("{{ (1 + 2 * 3) // 2 }}", "3"), ("{{ -7 % 3 }}", "2"),
        ("{{ \"x\" if 1 > 2 else \"y\" }}", "y"), ("{{ \"b\" in [\"a\", \"b\"] and \"c\" not in \"ab\" }}", "True"),
        ("{{ {\"k\": [4, 5]}[\"k\"][1] }}", "5"), ("{{ none is none }}{{ nothing is defined }}", "TrueFalse"),
        ("{% set x = 1 %}{% if true %}{% set x = x + 1 %}{% endif %}{{ x }}", "2"),
        ("{% set x = 1 %}{% for i in [5, 6] %}{% set x = i %}{% endfor %}{{ x }}", "1"),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x | replace(\"a\", \"b\") }}", "b1"),
        (
            "{% for k, v in {\"a\": 1, \"b\": 2}.items() %}{{ k }}{{ v }}{{ \",\" if not loop.last }}{% endfor %}",
            "a1,b2"
        ),
        ("{% for x in [] %}{% else %}empty{% endfor %}", "empty"), ("{{ target.type }}", "duckdb"),
        ("{{ none | default(\"d\") }}{{ \"\" | length }}", "d0"), ("{{ 1, 2 }}", "[1, 2]"),
    ])
    func expressionsMeanWhatTheyMeanInJinja(template: String, expected: String) throws {
        #expect(try text(template) == expected)
    }

    @Test func macrosReturnValuesAndDispatchToTheEngine() throws {
        let macros = """
            {% macro days() %}{{ return(['a', 'b']) }}{% endmacro %}
            {% macro word() %}{{ return(adapter.dispatch('word', 'shop')()) }}{% endmacro %}
            {% macro default__word() %}any{% endmacro %}
            {% macro duckdb__word() %}duck{% endmacro %}
            """
        #expect(
            try text("{% for d in days() %}{{ d }}{% endfor %} {{ word() }} {{ shop.word() }}", macros: macros)
                == "ab duck duck")
    }

    @Test func dbtsOwnMacrosGiveTheEnginesWords() throws {
        let sql = """
            select {{ dbt.date_trunc('month', "date '2026-03-15'") }}::date as a,
                {{ dbt.dateadd('day', 2, "date '2026-02-27'") }}::date as b,
                {{ dbt.datediff("'2026-01-01'", "'2026-03-01'", 'day') }} as c, {{ dbt.hash("'x'") }} as d,
                {{ dbt.concat(["'a'", "'b'"]) }} as e, {{ dbt.cast('1', dbt.type_string()) }} as f,
                {{ dbt.last_day("date '2028-02-03'", 'month') }} as g, {{ dbt.split_part("'a-b'", "'-'", 2) }} as h
            """
        #expect(
            try rows(sql) == ["2026-03-01 2026-03-01 59 9dd4e461268c8034f5c8564e155c67a6 ab 1 2028-02-29 b"])
    }

    @Test func variablesKeepTheirTypes() throws {
        let vars = "vars: {n: 3, words: [a, b], shop: {n: 4}}"
        #expect(try text("{{ var(\"n\") + 1 }} {{ var(\"words\")[1] }} {{ var(\"m\", 7) }}", vars: vars) == "5 b 7")
    }

    @Test func whatGoesOnWithoutEndIsStopped() throws {
        let loops =
            "{% set l = [1,2,3,4,5,6,7,8,9,10] %}"
            + String(repeating: "{% for x in l %}", count: 6) + "x" + String(repeating: "{% endfor %}", count: 6)
        let error = #expect(throws: ModelError.self) { try text(loops) }
        #expect(error?.description.contains("more than 100000 rounds") == true)
        let raised = #expect(throws: ModelError.self) {
            try text("{{ exceptions.raise_compiler_error(\"not here\") }}")
        }
        #expect(raised?.description.contains("models/a.sql:1: not here") == true)
    }
}
