import Events
import Foundation

/// A purchase whose fraud score is high enough to look at.
public struct FraudAlert: Sendable, Equatable, Codable {
    /// One thing that raised the score.
    public struct Reason: Sendable, Equatable, Codable {
        /// The rule's or the feature's name.
        public var name: String
        /// `rule` or `feature`.
        public var kind: String
        /// What it adds to the logarithm of the odds of fraud.
        public var weight: Float
        /// The sentence.
        public var text: String
    }

    /// The purchase's event.
    public var eventID: String
    /// Its order; null where it names none.
    public var orderID: String?
    /// The customer.
    public var userID: String
    /// When it happened, RFC 3339.
    public var at: String
    /// 0 to 100: the probability of fraud in per cent.
    public var score: Int
    /// The same, not rounded.
    public var probability: Float
    /// What was paid, a decimal text.
    public var amount: String
    /// In which currency.
    public var currency: String
    /// The channel, where it is known.
    public var channel: String?
    /// The country, where it is known.
    public var country: String?
    /// What raised the score most, the largest part first.
    public var reasons: [Reason]
    /// What was said of it since: true for fraud, false for an honest purchase, null for nothing yet.
    public var isFraud: Bool?

    enum CodingKeys: String, CodingKey {
        case at, score, probability, amount, currency, channel, country, reasons
        case eventID = "event_id"
        case orderID = "order_id"
        case userID = "user_id"
        case isFraud = "fraud"
    }

    /// Writes every field, those without a value as null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(eventID, forKey: .eventID)
        try container.encode(orderID, forKey: .orderID)
        try container.encode(userID, forKey: .userID)
        try container.encode(at, forKey: .at)
        try container.encode(score, forKey: .score)
        try container.encode(probability, forKey: .probability)
        try container.encode(amount, forKey: .amount)
        try container.encode(currency, forKey: .currency)
        try container.encode(channel, forKey: .channel)
        try container.encode(country, forKey: .country)
        try container.encode(reasons, forKey: .reasons)
        try container.encode(isFraud, forKey: .isFraud)
    }
}

/// What is known of fraud at a moment: how many purchases were scored, and the newest alerts.
public struct FraudReport: Sendable, Equatable, Encodable {
    /// Purchases scored.
    public var scored: Int64 = 0
    /// Scores that raised an alert, also those that are no longer listed.
    public var alerted: Int64 = 0
    /// The lowest score that raises one.
    public var alertScore = FraudRules.alertScoreStandard
    /// Labels learnt, and those of them that were fraud.
    public var labels: Int64 = 0
    /// Labels that were fraud.
    public var frauds: Int64 = 0
    /// Labels of orders that were not remembered, or had one already.
    public var unknownLabels: Int64 = 0
    /// Newest first: what `filtered` has chosen.
    public private(set) var alerts: [FraudAlert] = []
    /// All that are listed, oldest first.
    var listed: [FraudAlert] = []

    /// Of nothing yet.
    public init() {}

    enum CodingKeys: String, CodingKey {
        case scored, alerted, labels, frauds, alerts
        case alertScore = "alert_score"
        case unknownLabels = "unknown_labels"
    }

    /// The same with fewer alerts: those of at least a score, at or after an instant in microseconds since 1970, at most
    /// so many.
    public func filtered(minScore: Int = 0, since: Int64 = .min, limit: Int) -> FraudReport {
        var report = self
        (report.alerts, report.listed) = ([], [])
        for alert in listed.reversed() where report.alerts.count < limit {
            guard alert.score >= minScore, since == .min || Timestamp.parse(alert.at) ?? .min >= since else { continue }
            report.alerts.append(alert)
        }
        return report
    }
}
