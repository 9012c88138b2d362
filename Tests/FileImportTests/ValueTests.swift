import FileImport
import Testing

@Suite("Values") struct ValueTests {
    /// What one value becomes; `!reason` when it is rejected.
    static func value(_ field: String, _ text: String, _ top: String = "") throws -> String {
        let yaml = """
            name: one
            format: csv
            delimiter: ";"
            columns: [v, w]
            header: no
            \(top)
            events:
              - type: click
                fields:
                  f: \(field)
            """
        let result = try ImportedFile(text + "\n", yaml)
        if let reason = result.reasons.first { return "!\(reason)" }
        guard let json = result.json.first else { return "nothing" }
        return String(json.dropFirst("{\"type\":\"click\"".count).dropLast())
    }

    @Test(
        "numbers are exact",
        arguments: [
            ("{column: v, type: money}", "12.00;", ",\"f\":12.00"),
            ("{column: v, type: money}", "+007.5;", ",\"f\":7.5"),
            ("{column: v, type: money}", ".5;", ",\"f\":0.5"),
            ("{column: v, type: money}", "-0.01;", "!bad_money"),
            ("{column: v, type: money}", "0.12345;", "!bad_money"),
            ("{column: v, type: money}", "0.12340;", ",\"f\":0.1234"),
            ("{column: v, type: money}", "99999999999999.9999;", ",\"f\":99999999999999.9999"),
            ("{column: v, type: money}", "100000000000000;", "!bad_money"),
            ("{column: v, type: money}", "1e3;", "!bad_money"),
            ("{column: v, type: money}", "1,5;", "!bad_money"),
            ("{column: v, type: money}", "5.;", "!bad_money"),
            ("{column: v, type: money}", ";", "!missing_field:f"),
            ("{column: v, type: money}", "1234567890123456789;", "!bad_money"),
            ("{calculate: '{v} / {w}', type: money, decimals: 4}", "77.00;3", ",\"f\":25.6667"),
            ("{calculate: '{v} / {w}', type: money, decimals: 4}", "1;8", ",\"f\":0.125"),
            ("{calculate: '{v} / {w}', type: money, decimals: 2}", "1;8", ",\"f\":0.13"),
            ("{calculate: '{v} / {w}', type: money, decimals: 4}", "0.00;1", ",\"f\":0.00"),
            ("{calculate: '{v} / {w}', type: money}", "1;3", "!bad_money"),
            ("{calculate: '{v} / {w}', type: money}", "1;0", "!bad_money"),
            ("{calculate: '{v} / {w}', type: money}", "1;", "!missing_field:f"),
            ("{calculate: '{v} / {w}', decimals: 2}", "-1;8", ",\"f\":-0.13"),
            ("{calculate: '{v} - {w} * (2 + 1) / -3'}", "0.1;0.2", ",\"f\":0.3"),
            ("{calculate: '-{v}', type: quantity}", "-3;", ",\"f\":3"),
            ("{calculate: '-{v}', type: quantity}", "3;", "!bad_quantity"),
            ("{calculate: '{v}*{v}*{v}*{v}'}", "999999999999999999;", "!wrong_type:f"),
            ("{column: v, type: quantity}", "2.0;", ",\"f\":2"),
            ("{column: v, type: quantity}", "2.5;", "!bad_quantity"),
            ("{column: v, type: quantity}", "0;", "!bad_quantity"),
            ("{column: v, type: integer}", "-12;", ",\"f\":-12"),
            ("{column: v, type: integer}", "x;", "!wrong_type:f"),
            ("{column: v, type: decimal}", "-0.123456789012;", ",\"f\":-0.123456789012"),
            ("{column: v, type: decimal}", "1234567890.50;", ",\"f\":1234567890.50"),
            ("{column: v, type: decimal}", "0.1234567890123;", "!wrong_type:f"),
            ("{calculate: '{v} / {w}'}", "100000000;16", ",\"f\":6250000"),
            ("{calculate: '{v} / {w}'}", "1;3", "!wrong_type:f"),
            ("{column: v, type: decimal, decimals: 1}", "0.25;", ",\"f\":0.3"),
        ])
    func numbers(field: String, text: String, expected: String) throws {
        #expect(try ValueTests.value(field, text) == expected)
    }

    @Test(
        "texts, constants, defaults and templates",
        arguments: [
            ("\"{v}-{w}\"", "a;b", ",\"f\":\"a-b\""),
            ("\"{v}-{w}\"", "a; ", "!missing_field:f"),
            ("\"{{{v}}}\"", "a;", ",\"f\":\"{a}\""),
            ("USD", ";", ",\"f\":\"USD\""),
            ("NO", ";", ",\"f\":\"NO\""),
            ("5", ";", ",\"f\":5"),
            ("\"5\"", ";", ",\"f\":\"5\""),
            ("007", ";", ",\"f\":\"007\""),
            ("2.50", ";", ",\"f\":2.50"),
            ("true", ";", ",\"f\":true"),
            ("{constant: derived}", ";", ",\"f\":\"derived\""),
            ("{constant: 2.50, type: money}", ";", ",\"f\":2.50"),
            ("{column: v, default: guest}", ";", ",\"f\":\"guest\""),
            ("{column: v, default: \"guest-{w}\"}", ";7", ",\"f\":\"guest-7\""),
            ("{column: v, default: \"guest-{w}\"}", ";", "!missing_field:f"),
            ("{column: v, default: \"0\", type: money}", ";", ",\"f\":0"),
            ("{column: v, optional: yes}", ";", ""),
            ("{template: \"{v}/{w}\", optional: yes}", "a;", ""),
        ])
    func texts(field: String, text: String, expected: String) throws {
        #expect(try ValueTests.value(field, text) == expected)
    }

