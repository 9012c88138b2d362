import Events
import Foundation
import Simulator
import Streaming
import Testing

/// Purchases and order states as plain values, with the events' JSON.
struct FraudFacts {
    struct Purchase {
        var event: String
        var order: String
        var user: String
        var card: String?
        var device: String?
        var address: String?
        var ip: String?
        var country: String?
        var amount: Int64
        var currency = "USD"
        var products: [String]
        var instant: Int64

        var json: String {
            let items = products.map { #"{"product_id":"\#($0)","quantity":2,"unit_price":1.5}"# }
            var text = #"{"type":"purchase","event_id":"\#(event)","user_id":"\#(user)","session_id":"s","#
            text += #""items":[\#(items.joined(separator: ","))],"#
            text += #""total_amount":"\#(Money(tenThousandths: amount))","currency":"\#(currency)","#
            text += #""ts":\#(instant / 1_000),"order_id":"\#(order)""#
            let members = [
                ("card", card), ("device_id", device), ("address", address), ("ip", ip), ("country", country),
            ]
            for (name, value) in members {
                if let value { text += #","\#(name)":"\#(value)""# }
            }
            return text + "}"
        }
    }

    enum Fact {
        case purchase(Purchase)
        case status(order: String, word: String, instant: Int64)
    }

    var facts: [Fact] = []

    var purchases: [Purchase] {
        facts.compactMap { if case .purchase(let purchase) = $0 { purchase } else { nil } }
    }

    static let start: Int64 = 1_767_225_600_000_000
    static let hour: Int64 = 3_600_000_000

    /// Purchases of a few people with a few things over 110 days: some up to five days late or 20 hours ahead, keys
    /// that fall silent for more than a month, more people than a key remembers, other currencies, missing members.
    init(seed: UInt64, purchases: Int) {
        var random = SplitMix64(seed: seed)
        func next(_ bound: Int) -> Int { Int(random.next() >> 33) % bound }
        var open: [(String, Int64)] = []
        for number in 0..<purchases {
            var instant = FraudFacts.start + Int64(number) * (110 * 24 * FraudFacts.hour / Int64(purchases))
            // Half of the things are used in the first and third five weeks, the other half in between.
            let phase = Int((instant - FraudFacts.start) / (36 * 24 * FraudFacts.hour)) % 2
            switch next(100) {
            case 0..<6: instant -= Int64(next(5 * 24 * 3_600)) * 1_000_000
            case 6: instant += Int64(next(20 * 3_600)) * 1_000_000
            default: instant += Int64(next(3_600_000)) * 1_000
            }
            instant = instant / 1_000 * 1_000
            func one(of count: Int, _ letter: String, absent: Int = 8) -> String? {
                next(100) < absent ? nil : "\(letter)\(next(count) * 2 + (next(10) == 0 ? 1 - phase : phase))"
            }
            let units: Int = next(40) == 0 ? 900_000 : 100 + next(30_000)
            let amount = Int64(units) * 100
            var products = (0...next(3)).map { _ in "p\(next(12))" }
            if next(5) == 0 { products = ["p0"] }
            let purchase = Purchase(
                event: "e\(number)", order: "o\(number)", user: "u\(next(55))", card: one(of: 25, "c"),
                device: one(of: 20, "d"), address: one(of: 20, "a"),
                ip: next(3) == 0 ? "10.0.0.1" : one(of: 12, "10.1.0."),
                country: next(10) == 0 ? nil : ["VN", "ID", "TH", "US"][next(20) == 0 ? next(4) : 0],
                amount: amount, currency: next(12) == 0 ? "VND" : "USD", products: products, instant: instant)
            facts.append(.purchase(purchase))
            if next(4) == 0 { open.append((purchase.order, instant)) }
            if next(3) == 0, !open.isEmpty {
                let (order, placed) = open.remove(at: next(open.count))
                let word = ["cancelled", "returned", "paid", "delivered"][next(4)]
                facts.append(
                    .status(order: order, word: word, instant: placed + Int64(1 + next(30)) * FraudFacts.hour))
            }
        }
    }

    init(_ facts: [Fact]) { self.facts = facts }

    static let dollars: CurrencyCode = {
        guard let code = CurrencyCode("USD") else { preconditionFailure("USD is a code") }
        return code
    }()

    /// What a scorer says of the facts from one on: each purchase's features and verdict.
    func scored(
        by scorer: FraudScorer, facts range: Range<Int>? = nil, labels: Bool = false
    ) throws -> [(features: [Float], verdict: FraudVerdict)] {
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1)
        var found: [(features: [Float], verdict: FraudVerdict)] = []
        for fact in facts[range ?? 0..<facts.count] {
            batch.removeAll()
            switch fact {
            case .purchase(let purchase):
                try decode(purchase.json, decoder, batch)
                let verdict = scorer.purchase(batch, batch.columns, 0)
                found.append((Array(scorer.features), verdict))
                // A truth that depends on the event alone: whoever pays much is a thief.
                if labels { scorer.learn(orderID: purchase.order, isFraud: purchase.amount > 2_000_000) }
            case .status(let order, let word, let instant):
                var text = #"{"type":"order_status","event_id":"s","order_id":"\#(order)","user_id":"u","#
                text += #""status":"\#(word)","ts":\#(instant / 1_000)}"#
                try decode(text, decoder, batch)
                scorer.orderStatus(batch.columns, 0)
            }
        }
        return found
    }

    private func decode(_ json: String, _ decoder: borrowing EventDecoder, _ batch: EventBatch) throws {
        let bytes = PaddedBytes(copying: Array(json.utf8))
        // The batch points into the bytes, which must outlive it: they are never freed, and few.
        let kept = UnsafeMutableRawBufferPointer.allocate(byteCount: json.utf8.count + 256, alignment: 8)
        bytes.withBytes { kept.copyMemory(from: $0) }
        let raw = UnsafeRawBufferPointer(start: kept.baseAddress, count: json.utf8.count)
        #expect(decoder.decode(raw, into: batch) == nil, "\(json)")
    }
}
