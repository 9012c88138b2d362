import Engine
import EventLog
import Models

/// What waits to be done by the batch thread, in its turn.
final class BatchJobs: Sendable {
    /// The most jobs that may wait; further ones are refused.
    static let waitingMax = 32

    /// Work for the thread, and what to tell when it will not be done.
    private struct Job {
        let work: @Sendable (borrowing BatchBench) -> Void
        let refuse: @Sendable (any Error) -> Void
    }

    /// What the thread does next.
    enum Next {
        case job(@Sendable (borrowing BatchBench) -> Void)
        /// Nothing was asked for until the deadline.
        case nothing
        case end
    }

    private let condition = MonotonicCondition()
    // Guarded by the condition's lock.
    nonisolated(unsafe) private var waiting: [Job] = []
    nonisolated(unsafe) private var hasStopped = false
    nonisolated(unsafe) private var refusal: (any Error)?
    nonisolated(unsafe) private var interrupter: Interrupter?

    /// Whether no more jobs are begun.
    var isStopping: Bool { condition.withLock { hasStopped } }

    /// Has the thread's connection interrupted by `stop`.
    func watch(_ connection: Connection) {
        let interrupter = connection.interrupter
        condition.withLock { self.interrupter = interrupter }
    }

    /// Begins no more jobs, and interrupts the one that runs.
    func stop() {
        condition.withLock {
            hasStopped = true
            interrupter?.interrupt()
            condition.signal()
        }
    }

    /// Waits for a job, on the thread.
    func next(until deadline: MonotonicCondition.Deadline) -> Next {
        condition.withLock {
            while waiting.isEmpty, !hasStopped, condition.wait(until: deadline) {}
            if hasStopped { return .end }
            return waiting.isEmpty ? .nothing : .job(waiting.removeFirst().work)
        }
    }

    /// Takes no more jobs, and tells those that wait that they will not be done.
    func refuseAll(_ error: any Error) {
        let left = condition.withLock {
            hasStopped = true
            refusal = error
            defer { waiting = [] }
            return waiting
        }
        for job in left { job.refuse(error) }
    }

    /// Runs `body` on the thread, in its turn.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (borrowing BatchBench) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let refused: (any Error)? = condition.withLock {
                if hasStopped { return refusal ?? CommandError("the server is stopping") }
                guard waiting.count < Self.waitingMax else {
                    return CommandError("\(Self.waitingMax) requests wait for the tables already: try again later")
                }
                waiting.append(
                    Job(
                        work: { bench in continuation.resume(with: Swift.Result { try body(bench) }) },
                        refuse: { continuation.resume(throwing: $0) }))
                condition.signal()
                return nil
            }
            if let refused { continuation.resume(throwing: refused) }
        }
    }
}

/// What the batch thread works with: used by one thread at a time.
struct BatchBench: ~Copyable {
    let connection: Connection
    let runner: ModelRunner

    /// Runs the models over what bronze holds.
    borrowing func run(
        _ selection: ModelSelection, fullRefresh: Bool, progress: (String, Int, Int) -> Void
    ) throws -> (models: Int, rows: Int) {
        let report = try runner.run(selection, fullRefresh: fullRefresh) { step in
            if case .started(let name, let number, let count) = step { progress(name, number, count) }
        }
        return (report.models.filter { $0.status != .unchanged }.count, report.models.reduce(0) { $0 + $1.rows })
    }
}
