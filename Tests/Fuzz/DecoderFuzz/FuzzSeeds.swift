import Events
import Simulator

/// Events to begin from, and pieces to change them with.
enum FuzzSeeds {
    /// Simulated events of a seed, some of every type that the simulator sends in its first hours.
    static func simulated(seed: UInt64) throws -> [[[UInt8]]] {
        let batch = 1_000
        let enough = 200
        var simulator = try ShopSimulator(SimulationSettings(seed: seed, rate: 10_000))
        var buffer = LineBuffer(lines: batch)
        var found: [[[UInt8]]] = EventType.allCases.map { _ in [] }
        let beginnings = EventType.allCases.map { Array("{\"type\":\"\($0.name)\"".utf8) }
        for _ in 0..<100 where found.contains(where: { $0.count < enough }) {
            buffer.removeAll()
            simulator.generate(batch, into: &buffer)
            buffer.withBytes { bytes in
                for line in 0..<buffer.lineCount {
                    let event = Array(bytes[buffer.range(ofLine: line)])
                    guard let type = beginnings.firstIndex(where: { event.starts(with: $0) }) else { continue }
                    if found[type].count < enough { found[type].append(event) }
                }
            }
        }
        return found.filter { !$0.isEmpty }
    }

    /// An event of every type with all its fields, in several layouts.
    static func written() -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for type in EventType.allCases {
            let members = [("type", "\"\(type.name)\"")] + EventSchema.of(type).columns.map { ($0.name, json($0)) }
            for (comma, colon) in [(",", ":"), (", ", ": "), (",\n  ", ": "), (",", ": "), (" , ", " : ")] {
                seeds.append(object(members, comma, colon))
                seeds.append(object(members.reversed(), comma, colon))
            }
            let required = Set(EventSchema.of(type).required.map(\.name) + ["type"])
            seeds.append(object(members.filter { required.contains($0.0) }, ",", ":"))
            seeds.append(object(members.map { ($0.0, required.contains($0.0) ? $0.1 : "null") }, ", ", ": "))
            // Members and items that begin with a key that names no field.
            let numbered = members.map { ($0.0, $0.0 == "items" ? numberedItems : $0.1) }
            seeds.append(object([("schema", "{\"v\":[1,2]}")] + numbered + [("extra", "\"é\"")], ",", ":"))
        }
        return seeds
    }

    private static let numberedItems = #"""
        [{"line":1,"product_id":"p-1","quantity":2,"unit_price":9.5},{"line":2,"product_id":"p","quantity":1,"unit_price":1}]
        """#

    private static func object(_ members: [(String, String)], _ comma: String, _ colon: String) -> [UInt8] {
        Array(("{" + members.map { "\"\($0.0)\"\(colon)\($0.1)" }.joined(separator: comma) + "}").utf8)
    }

    private static func json(_ field: EventField) -> String {
        switch field {
        case .ts: "\"2026-01-02T03:04:05.678Z\""
        case .quantity, .results, .change, .dwellMS: "3"
        case .totalAmount: "21.25"
        case .currency: "\"VND\""
        case .channel: "\"lazada\""
        case .action: "\"add\""
        case .status, .previousStatus: "\"shipped\""
        case .referrer: "\"\""
        case .query: "\"áo dài ผ้าไหม 😀\""
        case .items:
            #"[{"product_id":"p-1","quantity":2,"unit_price":"10.00"},{"product_id":"p-2","quantity":1,"unit_price":1.25}]"#
        case _ where field.kind == .money: "\"1.50\""
        default: "\"the \(field.name)\""
        }
    }

    /// Values that a member may be given, good and bad ones of every kind.
    static let values: [[UInt8]] =
        nested + words + ids + texts + lists + numbers + instants + currencies

    /// Values near the bounds of a kind.
    static func values(of kind: EventField.Kind) -> [[UInt8]] {
        switch kind {
        case .id, .text: ids
        case .word, .type: words
        case .currency: currencies
        case .integer, .money: numbers
        case .timestamp: instants
        case .items: lists
        }
    }

    private static func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    private static let nested = bytes(
        [62, 63, 64, 65, 66, 1_030].flatMap { depth in
            [("[", "1", "]"), ("{\"a\":", "{}", "}"), ("[{\"a\":", "[]", "}]")].map { open, middle, close in
                let levels = open == "[{\"a\":" ? depth / 2 : depth
                return String(repeating: open, count: levels) + middle + String(repeating: close, count: levels)
            }
        })

    private static let words: [[UInt8]] = {
        let words = Set(
            EventWords.channels + EventWords.statuses + EventWords.cartActions + EventType.allCases.map(\.name))
        return bytes(
            words.sorted().flatMap { ["\"\($0)\"", "\"\($0)\"", "\"\($0)x\"", "\"\($0.dropLast())\""] }
                + ["\"ADD\"", "\"add \"", "\"ad\"", "\"a\"", "\"\"", #""\u0061dd""#, #""add\u0000""#])
    }()

    private static let ids = bytes(
        [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300].map {
            "\"" + String(repeating: "x", count: $0) + "\""
        } + [
            "\"" + String(repeating: "ế", count: 42) + "xx\"", "\"" + String(repeating: "ế", count: 43) + "\"",
            "\"" + String(repeating: #"\u1ebf"#, count: 42) + "xx\"",
            "\"" + String(repeating: #"\u1ebf"#, count: 43) + "\"",
            "\"" + String(repeating: "x", count: 127) + "é\"", "\"a b\"", "\"a!b\"", "\"ế\"", #""a\"b""#, #""a\\""#,
        ])

    private static let currencies = bytes(
        ["\"VND\"", "\"THB\"", "\"USD\"", "\"usd\"", "\"ABC\"", "\"US\"", "\"USDT\"", "\"U D\"", #""\u0055SD""#])

    private static let texts = bytes([
        "null", "null", "true", "false", "nul", "null5", "null,", "nullx", "true1", "\"\"", "\" \"", "\"a b\"", "\"!\"",
        "\"é\"", "\"ế\"", "\"😀\"", "\"\u{7f}\"",
        #""\u00e9""#, #""\u1ebf""#, #""\ud83d\ude00""#, #""\ud83d""#, #""\"""#, #""\\""#, #""\/\b\f\n\r\t""#, #""\x""#,
        #""\u0000""#, #""\u12""#, "\"a\nb\"", "{}", "[]", "[1,2]", "{\"a\":1}", "[,]", "{\"a\"}", "[1,]",
    ])

    private static let lists = bytes([
        #"[{"product_id":"p","quantity":1,"unit_price":2}]"#, #"[{"product_id":"p","quantity":0,"unit_price":2}]"#,
        #"[{"unit_price":"0.5","quantity":7,"product_id":"q","note":[{}]}]"#,
        #"[ {"product_id": "p", "quantity": 1, "unit_price": 2} , {"product_id":"\u0070","quantity":3,"unit_price":1}]"#,
        #"[{"product_id": "p", "quantity": 1, "unit_price": 2}, {"product_id": "é", "quantity": 3, "unit_price": 1.5}]"#,
        #"[{"product_id":"p","quantity":1}]"#, #"[{"product_id":null,"quantity":1,"unit_price":1}]"#, "[null]", "[]",
        #"[{"product_id":"","quantity":1,"unit_price":1}]"#, #"[{"product_id":"p","quantity":null5,"unit_price":1}]"#,
        #"[{"product_id":"p","quantity":null,"unit_price":1}]"#,
        #"[{"product_id":"p","quantity":1,"unit_price":null7}]"#,
        #"[{"product_id":"p","quantity":1,"unit_price":-1}]"#, #"[{"product_id":"p","quantity":01,"unit_price":1}]"#,
        #"[{"product_id":"p","quantity":1,"unit_price":1},]"#, #"[{"product_id":"p","quantity":1,"unit_price":1}"#,
        #"[{"product_id":"p","quantity":1000001,"unit_price":1}]"#,
        #"[{"product_id":"p","quantity":1.0,"unit_price":1}]"#,
        #"[{"product_id":"p","product_id":"q","quantity":1,"unit_price":1}]"#,
        #"[{"product_id":"p","quantity":1,"unit_price":1,"ts":null}]"#, "[1]", "{}", "\"[]\"",
    ])

    private static let numbers = bytes(
        [
            "0", "-0", "1", "-1", "9", "10", "999999", "1000000", "1000001", "1234567", "12345678", "123456789",
            "2147483647", "2147483648", "-2147483647", "-2147483648", "99999999999999", "100000000000000",
            "123456789012345678", "1234567890123456789", "9223372036854775807", "9223372036854775808",
            "18446744073709551616", "-9223372036854775809", "1e3", "1E-3", "1e400", "0.1", "0.12", "0.123", "0.1234",
            "0.12345", "1.50", "99999999999999.9999", "21.25", "01", "-", "1.", ".5", "+1", "1e", "1.5e3", "00", "0x1",
            "-1.5", "0.0", "0.00001", "1234567.1234", "12345678.1234", "NaN", "1234567.", "7.12a",
        ].flatMap { [$0, "\"\($0)\""] })

    private static let instants = bytes(
        [
            "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.123Z",
            "2026-01-02T03:04:05.1234Z", "2026-01-02T03:04:05.12345Z", "2026-01-02T03:04:05.123456Z",
            "2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.12345678Z", "2026-01-02T03:04:05.123456789Z",
            "2026-01-02T03:04:05.1234567890Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.123456+00:00",
            "2026-01-02T10:04:05+07:00", "2026-01-01T23:34:05.5-03:30", "2026-01-02t03:04:05z", "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:60Z", "2026-01-02T03:04:61Z", "2026-01-02T03:60:05Z", "2026-01-02T24:00:00Z",
            "2024-02-29T00:00:00Z", "2025-02-29T00:00:00Z", "2000-02-29T12:00:00Z", "1900-02-29T00:00:00Z",
            "1989-12-31T23:59:59.999999Z", "1990-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-02T03:04:05",
            "2026-01-02T03:04Z", "2026-01-02", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
            "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+0700", "2026-01-02T03:04:05Z ", "2026-01-14T00:00:00Z",
            "2026-01-16T00:00:00.000001Z", "2026-01-16T00:00:00Z", "2026-01-02T03:04:0:Z", "2026-01-02T03:04:/5Z",
        ].map { "\"\($0)\"" } + [
            "1767323045000", "631152000000", "631151999999", "1768521600000", "1768521600001", "99999999999999",
            "1767323045000.0", "\"1767323045000\"", "-1767323045000", "1767323045",
        ])

    /// Pieces of text that are written in anywhere.
    static let pieces: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\r", "\u{b}", "\0", "\u{1}", "\u{7f}", "null",
            "true", "0", "-", ".5", "e3", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\\udc00", "\\n", "\\\"",
            "\\\\", "é", "ế", "😀", "\u{feff}", "\"user_id\":", ",\"x\":{}", ",\"x\":1", "\"type\":\"cart\",", "\":\"",
            "\",\"", "99999999999999999999",
        ].map { Array($0.utf8) }
        + [
            [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc2], [0xc3, 0xa9], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf],
            [0xe0, 0xa0, 0x80], [0xe1, 0xba], [0xed, 0x9f, 0xbf], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf],
            [0xef, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x90, 0x80, 0x80],
            [0xf0, 0x9f, 0x98], [0xf4, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff],
        ]

    /// Keys that a member may be given: every field's name, and what is nearly one.
    static let keys: [[UInt8]] =
        (EventField.allCases.map(\.name)
        + [
            "", "x", "colour", "user_id2", "Type", "event_i", "previous_status_", "a_key_of_more_than_16_bytes", "é",
            "\\u0074ype", "user\\u005fid", "type\\n", "a\\\"b",
        ]).map { Array($0.utf8) }
}
