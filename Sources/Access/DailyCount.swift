/// The events of a UTC day.
struct DailyCount: Sendable {
    private static let dayMicroseconds: Int64 = 86_400_000_000

    /// The day, counted from 1970-01-01.
    private(set) var day: Int64
    private(set) var events: Int64

    init(day: Int64, events: Int64) {
        self.day = day
        self.events = events
    }

    /// The day of an instant in microseconds since 1970 UTC.
    static func day(of now: Int64) -> Int64 {
        now >= 0 ? now / dayMicroseconds : (now - dayMicroseconds + 1) / dayMicroseconds
    }

    /// How many microseconds are left of an instant's day.
    static func left(of now: Int64) -> Int64 { (day(of: now) + 1) * dayMicroseconds - now }

    /// Begins the day of that instant, if it is a later one.
    mutating func turn(_ now: Int64) {
        let today = DailyCount.day(of: now)
        guard today > day else { return }
        day = today
        events = 0
    }

    /// Adds events to the day, or takes back; what belongs to an earlier day is not taken from this one.
    mutating func add(_ more: Int64) { events = max(0, events + more) }
}
