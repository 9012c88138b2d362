import Events
import Foundation
import Glibc

/// A log in a folder: a sub-folder of segment files for each partition, and a ledger of commits.
///
/// ```
/// folder/format                     version and number of partitions
/// folder/clicks/0/00000000000000000000.log …
/// folder/ledger/00000000000000000000.log
/// ```
/// One process at a time may open a folder; the caller holds its lock.
public final class EmbeddedLog: EventLog {
    /// The partitions a topic gets in a new folder.
    public static let defaultPartitions = 2
    /// The most bytes that may wait to be written.
    public static let queueBytes = 64 << 20
    /// The largest batch: with the queue's other batches it fits one frame.
    public static let batchBytes = 24 << 20
    /// How long the writer waits for more before it notes that the last commit is durable.
    static let confirmSeconds = 0.1

    /// How many partitions each topic has.
    public let partitions: Int
    /// What recovery cut off, one line each: nothing of it was ever acknowledged.
    public let recoveryNotes: [String]
    private let published: PublishedState
    private let queue: AppendQueue
    private let finished = DispatchSemaphore(value: 0)

    /// Opens a folder, making it if need be, and undoes what a crash left half done.
    ///
    /// - Parameters:
    ///   - partitions: the partitions a topic gets in a new folder, 1 to 256; a folder that exists keeps its number.
    ///   - clock: the time of day in microseconds since 1970 UTC.
    public convenience init(
        folder: String, partitions: Int = EmbeddedLog.defaultPartitions,
        clock: @escaping @Sendable () -> Int64 = { EmbeddedLog.wallClock() }
    ) throws(LogError) {
        try self.init(folder: folder, partitions: partitions, segmentBytes: Segment.sizeLimit, clock: clock)
    }

    /// Opens a folder whose segments end at a size of one's own.
    package init(
        folder: String, partitions: Int = EmbeddedLog.defaultPartitions, segmentBytes: Int64,
        clock: @escaping @Sendable () -> Int64 = { EmbeddedLog.wallClock() }
    ) throws(LogError) {
        try SystemFolder.create(folder)
        self.partitions = try EmbeddedLog.format(of: folder, partitions: partitions)
        let recovery = try LogRecovery(folder: folder, partitions: self.partitions)
        recoveryNotes = recovery.notes
        published = PublishedState(partitions: self.partitions)
        queue = AppendQueue()
        let writer = try LogWriter(recovery, published: published, segmentBytes: segmentBytes, clock: clock)
        start(writer)
    }

    /// The time of day in microseconds since 1970 UTC.
    public static func wallClock() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
    }

    /// Appends a batch and returns when it is durable.
    public func append(_ batch: AppendBatch) async throws(LogError) -> AppendReceipt {
        let result: Result<AppendReceipt, LogError> = await withCheckedContinuation { continuation in
            submit(batch) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Appends a batch and blocks until it is durable: for threads that have nothing else to do.
    public func appendAndWait(_ batch: AppendBatch) throws(LogError) -> AppendReceipt {
        let answer = AppendAnswer()
        submit(batch) { answer.give($0) }
        return try answer.wait().get()
    }

    /// The durable end of every partition.
    public func cut() -> LogCut { published.cut }

    /// Waits until a commit after `commit` is durable, or the time is over, or the log is closed.
    public func waitForCommit(after commit: Int64, seconds: Double) {
        published.wait(after: commit, seconds: seconds)
    }

    /// A reader of one partition from an offset.
    public func reader(of partition: TopicPartition, from offset: Int64) throws(LogError) -> any PartitionReader {
        let index = Int(partition.topic.rawValue) * partitions + partition.partition
        return SegmentReader(partition, from: offset, published.lists[index])
    }

    /// Writes what waits, then accepts nothing more. Returns when the writer has ended.
    public func close() {
        if queue.close() {
            finished.wait()
            published.close()
        }
    }

    private func submit(_ batch: AppendBatch, _ completion: @escaping AppendQueue.Completion) {
        precondition(batch.partitions == partitions, "a batch for another number of partitions")
        precondition(
            batch.stamp.map { $0.producer.utf8.count <= AppendBatch.producerBytes } ?? true,
            "a producer's name is at most \(AppendBatch.producerBytes) bytes")
        guard !batch.isEmpty else {
            completion(.success(AppendReceipt(commit: published.cut.commit, isRepeat: false)))
            return
        }
        let bytes = batch.byteCount
        guard bytes <= EmbeddedLog.batchBytes else {
            completion(.failure(.batchTooLarge(bytes: bytes, limit: EmbeddedLog.batchBytes)))
            return
        }
        if let refused = queue.add(batch, bytes, completion) { completion(.failure(refused)) }
    }

    private func start(_ writer: LogWriter) {
        let box = WriterBox(writer)
        let thread = Thread { [queue, finished] in
            box.run(queue)
            finished.signal()
        }
        thread.name = "log-writer"
        thread.stackSize = 1 << 20
        thread.start()
    }

    private static func format(of folder: String, partitions: Int) throws(LogError) -> Int {
        let path = folder + "/format"
        let names = try SystemFolder.names(in: folder)
        if names.contains("format") {
            let text = try? String(contentsOfFile: path, encoding: .utf8)
            let words = text?.split(whereSeparator: \.isWhitespace) ?? []
            guard words.count == 4, words[0] == "cartograph-log", words[1] == "1", words[2] == "partitions",
                let stored = Int(words[3]), (1...256).contains(stored)
            else { throw .incompatible(path: path, what: "not the format of a log that this version reads") }
            return stored
        }
        guard !names.contains("ledger") else {
            throw .incompatible(path: path, what: "missing, though there is a log beside it: restore it from a copy")
        }
        precondition((1...256).contains(partitions), "1 to 256 partitions")
        // Under its own name only once it is whole: a crash in between leaves no half of it.
        let text = "cartograph-log 1 partitions \(partitions)\n"
        let file = try SystemFile(opening: path + ".new", flags: O_RDWR | O_CREAT | O_TRUNC)
        var bytes = Array(text.utf8)
        let failure: LogError? = bytes.withUnsafeMutableBytes { buffer in
            do throws(LogError) {
                try file.write(UnsafeRawBufferPointer(buffer), at: 0)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        try file.sync()
        guard rename(path + ".new", path) == 0 else { throw LogError.last("rename", path + ".new") }
        try SystemFolder.sync(folder)
        return partitions
    }
}

/// Carries the writer onto its thread: nothing else ever touches it.
private final class WriterBox: @unchecked Sendable {
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
                confirm(queue)
            case .closed:
                confirm(queue)
                return
            case .batches(let pending):
                commit(pending, queue)
            }
        }
    }

    private func confirm(_ queue: AppendQueue) {
        guard failure == nil else { return }
        do { try writer.confirm() } catch { fail(error, queue) }
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

/// Hands one result from the writer's thread to a waiting one.
private final class AppendAnswer: Sendable {
    private let condition = NSCondition()
    // Guarded by the condition's lock.
    nonisolated(unsafe) private var result: Result<AppendReceipt, LogError>?

    func give(_ result: Result<AppendReceipt, LogError>) {
        condition.withLock {
            self.result = result
            condition.signal()
        }
    }

    func wait() -> Result<AppendReceipt, LogError> {
        condition.withLock {
            while true {
                if let result { return result }
                condition.wait()
            }
        }
    }
}
