import Events

/// What the writer shows to everybody else: the last durable cut and the segments.
final class PublishedState: Sendable {
    let directory: SegmentDirectory
    private let condition = MonotonicCondition()
    // Guarded by the condition's lock.
    nonisolated(unsafe) private var current: LogCut
    nonisolated(unsafe) private var isClosed = false

    init(_ directory: SegmentDirectory, _ cut: LogCut) {
        self.directory = directory
        current = cut
    }

    var cut: LogCut { condition.withLock { current } }

    func publish(_ cut: LogCut) {
        condition.withLock {
            current = cut
            condition.broadcast()
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    func wait(after commit: Int64, seconds: Double) {
        let deadline = MonotonicCondition.Deadline(seconds: seconds)
        condition.withLock {
            while current.commit <= commit, !isClosed, condition.wait(until: deadline) {}
        }
    }
}
