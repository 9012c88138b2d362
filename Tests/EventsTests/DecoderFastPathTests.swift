import Events
import Testing

@Suite struct DecoderFastPathTests {
    /// Whether the fast path took the event, with what came of it; the rest is checked to be as it was.
    private static func fast(_ text: String, _ decoder: borrowing EventDecoder) -> DecodedEvent? {
        let bytes = PaddedBytes(copying: Array(text.utf8))
        let batch = EventBatch(capacity: 1)
        guard decoder.decodeFast(bytes.start, count: bytes.count, into: batch) else {
            #expect(batch.count == 0 && batch.itemCount == 0, "rows were left behind by \(text)")
            return nil
        }
        return withExtendedLifetime(bytes.count) { DecodedEvent(batch, 0) }
    }

    private static func general(_ text: String) -> Verdict {
        let bytes = PaddedBytes(copying: Array(text.utf8))
        let batch = EventBatch(capacity: 1)
        if let reason = EventDecoder().decodeGeneral(bytes.start, count: bytes.count, into: batch) {
            return .rejected(reason.description)
        }
        return withExtendedLifetime(bytes.count) { .accepted(DecodedEvent(batch, 0)) }
    }

    /// The sample's members with other separators.
    private func text(_ sample: Sample, _ comma: String, _ colon: String) -> String {
        "{" + sample.pairs.map { "\"\($0.key)\"\(colon)\($0.json)" }.joined(separator: comma) + "}"
    }

    @Test(arguments: EventType.allCases, [(",", ":"), (", ", ": "), (",", ": "), (", ", ":")])
    func commonLayoutsTakeTheFastPathInAnyOrder(_ type: EventType, _ separators: (String, String)) {
        var random = Seeded(state: UInt64(type.rawValue))
        let decoder = EventDecoder()
        for all in [false, true] {
            var sample = Sample(type, all: all)
            for _ in 0..<20 {
                let event = text(sample, separators.0, separators.1)
                let found = Self.fast(event, decoder)
                #expect(found != nil && found == Self.general(event).event, "\(event)")
                sample.pairs.shuffle(using: &random)
            }
        }
    }

