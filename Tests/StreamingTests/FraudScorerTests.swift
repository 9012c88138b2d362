import Foundation
import Simulator
import Streaming
import Testing

@Suite("Fraud scores")
struct FraudScorerTests {
    private static let yaml = """
        version: 1
        rules:
          - name: many-users-of-card
            when: card_users_7d >= 3
            points: 60
            reason: "{card_users_7d} accounts pay with one card"
          - name: dear
            when: amount > 100 and not (in_store or user_purchases >= 50)
            points: 20
            reason: "{amount} is much"
        """

    private func scorer(
        _ yaml: String = FraudScorerTests.yaml, _ change: (inout FraudLimits) -> Void = { _ in }
    ) throws -> FraudScorer {
        var limits = FraudLimits()
        change(&limits)
        return FraudScorer(
            rules: try FraudRules(yaml: yaml, named: "rules.yaml"), currency: FraudFacts.dollars, limits: limits)
    }

    /// Three accounts that pay much with one card.
    private var shared: FraudFacts {
        let template = FraudFacts(seed: 4, purchases: 1).purchases[0]
        return FraudFacts(
            (0..<3).map { number in
                var purchase = template
                purchase.user = "user\(number)"
                purchase.event = "event\(number)"
                purchase.order = "order\(number)"
                purchase.card = "one card"
                purchase.amount = 5_000_000
                purchase.currency = "USD"
                return .purchase(purchase)
            })
    }

    @Test("reasons are the rules that raised the score, in words with the values in them")
    func reasons() throws {
        let scorer = try scorer()
        let scored = try shared.scored(by: scorer)
        let last = try #require(scored.last)
        let reasons = scorer.reasons(last.verdict)
        #expect(reasons.prefix(2).map(\.name) == ["many-users-of-card", "dear"])
        #expect(reasons.prefix(2).map(\.text) == ["3 accounts pay with one card", "500 is much"])
        #expect(last.verdict.rules == 0b11)
        #expect(scored[0].verdict.rules == 0b10)
        #expect(last.verdict.score > scored[0].verdict.score)
    }

    @Test("without a reason the score is lower, and by what the reason weighed")
    func scoreFollowsReasons() throws {
        let with = try #require(try shared.scored(by: try scorer()).last).verdict
        let one = FraudScorerTests.yaml.replacingOccurrences(of: "card_users_7d >= 3", with: "card_users_7d >= 4")
        let without = try #require(try shared.scored(by: try scorer(one)).last).verdict
        #expect(without.score < with.score)
        func odds(_ verdict: FraudVerdict) -> Float { log(verdict.probability / (1 - verdict.probability)) }
        let difference = odds(with) - odds(without) - with.parts.0.weight
        #expect(abs(difference) < 1e-3)
    }

    @Test("the same events and labels give the same scores")
    func determinism() throws {
        let facts = FraudFacts(seed: 7, purchases: 600)
        let one = try facts.scored(by: try scorer(), labels: true)
        let two = try facts.scored(by: try scorer(), labels: true)
        #expect(one.map(\.features) == two.map(\.features))
        #expect(one.map(\.verdict.probability) == two.map(\.verdict.probability))
    }

    @Test("labels teach: whoever pays much is found, whatever the rules say")
    func learning() throws {
        let facts = FraudFacts(seed: 8, purchases: 3_000)
        let scored = try facts.scored(by: try scorer("version: 1\nrules: []"), labels: true).suffix(1_000)
        let truths = facts.purchases.suffix(1_000).map { $0.amount > 2_000_000 && $0.currency == "USD" }
        var sums: (frauds: Float, others: Float) = (0, 0)
        var counts: (frauds: Float, others: Float) = (0, 0)
        for (result, isFraud) in zip(scored, truths) {
            if isFraud {
                sums.frauds += result.verdict.probability
                counts.frauds += 1
            } else {
                sums.others += result.verdict.probability
                counts.others += 1
            }
        }
        let (found, mistaken) = (sums.frauds / counts.frauds, sums.others / counts.others)
        #expect(found > 3 * mistaken)
    }

