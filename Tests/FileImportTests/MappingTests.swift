import FileImport
import Foundation
import Testing

@Suite("Mappings") struct MappingTests {
    static let good = """
        name: shop
        format: csv
        events:
          - type: purchase
            fields:
              event_id: derived
              ts: {column: date, type: timestamp, format: yyyyMMdd}
              items:
                each: row
                fields:
                  product_id: "{sku}"
              total_amount: {calculate: "{price} * 2", type: money}
        """

    static func problem(_ yaml: String) -> String {
        do {
            _ = try Mapping(yaml: yaml, source: "shop.yaml")
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "what is wrong is said with its key path and what to write instead",
        arguments: [
            (
                "format: yyyyMMdd", "format: yyyyMMDD",
                "mapping shop.yaml: events[0].fields.ts.format: unknown format 'yyyyMMDD'; use iso8601, epoch_seconds, epoch_milliseconds, or a pattern of yyyy MM M dd d HH H hh h mm m ss s SSS a, such as yyyy-MM-dd HH:mm"
            ),
            (
                ", format: yyyyMMdd", "",
                "mapping shop.yaml: events[0].fields.ts: a timestamp needs a format; use iso8601, epoch_seconds, epoch_milliseconds, or a pattern of yyyy MM M dd d HH H hh h mm m ss s SSS a, such as yyyy-MM-dd HH:mm"
            ),
            (
                "format: yyyyMMdd", "format: yyyyMMdd, timezone: Mars/Base",
                "mapping shop.yaml: events[0].fields.ts.timezone: unknown time zone 'Mars/Base'; use a name such as UTC or Europe/London"
            ),
            (
                "column: date", "colum: date",
                "mapping shop.yaml: events[0].fields.ts: unknown key 'colum'; known keys are column, template, constant, calculate, sum, type, format, timezone, decimals, default, optional, each, fields"
            ),
            (
                "column: date", "column: date, constant: 5",
                "mapping shop.yaml: events[0].fields.ts: has both column and constant; give exactly one of column, template, constant, calculate, sum"
            ),
            (
                "type: timestamp", "type: moment",
                "mapping shop.yaml: events[0].fields.ts.type: unknown type 'moment'; use one of string, integer, decimal, quantity, money, timestamp"
            ),
            (
                "type: money", "type: money, format: yyyy",
                "mapping shop.yaml: events[0].fields.total_amount.format: has no meaning for type money; remove it"
            ),
            (
                "type: money", "type: money, decimals: 5",
                "mapping shop.yaml: events[0].fields.total_amount.decimals: must be a whole number from 0 to 4, not '5'"
            ),
            (
                "{price} * 2", "{price} ** 2",
                "mapping shop.yaml: events[0].fields.total_amount.calculate: '*' is not expected; use columns in braces, numbers and + - * / ( ) in '{price} ** 2'"
            ),
            (
                "{price} * 2", "({price} * 2",
                "mapping shop.yaml: events[0].fields.total_amount.calculate: a parenthesis is not closed in '({price} * 2'"
            ),
            (
                "\"{sku}\"", "\"{sku\"",
                "mapping shop.yaml: events[0].fields.items.fields.product_id: a brace is not closed in '{sku'"
            ),
            (
                "\"{sku}\"", "derived",
                "mapping shop.yaml: events[0].fields.items.fields.product_id: only fields of the event itself can be derived"
            ),
            (
                "each: row", "each: lines",
                "mapping shop.yaml: events[0].fields.items.each: must be row; only ndjson rows hold arrays of their own, such as 'lines'"
            ),
            (
                "format: csv", "format: xml",
                "mapping shop.yaml: format: unknown format 'xml'; use one of csv, whitespace, ndjson"
            ),
            (
                "format: csv", "format: whitespace\ndelimiter: ';'",
                "mapping shop.yaml: delimiter: has no meaning for format whitespace; remove it"
            ),
            (
                "format: csv", "format: csv\ndelimiter: ;;",
                "mapping shop.yaml: delimiter: must be one ASCII character or tab, not ';;'"
            ),
            (
                "format: csv", "format: csv\nheader: no",
                "mapping shop.yaml: header: without a header the mapping must name the columns; add columns: [first, second, …]"
            ),
            ("format: csv", "format: csv\nheader: maybe", "mapping shop.yaml: header: must be yes or no, not 'maybe'"),
            (
                "format: csv", "format: csv\ncolumns: [date, sku]",
                "mapping shop.yaml: events read the column 'price', which is not among columns: date, sku"
            ),
            (
                "format: csv", "format: csv\nfields: x",
                "mapping shop.yaml: unknown key 'fields'; known keys are name, description, format, header, columns, delimiter, quote, encoding, empty_values, decimal_comma, events"
            ),
            (
                "name: shop", "name: my shop!",
                "mapping shop.yaml: name: may have up to 64 letters, digits, dots, hyphens and underscores, not 'my shop!'"
            ),
            ("name: shop\n", "", "mapping shop.yaml: name is missing; it becomes part of derived ids"),
            (
                "- type: purchase\n", "- group_by: [sku]\n",
                "mapping shop.yaml: events[0]: type is missing; name the event, such as purchase"
            ),
            (
                "- type: purchase\n", "- type: purchase\n    when: {sku: {matches: x}}\n",
                "mapping shop.yaml: events[0].when.sku: unknown key 'matches'; known keys are equals, not_equals, one_of, starts_with, ends_with, contains, empty"
            ),
            (
                "- type: purchase\n", "- type: purchase\n    max_rows_held: 5\n",
                "mapping shop.yaml: events[0].max_rows_held: has a meaning only beside group_by; remove it"
            ),
            (
                "event_id: derived", "type: purchase",
                "mapping shop.yaml: events[0].fields.type: is written beside fields, not inside them"
            ),
        ])
    func errors(original: String, wrong: String, expected: String) {
        #expect(MappingTests.good.contains(original))
        #expect(MappingTests.problem(MappingTests.good.replacing(original, with: wrong)) == expected)
    }

    @Test("what is not YAML, not a map, empty, or too large is one line")
    func trees() {
        #expect(MappingTests.problem("") == "mapping shop.yaml: is empty; it needs name, format and events")
        #expect(MappingTests.problem("- a") == "mapping shop.yaml: must be a map with name, format and events")
        for yaml in ["a: [", "a: 1\na: 2", "\u{0}", "a: *b", String(repeating: "[", count: 5_000)] {
            let problem = MappingTests.problem(yaml)
            #expect(
                problem.hasPrefix("mapping shop.yaml: is not valid YAML: ") && !problem.contains("\n"), "\(problem)")
        }
        #expect(MappingTests.problem(String(repeating: "#\n", count: 40_000)).contains("is longer than 65536 bytes"))
        var laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 {
            laughs +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
                + "]\n"
        }
        #expect(MappingTests.problem(laughs).contains("has more than 10000 values"))
    }

