import Events
import Foundation
import Simulator
import Streaming

/// Fraud scores over simulated days with labels: what rules, model and both are worth, and what a purchase costs.
///
/// Labels reach the scorer a week after their purchase, as charge-backs do, and never before the purchase was scored.
struct FraudBench {
    /// Days of traffic.
    let days: Int
    let seed: UInt64
    /// Purchases from this share of the days on are judged; those before only teach.
    static let split = 2.0 / 3
    /// Microseconds after which a label is known.
    static let labelDelay: Int64 = 7 * 86_400_000_000
    /// Where the rows of features are written, for other judges; nil for nowhere.
    let rows: String?
    let rules: FraudRules

    init(days: Int, seed: UInt64, rows: String?, rules: String) throws {
        self.days = days
        self.seed = seed
        self.rows = rows
        self.rules = try FraudRules(path: rules)
    }

    private struct Known {
        let id: String
        let isFraud: Bool
        let time: Int64
    }

    /// A judged purchase.
    private struct Judged {
        let probability: Float
        let kind: String
    }

    private func settings() -> SimulationSettings {
        // One event a second is some 2,000 purchases a day; orders take as long as in life, so that returns do too.
        var settings = SimulationSettings(seed: seed, rate: 1, scenario: .fraud)
        settings.customers = 12_000
        settings.fulfilmentSpeedup = 1
        settings.keepsLabels = true
        return settings
    }

    private static func scorer(_ rules: FraudRules, _ parts: FraudScorer.Parts) throws -> FraudScorer {
        let limits = FraudLimits()
        guard let dollars = CurrencyCode("USD") else { throw BenchError("USD is no currency") }
        return FraudScorer(rules: rules, currency: dollars, limits: limits, parts: parts)
    }

