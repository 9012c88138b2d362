import EventLog
import Events
import Foundation
import Streaming
import Testing

@Suite("Checkpoints of fraud scores")
struct FraudCheckpointTests {
    private func scorer(_ limits: FraudLimits) throws -> FraudScorer {
        let yaml = "version: 1\nrules:\n  - {name: dear, when: amount > 100, points: 40, reason: dear}"
        return FraudScorer(
            rules: try FraudRules(yaml: yaml, named: "r"), currency: FraudFacts.dollars, limits: limits)
    }

    private static let tight: FraudLimits = {
        var limits = FraudLimits()
        (limits.keys, limits.products, limits.orders, limits.runBytes) = (150, 20, 700, 120_000)
        return limits
    }()

    @Test(
        "put together from changes and a part of the rest, a state is that which wrote it, byte by byte",
        arguments: [false, true])
    func changes(isTight: Bool) throws {
        let limits = isTight ? FraudCheckpointTests.tight : FraudLimits()
        let facts = FraudFacts(seed: 31, purchases: 2_500)
        let live = try scorer(limits)
        // A file has a sixteenth of the groups whole, so that a state takes sixteen of them.
        let step = facts.facts.count / 40
        var files: [[UInt8]] = []
        var (written, all) = (0, 0)
        var base = [Int](repeating: 0, count: KeyGroup.count)
        for number in 0..<40 {
            _ = try facts.scored(by: live, facts: number * step..<(number + 1) * step, labels: true)
            // A late label of an order that lies still otherwise.
            if number > 20 { live.learn(orderID: facts.purchases[number * 3].order, isFraud: true) }
            let whole = number == 0 ? KeyGroup.all : number % 16 * 8..<number % 16 * 8 + 8
            files.append(live.saved(whole: whole))
            for group in whole { base[group] = number }
            let first = base.min() ?? 0
            let other = try scorer(limits)
            try other.restore(Array(files[first...])) { base[$1] <= first + $0 }
            #expect(other.saved() == live.saved(), "after \(number) files")
            written += number < 20 ? 0 : files[number].count
            all += number < 20 ? 0 : live.saved().count
        }
        #expect(written < all / 2, "a file holds what changed")
        #expect((live.gauges.evicted > 0) == isTight)
        // What lacks a file is refused.
        #expect(throws: CheckpointError.self) { try scorer(limits).restore([files[39]]) }
    }

    @Test("a state that was learned from the log is written whole, whatever groups are asked for")
    func rebuilt() throws {
        let facts = FraudFacts(seed: 32, purchases: 400)
        let past = try scorer(FraudLimits())
        _ = try facts.scored(by: past, labels: true)
        let live = try scorer(FraudLimits())
        try live.restore([past.saved()])
        let first = live.saved(whole: 0..<1)
        let again = try scorer(FraudLimits())
        try again.restore([first])
        #expect(again.saved() == past.saved())
    }

    @Test("a label comes two months later, and teaches as one that came at once")
    func lateLabels() throws {
        let facts = FraudFacts(seed: 33, purchases: 3_000)
        let late = try scorer(FraudLimits()), never = try scorer(FraudLimits())
        _ = try facts.scored(by: late)
        _ = try facts.scored(by: never)
        for purchase in facts.purchases {
            #expect(late.learn(orderID: purchase.order, isFraud: purchase.amount > 2_000_000))
        }
        #expect(late.gauges.labels == 3_000 && late.gauges.unknownLabels == 0)
        // The truth is one about amounts, which the next purchases are scored by.
        var dear = facts.purchases[0], cheap = facts.purchases[0]
        (dear.event, dear.order, dear.amount, dear.currency) = ("dear", "dear", 2_900_000, "USD")
        (cheap.event, cheap.order, cheap.amount, cheap.currency) = ("cheap", "cheap", 1_200_000, "USD")
        func probabilities(_ scorer: FraudScorer) throws -> (Float, Float) {
            let scored = try FraudFacts([.purchase(dear), .purchase(cheap)]).scored(by: scorer)
            return (scored[0].verdict.probability, scored[1].verdict.probability)
        }
        let (taught, untaught) = (try probabilities(late), try probabilities(never))
        #expect(taught.0 > 3 * taught.1, "\(taught)")
        #expect(untaught.0 < 3 * untaught.1, "\(untaught)")
    }

    @Test("an order beyond the last ones that are remembered has no features left")
    func bound() throws {
        let facts = FraudFacts(seed: 34, purchases: 900)
        let scorer = try scorer(FraudCheckpointTests.tight)
        _ = try facts.scored(by: scorer)
        #expect(!scorer.learn(orderID: facts.purchases[199].order, isFraud: true))
        #expect(scorer.learn(orderID: facts.purchases[200].order, isFraud: true))
    }

    @Test("a checkpoint of a version that wrote the scores otherwise is used, and they are learned from the log")
    func otherVersion() throws {
        let shop = try ShopCase(seed: 9, ShopCase.Shape(events: 5_000))
        let whole = try shop.applied()
        let stream = try shop.stream()
        let reader = try StreamReader(shop.log, from: LogOffsets(partitions: ShopCase.partitions), commit: 0)
        while try reader.read(before: shop.log.cut(), atLeast: 5_000, { stream.apply($0, topic: $1) }) {}
        let start = LogOffsets(partitions: ShopCase.partitions)
        let position = Checkpoint.Position(
            commit: reader.commit, offsets: reader.offsets, filterOffsets: start)
        try Checkpoint.save(stream, position, to: shop.path)
        let settings = StreamRunner.Settings(
            checkpointPath: shop.path, timeZone: try #require(TimeZone(identifier: "Asia/Kolkata")),
            currency: try #require(CurrencyCode("USD")))
        func restored() -> [UInt8] {
            StreamRunner.restore(shop.log, settings) { Issue.record("\($0)") }.0.fraud.saved()
        }
        #expect(restored() == whole[0].fraud.saved())
        let path = URL(fileURLWithPath: CheckpointStore(path: shop.path).path(1))
        var bytes = [UInt8](try Data(contentsOf: path))
        let name = Array("fraud-scores".utf8)
        let at = try #require((0..<(bytes.count - 12)).last { Array(bytes[$0..<($0 + 12)]) == name })
        // The version stands behind the name and the length; of another one nothing more is read.
        bytes[at + 20] = 9
        for place in (at + 24)..<(at + 120) { bytes[place] = 0xff }
        CheckpointTests.seal(&bytes)
        try Data(bytes).write(to: path)
        #expect(restored() == whole[0].fraud.saved())
    }
}
