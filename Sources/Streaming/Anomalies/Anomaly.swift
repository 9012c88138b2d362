import Events
import Foundation

/// A stretch of time in which a number of the shop was not what is usual for that hour of that day of the week.
public struct Anomaly: Sendable, Equatable, Codable {
    /// How much it matters.
    public enum Severity: String, Sendable, Codable, CaseIterable, Comparable {
        /// Worth knowing.
        case info
        /// Worth looking at today.
        case warning
        /// Worth waking somebody.
        case critical

        /// By how much it matters.
        public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
        private var rank: Int { self == .info ? 0 : self == .warning ? 1 : 2 }
    }

    /// What kind of thing it is taken for.
    public enum Kind: String, Sendable, Codable {
        /// Nothing explains it.
        case unexplained
        /// Orders with a coupon, or clicks of a campaign, make up most of it.
        case promotion
        /// No event of any kind came: the numbers are missing rather than zero.
        case missingData = "missing_data"
        /// It lasted so long that it is usual from now on.
        case newNormal = "new_normal"
    }

    /// What a part of the shop did in the same time.
    public struct Driver: Sendable, Equatable, Codable {
        /// `channel`, `promotion`, `country`, `device` or `product`.
        public var dimension: String
        /// Its value, such as `website`.
        public var value: String
        /// What it had.
        public var observed: Double
        /// What it usually has.
        public var expected: Double
        /// Its share of the whole difference; several dimensions each explain all of it.
        public var contribution: Double
    }

    /// The same for the same anomaly, also after it was looked at again: metric, channel, direction and start.
    public var id: String
    /// The first anomaly of those that began together.
    public var incident: String
    /// The metric's word.
    public var metric: String
    /// The channel, where it is one channel's; else null.
    public var channel: String?
    /// `up` or `down`.
    public var direction: String
    /// What it is taken for.
    public var kind: Kind
    /// How much it matters.
    public var severity: Severity
    /// Its first minute, RFC 3339.
    public var start: String
    /// The minute after its last, RFC 3339; null while it goes on.
    public var end: String?
    /// When it was noticed: the minute that alarmed, RFC 3339.
    public var noticed: String
    /// What was observed: a sum from start to end; for conversion, order value and shares the rate.
    public var observed: Double
    /// What is usual.
    public var expected: Double
    /// Below this 1 in 200 ordinary times would lie.
    public var expectedLow: Double
    /// Above this 1 in 200 ordinary times would lie.
    public var expectedHigh: Double
    /// −log₁₀ of its probability in ordinary times.
    public var improbability: Double
    /// What it cost or brought so far, in the reporting currency; null where it cannot be told.
    public var stake: Double?
    /// What contributed most, at most three.
    public var drivers: [Driver]
    /// It in words.
    public var summary: String

    // For the detector: minutes since 1970.
    package var startMinute: Int64 = 0
    package var endMinute: Int64?
    package var noticedMinute: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case id, incident, metric, channel, direction, kind, severity, start, end, noticed, observed, expected
        case improbability, stake, drivers, summary
        case expectedLow = "expected_low"
        case expectedHigh = "expected_high"
    }

    /// It as JSON; empty where a number cannot be written, which sums of counts never are.
    var json: [UInt8] { (try? JSONEncoder().encode(self)).map(Array.init) ?? [] }

    /// Writes every field, those without a value as null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(incident, forKey: .incident)
        try container.encode(metric, forKey: .metric)
        try container.encode(channel, forKey: .channel)
        try container.encode(direction, forKey: .direction)
        try container.encode(kind, forKey: .kind)
        try container.encode(severity, forKey: .severity)
        try container.encode(start, forKey: .start)
        try container.encode(end, forKey: .end)
        try container.encode(noticed, forKey: .noticed)
        try container.encode(observed, forKey: .observed)
        try container.encode(expected, forKey: .expected)
        try container.encode(expectedLow, forKey: .expectedLow)
        try container.encode(expectedHigh, forKey: .expectedHigh)
        try container.encode(improbability, forKey: .improbability)
        try container.encode(stake, forKey: .stake)
        try container.encode(drivers, forKey: .drivers)
        try container.encode(summary, forKey: .summary)
    }
}

/// What is told of anomalies at one moment.
public struct AnomalyReport: Sendable, Equatable, Codable {
    /// Whether enough has been learned for alarms.
    public var isReady: Bool
    /// What it waits for, where it is not ready.
    public var waitsFor: String?
    /// The minute up to which everything is settled, RFC 3339; null before the first live event.
    public var settledUntil: String?
    /// Those going on and those that ended, newest first.
    public var anomalies: [Anomaly]

    enum CodingKeys: String, CodingKey {
        case anomalies
        case isReady = "ready"
        case waitsFor = "waits_for"
        case settledUntil = "settled_until"
    }

    /// Nothing known.
    public init() {
        isReady = false
        anomalies = []
    }

    /// Only those that go on or ended at `since` or later, of at least that severity.
    ///
    /// - Parameter since: microseconds since 1970.
    public func filtered(since: Int64 = .min, severity: Anomaly.Severity = .info, limit: Int = .max) -> AnomalyReport {
        var report = self
        report.anomalies = Array(
            anomalies.lazy.filter { anomaly in
                guard anomaly.severity >= severity else { return false }
                guard let end = anomaly.endMinute else { return true }
                return end >= since / Timestamp.minute
            }.prefix(limit))
        return report
    }
}
