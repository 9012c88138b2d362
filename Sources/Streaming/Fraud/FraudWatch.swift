import Events
import Foundation

/// Scores the shop's purchases as they come, and keeps the alerts. Owned by the stream's thread.
public final class FraudWatch {
    /// How many alerts are listed: the newest.
    public static let alertsListed = 1_000
    /// The version of what is saved; another one is learned anew from the log.
    private static let version: UInt32 = 2

    /// What gives the scores.
    let scorer: FraudScorer
    /// Oldest first; the oldest go by half of the list at a time, since taking one from the front moves all others.
    private var alerts: [FraudAlert] = []
    /// Their JSON: made once, not at each checkpoint.
    private var texts: [[UInt8]] = []
    private var alerted: Int64 = 0
    /// Whether it goes on from a checkpoint.
    public private(set) var wasRestored = false
    private let labels: FraudLabels?
    /// Labels that it has learnt: the first so many.
    private var learnt = 0
    /// Those of them whose orders it did not know.
    private var unknown: Set<Int> = []
    /// How many purchases are scored when the next label is due; the highest number where none has its place yet.
    private var nextLabel = Int64.max

    /// A watch that has seen nothing.
    public init(_ settings: FraudSettings, currency: CurrencyCode, limits: FraudLimits = FraudLimits()) {
        scorer = FraudScorer(rules: settings.rules, currency: currency, limits: limits)
        labels = settings.labels
        findNextLabel()
    }

    /// What the scorer keeps.
    public var gauges: FraudScorer.Gauges { scorer.gauges }
    /// Scores that raised an alert.
    public var alertCount: Int64 { alerted }
    /// The bytes it takes, but for the alerts.
    public var byteCount: Int { scorer.gauges.bytes }

    /// Scores a purchase, which must not repeat an order.
    @inline(__always)
    func purchase(_ batch: EventBatch, _ columns: EventBatch.Columns, _ row: Int) {
        if scorer.purchases >= nextLabel { learnDue() }
        let verdict = scorer.purchase(batch, columns, row)
        if Int(verdict.score) >= scorer.rules.alertScore { alert(verdict, columns, row) }
    }

    /// Fetches what purchases to come need ahead: at most `FraudScorer.ahead` of them.
    func prefetch(_ columns: EventBatch.Columns, _ rows: Range<Int>) { scorer.prefetch(columns, rows) }

    /// Takes in what became of an order.
    @inline(__always)
    func orderStatus(_ columns: EventBatch.Columns, _ row: Int) { scorer.orderStatus(columns, row) }

    @inline(never)
    private func alert(_ verdict: FraudVerdict, _ columns: EventBatch.Columns, _ row: Int) {
        func text(_ field: EventField) -> String? {
            guard columns.presence[row] & field.bit != 0 else { return nil }
            let text = columns.strings(field)[row].string
            return text.isEmpty ? nil : text
        }
        let reasons = scorer.reasons(verdict).map {
            FraudAlert.Reason(name: $0.name, kind: $0.isRule ? "rule" : "feature", weight: $0.weight, text: $0.text)
        }
        add(
            FraudAlert(
                eventID: columns.strings(.eventID)[row].string, orderID: text(.orderID),
                userID: columns.strings(.userID)[row].string, at: Timestamp.text(columns.timestamps[row]),
                score: Int(verdict.score), probability: verdict.probability,
                amount: Money.text(tenThousandths: Int128(columns.moneys(.totalAmount)[row])),
                currency: columns.strings(.currency)[row].string, channel: text(.channel), country: text(.country),
                reasons: reasons))
        alerted &+= 1
    }

    private func add(_ alert: FraudAlert) {
        alerts.append(alert)
        texts.append(FraudWatch.json(alert))
        guard alerts.count >= 2 * FraudWatch.alertsListed else { return }
        alerts.removeFirst(alerts.count - FraudWatch.alertsListed)
        texts.removeFirst(texts.count - FraudWatch.alertsListed)
    }