    @Test(
        "a snapshot in the middle and another scorer after it: the same as one that went on",
        arguments: [
            200, 333, 700,
        ])
    func snapshots(at cut: Int) throws {
        let facts = FraudFacts(seed: 9, purchases: 900)
        let cut = cut * facts.facts.count / 900
        // Small bounds, so that what makes room also has to go on where it was.
        func limits(_ limits: inout FraudLimits) { (limits.keys, limits.orders, limits.runBytes) = (40, 64, 24_000) }
        let whole = try scorer(FraudScorerTests.yaml, limits)
        let wanted = try facts.scored(by: whole, labels: true)
        let first = try scorer(FraudScorerTests.yaml, limits)
        var found = try facts.scored(by: first, facts: 0..<cut, labels: true)
        let second = try scorer(FraudScorerTests.yaml, limits)
        try second.restore([first.saved()])
        found += try facts.scored(by: second, facts: cut..<facts.facts.count, labels: true)
        #expect(found.map(\.features) == wanted.map(\.features))
        #expect(found.map(\.verdict.probability) == wanted.map(\.verdict.probability))
        // The bytes may differ: a table that was read has no blocks to spare.
        var (one, other) = (second.gauges, whole.gauges)
        (one.bytes, other.bytes) = (0, 0)
        #expect(one == other)
        #expect(whole.gauges.evicted > 0)
    }

    @Test("with other rules what was learnt of features stays")
    func otherRules() throws {
        let facts = FraudFacts(seed: 10, purchases: 400)
        let first = try scorer()
        _ = try facts.scored(by: first, labels: true)
        let second = try scorer("version: 1\nrules: []")
        try second.restore([first.saved()])
        #expect(second.gauges.labels == first.gauges.labels)
        #expect(second.gauges.keys == first.gauges.keys)
    }

    @Test("what was learnt of orders whose label comes after the rules were changed is not lost")
    func otherRulesLater() throws {
        let first = try scorer()
        _ = try shared.scored(by: first)
        let second = try scorer("version: 1\nrules:\n  - {name: any, when: amount > 1, points: 50, reason: any}")
        try second.restore([first.saved()])
        let weight = second.ruleWeight(0)
        #expect(second.learn(orderID: "order0", isFraud: true))
        #expect(second.ruleWeight(0) > weight, "the rule of now holds for the purchase of then")
    }

