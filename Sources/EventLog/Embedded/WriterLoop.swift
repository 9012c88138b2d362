/// Carries the writer onto its thread and feeds it from the queue: nothing else ever touches the writer.
final class WriterLoop: @unchecked Sendable {
    private let writer: LogWriter
    // After a failed write or sync, what is on disk is unknown: only reading it again, at the next start, can tell.
    // A second try could succeed and hide that the first one lost bytes.
    private var failure: LogError?

    init(_ writer: LogWriter) { self.writer = writer }

    func run(_ queue: AppendQueue) {
        while true {
            let mayConfirm = failure == nil && writer.needsConfirmation
            switch queue.take(idleSeconds: mayConfirm ? EmbeddedLog.confirmSeconds : nil) {
            case .idle:
                attempt(queue) { writer throws(LogError) in try writer.confirm() }
            case .closed:
                attempt(queue) { writer throws(LogError) in
                    try writer.confirm()
                    try writer.finish()
                }
                return
            case .work(let work):
                perform(work, queue)
            case .batches(let pending):
                commit(pending, queue)
            }
        }
    }

    private func attempt(_ queue: AppendQueue, _ work: (LogWriter) throws(LogError) -> Void) {
        guard failure == nil else { return }
        do { try work(writer) } catch { fail(error, queue) }
    }

    private func perform(_ work: WriterWork, _ queue: AppendQueue) {
        if let failure { return work.give(.failure(.failed(failure.description))) }
        do throws(LogError) {
            if let senders = work.senders { writer.forget(senders) }
            try writer.exchangeNewest(work.body)
            work.give(.success(()))
        } catch {
            if !writer.isWritable { fail(error, queue) }
            work.give(.failure(error))
        }
    }

    private func fail(_ error: LogError, _ queue: AppendQueue) {
        failure = error
        queue.fail(error)
    }

    private func commit(_ pending: [AppendQueue.Pending], _ queue: AppendQueue) {
        if let failure {
            for item in pending { item.completion(.failure(.failed(failure.description))) }
            return
        }
        var fresh: [AppendQueue.Pending] = []
        var repeats: [AppendQueue.Pending] = []
        // The last sequences within this commit, which the writer does not know yet.
        var last: [String: Int64] = [:]
        for item in pending {
            guard let stamp = item.batch.stamp else {
                fresh.append(item)
                continue
            }
            let known = last[stamp.producer] ?? writer.lastSequence(of: stamp.producer)
            if stamp.sequence <= known {
                repeats.append(item)
            } else if stamp.sequence == known + 1 {
                last[stamp.producer] = stamp.sequence
                fresh.append(item)
            } else {
                // Storing it would make the batches in between look like repeats when they come.
                item.completion(
                    .failure(.outOfOrder(producer: stamp.producer, expected: known + 1, got: stamp.sequence)))
            }
        }
        guard !fresh.isEmpty || !repeats.isEmpty else { return }
        do {
            let number = fresh.isEmpty ? writer.lastCommit : try writer.commit(fresh.map(\.batch))
            for item in fresh { item.completion(.success(AppendReceipt(commit: number, isRepeat: false))) }
            for item in repeats { item.completion(.success(AppendReceipt(commit: number, isRepeat: true))) }
        } catch {
            fail(error, queue)
            for item in fresh + repeats { item.completion(.failure(error)) }
        }
    }
}

/// Work on the newest segment's file that the writer's thread does between two commits, and who waits for it.
final class WriterWork: Sendable {
    let body: @Sendable (Segment) throws(LogError) -> Void
    /// Producers that the writer forgets before.
    let senders: (@Sendable (String) -> Bool)?
    private let condition = MonotonicCondition()
    // Guarded by the condition's lock.
    nonisolated(unsafe) private var result: Result<Void, LogError>?

    init(
        forgetting senders: (@Sendable (String) -> Bool)? = nil,
        _ body: @escaping @Sendable (Segment) throws(LogError) -> Void
    ) {
        self.senders = senders
        self.body = body
    }

    func give(_ result: Result<Void, LogError>) {
        condition.withLock {
            self.result = result
            condition.signal()
        }
    }

    func wait() throws(LogError) {
        let result = condition.withLock { () -> Result<Void, LogError> in
            while true {
                if let result = self.result { return result }
                condition.wait()
            }
        }
        try result.get()
    }
}
