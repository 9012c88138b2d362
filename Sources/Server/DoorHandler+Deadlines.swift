import NIOCore

/// What becomes of a client that takes too long.
extension DoorHandler {
    /// Sees to it that the connection is looked at when its deadline comes.
    func watch() {
        guard let context, phase != .closed, let deadline = clock.deadline(phase, isPassed, door.limits) else { return }
        // A timer that comes too early looks again: most requests come and go without touching it.
        guard deadline < timerAt else { return }
        timer?.cancel()
        timerAt = deadline
        timer = context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(deadline: deadline) { self.look() }
    }

    private func look() {
        timer = nil
        timerAt = .distantFuture
        guard let context, let deadline = clock.deadline(phase, isPassed, door.limits) else { return }
        guard deadline <= .now() else { return watch() }
        switch phase {
        case .waiting where clock.isInHead: refuse(.slowHead, isLast: true)
        case .reading where !clock.isStalled:
            refuse(clock.isStopping ? .stopping : .slowBody, isLast: true)
        case .passing where !isPassed:
            door.metrics.refused(DoorRefusal.slowBody)
            context.close(promise: nil)
        default: context.close(promise: nil)
        }
    }
}
