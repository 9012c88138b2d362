import Events
import Foundation
import Simulator
import Streaming

/// What fraud scores and anomalies add to the pause of a checkpoint, once they remember much: processor time, since the
/// pause is one thread's work in memory.
struct WatchPauseBench {
    static let purchases = 1_000_000
    static let users = 300_000
    /// Purchases between two checkpoints: fifteen seconds at 20,000 events a second.
    static let between = 7_200
    static let checkpoints = 64

    func measures() throws -> [Measure] { try fraud() + anomalies() }

    private func fraud() throws -> [Measure] {
        guard let dollars = CurrencyCode("USD") else { throw BenchError("USD is no currency") }
        let scorer = FraudScorer(rules: try FraudRules(path: "config/fraud-rules.yaml"), currency: dollars)
        var random = SplitMix64(seed: 3)
        var time: Int64 = 1_767_225_600_000
        try purchases(WatchPauseBench.purchases, &random, &time, scorer)
        var memory = CheckpointMemory()
        _ = scorer.checkpoint(whole: KeyGroup.all, reusing: &memory)
        var pauses: [Double] = []
        var parts: [Double] = []
        var (bytes, changes) = (0, 0)
        for number in 0..<WatchPauseBench.checkpoints {
            try purchases(WatchPauseBench.between, &random, &time, scorer)
            let whole = number % 8 * 16..<number % 8 * 16 + 16
            let began = Clocks.threadTime()
            bytes = max(bytes, scorer.checkpoint(whole: whole, reusing: &memory))
            pauses.append(Double(Clocks.threadTime() - began) / 1e6)
            // The same number of changes without a part of the rest: what changes alone cost.
            try purchases(WatchPauseBench.between, &random, &time, scorer)
            let changed = Clocks.threadTime()
            changes = scorer.checkpoint(whole: 0..<0, reusing: &memory)
            parts.append(Double(Clocks.threadTime() - changed) / 1e6)
        }
        let gauges = scorer.gauges
        return [
            measure("fraud, pause, p99", pauses.max() ?? 0, "ms"),
            measure("fraud, pause, median", pauses.sorted()[pauses.count / 2], "ms"),
            measure("fraud, changes alone, median", parts.sorted()[parts.count / 2], "ms"),
            measure("fraud, changes written", Double(changes) / 1e6, "MB"),
            measure("fraud, written", Double(bytes) / 1e6, "MB"),
            measure("fraud, keys", Double(gauges.keys), "keys"),
            measure("fraud, state", Double(gauges.bytes) / 1e6, "MB"),
            measure("fraud, of it orders and features", Double(gauges.orderBytes) / 1e6, "MB"),
        ]
    }

    /// Purchases of many users, each with a card and a device of theirs and mostly at home.
    private func purchases(
        _ count: Int, _ random: inout SplitMix64, _ time: inout Int64, _ scorer: FraudScorer
    ) throws {
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1)
        func next(_ bound: Int) -> Int { Int(random.next() >> 33) % bound }
        for _ in 0..<count {
            // A million in some ten days.
            time += Int64(next(1_800))
            let user = next(WatchPauseBench.users)
            let card = next(20) == 0 ? next(WatchPauseBench.users) : user
            let json = """
                {"type":"purchase","event_id":"\(random.next())","user_id":"u\(user)","session_id":"s","items":\
                [{"product_id":"p\(next(20_000))","quantity":1,"unit_price":10}],"total_amount":10,"currency":"USD",\
                "ts":\(time),"order_id":"o\(random.next())","card":"c\(card)","device_id":"d\(user * 2 + next(2))",\
                "address":"a\(card)","ip":"10.\(next(256)).\(next(256)).\(next(4))","country":"VN"}
                """
            try PaddedBytes(copying: Array(json.utf8)).withBytes { raw in
                batch.removeAll()
                if let reason = decoder.decode(raw, into: batch) { throw BenchError("rejected: \(reason)") }
                _ = scorer.purchase(batch, batch.columns, 0)
            }
        }
    }

    private func anomalies() throws -> [Measure] {
        guard let dollars = CurrencyCode("USD") else { throw BenchError("USD is no currency") }
        let detector = AnomalyDetector(calendar: BusinessCalendar(zone: .gmt), currency: dollars)
        // A day of minutes in every cell, and as many products and quarters of an hour as are told apart.
        let start: Int64 = 1_767_225_600_000_000
        for minute in 0..<Int64(1_440) {
            let instant = start + minute * Timestamp.minute
            for number in 0..<32 {
                let bundle = AnomalyDetector.Bundle(
                    channel: EventWords.channels[number % EventWords.channels.count], country: "C\(number)",
                    device: "device \(number % 16)", clicks: 20, orders: 1, revenue: 1_000_000)
                detector.add(bundle, at: instant, receivedAt: instant)
            }
            if minute > 800 {
                for number in 0..<400 {
                    let product = (Int(minute) * 400 + number) % AnomalyBounds.products
                    detector.add(product: "product-\(product)", orders: 1, revenue: 10_000, at: instant)
                }
            }
            detector.advance(to: instant + Timestamp.minute)
        }
        var pauses: [Double] = []
        var bytes = 0
        var memory = CheckpointMemory()
        _ = detector.checkpoint(reusing: &memory)
        for _ in 0..<50 {
            let began = Clocks.threadTime()
            bytes = detector.checkpoint(reusing: &memory)
            pauses.append(Double(Clocks.threadTime() - began) / 1e6)
        }
        return [
            measure("anomalies, pause, p99", pauses.max() ?? 0, "ms"),
            measure("anomalies, pause, median", pauses.sorted()[pauses.count / 2], "ms"),
            measure("anomalies, written", Double(bytes) / 1e6, "MB"),
        ]
    }

    private func measure(_ name: String, _ value: Double, _ unit: String) -> Measure {
        Measure(bench: "pauses", measure: name, value: value, unit: unit)
    }
}
