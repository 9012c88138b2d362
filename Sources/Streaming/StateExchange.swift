import EventLog

/// Hands a state that another thread has built to the thread that keeps the live view, and tells that one when it is kept.
final class StateExchange: @unchecked Sendable {
    // All guarded by the condition's lock. A state belongs to the thread that has it: the giver keeps nothing of it once it
    // was taken.
    private let condition = MonotonicCondition()
    private var offered: LiveRebuild.Built?
    private var outcome: Result<Void, any Error>?
    private var isClosed = false

    /// Offers a state and waits until it was taken; false when nobody takes one any more.
    ///
    /// - Throws: why the state was not kept.
    func give(_ built: LiveRebuild.Built) throws -> Bool {
        let result: Result<Void, any Error>? = condition.withLock {
            while offered != nil, !isClosed { condition.wait() }
            guard !isClosed else { return nil }
            offered = built
            outcome = nil
            while outcome == nil, !isClosed { condition.wait() }
            offered = nil
            defer { condition.broadcast() }
            return outcome
        }
        guard let result else { return false }
        try result.get()
        return true
    }

    /// The state that is offered, if there is one; whoever takes it says how it went.
    func take() -> LiveRebuild.Built? { condition.withLock { outcome == nil ? offered : nil } }

    /// Says how it went with the state that was taken.
    func taken(_ result: Result<Void, any Error>) {
        condition.withLock {
            outcome = result
            condition.broadcast()
        }
    }

    /// Takes no more.
    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }
}
