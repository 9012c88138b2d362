public import Foundation

/// Business days: the calendar dates of a configured time zone.
///
/// Offsets are looked up once a quarter of an hour of event time, since a day's events come close together. Only the
/// few quarters within which a zone changes its offset (Newfoundland did at 00:01) are looked up at each instant.
public struct BusinessCalendar: Sendable {
    /// The zone in which the shop's days begin.
    public let zone: TimeZone
    /// The zone's name; `UTC` for the zone that some systems call GMT.
    public var name: String { fixedOffset == 0 ? "UTC" : zone.identifier }
    private let fixedOffset: Int64?
    private var cachedSlot = Int64.min
    private var cachedOffset: Int64 = 0

    private static let slot = 15 * Timestamp.minute

    /// A calendar for a zone.
    public init(zone: TimeZone) {
        self.zone = zone
        fixedOffset = ["UTC", "GMT", "Etc/UTC"].contains(zone.identifier) ? 0 : nil
    }

    /// A calendar for an IANA zone name such as `Asia/Ho_Chi_Minh`; nil when there is no such zone.
    public init?(zoneNamed name: String) {
        guard let zone = TimeZone(identifier: name == "UTC" ? "GMT" : name) else { return nil }
        self.init(zone: zone)
    }

    /// The zone's offset from UTC at an instant, in microseconds.
    @inline(__always)
    public mutating func offset(at micros: Int64) -> Int64 {
        if let fixedOffset { return fixedOffset }
        let slot = micros >= 0 ? micros / Self.slot : (micros - Self.slot + 1) / Self.slot
        if slot != cachedSlot {
            let offset = lookUp(slot * Self.slot)
            guard lookUp((slot + 1) * Self.slot - Timestamp.second) == offset else { return lookUp(micros) }
            cachedSlot = slot
            cachedOffset = offset
        }
        return cachedOffset
    }

    private func lookUp(_ micros: Int64) -> Int64 {
        let seconds = (Double(micros) / Double(Timestamp.second)).rounded(.down)
        return Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: seconds))) * Timestamp.second
    }

    /// The business day of an instant, as days since 1970-01-01.
    @inline(__always)
    public mutating func day(of micros: Int64) -> Int32 {
        let local = micros &+ offset(at: micros)
        let day = local >= 0 ? local / Timestamp.day : (local &- Timestamp.day &+ 1) / Timestamp.day
        return Int32(truncatingIfNeeded: day)
    }
}
