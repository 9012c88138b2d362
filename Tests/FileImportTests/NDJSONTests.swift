import FileImport
import Testing

@Suite("JSON rows") struct NDJSONTests {
    static let yaml = """
        name: json
        format: ndjson
        events:
          - type: purchase
            fields:
              event_id: derived
              user_id: "{customer.id}"
              ts: {column: at, type: timestamp, format: epoch_seconds}
              items:
                each: lines
                fields:
                  product_id: "{sku}"
                  quantity: {column: qty, type: quantity}
                  unit_price: {column: price.amount, type: money}
              total_amount: {each: lines, sum: "{qty} * {price.amount}", type: money}
              note: {column: note, optional: yes}
        """

    static func line(_ customer: String, _ lines: String, _ rest: String = "") -> String {
        #"{"customer": {"id": \#(customer)}, "at": 1706696430, "lines": \#(lines)\#(rest)}"#
    }

    @Test("values lie at dotted paths, items in arrays, and numbers keep their digits")
    func paths() throws {
        let text = NDJSONTests.line(
            "17",
            #"[{"sku":"a\u00e9\ud83d\ude00","qty":3,"price":{"amount":0.10}},{"sku":7,"qty":"2","price":{"amount":"1.05"}}]"#,
            #", "note": null, "other": [[{"sku": 1}], {"lines": [1]}]"#)
        let result = try ImportedFile(text + "\r\n\n", NDJSONTests.yaml)
        let json = try #require(result.json.first)
        #expect(result.rejected.isEmpty)
        #expect(
            json.contains(
                #""user_id":"17","ts":"2024-01-31T10:20:30Z","items":[{"product_id":"aé😀","quantity":3,"unit_price":0.10},{"product_id":"7","quantity":2,"unit_price":1.05}],"total_amount":2.40}"#
            ))
    }

    @Test(
        "a line that is no JSON object, or not of the shape, is rejected with its reason",
        arguments: [
            ("[]", "not_json"), ("{", "not_json"), ("{} {}", "not_json"), (#"{"a":01}"#, "not_json"),
            (#"{"a":"\ud800"}"#, "not_json"), (#"{"a":1,}"#, "not_json"), (#"{"a":nul}"#, "not_json"),
            ("{\"a\":\"\u{1}\"}", "not_json"), ("12", "not_json"), ("{}", "missing_field:user_id"),
            (String(repeating: "{\"a\":", count: 500) + "1" + String(repeating: "}", count: 500), "not_json"),
            (NDJSONTests.line("{}", "[]"), "wrong_type:user_id"),
            (NDJSONTests.line("null", "[]"), "missing_field:user_id"),
            (NDJSONTests.line("1", "[]"), "empty_items"), (NDJSONTests.line("1", "5"), "empty_items"),
            (NDJSONTests.line("1", "[5]"), "wrong_type:product_id"),
            (NDJSONTests.line("1", #"[{"sku":"a","qty":1}]"#), "missing_field:unit_price"),
            (NDJSONTests.line("1", #"[{"sku":"a","qty":1,"price":{"amount":1e2}}]"#), "bad_money"),
        ])
    func faults(line: String, reason: String) throws {
        let good = NDJSONTests.line("1", #"[{"sku":"a","qty":1,"price":{"amount":1}}]"#)
        let result = try ImportedFile("\(good)\n\(line)\n\(good)", NDJSONTests.yaml)
        #expect(result.rejections == ["2 \(reason)"])
        #expect(result.events.count == 2)
        #expect(Set(result.texts("event_id")).count == 2)
    }

    @Test("a line that is not UTF-8 is rejected as that")
    func encoding() throws {
        let mapping = try Mapping(yaml: NDJSONTests.yaml, source: "json.yaml")
        #expect(
            try ImportedFile(Array("{\"a\":\"".utf8) + [0xff] + Array("\"}".utf8), mapping: mapping).reasons == [
                "bad_utf8"
            ])
    }
}
