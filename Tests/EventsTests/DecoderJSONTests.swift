import Events
import Foundation
import Testing

@Suite struct DecoderJSONTests {
    @Test(arguments: EventType.allCases)
    func keysComeInAnyOrder(_ type: EventType) {
        let sample = Sample(type, all: true)
        var random = Seeded(state: UInt64(type.rawValue))
        for _ in 0..<20 {
            var shuffled = sample
            shuffled.pairs.shuffle(using: &random)
            #expect(shuffled.verdict == sample.verdict)
        }
    }

    @Test func whiteSpaceMayStandAnywhereBetween() {
        let space = " \t\r\n"
        let items =
            "[\(space){\(space)\"product_id\"\(space):\(space)\"p\"\(space),\"quantity\":1 , \"unit_price\" : 2 } ]"
        let sample = Sample(.purchase).with("items", items)
        let text =
            space + "{"
            + sample.pairs.map { "\(space)\"\($0.key)\"\(space):\(space)\($0.json)\(space)" }
            .joined(separator: ",") + "}" + space
        #expect(decode(text).event?.items == [.init(product: "p", quantity: 1, price: 20_000)])
        #expect(decode("{" + "\u{b}" + Sample(.click).text.dropFirst()).reason == "not_json")
        #expect(decode("\u{feff}" + Sample(.click).text).reason == "not_json")
    }

