import Foundation
import Simulator
import Testing

/// A run of the fraud scenario with its labels, read back by a JSON parser.
struct LabelledRun {
    let lines: EmittedLines
    /// The kind of each purchase by its event's id.
    let kinds: [String: String]

    static func settings(seed: UInt64) -> SimulationSettings {
        var settings = SimulationSettings(seed: seed, rate: 1, scenario: .fraud)
        settings.customers = 4_000
        settings.keepsLabels = true
        return settings
    }

    /// Twelve days and a half at one event a second.
    static let events = 1_080_000

    init(seed: UInt64, events: Int = LabelledRun.events) throws {
        var shop = try ShopSimulator(LabelledRun.settings(seed: seed))
        var buffer = LineBuffer(lines: 10_000)
        var labels = LineBuffer(lines: 1_000)
        var texts: [[UInt8]] = []
        for _ in stride(from: 0, to: events, by: 10_000) {
            buffer.removeAll()
            shop.generate(10_000, into: &buffer)
            shop.takeLabels(into: &labels)
            buffer.withBytes { bytes in
                // Only purchases and what became of them: the rest is as in an ordinary day.
                for line in bytes.split(separator: 0x0a)
                where line.starts(with: Array(#"{"type":"purchase""#.utf8))
                    || line.starts(with: Array(#"{"type":"order"#.utf8))
                {
                    texts.append(Array(line))
                }
            }
        }
        lines = try EmittedLines(lines: texts)
        var kinds: [String: String] = [:]
        for object in try EmittedLines(labels).objects {
            let id = try #require(object["event_id"] as? String)
            let kind = try #require(object["kind"] as? String)
            #expect(object["label"] as? Int == (kind == "honest" ? 0 : 1))
            #expect(Set(object.keys) == ["event_id", "label", "kind"])
            #expect(kinds.updateValue(kind, forKey: id) == nil)
        }
        self.kinds = kinds
    }

    var purchases: [[String: Any]] { lines.ofType("purchase") }
}

@Suite("Fraud in the traffic")
struct FraudScenarioTests {
    // Never changed after it was read.
    nonisolated(unsafe) private static let run = Result { try LabelledRun(seed: 1) }

    @Test("every purchase has one label, and about one in a hundred is fraud, of every kind")
    func share() throws {
        let run = try FraudScenarioTests.run.get()
        let purchases = run.purchases
        #expect(Set(purchases.compactMap { $0["event_id"] as? String }) == Set(run.kinds.keys))
        var counts: [String: Int] = [:]
        for kind in run.kinds.values { counts[kind, default: 0] += 1 }
        #expect(Set(counts.keys) == Set(FraudKind.allCases.map(\.name)))
        let share = 1 - Double(counts["honest", default: 0]) / Double(purchases.count)
        #expect((0.005...0.02).contains(share), "\(share)")
        for kind in FraudKind.allCases { #expect(counts[kind.name, default: 0] >= 10, "\(kind.name): \(counts)") }
    }

    @Test("the same seed gives the same bytes and the same labels, however they are asked for")
    func determinism() throws {
        func run(_ sizes: [Int]) throws -> (bytes: [UInt8], labels: [UInt8]) {
            var shop = try ShopSimulator(LabelledRun.settings(seed: 8))
            var buffer = LineBuffer()
            var labels = LineBuffer()
            var bytes: [UInt8] = []
            for size in sizes {
                buffer.removeAll()
                shop.generate(size, into: &buffer)
                shop.takeLabels(into: &labels)
                bytes += buffer.bytes
            }
            return (bytes, labels.bytes)
        }
        let one = try run([40_000])
        let two = try run([1, 12_345, 20_000, 7_654])
        #expect(one.bytes == two.bytes)
        #expect(one.labels == two.labels)
        #expect(one.labels.count > 50_000)
    }

    @Test("asking for labels changes no event, and without asking there are none")
    func labelsStandApart() throws {
        var settings = LabelledRun.settings(seed: 8)
        let with = try LineBuffer.of(settings, count: 20_000)
        settings.keepsLabels = false
        var shop = try ShopSimulator(settings)
        var without = LineBuffer()
        var labels = LineBuffer()
        shop.generate(20_000, into: &without)
        shop.takeLabels(into: &labels)
        #expect(with.bytes == without.bytes)
        #expect(labels.lineCount == 0)
    }

    /// How well a number tells fraud from honest purchases: the area under the curve of both rates; 0.5 is not at all.
    private func area(_ values: [(value: Double, isFraud: Bool)]) -> Double {
        let sorted = values.sorted { $0.value < $1.value }
        var (rankSum, frauds) = (0.0, 0.0)
        var at = 0
        while at < sorted.count {
            var end = at
            while end < sorted.count, sorted[end].value == sorted[at].value { end += 1 }
            let mean = Double(at + end + 1) / 2
            for index in at..<end where sorted[index].isFraud { (rankSum, frauds) = (rankSum + mean, frauds + 1) }
            at = end
        }
        let honest = Double(sorted.count) - frauds
        return (rankSum - frauds * (frauds + 1) / 2) / (frauds * honest)
    }

    @Test("no id tells a label: not by its digits, its letters or its length")
    func idsTellNothing() throws {
        let run = try FraudScenarioTests.run.get()
        for field in ["event_id", "session_id", "order_id", "card", "address", "device_id", "ip"] {
            // Every byte of the id by itself, and its length: 0.5 ± 5 standard errors, and no value that honest
            // purchases never have.
            var columns: [[(value: Double, isFraud: Bool)]] = []
            var honest: Set<Int> = []
            var frauds: Set<Int> = []
            for purchase in run.purchases {
                let id = try #require(purchase["event_id"] as? String)
                let isFraud = run.kinds[id] != "honest"
                guard let text = purchase[field] as? String else { continue }
                // Numbers that count up say when, and thieves come in bursts: their first digits are time, not labels.
                let bytes = field == "session_id" || field == "order_id" ? text.utf8.suffix(2) : text.utf8.suffix(40)
                for (index, byte) in bytes.enumerated() {
                    while columns.count <= index { columns.append([]) }
                    columns[index].append((Double(byte), isFraud))
                }
                if isFraud { frauds.insert(text.utf8.count) } else { honest.insert(text.utf8.count) }
            }
            #expect(frauds.isSubset(of: honest), "\(field)")
            for (index, column) in columns.enumerated() {
                let frauds = Double(column.filter(\.isFraud).count)
                guard frauds > 20 else { continue }
                // One token of a ring stands on many purchases, so what counts is rings, not purchases.
                let rings = ["card", "address", "device_id", "ip"].contains(field) ? 12.0 : 1.0
                let bound = 5 * (rings / (12 * frauds)).squareRoot()
                let found = area(column)
                #expect(abs(found - 0.5) < bound, "\(field) \(index): \(found)")
            }
        }
    }

    @Test("new accounts are numbered as they come, whoever opens them")
    func newAccounts() throws {
        let run = try FraudScenarioTests.run.get()
        var newest: [(number: Int, isFraud: Bool)] = []
        for purchase in run.purchases {
            let user = try #require(purchase["user_id"] as? String)
            let number = try #require(Int(user.dropFirst(2)))
            guard number >= 4_000 else { continue }
            newest.append((number, run.kinds[try #require(purchase["event_id"] as? String)] != "honest"))
        }
        let frauds = newest.filter(\.isFraud).count
        // Most buyers with new accounts are honest, and thieves' accounts lie between theirs.
        #expect(frauds >= 10 && newest.count - frauds > frauds)
        let honest = newest.filter { !$0.isFraud }.map(\.number)
        let thieves = newest.filter(\.isFraud).map(\.number)
        let span = try #require(honest.min())...(try #require(honest.max()) + 50)
        #expect(thieves.allSatisfy(span.contains))
    }

    @Test("honest people have new devices and shared addresses too, and thieves have old ones")
    func noise() throws {
        let run = try FraudScenarioTests.run.get()
        var devices: [String: Set<String>] = [:]
        var users: [String: Set<String>] = [:]
        var tested = 0
        for purchase in run.purchases where purchase["store_id"] == nil {
            let kind = run.kinds[try #require(purchase["event_id"] as? String)]
            let user = try #require(purchase["user_id"] as? String)
            if kind == "card_testing" { tested += 1 }
            guard kind == "honest" else { continue }
            devices[user, default: []].insert(try #require(purchase["device_id"] as? String))
            users[try #require(purchase["ip"] as? String), default: []].insert(user)
        }
        #expect(tested > 0)
        #expect(devices.values.filter { $0.count > 1 }.count > 100)
        #expect(users.values.filter { $0.count > 2 }.count > 100)
    }

    @Test("an ordinary day has no fraud")
    func ordinaryDay() throws {
        var settings = SimulationSettings(seed: 4)
        settings.keepsLabels = true
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer()
        var labels = LineBuffer()
        shop.generate(50_000, into: &buffer)
        shop.takeLabels(into: &labels)
        #expect(labels.lineCount == shop.totals.orders)
        #expect(try EmittedLines(labels).objects.allSatisfy { $0["kind"] as? String == "honest" })
    }
}