    @Test("the shipped mappings are found by name, any mapping by its path, and an unknown name lists the known ones")
    func library() throws {
        #expect(try Package.mappings.names() == ["cdnow", "online-retail"])
        for name in try Package.mappings.names() { #expect(try Package.mappings.mapping(name).name == name) }
        let path = "\(Package.root)/mappings/cdnow.yaml"
        #expect(try MappingLibrary(folder: "/nowhere").mapping(path).name == "cdnow")
        func problem(_ library: MappingLibrary, _ name: String) -> String {
            do {
                return try library.mapping(name).name
            } catch {
                return "\(error)"
            }
        }
        #expect(
            problem(Package.mappings, "cdnov")
                == "mapping cdnov: there is no mapping of this name; use one of cdnow, online-retail, or the path of a YAML file"
        )
        #expect(problem(Package.mappings, "no/such.yaml").hasPrefix("mapping no/such.yaml: cannot be read ("))
        #expect(
            problem(MappingLibrary(folder: "/nowhere"), "cdnow").hasPrefix(
                "mapping /nowhere: the folder of mappings cannot be read"))
    }

    @Test("a mapping shows what events it makes of which fields, so that they can be checked beforehand")
    func outlines() throws {
        let outlines = try Package.mappings.mapping("online-retail").outlines
        #expect(outlines.map(\.type) == ["order_status", "purchase"])
        #expect(outlines.map(\.path) == ["events[0]", "events[1]"])
        #expect(outlines[1].fields.prefix(4) == ["event_id", "order_id", "user_id", "session_id"])
    }
}
