import Foundation

/// The batches that wait for the writer, bounded in bytes.
final class AppendQueue: Sendable {
    typealias Completion = @Sendable (Result<AppendReceipt, LogError>) -> Void

    struct Pending {
        let batch: AppendBatch
        let bytes: Int
        let completion: Completion
    }

    enum Waiting {
        case batches([Pending])
        case idle
        case closed
    }

    private let condition = NSCondition()
    // All guarded by the condition's lock.
    nonisolated(unsafe) private var pending: [Pending] = []
    nonisolated(unsafe) private var pendingBytes = 0
    nonisolated(unsafe) private var isClosed = false
    nonisolated(unsafe) private var failure: LogError?

    /// Adds a batch; returns why not, if it cannot.
    func add(_ batch: AppendBatch, _ bytes: Int, _ completion: @escaping Completion) -> LogError? {
        condition.withLock {
            if let failure { return .failed(failure.description) }
            if isClosed { return .closed }
            if pendingBytes + bytes > EmbeddedLog.queueBytes && pendingBytes > 0 {
                return .busy(pendingBytes: pendingBytes)
            }
            pending.append(Pending(batch: batch, bytes: bytes, completion: completion))
            pendingBytes += bytes
            condition.signal()
            return nil
        }
    }

    /// Takes what waits, up to what one frame may hold; waits for something to come.
    ///
    /// - Parameter idleSeconds: after how long without anything to return `.idle`; nil waits for ever.
    func take(idleSeconds: Double?) -> Waiting {
        condition.withLock {
            let deadline = idleSeconds.map { Date(timeIntervalSinceNow: $0) }
            while pending.isEmpty {
                if isClosed { return .closed }
                if let deadline {
                    if !condition.wait(until: deadline), pending.isEmpty, !isClosed { return .idle }
                } else {
                    condition.wait()
                }
            }
            var count = 0
            var bytes = 0
            while count < pending.count, count == 0 || bytes + pending[count].bytes <= FrameHeader.payloadLimit / 2 {
                bytes += pending[count].bytes
                count += 1
            }
            let taken = Array(pending[0..<count])
            pending.removeSubrange(0..<count)
            pendingBytes -= bytes
            return .batches(taken)
        }
    }

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