    @Test(
        arguments: [
            (.click, "user_id", #""a b""#), (.click, "user_id", #""é""#), (.click, "user_id", #""\u1ebf""#),
            (.click, "page", #""áo dài \"lụa\"""#), (.search, "query", #""ผ้าไหม 😀""#), (.click, "store_id", #""""#),
            (.click, "store_id", "null"), (.click, "dwell_ms", "null"), (.click, "channel", "null"),
            (.purchase, "discount", "null"), (.purchase, "currency", #""THB""#), (.purchase, "total_amount", "0"),
            (.purchase, "total_amount", #""007.5""#), (.purchase, "total_amount", "12345678.9"),
            (.purchase, "total_amount", "99999999999999.9999"), (.click, "dwell_ms", "0"),
            (.click, "dwell_ms", "999999999999999999"), (.stock, "change", "-7"), (.click, "ts", "1767323045000"),
            (.click, "ts", #""2026-01-02T03:04:05Z""#), (.click, "ts", #""2026-01-02 10:04:05.123456+07:00""#),
            (.click, "ts", #""2026-01-02T03:04:05.123456789Z""#), (.click, "colour", #"{"rgb":[1,2,3],"é":"\n"}"#),
            (.cart, "items", #"[{"product_id":"p","quantity":1,"unit_price":1}]"#),
        ] as [(EventType, String, String)])
    func whatSendersCommonlyWriteTakesTheFastPath(_ type: EventType, _ name: String, _ json: String) {
        let event = Sample(type, all: true).with(name, json).text
        let decoder = EventDecoder()
        for _ in 0..<2 {
            let found = Self.fast(event, decoder)
            #expect(found != nil && found == Self.general(event).event, "\(event)")
        }
    }

    @Test(
        arguments: [
            (.click, "user_id", "7"), (.click, "user_id", #""""#), (.click, "channel", #""mars""#),
            (.click, "channel", #""shopee2""#), (.click, "dwell_ms", "01"), (.click, "dwell_ms", "1.0"),
            (.click, "dwell_ms", "1e3"), (.click, "dwell_ms", "-1"), (.click, "ts", "0"), (.click, "ts", "null"),
            (.click, "ts", #""2026-01-02T03:04:61Z""#), (.click, "ts", #""2026-01-02T03:04:05""#),
            (.click, "type", "null"), (.click, "type", #""clicks""#), (.click, "page", #""\x""#),
            (.click, "page", "\"\u{1}\""), (.click, "dwell_ms", "null5"), (.click, "dwell_ms", "nullx"),
            (.purchase, "currency", #""ABC""#), (.purchase, "currency", #""USDT""#), (.purchase, "discount", "-1"),
            (.purchase, "discount", "0.12345"), (.purchase, "discount", "1."), (.purchase, "discount", #""""#),
            (.purchase, "discount", "00.5"), (.purchase, "discount", "100000000000000"), (.purchase, "items", "[]"),
            (.purchase, "items", "null"), (.purchase, "items", #"[{"product_id":"p","quantity":1}]"#),
            (.purchase, "items", #"[{"product_id":"p","quantity":0,"unit_price":1}]"#),
            (.purchase, "items", #"[{"product_id":"p","quantity":null5,"unit_price":1}]"#),
            (.purchase, "items", #"[{"product_id":"p","quantity":1,"unit_price":1},]"#),
            (.cart, "quantity", "0"), (.cart, "quantity", "1000001"), (.wishlist, "action", #""update""#),
            (.stock, "change", "2147483648"), (.search, "results", "2147483648"), (.stock, "lot_id", "[1]"),
        ] as [(EventType, String, String)])
    func whatIsWrongIsLeftToTheGeneralPath(_ type: EventType, _ name: String, _ json: String) {
        let event = Sample(type, all: true).with(name, json).text
        let decoder = EventDecoder()
        for _ in 0..<2 { #expect(Self.fast(event, decoder) == nil, "\(event)") }
        #expect(Self.general(event).reason != nil && Self.general(event) == decode(event))
    }

    @Test func aKeyGivenTwiceAndTextBehindTheEventAreLeftToTheGeneralPath() {
        let decoder = EventDecoder()
        let event = Sample(.click).text
        #expect(Self.fast(event, decoder) != nil)
        #expect(Self.fast("{\"page\":\"x\"," + event.dropFirst(), decoder) == nil)
        #expect(Self.fast(event + " ", decoder) == nil)
        #expect(Self.fast(event + "}", decoder) == nil)
        #expect(Self.fast(String(event.dropLast()), decoder) == nil)
        #expect(Self.fast(event.replacing("\"user_id\"", with: #""user_\u0069d""#), decoder) == nil)
        #expect(Self.fast("{}", decoder) == nil)
        // Behind a first key that names no field, a brace is no comma; nor is one in an item.
        #expect(Self.fast("{\"colour\":1" + event, decoder) == nil)
        let item = #"{"product_id":"p","quantity":1,"unit_price":1}"#
        #expect(Self.fast(Sample(.purchase).with("items", "[" + item + "]").text, decoder) != nil)
        #expect(Self.fast(Sample(.purchase).with("items", #"[{"colour":1"# + item + "]").text, decoder) == nil)
    }

    @Test func whatWasLearntOfOneLayoutDoesNotChangeTheNext() {
        // One decoder for all, each event after each other one, against a new decoder for each.
        let decoder = EventDecoder()
        var events: [String] = []
        for type in EventType.allCases {
            let sample = Sample(type, all: true)
            var reversed = sample
            reversed.pairs.reverse()
            events += [
                sample.text, Sample(type).text, reversed.text, text(sample, ", ", ": "),
                sample.with("ts", "\"2026-01-02T03:05:06.5Z\"").text, sample.with("ts", "1767323045000").text,
            ]
        }
        for first in events {
            for second in events {
                _ = Self.fast(first, decoder)
                #expect(Self.fast(second, decoder) == Self.general(second).event)
            }
        }
    }

    @Test(arguments: EventType.allCases) func noRowIsLeftBehindWhereTheEventIsCutOff(_ type: EventType) {
        let event = Sample(type, all: true).text
        let decoder = EventDecoder()
        #expect(Self.fast(event, decoder) != nil)
        for count in 1..<event.utf8.count { #expect(Self.fast(String(event.prefix(count)), decoder) == nil) }
    }
}
