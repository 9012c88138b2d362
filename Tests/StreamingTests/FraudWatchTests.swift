import Events
import Foundation
import Streaming
import Testing

/// A folder of its own for each test.
private func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/fraud-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
}

@Suite("Fraud in the shop's stream")
struct FraudWatchTests {
    private static let rules = """
        version: 1
        alert_score: 20
        rules:
          - {name: dear, when: amount > 100, points: 75, reason: "{amount} is much"}
        """

    private func stream(_ labels: FraudLabels? = nil) throws -> ShopStream {
        let calendar = BusinessCalendar(zone: .gmt)
        return ShopStream(
            calendar: calendar, reportingCurrency: FraudFacts.dollars,
            fraud: FraudSettings(rules: try FraudRules(yaml: FraudWatchTests.rules, named: "r"), labels: labels),
            clock: { FraudFacts.start })
    }

    /// Applies facts from one on, each as a batch of its own.
    private func apply(_ facts: FraudFacts, _ range: Range<Int>, to stream: ShopStream, twice: Bool = false) throws {
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 2)
        for (number, fact) in facts.facts.enumerated() where range.contains(number) {
            let (json, topic) = fact.json(number)
            let bytes = PaddedBytes(copying: Array(json.utf8))
            try bytes.withBytes { raw in
                batch.removeAll()
                for _ in 0..<(twice ? 2 : 1) {
                    let event = UnsafeRawBufferPointer(rebasing: raw[..<json.utf8.count])
                    try #require(decoder.decode(event, into: batch) == nil)
                    batch.setPosition(receivedAt: FraudFacts.start, partition: 0, offset: Int64(number))
                }
                stream.apply(batch, topic: topic)
            }
        }
    }

    private func alerts(_ stream: ShopStream) -> [FraudAlert] { stream.fraud.report().filtered(limit: 5_000).alerts }

    @Test("an event that comes twice, and an order that is repeated under another event, change no score")
    func duplicates() throws {
        let facts = FraudFacts(seed: 21, purchases: 300)
        let once = try stream(), twice = try stream()
        try apply(facts, 0..<facts.facts.count, to: once)
        try apply(facts, 0..<facts.facts.count, to: twice, twice: true)
        #expect(alerts(once).count > 50)
        #expect(alerts(once) == alerts(twice))
        #expect(twice.counters.duplicates == Int64(facts.facts.count))
        #expect(once.fraud.gauges.purchases == twice.fraud.gauges.purchases)
        var repeated = facts.purchases[0]
        repeated.event = "another event"
        try apply(FraudFacts([.purchase(repeated)]), 0..<1, to: twice)
        #expect(twice.counters.repeatedOrders == 1)
        #expect(once.fraud.gauges.purchases == twice.fraud.gauges.purchases)
    }

    @Test("labels teach, are told with their alerts, and a replay learns them where they were learnt")
    func labels() throws {
        let place = try folder()
        defer { try? FileManager.default.removeItem(atPath: place) }
        let facts = FraudFacts(seed: 22, purchases: 300)
        let labels = try FraudLabels(path: place + "/labels.json")
        let live = try stream(labels)
        try apply(facts, 0..<100, to: live)
        let before = try #require(alerts(live).last)
        let order = try #require(before.orderID)
        try labels.add([(order, true), ("nobody's", false)])
        #expect(live.fraud.gauges.labels == 0, "learnt only when the live stream comes to it")
        try live.fraud.learnNew()
        #expect(live.fraud.gauges.labels == 1 && live.fraud.gauges.frauds == 1 && live.fraud.gauges.unknownLabels == 1)
        #expect(alerts(live).first { $0.orderID == order }?.isFraud == true)
        try apply(facts, 100..<200, to: live)
        try labels.add([(try #require(alerts(live)[0].orderID), false)])
        try live.fraud.learnNew()
        try apply(facts, 200..<facts.facts.count, to: live)
        let unlabelled = try stream()
        try apply(facts, 0..<facts.facts.count, to: unlabelled)
        #expect(alerts(unlabelled).map(\.probability) != alerts(live).map(\.probability), "labels change later scores")

        let again = try stream(try FraudLabels(path: place + "/labels.json"))
        try apply(facts, 0..<facts.facts.count, to: again)
        #expect(alerts(again) == alerts(live))
        #expect(again.fraud.gauges.labels == 2)
    }

    @Test("a checkpoint in the middle goes on with the same scores and labels", arguments: [60, 150, 240])
    func checkpoints(at cut: Int) throws {
        let place = try folder()
        defer { try? FileManager.default.removeItem(atPath: place) }
        let facts = FraudFacts(seed: 23, purchases: 300)
        let labels = try FraudLabels(path: place + "/labels.json")
        let whole = try stream(labels)
        try apply(facts, 0..<cut, to: whole)
        try labels.add([(try #require(alerts(whole)[0].orderID), true)])
        try whole.fraud.learnNew()
        let saved = whole.fraud.saved()
        let after = min(cut + 30, facts.facts.count)
        try apply(facts, cut..<after, to: whole)
        // Said after the checkpoint: the one that goes on from there finds it in the file.
        try labels.add([(try #require(alerts(whole)[0].orderID), true)])
        try whole.fraud.learnNew()
        try apply(facts, after..<facts.facts.count, to: whole)
        let second = try stream(try FraudLabels(path: place + "/labels.json"))
        try second.fraud.restore(saved)
        #expect(second.fraud.wasRestored)
        try apply(facts, cut..<facts.facts.count, to: second)
        #expect(alerts(second) == alerts(whole))
        #expect(second.fraud.gauges.labels == 2)
        // Fewer labels than were learnt are a file of another shop: the state is made anew.
        let nobody = try stream(try FraudLabels(path: place + "/none.json"))
        #expect(throws: CheckpointError.self) { try nobody.fraud.restore(saved) }
    }

    @Test("where purchases were erased, labels of theirs are forgotten and the others are still learnt")
    func erasure() throws {
        let place = try folder()
        defer { try? FileManager.default.removeItem(atPath: place) }
        let facts = FraudFacts(seed: 24, purchases: 200)
        let labels = try FraudLabels(path: place + "/labels.json")
        let live = try stream(labels)
        try apply(facts, 0..<facts.facts.count, to: live)
        let some = alerts(live).compactMap(\.orderID)
        let gone = some[0],
            kept = try #require(
                some.first { order in
                    let users = facts.purchases.filter { $0.order == order || $0.order == some[0] }.map(\.user)
                    return Set(users).count == 2
                })
        try labels.add([(gone, true), (kept, true)])
        try live.fraud.learnNew()
        let user = try #require(facts.purchases.first { $0.order == gone }?.user)
        let rest = FraudFacts(facts.facts.filter { if case .purchase(let p) = $0 { p.user != user } else { true } })
        let rebuilt = try stream(labels)
        try apply(rest, 0..<rest.facts.count, to: rebuilt)
        try rebuilt.fraud.settleLabels()
        #expect(rebuilt.fraud.gauges.labels == 1, "the label lay after more purchases than are left")
        #expect(labels.count == 1)
        let text = try String(contentsOfFile: place + "/labels.json", encoding: .utf8)
        let again = try stream(try FraudLabels(path: place + "/labels.json"))
        try apply(rest, 0..<rest.facts.count, to: again)
        try again.fraud.learnNew()
        #expect(again.fraud.gauges.labels == 1, "\(text)")
    }

    @Test(
        "a damaged file of labels is refused with what to do",
        arguments: [
            "", "{}", #"{"version":2,"labels":[]}"#, #"{"version":1,"labels":[{"order":"zz","fraud":true}]}"#,
            #"{"version":1,"labels":[{"order":"1","fraud":true},{"order":"2","fraud":true,"after":3}]}"#,
            #"{"version":1,"labels":[{"order":"1","fraud":true,"after":4},{"order":"2","fraud":true,"after":3}]}"#,
        ])
    func damagedLabels(text: String) throws {
        let place = try folder()
        defer { try? FileManager.default.removeItem(atPath: place) }
        try text.write(toFile: place + "/labels.json", atomically: false, encoding: .utf8)
        let error = #expect(throws: FraudLabelsError.self) { try FraudLabels(path: place + "/labels.json") }
        #expect(error?.description.contains("take it away") == true)
    }
}

extension FraudFacts.Fact {
    /// The event, with an id by its number, and its topic.
    func json(_ number: Int) -> (String, Topic) {
        switch self {
        case .purchase(let purchase): (purchase.json, .purchases)
        case .status(let order, let word, let instant):
            (
                #"{"type":"order_status","event_id":"s\#(number)","order_id":"\#(order)","user_id":"u","#
                    + #""status":"\#(word)","ts":\#(instant / 1_000)}"#, .orders
            )
        }
    }
}
