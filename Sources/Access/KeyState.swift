import Synchronization

/// A key while the server runs: its record, and what it has used of its limits.
final class KeyState: Sendable {
    let id: String
    let digest: SecretDigest
    private let state: Mutex<State>

    private struct State {
        var record: KeyRecord
        var bucket: TokenBucket?
        var today: DailyCount
        var isSaved = true
    }

    init(_ record: KeyRecord, digest: SecretDigest, used: DailyCount, clock: AccessClock) {
        id = record.id
        self.digest = digest
        let bucket = KeyState.limits(record).map { TokenBucket(rate: $0.rate, burst: $0.burst, now: clock.uptime()) }
        state = Mutex(State(record: record, bucket: bucket, today: used))
    }

    private static func limits(_ record: KeyRecord) -> (rate: Double, burst: Double)? {
        record.rate.map { (Double($0), Double(record.burst ?? $0)) }
    }

    /// Takes over a changed record; what was used stays used.
    func change(_ record: KeyRecord, _ clock: AccessClock) {
        let now = clock.uptime()
        state.withLock { state in
            guard state.record != record else { return }
            state.record = record
            state.bucket = KeyState.limits(record).map { limits in
                state.bucket?.changed(rate: limits.rate, burst: limits.burst, now: now)
                    ?? TokenBucket(rate: limits.rate, burst: limits.burst, now: now)
            }
        }
    }

    /// The origins of the pages that may use it.
    var origins: [String] { state.withLock { $0.record.origins } }

    /// Takes one event of the limits for a page of that origin; the day it was taken from, or why not.
    func take(origin: String?, _ clock: AccessClock) -> Result<Int64, WriteRefusal> {
        let now = clock.now()
        let uptime = clock.uptime()
        return state.withLock { state in
            guard state.record.revokedAt == nil else { return .failure(.revoked(id: id)) }
            if let origin, !Origin.isAllowed(origin, by: state.record.origins) {
                return .failure(.wrongOrigin)
            }
            state.today.turn(now)
            if let daily = state.record.daily, state.today.events >= Int64(daily) {
                let left = (DailyCount.left(of: now) + 999_999) / 1_000_000
                return .failure(.overQuota(id: id, daily: daily, retryAfterSeconds: Int(left)))
            }
            if let wait = state.bucket?.take(now: uptime) {
                let seconds = Int((wait + 999_999) / 1_000_000)
                return .failure(.overRate(id: id, rate: state.record.rate ?? 0, retryAfterSeconds: seconds))
            }
            state.today.add(1)
            state.isSaved = false
            return .success(state.today.day)
        }
    }

    /// Counts what came of a request that `take` let through on `day`.
    func settle(events: Int, day: Int64, _ clock: AccessClock) {
        let now = clock.now()
        state.withLock { state in
            state.today.turn(now)
            state.bucket?.charge(events - 1)
            // What was taken yesterday is not given back today.
            let more = state.today.day == day ? events - 1 : max(0, events - 1)
            state.today.add(Int64(more))
            state.isSaved = false
        }
    }

    /// Whether its use has changed since the last call.
    func takeUnsaved() -> Bool {
        state.withLock { state in
            defer { state.isSaved = true }
            return !state.isSaved
        }
    }

    /// Says that what `takeUnsaved` told of could not be saved.
    func markUnsaved() { state.withLock { $0.isSaved = false } }

    /// What it has used of the day of `now`.
    func used(_ now: Int64) -> DailyCount {
        state.withLock { state in
            state.today.turn(now)
            return state.today
        }
    }
}