    @Test("damaged bytes are refused, or at least never crash")
    func damage() throws {
        let facts = FraudFacts(seed: 11, purchases: 60)
        let scorer = try scorer()
        _ = try facts.scored(by: scorer)
        let bytes = scorer.saved()
        var random = SplitMix64(seed: 1)
        var refused = 0
        for _ in 0..<2_000 {
            var damaged = bytes
            damaged[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 << (random.next() % 8))
            let other = try self.scorer()
            do {
                try other.restore([damaged])
            } catch is CheckpointError {
                refused += 1
                continue
            }
            // A file of checkpoints has a checksum; without it a wrong number may pass, but nothing worse.
            _ = try facts.scored(by: other)
        }
        #expect(refused > 20)
        for count in [0, 3, 19, 20, 21, bytes.count / 2, bytes.count - 1] {
            #expect(throws: CheckpointError.self) { try self.scorer().restore([Array(bytes.prefix(count))]) }
        }
        #expect(throws: CheckpointError.self) { try self.scorer().restore([bytes + [0]]) }
        // Bounds that are smaller than what was kept.
        #expect(throws: CheckpointError.self) {
            try self.scorer(FraudScorerTests.yaml) { $0.keys = 16 }.restore([bytes])
        }
    }

    @Test("memory is bounded however many keys there are, and says what it forgot")
    func bounds() throws {
        let scorer = try scorer(FraudScorerTests.yaml) {
            ($0.keys, $0.products, $0.orders, $0.runBytes) = (64, 64, 64, 1 << 17)
        }
        let template = FraudFacts(seed: 4, purchases: 1).purchases[0]
        var facts: [FraudFacts.Fact] = []
        for number in 0..<2_000 {
            var purchase = template
            purchase.event = "e\(number)"
            purchase.order = "o\(number)"
            purchase.user = "u\(number)"
            purchase.card = "c\(number)"
            purchase.device = "d\(number)"
            purchase.address = "a\(number)"
            purchase.ip = "i\(number)"
            purchase.products = ["p\(number)"]
            purchase.instant += Int64(number) * 1_000_000
            facts.append(.purchase(purchase))
        }
        _ = try FraudFacts(facts).scored(by: scorer)
        #expect(scorer.gauges.keys <= 6 * 64)
        #expect(scorer.gauges.bytes < 2 << 20)
        #expect(scorer.gauges.evicted > 9_000)
    }

    @Test("clocks that jump by years, giant amounts and odd ids change no other key's features")
    func hostileInput() throws {
        let facts = FraudFacts(seed: 12, purchases: 300)
        let alone = try facts.scored(by: try scorer())
        var mixed: [FraudFacts.Fact] = []
        for (number, fact) in facts.facts.enumerated() {
            mixed.append(fact)
            guard number % 10 == 0 else { continue }
            var enemy = facts.purchases[0]
            enemy.event = "x\(number)"
            enemy.order = "x\(number)"
            enemy.user = number % 20 == 0 ? "enemy" : String(repeating: "é", count: 64)
            (enemy.card, enemy.device, enemy.address) = ("x card", "x device", "\u{1F600}")
            (enemy.ip, enemy.country) = ("", "")
            enemy.products = ["x"]
            enemy.amount = 999_999_999_999_990_000
            enemy.currency = "USD"
            // Within a day ahead, as the door lets through; and as far back as it goes.
            enemy.instant = number % 20 == 0 ? 631_152_000_000_000 : enemy.instant + 24 * FraudFacts.hour
            mixed.append(.purchase(enemy))
        }
        let together = try FraudFacts(mixed).scored(by: try scorer())
        var honest: [[Float]] = []
        for (result, purchase) in zip(together, FraudFacts(mixed).purchases) {
            if !purchase.event.hasPrefix("x") { honest.append(result.features) }
            let isFinite = result.features.allSatisfy { $0.isFinite }
            #expect(isFinite)
            #expect(result.verdict.score <= 100)
        }
        let wanted = alone.map { $0.features }
        #expect(honest == wanted)
    }

    @Test("one event of the far future, which no door lets in, empties nothing that is asked for again")
    func farFuture() throws {
        let scorer = try scorer()
        var purchase = FraudFacts(seed: 4, purchases: 1).purchases[0]
        purchase.card = "card"
        var far = purchase
        (far.event, far.order, far.user) = ("far", "far", "far")
        (far.card, far.device, far.address, far.ip, far.products) = (nil, nil, nil, nil, ["far"])
        far.instant += 3_650 * 24 * FraudFacts.hour
        var second = purchase
        (second.event, second.order) = ("second", "second")
        second.instant += FraudFacts.hour
        let scored = try FraudFacts([.purchase(purchase), .purchase(far), .purchase(second)]).scored(by: scorer)
        let isFinite = scored[2].features.allSatisfy { $0.isFinite }
        #expect(isFinite)
        #expect(scored[2].verdict.score <= 100)
    }

    @Test("a label of a purchase that is not remembered is counted, and teaches nothing")
    func unknownLabels() throws {
        let scorer = try scorer()
        #expect(!scorer.learn(orderID: "nobody's", isFraud: true))
        _ = try shared.scored(by: scorer)
        #expect(scorer.learn(orderID: "order1", isFraud: true))
        #expect(!scorer.learn(orderID: "order1", isFraud: true))
        #expect(scorer.gauges.labels == 1 && scorer.gauges.frauds == 1 && scorer.gauges.unknownLabels == 2)
    }
}

