import Dispatch
import Synchronization

/// Threads for work that blocks, so that the event loops never wait for a disk: so many at a time, and so many waiting.
final class CatalogWorkers: Sendable {
    private struct State {
        var running = 0
        /// Oldest first; those that gave up are still in it.
        var waiting: [Job] = []
    }

    /// One piece of work, which either begins or gives up.
    private final class Job: Sendable {
        private let isTaken = Atomic<Bool>(false)
        let work: @Sendable () -> Void
        let refuse: @Sendable () -> Void

        init(work: @escaping @Sendable () -> Void, refuse: @escaping @Sendable () -> Void) {
            self.work = work
            self.refuse = refuse
        }

        /// Whether the caller is the first to decide what becomes of it.
        func take() -> Bool { !isTaken.exchange(true, ordering: .acquiringAndReleasing) }
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "catalog", attributes: .concurrent)
    private let limits: CatalogLimits

    init(_ limits: CatalogLimits) { self.limits = limits }

    /// Runs `body` on a thread of its own.
    /// - Throws: ``CatalogError`` `.busy` when too many wait already or it has waited too long, or what `body` throws.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let job = Job(
                work: { continuation.resume(with: Swift.Result { try body() }) },
                refuse: { continuation.resume(throwing: CatalogError.busy) })
            add(job)
        }
    }

    private enum Place { case now, later, nowhere }

    private func add(_ job: Job) {
        let place = state.withLock { state -> Place in
            if state.running < limits.concurrentRequests {
                state.running += 1
                return .now
            }
            guard state.waiting.count < limits.waitingRequests else { return .nowhere }
            state.waiting.append(job)
            return .later
        }
        switch place {
        case .now: start(job)
        case .nowhere: job.refuse()
        case .later:
            // A job that has run in time is not kept by its timer.
            queue.asyncAfter(deadline: .now() + limits.waitSeconds) { [self, weak job] in
                guard let job, job.take() else { return }
                state.withLock { $0.waiting.removeAll { $0 === job } }
                job.refuse()
            }
        }
    }

    /// Runs a job that nobody else has, and then those that wait.
    private func start(_ job: Job) {
        queue.async { [self] in
            var next: Job? = job
            var isFirst = true
            while let job = next {
                if isFirst || job.take() { job.work() }
                isFirst = false
                next = state.withLock { state in
                    if state.waiting.isEmpty {
                        state.running -= 1
                        return nil
                    }
                    return state.waiting.removeFirst()
                }
            }
        }
    }
}
