import Models
import Testing

@Suite struct DeclaredTestTests {
    private func outcomes(_ tests: String, _ files: [String: String] = [:]) throws -> [String: TestReport.Outcome] {
        let shop = try Shop(
            ProjectFolder(
                [
                    "models/a.sql": "select * from (values (1, 'x', 10), (2, 'y', -1), (2, null, 5)) t(id, word, n)",
                    "models/b.sql": "select 1 as id", "models/a.yml": "models:\n  - name: a\n" + tests,
                    "tests/generic/g.sql": """
                    {% test expression_is_true(model, expression, column_name=none) %}
                    select * from {{ model }} where not ({{ column_name ~ ' ' if column_name else '' }}{{ expression }})
                    {% endtest %}
                    {% test none_in(model, column_name, other, field) %}
                    select * from {{ model }} where {{ column_name }} in (select {{ field }} from {{ other }})
                    {% endtest %}
                    """,
                ].merging(files) { $1 }))
        try shop.run()
        let outcomes = try shop.runner().test().outcomes
        return Dictionary(outcomes.map { ($0.name, $0) }) { first, _ in first }
    }

    @Test func testsWithArgumentsCountWhatShouldNotBe() throws {
        let found = try outcomes(
            """
                data_tests:
                  - expression_is_true: {arguments: {expression: "n > 0"}}
                columns:
                  - name: id
                    data_tests:
                      - unique
                      - relationships: {arguments: {to: ref('b'), field: id}}
                      - none_in: {arguments: {other: ref('b'), field: id}}
                  - name: word
                    data_tests: [not_null, {accepted_values: {values: [x]}}]
                  - name: n
                    data_tests: [{expression_is_true: {arguments: {expression: ">= -1"}}}]

            """)
        #expect(
            found.mapValues(\.failures) == [
                "gold.a: expression_is_true": 1, "gold.a.id: unique": 1, "gold.a.id: relationships": 2,
                "gold.a.id: none_in": 1,
                "gold.a.word: not_null": 1, "gold.a.word: accepted_values": 1, "gold.a.n: expression_is_true": 0,
            ])
        #expect(found["gold.a.id: unique"]?.place == "models/a.yml:8")
    }

    @Test func severityWhereAndBoundsDecideWhatAFailureMeans() throws {
        let found = try outcomes(
            """
                columns:
                  - name: word
                    data_tests: [{not_null: {config: {severity: warn}}}]
                  - name: id
                    data_tests:
                      - unique: {config: {where: "word is not null"}}
                      - accepted_values: {arguments: {values: [1]}, config: {error_if: "> 2", warn_if: "> 1"}}
                  - name: n
                    data_tests: [{accepted_values: {arguments: {values: [10]}, config: {error_if: "> 1"}}}]

            """)
        #expect(
            found.mapValues(\.status) == [
                "gold.a.word: not_null": .warned, "gold.a.id: unique": .passed, "gold.a.id: accepted_values": .warned,
                "gold.a.n: accepted_values": .failed,
            ])
    }

    @Test func statementsMayWarnAndReadEphemeralModels() throws {
        let found = try outcomes(
            "    columns: []\n",
            [
                "models/e.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('a') }} where n < 0",
                "tests/s.sql":
                    "{{ config(severity='warn') }}\n{% set n = 0 %}select * from {{ ref('e') }} where n < {{ n }}",
            ])
        #expect(found.mapValues(\.status) == ["s": .warned])
    }

    @Test func aSourceMayBeTooOld() throws {
        let sources = """
            sources:
              - name: bronze
                loaded_at_field: received_at
                freshness: {warn_after: {count: 1, period: hour}, error_after: {count: AGE, period: day}}
                tables:
                  - {name: old, columns: [{name: received_at, data_type: timestamp with time zone}]}
                  - {name: empty, columns: [{name: received_at, data_type: timestamp with time zone}]}
                  - {name: any, freshness: null, columns: [{name: received_at, data_type: timestamp with time zone}]}
            """
        for (age, status) in [("1", TestReport.Status.failed), ("100000", .warned)] {
            let shop = try Shop(ProjectFolder(["models/s.yml": sources.replacing("AGE", with: age)]))
            try shop.arrive("old", "received_at", "(TIMESTAMPTZ '2026-01-01 00:00:00Z')")
            try shop.arrive("any", "received_at", "(TIMESTAMPTZ '2026-01-01 00:00:00Z')")
            let outcomes = try shop.runner().test().outcomes
            #expect(outcomes.map(\.name) == ["bronze.old: freshness"])
            #expect(outcomes.first?.status == status)
        }
    }

    @Test(arguments: [
        ("    columns: [{name: id, data_tests: [nobody]}]", "there is no test nobody"),
        ("    data_tests: [not_null]", "not_null is a test of a column"),
        ("    columns: [{name: id, data_tests: [{unique: {config: {severity: loud}}}]}]", "severity must be"),
        ("    columns: [{name: id, data_tests: [{unique: {config: {error_if: lots}}}]}]", "error_if must be"),
        ("    columns: [{name: id, data_tests: [{unique: {config: {store_failures: true}}}]}]", "store_failures"),
        ("    columns: [{name: id, data_tests: [{relationships: {to: ref('z'), field: id}}]}]", "the model z"),
        ("    data_tests: [{expression_is_true: {arguments: {colour: red}}}]", "has no parameter colour"),
    ])
    func whatIsWrongIsNamedWithItsPlace(tests: String, reason: String) {
        let error = #expect(throws: ModelError.self) { try outcomes(tests) }?.description
        #expect(error?.contains(reason) == true)
        #expect(error?.contains("models/a.yml:") == true)
    }
}
