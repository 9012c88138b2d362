/// The batches that wait for the writer, bounded in bytes.
final class AppendQueue: Sendable {
    typealias Completion = @Sendable (Result<AppendReceipt, LogError>) -> Void

    struct Pending {
        let batch: AppendBatch
        let completion: Completion
    }

    enum Waiting {
        case batches([Pending])
        case work(WriterWork)
        case idle
        case closed
    }

    /// The bytes after which a commit takes no further batch.
    static let commitBytes = 4 << 20
    /// The longest that a commit waits for the batches of senders that the last one answered.
    static let gatherSeconds = 0.001

    private let condition = MonotonicCondition()
    // All guarded by the condition's lock.
    nonisolated(unsafe) private var pending: [Pending] = []
    nonisolated(unsafe) private var pendingBytes = 0
    nonisolated(unsafe) private var works: [WriterWork] = []
    nonisolated(unsafe) private var isClosed = false
    nonisolated(unsafe) private var failure: LogError?
    /// How many batches the writer waits for.
    nonisolated(unsafe) private var awaited = 1
    /// How many batches the last commit took.
    nonisolated(unsafe) private var lastTaken = 1

    /// Adds a batch; returns why not, if it cannot.
    func add(_ batch: AppendBatch, _ completion: @escaping Completion) -> LogError? {
        condition.withLock {
            if let failure { return .failed(failure.description) }
            if isClosed { return .closed }
            if pendingBytes + batch.byteCount > EmbeddedLog.queueBytes && pendingBytes > 0 {
                return .busy(pendingBytes: pendingBytes)
            }
            pending.append(Pending(batch: batch, completion: completion))
            pendingBytes += batch.byteCount
            if pending.count >= awaited || pendingBytes >= AppendQueue.commitBytes { condition.signal() }
            return nil
        }
    }

    /// Adds work that is to be done between two commits; returns why not, if it cannot.
    func add(_ work: WriterWork) -> LogError? {
        condition.withLock {
            if let failure { return .failed(failure.description) }
            if isClosed { return .closed }
            works.append(work)
            condition.signal()
            return nil
        }
    }

    /// Takes what waits, up to what one commit may hold; waits for something to come.
    ///
    /// Senders that wait for an answer before they send again come back together a moment after it: a commit that
    /// follows one of several batches waits for as many, but not long.
    ///
    /// - Parameter idleSeconds: after how long without anything to return `.idle`; nil waits for ever.
    func take(idleSeconds: Double?) -> Waiting {
        condition.withLock {
            let deadline = idleSeconds.map { MonotonicCondition.Deadline(seconds: $0) }
            awaited = 1
            while pending.isEmpty {
                if !works.isEmpty { return .work(works.removeFirst()) }
                if isClosed { return .closed }
                if let deadline {
                    if !condition.wait(until: deadline), pending.isEmpty, works.isEmpty, !isClosed { return .idle }
                } else {
                    condition.wait()
                }
            }
            if !works.isEmpty { return .work(works.removeFirst()) }
            gather()
            var count = 0
            var bytes = 0
            while count < pending.count,
                count == 0 || bytes + pending[count].batch.byteCount <= AppendQueue.commitBytes
            {
                bytes += pending[count].batch.byteCount
                count += 1
            }
            let taken = Array(pending[0..<count])
            pending.removeSubrange(0..<count)
            pendingBytes -= bytes
            lastTaken = count
            return .batches(taken)
        }
    }

    private func gather() {
        guard lastTaken > 1 else { return }
        let deadline = MonotonicCondition.Deadline(seconds: AppendQueue.gatherSeconds)
        awaited = lastTaken
        while pending.count < awaited, pendingBytes < AppendQueue.commitBytes, !isClosed {
            guard condition.wait(until: deadline) else { return }
        }
    }

    /// Why it accepts nothing more, if it does not.
    var refusal: LogError? { condition.withLock { failure } }

    /// Accepts nothing more, for this reason.
    func fail(_ error: LogError) {
        condition.withLock { failure = failure ?? error }
    }

    /// Accepts nothing more; false when it was closed already.
    func close() -> Bool {
        condition.withLock {
            defer {
                isClosed = true
                condition.signal()
            }
            return !isClosed
        }
    }
}
