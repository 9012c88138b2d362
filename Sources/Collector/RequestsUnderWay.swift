import EventLog

/// Lets somebody wait until every request that began before is done.
final class RequestsUnderWay: Sendable {
    private let condition = MonotonicCondition()
    // Guarded by the condition's lock. Whoever waits begins a generation, so there are as many as wait, and one.
    nonisolated(unsafe) private var generation = 0
    nonisolated(unsafe) private var inside: [Int: Int] = [0: 0]
    nonisolated(unsafe) private var waiting = 0

    /// Begins a request, and says by what number it is known.
    func begin() -> Int {
        condition.withLock {
            inside[generation, default: 0] += 1
            return generation
        }
    }

    /// Ends a request.
    func end(_ number: Int) {
        condition.withLock {
            inside[number, default: 0] -= 1
            guard inside[number] == 0, waiting > 0 else { return }
            condition.broadcast()
        }
    }

    /// Returns when the requests that have begun so far have ended.
    func waitForThoseBefore() {
        condition.withLock {
            let own = generation
            generation += 1
            waiting += 1
            while inside.contains(where: { $0.key <= own && $0.value > 0 }) { condition.wait() }
            waiting -= 1
            for number in inside.keys where number <= own { inside[number] = nil }
        }
    }
}
