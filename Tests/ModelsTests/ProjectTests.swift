import Foundation
import Models
import Testing

@Suite struct ProjectTests {
    /// A project of these files.
    private func project(_ files: [String: String]) throws -> ModelProject {
        let folder = try ProjectFolder(files)
        return try withExtendedLifetime(folder) { try ModelProject(folder: folder.path) }
    }

    private func reason(_ files: [String: String]) -> String? {
        #expect(throws: ModelError.self) { try project(files) }?.description
    }

    @Test func modelsComeAfterWhatTheyRead() throws {
        let found = try project([
            "models/a.sql": "select * from {{ ref('z') }}",
            "models/m.sql": "select 1 as x",
            "models/z.sql": "{% if is_incremental() %}select * from {{ ref('m') }}{% endif %}",
        ])
        #expect(found.models.map(\.name) == ["m", "z", "a"], "a branch not taken counts too")
    }

    @Test func whatIsWrongIsNamedWithItsPlace() {
        #expect(
            reason(["models/a.sql": "select {{ ref('b') }}", "models/b.sql": "{{ ref('a') }}"])?
                .contains("circle: a → b → a") == true)
        #expect(reason(["models/a.sql": "{{ ref('b') }}"])?.contains("the model b, which does not exist") == true)
        #expect(reason(["models/a.sql": "{{ source('s', 't') }}"])?.contains("source s.t, which no yml") == true)
        #expect(reason(["models/a.sql": "\n\n{% do x() %}"])?.contains("models/a.sql:3: the statement do") == true)
        #expect(reason(["models/a.sql": "\n{{ 'x' | tojson }}"])?.contains("models/a.sql:2: the filter tojson") == true)
        #expect(reason(["models/a.sql": "{{ run_query('x') }}"])?.contains("macro run_query") == true)
        #expect(reason(["models/a.sql": "{{ dbt.pivot() }}"])?.contains("dbt.pivot is not supported") == true)
        #expect(reason(["models/a.sql": "{{ dbt_utils.star() }}"])?.contains("dbt_utils.star is not supp") == true)
        #expect(
            reason(["models/a.sql": "{{ config(post_hook='x') }}"])?.contains("a.sql: the setting post_hook") == true)
        #expect(reason(["models/a.sql": "\n{{ missing() }}"])?.contains("models/a.sql:2: there is no function") == true)
        #expect(reason(["models/a.sql": "{% if true %}"])?.contains("endif") == true)
        #expect(reason(["models/a.sql": "{{ 'open }}"])?.contains("not closed") == true)
        #expect(reason(["models/a.sql": "{{ var('x') }}"])?.contains("variable x is not set") == true)
        #expect(reason(["models/x.yml": "models: [{name: nobody}]"])?.contains("nobody, which does not exist") == true)
        #expect(reason(["models/x.yml": "models: [{name"])?.contains("x.yml") == true)
        #expect(reason(["models/x.yml": "snapshots: [{name: x}]"])?.contains("x.yml:1: snapshots is not supp") == true)
    }

    @Test func macrosThatCallThemselvesAndTextWithoutEndAreRefused() {
        #expect(
            reason([
                "macros/m.sql": "{% macro m() %}{{ m() }}{% endmacro %}", "models/a.sql": "{{ m() }}",
            ])?.contains("without end") == true)
        let nested = String(repeating: "(", count: 500) + "1" + String(repeating: ")", count: 500)
        #expect(reason(["models/a.sql": "{{ \(nested) }}"])?.contains("too deeply") == true)
    }

    @Test func theShopsOwnProjectIsDescribedThroughout() throws {
        let project = try ModelProject(folder: Shop.projectFolder)
        for model in project.models { #expect(!model.description.isEmpty, "\(model.name)") }
        #expect(project.sources.count == 9)
    }
}