    @Test("texts that stand for nothing are nothing, and a decimal comma is a decimal point")
    func conventions() throws {
        #expect(try ValueTests.value("{column: v, optional: yes}", "NULL;", "empty_values: [NULL, '?']") == "")
        #expect(try ValueTests.value("{column: v, type: money}", "2,55;", "decimal_comma: yes") == ",\"f\":2.55")
        #expect(try ValueTests.value("{column: v, type: money}", "2.55;", "decimal_comma: yes") == "!bad_money")
    }

    @Test(
        "instants",
        arguments: [
            ("yyyyMMdd", "UTC", "19970214", "1997-02-14T00:00:00Z"),
            ("yyyyMMdd", "UTC", "19970229", "!"),
            ("yyyyMMdd", "UTC", "1997021", "!"),
            ("yyyyMMdd", "UTC", "199702145", "!"),
            ("yyyyMMdd", "UTC", "20000229", "2000-02-29T00:00:00Z"),
            ("M/d/yyyy H:mm", "Europe/London", "12/1/2010 8:26", "2010-12-01T08:26:00Z"),
            ("M/d/yyyy H:mm", "Europe/London", "7/15/2011 00:05", "2011-07-14T23:05:00Z"),
            ("M/d/yyyy H:mm", "Europe/London", "10/30/2011 1:30", "2011-10-30T00:30:00Z"),
            ("M/d/yyyy H:mm", "Europe/London", "10/30/2011 2:30", "2011-10-30T02:30:00Z"),
            ("M/d/yyyy H:mm", "Europe/London", "3/27/2011 1:30", "2011-03-27T01:30:00Z"),
            ("M/d/yyyy H:mm", "Europe/London", "3/27/2011 2:30", "2011-03-27T01:30:00Z"),
            ("M/d/yyyy H:mm", "Europe/London", "13/1/2010 8:26", "!"),
            ("M/d/yyyy H:mm", "Europe/London", "1/1/2010 24:00", "!"),
            ("d.M.yyyy h:mm:ss a", "Asia/Kolkata", "1.2.2024 12:00:01 AM", "2024-01-31T18:30:01Z"),
            ("d.M.yyyy h:mm:ss a", "Asia/Kolkata", "1.2.2024 12:00:01 pm", "2024-02-01T06:30:01Z"),
            ("yyyy-MM-dd HH:mm:ss.SSS", "UTC", "2024-01-31 10:20:30.125", "2024-01-31T10:20:30.125000Z"),
            ("iso8601", "America/New_York", "2024-01-31", "2024-01-31T05:00:00Z"),
            ("iso8601", "America/New_York", "2024-07-31T10:20", "2024-07-31T14:20:00Z"),
            ("iso8601", "America/New_York", "2024-01-31T10:20:30.1234567+07:00", "2024-01-31T03:20:30.123456Z"),
            ("iso8601", "America/New_York", "2024-01-31 10:20:30Z", "2024-01-31T10:20:30Z"),
            ("iso8601", "UTC", "2024-01-31T10:20:30ZZ", "!"),
            ("iso8601", "UTC", "0000-01-31", "!"),
            ("epoch_seconds", "UTC", "855878400", "1997-02-14T00:00:00Z"),
            ("epoch_seconds", "UTC", "-0.5", "1969-12-31T23:59:59.500000Z"),
            ("epoch_milliseconds", "UTC", "1706696430125", "2024-01-31T10:20:30.125000Z"),
            ("epoch_milliseconds", "UTC", "999999999999999999", "!"),
        ])
    func instants(format: String, zone: String, text: String, expected: String) throws {
        let field = "{column: v, type: timestamp, format: \"\(format)\", timezone: \(zone)}"
        let shown = expected == "!" ? "!bad_timestamp" : ",\"f\":\"\(expected)\""
        #expect(try ValueTests.value(field, text + ";") == shown)
    }

    @Test("the first rule whose conditions all hold takes the row; a row that none takes is unknown_type")
    func conditions() throws {
        let yaml = """
            name: rules
            format: csv
            columns: [v, w]
            header: no
            events:
              - {type: click, when: {v: {starts_with: C, ends_with: "9"}}, fields: {rule: a}}
              - {type: click, when: {v: {one_of: [x, y]}, w: {empty: yes}}, fields: {rule: b}}
              - {type: click, when: {v: {contains: "-"}}, fields: {rule: c}}
              - {type: click, when: {v: z}, fields: {rule: d}}
              - {type: click, when: {v: {not_equals: q}, w: {empty: no, equals: w}}, fields: {rule: e}}
            """
        let result = try ImportedFile("C19,\nx,\nx,1\na-b,\n z ,\np,w\nq,w\nC1,\n-,\n", yaml)
        #expect(result.texts("rule") == ["a", "b", "c", "d", "e", "c"])
        #expect(result.rejections == ["3 unknown_type", "7 unknown_type", "8 unknown_type"])
    }
}
