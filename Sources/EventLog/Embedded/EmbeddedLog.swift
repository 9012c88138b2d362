public import Events
import Foundation
import Glibc
import Synchronization

/// A log in a folder: a sequence of segment files, in which each commit is one run of frames.
///
/// ```
/// folder/format                                  version, number of partitions, id
/// folder/segments/00000000000000000001.log …     commits
/// folder/segments/00000000000000000001.index …   where to find an offset or a time in a finished segment
/// ```
/// All partitions share the segments, so a commit is one write and one sync however many topics it touches. One process
/// at a time may write to a folder; the caller holds its lock.
public final class EmbeddedLog: EventLog {
    /// The partitions a topic gets in a new folder.
    public static let defaultPartitions = 2
    /// The most bytes that may wait to be written.
    public static let queueBytes = 64 << 20
    /// The largest batch.
    public static let batchBytes = 24 << 20
    /// How long the writer waits for more before it notes that the last commit is durable.
    static let confirmSeconds = 0.1

    /// How many partitions each topic has.
    public let partitions: Int
    /// What recovery cut off, one line each: nothing of it was ever acknowledged.
    public let recoveryNotes: [String]
    /// The log's folder.
    public let folder: String
    let format: LogFormat
    let published: PublishedState
    let queue = AppendQueue()
    private let finished = DispatchSemaphore(value: 0)
    /// The end of a log that was opened for reading.
    private let tail: Mutex<LogTail?>
    /// Keeps removals of segments apart.
    let retention = Mutex(())

    /// Opens a folder, making it if need be, and undoes what a crash left half done.
    ///
    /// - Parameters:
    ///   - partitions: the partitions a topic gets in a new folder, 1 to 256; a folder that exists keeps its number.
    ///   - taken: the end of what others have durably taken from the log: a log that ends before it is damaged, since
    ///     only durable commits are handed out.
    ///   - clock: the time of day in microseconds since 1970 UTC.
    public convenience init(
        folder: String, partitions: Int = EmbeddedLog.defaultPartitions, taken: LogOffsets? = nil,
        clock: @escaping @Sendable () -> Int64 = { EmbeddedLog.wallClock() }
    ) throws(LogError) {
        try self.init(
            folder: folder, partitions: partitions, segmentBytes: Segment.sizeLimit, taken: taken, clock: clock)
    }

    /// How many partitions a topic has in an existing log; nil when there is none in the folder.
    public static func partitions(of folder: String) throws(LogError) -> Int? {
        var info = stat()
        guard stat(folder, &info) == 0 else { return nil }
        return try LogFormat.read(folder)?.partitions
    }

    /// Opens a folder whose segments end at a size of one's own.
    package init(
        folder: String, partitions: Int = EmbeddedLog.defaultPartitions, segmentBytes: Int64,
        taken: LogOffsets? = nil,
        clock: @escaping @Sendable () -> Int64 = { EmbeddedLog.wallClock() }
    ) throws(LogError) {
        try SystemFolder.create(folder)
        self.folder = folder
        format = try LogFormat.readOrMake(folder, partitions: partitions)
        self.partitions = format.partitions
        try SystemFolder.create(LogRecovery.segmentsFolder(folder))
        let recovery = try LogRecovery(folder: folder, format: format)
        if let taken { try recovery.check(taken) }
        recoveryNotes = recovery.notes
        published = PublishedState(
            SegmentDirectory(format, recovery.segments, activeIndex: recovery.index), recovery.record.cut)
        tail = Mutex(nil)
        let writer = try LogWriter(recovery, published: published, segmentBytes: segmentBytes, clock: clock)
        start(writer)
    }

    /// Opens a folder to read what it holds now, beside the process that writes to it or without one. Changes nothing,
    /// and takes no batches.
    ///
    /// - Throws: `LogError.missing` when there is no log; what opening it for writing throws.
    public init(reading folder: String) throws(LogError) {
        guard let format = try LogFormat.read(folder) else {
            throw .missing(path: folder + "/format", what: "there is no log here")
        }
        self.folder = folder
        self.format = format
        partitions = format.partitions
        let recovery = try LogRecovery.settled(folder: folder, format: format)
        recoveryNotes = recovery.notes
        published = PublishedState(
            SegmentDirectory(format, recovery.segments, activeIndex: recovery.index, isReadOnly: true),
            recovery.record.cut)
        tail = Mutex(LogTail(recovery))
        _ = queue.close()
    }