    private static func json(_ alert: FraudAlert) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        // Texts and finite numbers always encode.
        return (try? encoder.encode(alert)).map(Array.init) ?? []
    }

    // MARK: - Labels

    /// Learns the labels that were given since, and notes their place among the purchases: for the one watch that is
    /// live. Those that were learnt before are learnt where they were.
    package func learnNew() throws {
        guard let labels, nextLabel == .max || nextLabel <= scorer.purchases, labels.count > learnt else { return }
        learnDue()
        guard nextLabel == .max else { return }
        for label in try labels.place(from: learnt, after: scorer.purchases) { learn(label) }
    }

    /// After all that is left was replayed: learns what was learnt after purchases that are gone, and has the labels of
    /// orders that are gone forgotten.
    package func settleLabels() throws {
        guard let labels else { return }
        while let label = labels.label(learnt), label.after != nil { learn(label) }
        try labels.forget(unknown, learnt: learnt, scored: scorer.purchases)
        learnt -= unknown.count
        unknown = []
        findNextLabel()
    }

    private func findNextLabel() { nextLabel = labels?.label(learnt)?.after ?? .max }

    @inline(never)
    private func learnDue() {
        while let label = labels?.label(learnt), let after = label.after, after <= scorer.purchases { learn(label) }
        findNextLabel()
    }

    private func learn(_ label: FraudLabels.Label) {
        if !scorer.learn(order: label.hash, isFraud: label.fraud) { unknown.insert(learnt) }
        learnt += 1
        let place = alerts.lastIndex { $0.isFraud == nil && $0.orderID.map(FraudScorer.hash(order:)) == label.hash }
        guard let place else { return }
        alerts[place].isFraud = label.fraud
        texts[place] = FraudWatch.json(alerts[place])
    }

    /// What is known now.
    public func report() -> FraudReport {
        let gauges = scorer.gauges
        var report = FraudReport()
        report.scored = gauges.purchases
        report.alerted = alerted
        report.alertScore = scorer.rules.alertScore
        report.labels = gauges.labels
        report.frauds = gauges.frauds
        report.unknownLabels = gauges.unknownLabels
        report.listed = alerts
        return report
    }

    // MARK: - Checkpoints

    /// The parts of what is saved.
    private enum Part: String {
        /// Of keys and orders, by key groups: several files make one state.
        case keys
        case model, alerts
    }

    /// Writes what it knows: of keys and orders those of the groups `whole`, and of the others what changed since the last
    /// time.
    func write(to out: inout ByteWriter, whole: Range<Int>) { write(to: &out, whole, isLast: true) }

    private func write(to out: inout ByteWriter, _ whole: Range<Int>, isLast: Bool) {
        out.raw(FraudWatch.version)
        out.section(Part.keys.rawValue) { scorer.writeKeys(to: &$0, whole: whole, isLast: isLast) }
        out.section(Part.model.rawValue) { scorer.writeModel(to: &$0) }
        out.section(Part.alerts.rawValue) { out in
            out.put(alerted)
            out.put(Int64(learnt))
            out.put(Int64(unknown.count))
            for index in unknown.sorted() { out.put(Int64(index)) }
            out.put(Int64(texts.count))
            for text in texts {
                out.put(Int64(text.count))
                out.append(text)
            }
        }
    }

    /// All it knows, as bytes.
    package func saved() -> [UInt8] {
        var out = ByteWriter()
        write(to: &out, KeyGroup.all, isLast: false)
        return out.bytes
    }

    /// Goes on from what was saved. The watch must be new.
    ///
    /// - Throws: `CheckpointError` when the bytes are damaged. The watch must then not be used.
    package func restore(_ saved: [UInt8]) throws {
        var reader = ByteReader(saved, "memory")
        try restore(from: &reader, isNewest: true) { _ in true }
        // No file holds it yet.
        scorer.memory.touchAll()
    }

    /// Applies what `write` wrote, of one file after the other, the oldest first. The watch must be new. What is of another
    /// version is left aside, and learned anew from the log.
    ///
    /// - Parameters:
    ///   - isNewest: whether it is the last one, which completes the state.
    ///   - isKept: whether a group's keys count.
    /// - Throws: `CheckpointError` when it is damaged. The watch must then not be used.
    func restore(from reader: inout ByteReader, isNewest: Bool, _ isKept: (Int) -> Bool) throws {
        guard try reader.raw(UInt32.self) == FraudWatch.version else { return }
        var parts: Set<String> = []
        try reader.sections { name, section in
            guard isNewest || name == Part.keys.rawValue else { return }
            parts.insert(name)
            switch Part(rawValue: name) {
            case .keys: try scorer.restoreKeys(from: &section, isKept)
            case .model: try scorer.restoreModel(from: &section)
            case .alerts: try restoreAlerts(from: &section)
            case nil: return
            }
            guard section.isAtEnd else { throw section.damaged("bytes are left over in the fraud state") }
        }
        guard isNewest else { return }
        guard parts.count >= 3 else { throw reader.damaged("the fraud state has not all parts") }
        findNextLabel()
        wasRestored = true
    }

    private func restoreAlerts(from reader: inout ByteReader) throws {
        alerted = try reader.raw(Int64.self)
        learnt = Int(try reader.raw(Int64.self))
        for _ in 0..<(try reader.count()) { unknown.insert(Int(try reader.raw(Int64.self))) }
        guard (0...(labels?.count ?? .max)).contains(learnt), unknown.allSatisfy({ (0..<learnt).contains($0) }) else {
            throw reader.damaged("it has learnt more labels than there are")
        }
        for _ in 0..<(try reader.count()) {
            let json = try reader.take(try reader.count())
            guard let alert = try? JSONDecoder().decode(FraudAlert.self, from: Data(json)) else {
                throw reader.damaged("an alert is not readable")
            }
            alerts.append(alert)
            texts.append(json)
        }
        guard alerts.count < 2 * FraudWatch.alertsListed, alerted >= Int64(alerts.count) else {
            throw reader.damaged("alerts are out of bounds")
        }
    }
}
