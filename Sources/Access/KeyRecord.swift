public import Foundation

/// What is kept of a write key: whose it is, what it may do, and the digest that its holder's text must have.
public struct KeyRecord: Sendable, Codable, Equatable {
    /// The public part of the key.
    public var id: String
    /// Whose key it is, for people.
    public var label: String
    /// The SHA-256 of the key, in hexadecimal.
    public var sha256: String
    /// When it was made, RFC 3339 in UTC.
    public var createdAt: String
    /// When it was revoked, RFC 3339 in UTC; nil while it may write.
    public var revokedAt: String?
    /// The events a second that it may write on average; nil for no limit.
    public var rate: Int?
    /// The events that it may write at once after a pause; nil for those of one second.
    public var burst: Int?
    /// The events that it may write in a UTC day; nil for no limit.
    public var daily: Int?
    /// The origins (`https://shop.example`, or `*` for any) of the web pages that may use it.
    public var origins: [String]

    /// The bounds of a record's numbers and texts.
    public enum Bounds {
        /// The most events a second, or at once.
        public static let rate = 1...10_000_000
        /// The most events in a day.
        public static let daily = 1...1_000_000_000_000
        /// The longest label, in bytes.
        public static let labelBytes = 200
        /// The most origins of one key.
        public static let origins = 100
    }

    enum CodingKeys: String, CodingKey {
        case id, label, sha256, rate, burst, daily, origins
        case createdAt = "created_at"
        case revokedAt = "revoked_at"
    }

    /// The record of a new key.
    ///
    /// - Throws: `AccessError` when a limit or an origin is out of its bounds.
    public init(
        _ key: WriteKey, label: String, rate: Int? = nil, burst: Int? = nil, daily: Int? = nil, origins: [String] = [],
        now: Date = Date()
    ) throws(AccessError) {
        id = key.id
        self.label = label
        sha256 = key.digest.text
        createdAt = KeyRecord.text(now)
        self.rate = rate
        self.burst = burst
        self.daily = daily
        self.origins = origins.map { $0.lowercased() }
        if let fault { throw AccessError(fault) }
    }

    /// Ends the key's right to write.
    public mutating func revoke(now: Date = Date()) { revokedAt = KeyRecord.text(now) }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }

    /// What is wrong with the record; nil when nothing is.
    var fault: String? {
        if id.isEmpty || !id.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) { return "id '\(id)' is none" }
        if SecretDigest(sha256) == nil { return "the sha256 of \(id) is not 64 hexadecimal digits" }
        if label.isEmpty || label.utf8.count > Bounds.labelBytes {
            return "the label must have 1 to \(Bounds.labelBytes) bytes"
        }
        for (name, value, bounds) in [
            ("rate", rate, Bounds.rate), ("burst", burst, Bounds.rate), ("daily", daily, Bounds.daily),
        ] {
            if let value, !bounds.contains(value) {
                return "\(name) \(value) is not between \(bounds.lowerBound) and \(bounds.upperBound)"
            }
        }
        if burst != nil, rate == nil { return "a burst needs a rate" }
        if origins.count > Bounds.origins { return "more than \(Bounds.origins) origins" }
        return origins.lazy.compactMap { Origin.fault($0) }.first
    }
}

/// The origin of a web page, as browsers send it (RFC 6454).
public enum Origin {
    /// Stands for every origin.
    public static let any = "*"

    /// Whether a page of that origin is among the allowed ones.
    public static func isAllowed(_ origin: String, by allowed: [String]) -> Bool {
        allowed.contains { $0 == any || $0 == origin }
    }

    /// What is wrong with an origin in a configuration; nil when nothing is.
    public static func fault(_ text: String) -> String? {
        if text == any { return nil }
        guard let url = URL(string: text), let scheme = url.scheme, ["http", "https"].contains(scheme),
            let host = url.host(), !host.isEmpty, url.path().isEmpty, url.query() == nil, url.user() == nil,
            text == text.lowercased()
        else { return "origin '\(text)' must be like https://shop.example or http://localhost:3000, or *" }
        return nil
    }
}