    /// The time of day in microseconds since 1970 UTC.
    public static func wallClock() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
    }

    /// Microseconds on a clock that only ever goes forward, for pauses and deadlines.
    public static func steadyClock() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
    }

    /// Appends a batch and calls `completion` when it is durable, or when it is not going to be.
    public func append(
        _ batch: AppendBatch, completion: @escaping @Sendable (Result<AppendReceipt, LogError>) -> Void
    ) {
        precondition(batch.partitions == partitions, "a batch for another number of partitions")
        precondition(
            batch.stamp.map { $0.producer.utf8.count <= AppendBatch.producerBytes } ?? true,
            "a producer's name is at most \(AppendBatch.producerBytes) bytes")
        guard !batch.isEmpty else {
            completion(.success(AppendReceipt(commit: published.cut.commit, isRepeat: false)))
            return
        }
        guard batch.byteCount <= EmbeddedLog.batchBytes else {
            completion(.failure(.batchTooLarge(bytes: batch.byteCount, limit: EmbeddedLog.batchBytes)))
            return
        }
        if let refused = queue.add(batch, completion) { completion(.failure(refused)) }
    }

    /// Appends a batch and blocks until it is durable: for threads that have nothing else to do.
    public func appendAndWait(_ batch: AppendBatch) throws(LogError) -> AppendReceipt {
        let answer = AppendAnswer()
        append(batch) { answer.give($0) }
        return try answer.wait().get()
    }

    /// The durable end of every partition.
    public func cut() -> LogCut { published.cut }

    /// Where the records that are still held begin.
    public func start() throws(LogError) -> LogCut {
        guard let first = published.directory.all.first else { return CommitRecord.empty(partitions: partitions).cut }
        return try published.directory.head(of: first).cut
    }

    /// Takes in what another process has written since the log was opened for reading, and what retention has removed.
    ///
    /// - Returns: the last cut that is known to be durable. `cut()` may lie one commit behind it, of which the write may
    ///   still be under way.
    /// - Throws: `LogError.damaged` when what stands at the log's end is not a write under way.
    public func refresh() throws(LogError) -> LogCut {
        try tail.withLock { tail throws(LogError) in
            guard tail != nil else { return cut() }
            let end = try tail?.advance { published.directory.add($0) }
            if let end, end.commit > published.cut.commit { published.publish(end.cut) }
            if let first = try LogStart.read(folder) {
                while let oldest = published.directory.all.first, oldest.firstCommit < first,
                    published.directory.all.contains(where: { $0.firstCommit == first })
                {
                    _ = published.directory.removeFirst()
                }
            }
            return tail?.confirmed.cut ?? cut()
        }
    }

    /// Why the log takes no more events until a restart: a write or a sync that failed. Nil while it takes them.
    public var failure: LogError? { queue.refusal }

    /// Waits until a commit after `commit` is durable, or the time is over, or the log is closed.
    public func waitForCommit(after commit: Int64, seconds: Double) {
        published.wait(after: commit, seconds: seconds)
    }

    /// A consumer of some topics, from offsets on.
    public func consumer(of topics: [Topic], from offsets: LogOffsets) throws(LogError) -> any LogConsumer {
        try SegmentConsumer(topics, from: offsets, published.directory)
    }

    /// The cut before the first commit that was received at or after an instant.
    public func cut(before instant: Int64) throws(LogError) -> LogCut {
        let directory = published.directory
        guard let (segment, point) = try directory.locate({ $0.receivedAt < instant }) else { return try start() }
        let end = published.cut.commit
        let reader = try FrameReader(segment, format)
        var position = point.position
        var last = point.record
        func damaged(_ what: String) -> LogError { .damaged(path: segment.path, at: position, what: what) }
        while last.commit < end {
            guard let header = try reader.header(at: position) else {
                // The next segment begins at or after the instant.
                guard let next = directory.segment(beginningWith: last.commit + 1), next != segment else {
                    throw damaged("no frame of the log where commit \(last.commit + 1) was expected")
                }
                break
            }
            let isBefore = header.receivedAt < instant
            if header.kind != .records || !isBefore {
                // What decides must not be a damaged time.
                guard let payload = try reader.payload(of: header, at: position) else {
                    throw damaged("a frame's checksum does not hold, or the file ends inside it")
                }
                guard isBefore else { break }
                guard let record = CommitRecord(header, payload, partitions: partitions), record.commit >= last.commit
                else { throw damaged("a commit's record is not readable") }
                last = record
            }
            position += Int64(header.frameBytes)
        }
        return last.cut
    }

    /// Writes what waits, then accepts nothing more. Returns when the writer has ended.
    public func close() {
        if queue.close() {
            finished.wait()
            published.close()
        }
    }

    private func start(_ writer: LogWriter) {
        let loop = WriterLoop(writer)
        let thread = Thread { [queue, finished] in
            loop.run(queue)
            finished.signal()
        }
        thread.name = "log-writer"
        thread.stackSize = 1 << 20
        thread.start()
    }
}

/// Hands one result from the writer's thread to a waiting one.
private final class AppendAnswer: Sendable {
    private let condition = MonotonicCondition()
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
