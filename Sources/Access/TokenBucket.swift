/// A rate of events with room for bursts, which lets a request through as long as it holds a token.
///
/// How many events a request holds is known only after it was read. So a request is let through for one token, the
/// others are taken when its events are counted, and the bucket may owe some for a while: each request is taken whole
/// or not at all, and over time the rate is kept exactly.
struct TokenBucket: Sendable {
    private static let second = 1_000_000.0

    let rate: Double
    let burst: Double
    private var balance: Double
    private var filledAt: Int64

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - rate: tokens a second.
    ///   - burst: the most tokens that it holds, 1 at least.
    ///   - now: microseconds of a clock that never goes back.
    init(rate: Double, burst: Double, now: Int64) {
        precondition(rate > 0 && burst >= 1)
        self.rate = rate
        self.burst = burst
        balance = burst
        filledAt = now
    }

    /// The same debt or wealth under other limits.
    func changed(rate: Double, burst: Double, now: Int64) -> TokenBucket {
        var bucket = self
        bucket.fill(now)
        var other = TokenBucket(rate: rate, burst: burst, now: now)
        other.balance = min(burst, bucket.balance)
        return other
    }

    private mutating func fill(_ now: Int64) {
        guard now > filledAt else { return }
        balance = min(burst, balance + Double(now - filledAt) * rate / TokenBucket.second)
        filledAt = now
    }

    /// Takes a token; nil when there was one, else after how many microseconds there will be.
    mutating func take(now: Int64) -> Int64? {
        fill(now)
        guard balance >= 1 else { return max(1, Int64(((1 - balance) / rate * TokenBucket.second).rounded(.up))) }
        balance -= 1
        return nil
    }

    /// Takes that many more, or puts back, whatever it holds.
    mutating func charge(_ tokens: Int) { balance = min(burst, balance - Double(tokens)) }
}
