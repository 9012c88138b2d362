import Glibc

/// The clocks that limits are measured by.
public struct AccessClock: Sendable {
    /// The time of day in microseconds since 1970 UTC: quotas end at midnight.
    public var now: @Sendable () -> Int64
    /// Microseconds of a clock that never goes back: rates.
    public var uptime: @Sendable () -> Int64

    /// Clocks of one's own.
    public init(now: @escaping @Sendable () -> Int64, uptime: @escaping @Sendable () -> Int64) {
        self.now = now
        self.uptime = uptime
    }

    /// The system's clocks.
    public static let system = AccessClock(
        now: { microseconds(CLOCK_REALTIME) }, uptime: { microseconds(CLOCK_MONOTONIC) })

    private static func microseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
