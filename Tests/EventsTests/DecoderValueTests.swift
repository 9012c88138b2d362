import Events
import Testing

@Suite struct DecoderValueTests {
    @Test(
        arguments: [
            ("0", 0), ("12", 120_000), ("12.3", 123_000), ("12.34", 123_400), ("12.345", 123_450), ("12.3456", 123_456),
            ("0.0001", 1), ("99999999999999.9999", 999_999_999_999_999_999), ("-0", 0), ("\"0.10\"", 1_000),
            ("\"99999999999999\"", 999_999_999_999_990_000), ("\"007.50\"", 75_000), ("\"-0.0\"", 0),
        ] as [(String, Int64)])
    func moneyIsExact(_ json: String, _ amount: Int64) {
        #expect(Sample(.cart).with("unit_price", json).verdict.event?.numbers[.unitPrice] == amount)
        let items = "[{\"product_id\":\"p\",\"quantity\":1,\"unit_price\":\(json)}]"
        #expect(Sample(.purchase).with("items", items).verdict.event?.items.first?.price == amount)
    }

    @Test(
        arguments: [
            "1.23456", "-1", "-0.0001", "1e2", "1E2", "1e-2", "100000000000000", "999999999999999.0", "\"\"", "\"-\"",
            "\".5\"",
            "\"5.\"", "\"+5\"", "\" 5\"", "\"5 \"", "\"1,5\"", "\"1e2\"", "\"NaN\"", "\"0x10\"", "\"100000000000000\"",
            "\"1.23456\"", "\"-1\"", "\"\\u0031\"", "\"1.2.3\"", "\"--1\"", "\"１\"", "18446744073709551617",
        ] as [String])
    func whatIsNoMoneyIsBadMoney(_ json: String) {
        #expect(Sample(.cart).with("unit_price", json).verdict.reason == "bad_money")
        let items = "[{\"product_id\":\"p\",\"quantity\":1,\"unit_price\":\(json)}]"
        #expect(Sample(.purchase).with("items", items).verdict.reason == "bad_money")
    }

    @Test(arguments: ["01", "00.5", "1.", ".5", "+1", "1_000"] as [String])
    func numbersByAnotherGrammarAreNotJSON(_ json: String) {
        #expect(Sample(.cart).with("unit_price", json).verdict.reason == "not_json")
        #expect(Sample(.cart).with("quantity", json).verdict.reason == "not_json")
        #expect(Sample(.cart).with("ts", json).verdict.reason == "not_json")
    }

    @Test func currenciesAreThoseOfISO4217() {
        for code in ["VND", "USD", "EUR", "JPY", "HRK", "ZWL", "XXX", "SLE"] {
            #expect(Sample(.cart).with("currency", "\"\(code)\"").verdict.event?.strings[.currency] == code)
        }
        for code in ["", "US", "USDD", "usd", "Usd", "ZZZ", "ABC", "12A", "€", "VN\\u0044\\u0044", "@AA", "[[["] {
            #expect(Sample(.cart).with("currency", "\"\(code)\"").verdict.reason == "bad_currency", "\(code)")
        }
        #expect(Sample(.cart).with("currency", #""\u0055SD""#).verdict.event?.strings[.currency] == "USD")
        let known = (0..<256).map(UInt8.init).reduce(0) { sum, a in
            sum + (0..<256).filter { Currency.isKnown(a, UInt8($0), 68) }.count
        }
        // Those that end in D, of all pairs of bytes before it: nothing outside of A to Z strays into the table.
        #expect(known == 39)
    }

    @Test(
        arguments: [
            ("1", nil, nil), ("1000000", nil, nil), ("0", nil, "bad_quantity"), ("-1", nil, "bad_quantity"),
            ("1000001", nil, "bad_quantity"), ("-0", nil, "bad_quantity"), ("0", "add", "bad_quantity"),
            ("0", "update", nil),
            ("0", "remove", nil), ("-1", "remove", "bad_quantity"), ("999999999999999999", nil, "bad_quantity"),
            ("1000000000000000000", nil, "wrong_type:quantity"), ("1.0", nil, "wrong_type:quantity"),
            ("1e0", "update", "wrong_type:quantity"), ("\"1\"", nil, "wrong_type:quantity"),
        ] as [(String, String?, String?)])
    func quantitiesAreBounded(_ json: String, _ action: String?, _ reason: String?) {
        let sample = Sample(.cart).with("quantity", json).with("action", action.map { "\"\($0)\"" } ?? "null")
        #expect(sample.verdict.reason == reason)
        // An update may come before or after its action.
        var swapped = sample
        swapped.pairs.reverse()
        #expect(swapped.verdict.reason == reason)
    }

