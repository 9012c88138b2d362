import Foundation

/// How often and how long a commit is tried, and where it gets the time from.
public struct CommitPolicy: Sendable {
    /// Attempts in all, the first included.
    public var attempts: Int
    /// The first pause between attempts is up to this long, in milliseconds; each next one up to twice as long.
    public var firstPauseMilliseconds: Int
    /// Longest pause, in milliseconds.
    public var lastPauseMilliseconds: Int
    /// The time, in milliseconds since the epoch, UTC.
    public var now: @Sendable () -> Int64
    /// Waits this many milliseconds.
    public var pause: @Sendable (_ milliseconds: Int) -> Void

    /// A policy; the defaults give up after about four seconds of conflicts.
    public init(
        attempts: Int = 16, firstPauseMilliseconds: Int = 5, lastPauseMilliseconds: Int = 500,
        now: @escaping @Sendable () -> Int64 = { CommitPolicy.wallClock() },
        pause: @escaping @Sendable (_ milliseconds: Int) -> Void = { CommitPolicy.block($0) }
    ) {
        self.attempts = attempts
        self.firstPauseMilliseconds = firstPauseMilliseconds
        self.lastPauseMilliseconds = lastPauseMilliseconds
        self.now = now
        self.pause = pause
    }

    /// The system's clock, in milliseconds since the epoch, UTC.
    public static func wallClock() -> Int64 {
        Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))
    }

    /// Blocks the thread for this many milliseconds.
    public static func block(_ milliseconds: Int) {
        Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
    }

    /// Pauses before attempt `attempt` (1 is the second): a random part of a doubling bound, so that two writers that
    /// met once do not meet again.
    package func pauseBefore(attempt: Int) {
        let bound = min(lastPauseMilliseconds, firstPauseMilliseconds << min(attempt - 1, 16))
        pause(Int.random(in: 0...max(bound, 0)))
    }
}