@Suite("Fraud rules")
struct FraudRulesTests {
    private func fault(_ yaml: String) -> String? {
        do {
            _ = try FraudRules(yaml: yaml, named: "f.yaml")
            return nil
        } catch let error as FraudRulesError {
            return error.description
        } catch {
            return "another error: \(error)"
        }
    }

    private func rule(when: String, points: String = "10", reason: String = "r") -> String {
        "version: 1\nrules:\n  - name: a\n    when: \(when)\n    points: \(points)\n    reason: \"\(reason)\"\n"
    }

    @Test("what is wrong is said with the line")
    func faults() {
        #expect(fault(rule(when: "card_users_7d >= 3")) == nil)
        #expect(
            fault(rule(when: "cards_users_7d >= 3"))
                == "f.yaml:4: in the condition of a: there is no feature 'cards_users_7d'")
        #expect(fault(rule(when: "amount >"))?.hasSuffix("it ends where a number should stand") == true)
        #expect(fault(rule(when: "amount > ten"))?.hasSuffix("'ten' is neither a number nor a feature") == true)
        #expect(fault(rule(when: "(amount > 1"))?.hasSuffix("a ) is missing") == true)
        #expect(fault(rule(when: "amount > 1 amount"))?.hasSuffix("'amount' does not belong there") == true)
        #expect(fault(rule(when: "amount = 1"))?.contains("is no comparison") == true)
        #expect(fault(rule(when: "amount > 1", points: "200"))?.hasPrefix("f.yaml:5: points must be") == true)
        #expect(fault(rule(when: "amount > 1", reason: "{what}"))?.hasSuffix("there is no feature 'what'") == true)
        #expect(
            fault(rule(when: "amount > 1") + "    colour: red\n")?.hasPrefix("f.yaml:7: 'colour' is none of") == true)
        #expect(fault("version: 2\nrules: []") == "f.yaml:1: version must be 1")
        #expect(fault("rules: [}")?.hasPrefix("f.yaml") == true)
        #expect(fault("") == "f.yaml:1: the file is empty")
        let deep = String(repeating: "not ", count: 100) + "amount"
        #expect(fault(rule(when: deep))?.hasSuffix("it nests too deep") == true)
        let long = (0..<80).map { _ in "amount" }.joined(separator: " and ")
        #expect(fault(rule(when: long))?.contains("more than 60 parts") == true)
        let many = (0..<65).map { "  - {name: r\($0), when: amount, points: 1, reason: r}\n" }.joined()
        #expect(fault("version: 1\nrules:\n" + many)?.contains("65 rules and at most 64") == true)
    }

    @Test(
        "or binds weaker than and, not strongest, and parentheses group",
        arguments: [
            ("amount > 1 or amount > 9 and amount < 0", true), ("(amount > 1 or amount > 9) and amount < 0", false),
            ("not amount > 9", true), ("not (amount > 1 and units > 0)", false), ("amount", true),
            ("not in_store", true),
            ("amount > 9 and amount > 1", false), ("amount > 9 and units > 0 and amount > 1", false),
            ("amount >= units and units != 0", true), ("units == 2 and lines == 1", true), ("amount <= 4.99", false),
        ])
    func meaning(_ condition: String, _ isTrue: Bool) throws {
        var purchase = FraudFacts(seed: 1, purchases: 1).purchases[0]
        (purchase.amount, purchase.currency, purchase.products) = (50_000, "USD", ["p"])
        let scorer = FraudScorer(
            rules: try FraudRules(yaml: rule(when: condition), named: "f.yaml"), currency: FraudFacts.dollars)
        let verdict = try FraudFacts([.purchase(purchase)]).scored(by: scorer)[0].verdict
        #expect((verdict.rules == 1) == isTrue)
    }

    @Test("the shipped rules are read")
    func shipped() throws {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { folder.deleteLastPathComponent() }
        let rules = try FraudRules(path: folder.path + "/config/fraud-rules.yaml")
        #expect(rules.rules.count >= 15)
    }
}