    @Test func otherIntegersHaveBoundsOfTheirOwn() {
        func reason(_ type: EventType, _ name: String, _ json: String) -> String? {
            Sample(type).with(name, json).verdict.reason
        }
        #expect(Sample(.stock).with("change", "-2147483647").verdict.event?.numbers[.change] == -2_147_483_647)
        #expect(reason(.stock, "change", "2147483648") == "wrong_type:change")
        #expect(reason(.stock, "change", "0") == nil)
        #expect(reason(.search, "results", "-1") == "wrong_type:results")
        #expect(reason(.search, "results", "2147483648") == "wrong_type:results")
        #expect(reason(.click, "dwell_ms", "-1") == "wrong_type:dwell_ms")
        #expect(
            Sample(.click).with("dwell_ms", "999999999999999999").verdict.event?.numbers[.dwellMS]
                == 999_999_999_999_999_999)
    }

    private static let base: Int64 = 1_767_323_045_000_000

    @Test(
        arguments: [
            ("\"2026-01-02T03:04:05Z\"", base), ("\"2026-01-02t03:04:05z\"", base), ("\"2026-01-02 03:04:05Z\"", base),
            ("\"2026-01-02T03:04:05+00:00\"", base), ("\"2026-01-02T03:04:05-00:00\"", base),
            ("\"2026-01-02T10:04:05+07:00\"", base), ("\"2026-01-02T08:34:05+05:30\"", base),
            ("\"2026-01-01T23:34:05-03:30\"", base), ("\"2026-01-03T03:03:05+23:59\"", base),
            ("\"2026-01-02T03:04:05.1Z\"", base + 100_000), ("\"2026-01-02T03:04:05.12Z\"", base + 120_000),
            ("\"2026-01-02T03:04:05.123Z\"", base + 123_000), ("\"2026-01-02T03:04:05.1234Z\"", base + 123_400),
            ("\"2026-01-02T03:04:05.12345Z\"", base + 123_450), ("\"2026-01-02T03:04:05.123456Z\"", base + 123_456),
            ("\"2026-01-02T03:04:05.1234567Z\"", base + 123_456), ("\"2026-01-02T03:04:05.12345678Z\"", base + 123_456),
            ("\"2026-01-02T03:04:05.123456789Z\"", base + 123_456),
            ("\"2026-01-02T03:04:05.999999999+00:00\"", base + 999_999),
            ("\"2016-12-31T23:59:60Z\"", 1_483_228_800_000_000), ("\"2024-02-29T00:00:00Z\"", 1_709_164_800_000_000),
            ("\"2000-02-29T00:00:00Z\"", 951_782_400_000_000), ("1767323045000", base),
            ("631152000000", 631_152_000_000_000),
            ("\"1990-01-01T00:00:00Z\"", 631_152_000_000_000),
        ] as [(String, Int64)])
    func timestampsAreReadToTheMicrosecond(_ json: String, _ micros: Int64) {
        #expect(Sample(.click).with("ts", json).verdict.event?.numbers[.ts] == micros)
    }

    @Test(
        arguments: [
            "\"\"", "\"2026-01-02\"", "\"2026-01-02T03:04:05\"", "\"2026-01-02T03:04Z\"", "\"2026-1-02T03:04:05Z\"",
            "\"2026-13-02T03:04:05Z\"", "\"2026-00-02T03:04:05Z\"", "\"2026-01-32T03:04:05Z\"",
            "\"2026-01-00T03:04:05Z\"",
            "\"2026-02-29T03:04:05Z\"", "\"1900-02-29T03:04:05Z\"", "\"2026-04-31T03:04:05Z\"",
            "\"2026-01-02T24:00:00Z\"",
            "\"2026-01-02T03:60:05Z\"", "\"2026-01-02T03:04:61Z\"", "\"2026-01-02T03:04:05.Z\"",
            "\"2026-01-02T03:04:05.1234567890Z\"", "\"2026-01-02T03:04:05+0700\"", "\"2026-01-02T03:04:05+07\"",
            "\"2026-01-02T03:04:05+24:00\"", "\"2026-01-02T03:04:05+07:60\"", "\"2026-01-02T03:04:05Z \"",
            "\" 2026-01-02T03:04:05Z\"", "\"2026/01/02T03:04:05Z\"", "\"2026-01-02X03:04:05Z\"",
            "\"+2026-01-02T03:04:05Z\"",
            "\"2026-01-02T03:04:05,5Z\"", "\"1767323045000\"", "\"2026-01-02T03:04:05\\u005a\"", "1.5",
            "1767323045000.0",
            "1.7e12", "1767323045", "0", "-1", "631151999999", "\"1989-12-31T23:59:59.999999Z\"", "9223372036854775807",
            "99999999999999999", "\"0000-01-01T00:00:00Z\"",
        ] as [String])
    func whatIsNoInstantIsABadTimestamp(_ json: String) {
        #expect(Sample(.click).with("ts", json).verdict.reason == "bad_timestamp")
    }

    @Test func eventsMayBeADayAheadOfTheClock() {
        let now = 1_767_323_045_678_000 as Int64
        let text = Sample(.click).text
        #expect(decode(text, now: now).event != nil)
        #expect(decode(text, now: now - Timestamp.day).event != nil)
        #expect(decode(text, now: now - Timestamp.day - 1).reason == "too_far_in_future")
        #expect(decode(text, now: 0).reason == "too_far_in_future")
        #expect(
            Sample(.click).with("ts", "\"9999-12-31T23:59:60.999999999-23:59\"").verdict.event != nil,
            "no clock, no bound")
    }

    @Test(
        arguments: [
            ("[]", "empty_items"), ("[ ]", "empty_items"), ("[1]", "wrong_type:items"), ("[[]]", "wrong_type:items"),
            ("[null]", "wrong_type:items"), ("[{}]", "missing_field:product_id"),
            (#"[{"quantity":1,"unit_price":1}]"#, "missing_field:product_id"),
            (#"[{"product_id":"","quantity":1,"unit_price":1}]"#, "missing_field:product_id"),
            (#"[{"product_id":"p","unit_price":1}]"#, "missing_field:quantity"),
            (#"[{"product_id":"p","quantity":1}]"#, "missing_field:unit_price"),
            (#"[{"product_id":7,"quantity":1,"unit_price":1}]"#, "wrong_type:product_id"),
            (#"[{"product_id":"p","quantity":"1","unit_price":1}]"#, "wrong_type:quantity"),
            (#"[{"product_id":"p","quantity":1.5,"unit_price":1}]"#, "wrong_type:quantity"),
            (#"[{"product_id":"p","quantity":1,"unit_price":[]}]"#, "wrong_type:unit_price"),
            (#"[{"product_id":"p","quantity":0,"unit_price":1}]"#, "bad_quantity"),
            (#"[{"product_id":"p","quantity":-1,"unit_price":1}]"#, "bad_quantity"),
            (#"[{"product_id":"p","quantity":1000001,"unit_price":1}]"#, "bad_quantity"),
            (#"[{"product_id":"p","quantity":1,"unit_price":-1}]"#, "bad_money"),
            (#"[{"product_id":"p","quantity":1,"unit_price":1},{"product_id":"q"}]"#, "missing_field:quantity"),
            (#"[{"product_id":"p","quantity":1,"unit_price":1},]"#, "not_json"),
            (#"[{"product_id":"p","quantity":1,"unit_price":1}"#, "not_json"),
        ] as [(String, String)])
    func itemsAreJudgedOneByOne(_ json: String, _ reason: String) {
        #expect(Sample(.purchase).with("items", json).verdict.reason == reason)
    }

    @Test func itemsMayHoldOtherFieldsAndIdsUpToTheLimit() {
        let id = String(repeating: "x", count: 128)
        func items(_ id: String) -> String {
            "[{\"colour\":{\"a\":[1]},\"product_id\":\"\(id)\",\"quantity\":1,\"event_id\":7,\"unit_price\":1}]"
        }
        #expect(Sample(.purchase).with("items", items(id)).verdict.event?.items.first?.product == id)
        #expect(Sample(.purchase).with("items", items(id + "x")).verdict.reason == "wrong_type:product_id")
    }

    @Test func aPurchaseHoldsAtMostTenThousandItems() {
        func items(_ count: Int) -> String {
            let item = #"{"product_id":"p","quantity":1,"unit_price":1}"#
            return "[" + repeatElement(item, count: count).joined(separator: ",") + "]"
        }
        #expect(Sample(.purchase).with("items", items(10_000)).verdict.event?.items.count == 10_000)
        #expect(Sample(.purchase).with("items", items(10_001)).verdict.reason == "too_large")
    }

    @Test(
        arguments: [
            ("21.25", false), ("21.26", false), ("21.24", false), ("21.2601", true), ("21.2399", true), ("0", true),
            ("99999999999999", true),
        ] as [(String, Bool)])
    func aTotalMayDifferByACent(_ total: String, _ mismatch: Bool) {
        #expect(Sample(.purchase).with("total_amount", total).verdict.event?.totalMismatch == mismatch)
        // items 21.25 − 1.50 + 1.50 + 1.50, when all parts are given.
        let all = Sample(.purchase, all: true).with("total_amount", "22.75")
        #expect(all.verdict.event?.totalMismatch == false)
        #expect(all.with("discount", "1.52").verdict.event?.totalMismatch == true)
        #expect(all.with("shipping", "null").verdict.event?.totalMismatch == true)
    }

    @Test func aTotalThatOverflowsIsAMismatchAndNoCrash() {
        let item = #"{"product_id":"p","quantity":1000000,"unit_price":99999999999999.9999}"#
        #expect(Sample(.purchase).with("items", "[\(item),\(item)]").verdict.event?.totalMismatch == true)
        let most = "99999999999999.9999"
        let sample = Sample(.purchase, all: true).with("shipping", most).with("tax", most).with("discount", "0")
        #expect(sample.with("total_amount", most).verdict.event?.totalMismatch == true)
    }
}
