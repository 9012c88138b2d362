import Foundation
import Simulator
import Testing

@Suite("Every event keeps the contract")
struct ContractTests {
    /// What a field must be.
    enum Kind {
        case text, id, word([String]), integer(ClosedRange<Int>), money, time, items
    }

    static let channels = ["shopee", "lazada", "tiki", "website", "store"]
    static let statuses = ["pending", "paid", "packed", "shipped", "delivered", "cancelled", "returned"]

    static let kinds: [String: Kind] = [
        "event_id": .id, "user_id": .id, "session_id": .id, "product_id": .id, "order_id": .id, "store_id": .id,
        "warehouse_id": .id, "lot_id": .id, "ts": .time, "page": .text, "referrer": .text, "query": .text,
        "device": .text, "country": .text, "campaign": .text, "coupon": .text, "payment_method": .text, "ip": .text,
        "card": .id, "address": .id, "device_id": .id,
        "carrier": .text, "reason": .text, "channel": .word(channels), "status": .word(statuses),
        "previous_status": .word(statuses), "action": .word(["add", "update", "remove"]), "currency": .word(["USD"]),
        "quantity": .integer(1...9), "results": .integer(0...1_000), "dwell_ms": .integer(0...600_000),
        "change": .integer(-1_000...1_000), "unit_price": .money, "total_amount": .money, "discount": .money,
        "shipping": .money, "tax": .money, "unit_cost": .money, "items": .items,
    ]

    static let fields: [String: (required: [String], optional: [String])] = [
        "click": (
            ["event_id", "user_id", "session_id", "product_id", "ts", "page", "referrer"],
            ["channel", "store_id", "device", "country", "campaign", "dwell_ms"]
        ),
        "search": (["event_id", "user_id", "session_id", "ts", "query"], ["results", "channel", "device"]),
        "cart": (
            ["event_id", "user_id", "session_id", "product_id", "quantity", "ts"],
            ["action", "unit_price", "currency", "channel"]
        ),
        "wishlist": (["event_id", "user_id", "product_id", "ts", "action"], ["session_id", "channel"]),
        "purchase": (
            ["event_id", "user_id", "session_id", "items", "total_amount", "currency", "ts"],
            [
                "order_id", "discount", "shipping", "tax", "coupon", "payment_method", "channel", "store_id",
                "country", "device", "ip", "card", "address", "device_id",
            ]
        ),
        "order_status": (
            ["event_id", "order_id", "user_id", "status", "ts"], ["previous_status", "warehouse_id", "carrier"]
        ),
        "stock": (["event_id", "product_id", "warehouse_id", "change", "ts", "reason"], ["unit_cost", "lot_id"]),
    ]

    @Test("required fields are there, none is unknown, and each has its type")
    func fieldsAndTypes() throws {
        let lines = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 11), count: 20_000))
        var seen: [String: Set<String>] = [:]
        for object in lines.objects {
            let type = try #require(object["type"] as? String)
            let (required, optional) = try #require(ContractTests.fields[type])
            for field in required { #expect(object[field] != nil, "\(type) without \(field)") }
            for (field, value) in object where field != "type" {
                #expect((required + optional).contains(field), "\(type) with \(field)")
                let kind = try #require(ContractTests.kinds[field])
                #expect(try ContractTests.isValid(value, kind), "\(type).\(field) is \(value)")
                seen[type, default: []].insert(field)
            }
        }
        // Every field of the contract is used by somebody.
        for (type, (required, optional)) in ContractTests.fields {
            #expect(seen[type] == Set(required + optional), "\(type)")
        }
    }

    static func isValid(_ value: Any, _ kind: Kind) throws -> Bool {
        switch kind {
        case .text: return value is String
        case .id: return (value as? String).map { !$0.isEmpty && $0.utf8.count <= 128 } ?? false
        case .word(let words): return (value as? String).map(words.contains) ?? false
        case .integer(let range): return (value as? Int).map(range.contains) ?? false
        case .money: return (value as? NSNumber).map { $0.doubleValue >= 0 } ?? false
        case .time:
            let format = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/#
            return (value as? String)?.wholeMatch(of: format) != nil
        case .items:
            guard let items = value as? [[String: Any]], (1...4).contains(items.count) else { return false }
            return try items.allSatisfy { item in
                try Set(item.keys) == ["product_id", "quantity", "unit_price"]
                    && isValid(item["product_id"] ?? 0, .id) && isValid(item["quantity"] ?? 0, .integer(1...9))
                    && isValid(item["unit_price"] ?? "", .money)
            }
        }
    }

    @Test("a purchase's total is items − discount + shipping + tax, to the cent")
    func purchaseTotals() throws {
        let lines = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 12), count: 20_000))
        var discounted = 0
        for (object, text) in zip(lines.objects, lines.texts) where object["type"] as? String == "purchase" {
            let items = try #require(object["items"] as? [[String: Any]])
            let prices = try EmittedLines.cents("unit_price", in: text)
            let sum = try zip(items, prices).reduce(0) { try $0 + Int64(#require($1.0["quantity"] as? Int)) * $1.1 }
            let discount = try EmittedLines.cents("discount", in: text)[0]
            let shipping = try EmittedLines.cents("shipping", in: text)[0]
            let tax = try EmittedLines.cents("tax", in: text)[0]
            #expect(try EmittedLines.cents("total_amount", in: text) == [sum - discount + shipping + tax])
            if discount > 0 {
                discounted += 1
                #expect(object["coupon"] != nil)
            }
        }
        #expect(discounted > 20)
    }

    @Test("physical stores have a store_id and a till, and nothing else does")
    func stores() throws {
        let lines = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 13), count: 20_000))
        for object in lines.ofType("purchase") + lines.ofType("click") {
            let isStore = object["channel"] as? String == "store"
            #expect((object["store_id"] != nil) == isStore)
            #expect((object["device"] as? String == "pos") == isStore)
        }
    }

    @Test("no line is longer than the buffer promises, and lines are where it says")
    func ranges() throws {
        let buffer = try LineBuffer.of(SimulationSettings(seed: 14), count: 2_000)
        let bytes = buffer.bytes
        var end = 0
        for index in 0..<buffer.lineCount {
            let range = buffer.range(ofLine: index)
            #expect(range.lowerBound == end && range.count < LineBuffer.lineBytesMax)
            #expect(bytes[range.lowerBound] == 0x7b && bytes[range.upperBound] == 0x0a)
            end = range.upperBound + 1
        }
        #expect(end == buffer.byteCount)
        let some = buffer.withBytes(ofLines: 10..<20) { Array($0) }
        #expect(some == Array(bytes[buffer.range(ofLine: 10).lowerBound...buffer.range(ofLine: 19).upperBound]))
    }
}