    /// Every purchase and order state of the days with the truth, in order.
    private func events(_ body: (EventBatch, String?) throws -> Void) throws {
        let settings = settings()
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer(lines: 500)
        var labels = LineBuffer(lines: 500)
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1)
        let end = settings.start + Int64(days) * 86_400_000_000
        while shop.now < end {
            buffer.removeAll()
            labels.removeAll()
            shop.generate(500, into: &buffer)
            shop.takeLabels(into: &labels)
            var kinds: [String: String] = [:]
            labels.withBytes { bytes in
                for line in bytes.split(separator: 0x0a) {
                    let parts = String(decoding: line, as: UTF8.self).split(separator: "\"")
                    kinds[String(parts[3])] = String(parts[9])
                }
            }
            let lines = buffer.withBytes { Array($0) }
            let padded = PaddedBytes(copying: lines)
            try padded.withBytes { bytes in
                for line in 0..<buffer.lineCount {
                    batch.removeAll()
                    let event = UnsafeRawBufferPointer(rebasing: bytes[buffer.range(ofLine: line)])
                    if let reason = decoder.decode(event, into: batch) { throw BenchError("rejected: \(reason)") }
                    switch batch.type(0) {
                    case .purchase:
                        guard let id = batch.string(.eventID, 0)?.string, let kind = kinds[id] else {
                            throw BenchError("a purchase has no label")
                        }
                        try body(batch, kind)
                    case .orderStatus: try body(batch, nil)
                    default: break
                    }
                }
            }
        }
    }

    func run() throws -> Findings {
        let parts = FraudScorer.Parts.allCases
        let scorers = try parts.map { try FraudBench.scorer(rules, $0) }
        let start = settings().start
        let judgedFrom = start + Int64(Double(days) * FraudBench.split * 86_400_000_000)
        var known: [Known] = []
        var learnt = 0
        var judged = parts.map { _ in [Judged]() }
        var purchases = 0
        let file = try rows.map { try RowFile($0) }
        try events { batch, kind in
            let now = batch.timestamp(0)
            while learnt < known.count, known[learnt].time + FraudBench.labelDelay <= now {
                for scorer in scorers { scorer.learn(orderID: known[learnt].id, isFraud: known[learnt].isFraud) }
                learnt += 1
            }
            let columns = batch.columns
            guard let kind else {
                for scorer in scorers { scorer.orderStatus(columns, 0) }
                return
            }
            purchases += 1
            var probabilities: [Float] = []
            for (index, scorer) in scorers.enumerated() {
                let verdict = scorer.purchase(batch, columns, 0)
                probabilities.append(verdict.probability)
                if now >= judgedFrom { judged[index].append(Judged(probability: verdict.probability, kind: kind)) }
            }
            try file?.add(now >= judgedFrom, now, kind, probabilities, scorers[0].features)
            known.append(
                Known(id: batch.string(.orderID, 0)?.string ?? "", isFraud: kind != "honest", time: now))
        }
        try file?.close()
        var findings = Findings()
        findings.measures.append(Measure(bench: "fraud", measure: "purchases", value: Double(purchases), unit: "all"))
        tell(&findings, parts, judged)
        findings.measures += try cost()
        return findings
    }

    private func tell(_ findings: inout Findings, _ parts: [FraudScorer.Parts], _ judged: [[Judged]]) {
        let kinds = FraudKind.allCases.filter(\.isFraud).map(\.name)
        var table = TextTable(
            "fraud: \(judged[0].count) purchases judged", ["", "average precision", "precision at 100"] + kinds)
        var calibration = TextTable("said and true, both parts", ["score", "purchases", "said", "true"])
        for (index, part) in parts.enumerated() {
            let sorted = judged[index].sorted { $0.probability > $1.probability }
            let frauds = sorted.count { $0.kind != "honest" }
            guard frauds > 0 else { continue }
            var hits = 0
            var sum = 0.0
            for (rank, purchase) in sorted.enumerated() where purchase.kind != "honest" {
                hits += 1
                sum += Double(hits) / Double(rank + 1)
            }
            let average = sum / Double(frauds)
            let top = sorted.prefix(100).count { $0.kind != "honest" }
            // Of each kind, how many are among as many purchases as there are frauds.
            let found = sorted.prefix(frauds)
            let shares = kinds.map { kind in
                "\(found.count { $0.kind == kind }) of \(sorted.count { $0.kind == kind })"
            }
            table.add([part.rawValue, String(format: "%.3f", average), "\(top)"] + shares)
            findings.measures.append(
                Measure(bench: "fraud", measure: "\(part.rawValue) average precision", value: average, unit: "of 1"))
            findings.measures.append(
                Measure(bench: "fraud", measure: "\(part.rawValue) precision at 100", value: Double(top), unit: "%"))
            guard part == .combined else { continue }
            for range in [(0.0, 0.01), (0.01, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)] {
                let some = sorted.filter { Double($0.probability) >= range.0 && Double($0.probability) < range.1 }
                guard !some.isEmpty else { continue }
                let said = some.reduce(0) { $0 + Double($1.probability) } / Double(some.count)
                let isTrue = Double(some.count { $0.kind != "honest" }) / Double(some.count)
                calibration.add([
                    "\(Int(range.0 * 100)) to \(min(100, Int(range.1 * 100)))", "\(some.count)",
                    String(format: "%.3f", said), String(format: "%.3f", isTrue),
                ])
            }
        }
        findings.hold(table)
        findings.hold(calibration)
    }

    /// Times that the same events are gone over for the costs: of each thousand events the fastest time counts.
    private static let passes = 5

    /// Processor time of one purchase and of one label, over the same days again, in memory.
    private func cost() throws -> [Measure] {
        var bytes: [[UInt8]] = []
        var frauds: [Bool] = []
        try events { batch, kind in
            let raw = batch.raw(0)
            bytes.append(Array(UnsafeBufferPointer(start: raw.start, count: raw.count)))
            frauds.append(kind.map { $0 != "honest" } ?? false)
        }
        var fastest: [(scoring: UInt64, learning: UInt64)] = []
        var gauges = FraudScorer.Gauges()
        for _ in 0..<FraudBench.passes {
            let scorer = try FraudBench.scorer(rules, .combined)
            let times = try pass(bytes, frauds, scorer)
            fastest =
                fastest.isEmpty
                ? times : zip(fastest, times).map { (min($0.scoring, $1.scoring), min($0.learning, $1.learning)) }
            gauges = scorer.gauges
        }
        let scoring = fastest.reduce(0) { $0 + $1.scoring }, learning = fastest.reduce(0) { $0 + $1.learning }
        let purchases = gauges.purchases
        return [
            Measure(
                bench: "fraud", measure: "a purchase with its order's states",
                value: Double(scoring) / Double(purchases), unit: "cpu-ns"),
            Measure(
                bench: "fraud", measure: "a label", value: Double(learning) / Double(gauges.labels), unit: "cpu-ns"),
            Measure(
                bench: "fraud", measure: "memory a key",
                value: Double(gauges.bytes - gauges.orderBytes) / Double(gauges.keys),
                unit: "bytes"),
            Measure(bench: "fraud", measure: "keys", value: Double(gauges.keys), unit: "keys"),
        ]
    }

    /// Scores all events, learns all labels, and says how long each thousand events took.
    private func pass(
        _ bytes: [[UInt8]], _ frauds: [Bool], _ scorer: FraudScorer
    ) throws -> [(scoring: UInt64, learning: UInt64)] {
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1_000)
        var times: [(scoring: UInt64, learning: UInt64)] = []
        for from in stride(from: 0, to: bytes.count, by: 1_000) {
            let some = from..<min(from + 1_000, bytes.count)
            var block = PaddedBytes(capacity: some.reduce(0) { $0 + bytes[$1].count })
            var ranges: [Range<Int>] = []
            for index in some {
                let begin = block.count
                bytes[index].withUnsafeBytes { block.append($0) }
                ranges.append(begin..<block.count)
            }
            batch.removeAll()
            try block.withBytes { all in
                for range in ranges {
                    let event = UnsafeRawBufferPointer(rebasing: all[range])
                    if let reason = decoder.decode(event, into: batch) { throw BenchError("rejected: \(reason)") }
                }
                let columns = batch.columns
                let began = Clocks.threadTime()
                for row in 0..<batch.count {
                    if batch.type(row) == .purchase {
                        _ = scorer.purchase(batch, columns, row)
                    } else {
                        scorer.orderStatus(columns, row)
                    }
                }
                let scoring = Clocks.threadTime() - began
                var ids: [(String, Bool)] = []
                for row in 0..<batch.count where batch.type(row) == .purchase {
                    ids.append((batch.string(.orderID, row)?.string ?? "", frauds[from + row]))
                }
                let learns = Clocks.threadTime()
                for (id, isFraud) in ids { scorer.learn(orderID: id, isFraud: isFraud) }
                times.append((scoring, Clocks.threadTime() - learns))
            }
        }
        return times
    }
}

/// Rows of features as CSV: test, ts, kind, the scores, and every feature by its name.
private struct RowFile {
    private let file: FileHandle

    init(_ path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw BenchError("\(path) cannot be written") }
        self.file = file
        let scores = FraudScorer.Parts.allCases.map { "score_\($0.rawValue)" }
        let header = (["test", "ts", "kind"] + scores + FraudFeature.names).joined(separator: ",")
        try file.write(contentsOf: Data((header + "\n").utf8))
    }

    func add(
        _ isTest: Bool, _ time: Int64, _ kind: String, _ scores: [Float], _ features: UnsafeBufferPointer<Float>
    ) throws {
        var line = "\(isTest ? 1 : 0),\(time),\(kind)"
        for score in scores { line += ",\(score)" }
        for feature in features { line += ",\(feature)" }
        try file.write(contentsOf: Data((line + "\n").utf8))
    }

    func close() throws { try file.close() }
}