    @Test(
        arguments: [
            (#"\""#, "\""), (#"\\"#, "\\"), (#"\/"#, "/"), (#"\b"#, "\u{8}"), (#"\f"#, "\u{c}"), (#"\n"#, "\n"),
            (#"\r"#, "\r"),
            (#"\t"#, "\t"), (#"\u0041"#, "A"), (#"\u00E9"#, "é"), (#"\u20ac"#, "€"), (#"\ud83D\uDE00"#, "😀"),
            (#"\u0000"#, "\0"),
            (#"\uffff"#, "\u{ffff}"), (#"a\u0062c\n\ud800\udc00z"#, "abc\n\u{10000}z"),
            (#"\udbff\udfff"#, "\u{10ffff}"),
        ] as [(String, String)])
    func escapesAreUndone(_ escaped: String, _ plain: String) {
        #expect(Sample(.click).with("page", "\"\(escaped)\"").verdict.event?.strings[.page] == plain)
    }

    @Test(
        arguments: [
            #"\x"#, #"\u12"#, #"\u12g4"#, #"\ud800"#, #"\ud800x"#, #"\ud800\n"#, #"\ud800\ud800"#, #"\udc00"#,
            #"\U0041"#, "\n", "\u{1f}", "\0",
        ] as [String])
    func malformedStringsAreNotJSON(_ text: String) {
        #expect(Sample(.click).with("page", "\"\(text)\"").verdict.reason == "not_json")
        #expect(Sample(.click).with("unknown", "\"\(text)\"").verdict.reason == "not_json")
        #expect(decode("{\"\(text)\":1," + Sample(.click).text.dropFirst()).reason == "not_json")
    }

    @Test func escapesInKeysCount() {
        let text = Sample(.click).text.replacingOccurrences(of: "\"user_id\"", with: #""\u0075ser\u005fi\u0064""#)
        #expect(decode(text) == Sample(.click).verdict)
        let items = #"[{"\u0070roduct_id":"p","quantity":1,"unit_price":2}]"#
        #expect(Sample(.purchase).with("items", items).verdict.event?.items.first?.product == "p")
    }

    @Test func theLastOfSeveralEqualKeysCounts() {
        func twice(_ key: String, _ first: String, _ second: String, _ type: EventType) -> Verdict {
            decode("{\"\(key)\":\(first)," + Sample(type, all: true).with(key, second).text.dropFirst())
        }
        let good = Sample(.cart, all: true).verdict
        for key in ["event_id", "quantity", "ts", "unit_price", "currency", "action"] {
            for wrong in ["true", "\"\"", "-1", "null", "\"other\""] {
                #expect(twice(key, wrong, Sample.json(key), .cart) == good, "\(key): \(wrong)")
            }
        }
        #expect(twice("user_id", "\"u\"", "null", .cart).reason == "missing_field:user_id")
        #expect(twice("user_id", "\"u\"", "7", .cart).reason == "wrong_type:user_id")
        #expect(twice("type", "7", "\"cart\"", .cart) == good)
        #expect(twice("type", "\"nothing\"", "\"cart\"", .cart) == good)
        let items = Sample.json("items")
        let bought = Sample(.purchase, all: true).verdict
        for wrong in ["[]", "[1]", "7", "null", "[{}]", "[{\"product_id\":\"x\",\"quantity\":5,\"unit_price\":1}]"] {
            #expect(twice("items", wrong, items, .purchase) == bought, "items: \(wrong)")
        }
        #expect(twice("items", items, "null", .purchase).reason == "missing_field:items")
        #expect(twice("items", items, "[]", .purchase).reason == "empty_items")
    }

    @Test func theLastOfSeveralEqualKeysCountsInAnItemToo() {
        func item(_ text: String) -> Verdict { Sample(.purchase).with("items", "[{\(text)}]").verdict }
        let good: [DecodedEvent.Item] = [.init(product: "p", quantity: 2, price: 30_000)]
        let rest = #""product_id":"p","quantity":2,"unit_price":3"#
        for wrong in [
            #""quantity":"x""#, #""quantity":1.5"#, #""unit_price":"x""#, #""unit_price":true"#, #""product_id":7"#,
            #""product_id":"""#, #""quantity":null"#,
        ] {
            #expect(item(wrong + "," + rest).event?.items == good, "\(wrong)")
        }
        #expect(item(rest + #","product_id":null"#).reason == "missing_field:product_id")
        #expect(item(rest + #","quantity":null"#).reason == "missing_field:quantity")
        #expect(item(rest + #","unit_price":"x""#).reason == "bad_money")
        #expect(item(rest + #","quantity":"1""#).reason == "wrong_type:quantity")
    }

    @Test func nestingIsBounded() {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            Sample(.click).with(
                "unknown", String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
            ).text
        }
        #expect(decode(nested(EventLimits.depth, "[", "]")).event != nil)
        #expect(decode(nested(EventLimits.depth, "{\"a\":", "}")).event != nil)
        #expect(decode(nested(EventLimits.depth + 1, "[", "]")).reason == "not_json")
        #expect(decode(nested(EventLimits.depth + 1, "{\"a\":", "}")).reason == "not_json")
        #expect(decode(nested(100_000, "[", "]")).reason == "not_json")
        #expect(decode(String(repeating: "[", count: 1_000_000)).reason == "not_json")
    }

    @Test(arguments: EventType.allCases)
    func whatFollowsTheEventIsRejected(_ type: EventType) {
        for rest in ["x", "}", ",", "{}", "\0", " 1", "\"", "//"] {
            #expect(decode(Sample(type).text + rest).reason == "not_json")
        }
    }

    @Test(arguments: EventType.allCases)
    func noBeginningOfAnEventIsAnEvent(_ type: EventType) {
        let bytes = Array(Sample(type, all: true).with("page", #""é\ud83d\ude00\n""#).text.utf8)
        for count in 0..<bytes.count {
            let reason = decode(Array(bytes[0..<count])).reason
            #expect(reason == "not_json" || reason == "bad_utf8", "\(count) bytes")
        }
        #expect(decode(bytes).event != nil)
    }

    @Test(
        arguments: [
            "", " ", "null", "true", "1", "\"{}\"", "[]", "[{}]", "{", "}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
            "{a:1}",
            "{'a':1}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":NaN}",
            "{\"a\":tru}", "{\"a\":nul}", "{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":{\"b\" 1}}", "{\"a\":1 \"b\":2}",
            "{\"a\"::1}",
            "{\"a\":0x1}", "{\"a\":1e+}", "{\"a\":--1}", "{\"a\":undefined}",
        ] as [String])
    func whatIsNoJSONObjectIsNotJSON(_ text: String) {
        #expect(decode(text).reason == "not_json")
    }

    @Test func anEmptyObjectLacksItsType() {
        #expect(decode("{}").reason == "missing_field:type")
        #expect(decode(" { } ").reason == "missing_field:type")
    }

    @Test(
        arguments: [
            [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf],
            [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf],
            [0xf0, 0x9f, 0x98], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xfe],
        ] as [[UInt8]])
    func malformedUTF8IsNamedWhereverItStands(_ bad: [UInt8]) {
        let text = Array(Sample(.click, all: true).text.utf8)
        for at in 0...text.count {
            let bytes = Array(text[0..<at]) + bad + Array(text[at...])
            #expect(decode(bytes).reason == "bad_utf8", "at \(at)")
        }
    }

    @Test(
        arguments: [
            "é", "€", "😀", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{d7ff}", "\u{e000}", "\u{10000}", "\u{10ffff}",
            "\u{7f}",
        ] as [String])
    func wellFormedUTF8IsKept(_ text: String) {
        #expect(Sample(.search).with("query", "\"\(text)\"").verdict.event?.strings[.query] == text)
    }

    @Test func anEventHoldsAtMostOneMebibyte() {
        let plain = Sample(.search).with("filler", "\"\"").text.utf8.count
        func filled(_ bytes: Int) -> String {
            Sample(.search).with("filler", "\"" + String(repeating: "x", count: bytes - plain) + "\"").text
        }
        #expect(decode(filled(1 << 20)).event != nil)
        #expect(decode(filled(1 << 20 + 1)).reason == "too_large")
    }

    @Test func aBatchIsAsBeforeAfterARejection() throws {
        let batch = EventBatch(capacity: 3)
        let texts = [Sample(.purchase).text, Sample(.purchase).without("ts").text, Sample(.purchase, all: true).text]
        let padded = texts.map { PaddedBytesBox(Array($0.utf8)) }
        let decoder = EventDecoder()
        #expect(decoder.decode(padded[0].bytes.bytes, into: batch) == nil)
        #expect(decoder.decode(padded[1].bytes.bytes, into: batch)?.description == "missing_field:ts")
        #expect(batch.count == 1)
        #expect(decoder.decode(padded[2].bytes.bytes, into: batch) == nil)
        #expect(batch.count == 2)
        #expect(DecodedEvent(batch, 0) == decode(texts[0]).event)
        #expect(DecodedEvent(batch, 1) == decode(texts[2]).event)
        #expect(batch.items(1) == 2..<4)
        // The batch points into these.
        withExtendedLifetime(padded) {}
    }
}

final class PaddedBytesBox {
    let bytes: PaddedBytes
    init(_ bytes: [UInt8]) { self.bytes = PaddedBytes(copying: bytes) }
}
