public import Events

/// One partition of a topic.
public struct TopicPartition: Hashable, Sendable, CustomStringConvertible {
    /// The topic.
    public let topic: Topic
    /// The partition, from 0.
    public let partition: Int

    /// A partition of a topic.
    public init(_ topic: Topic, _ partition: Int) {
        self.topic = topic
        self.partition = partition
    }

    /// `topic/partition`.
    public var description: String { "\(topic.name)/\(partition)" }
}

/// The log's totals since it began: what came in at the door and what became of it.
public struct LogTotals: Sendable, Equatable, Codable {
    /// Events handed to the door.
    public var received: Int64 = 0
    /// Events stored in their topics.
    public var accepted: Int64 = 0
    /// Events stored in the quarantine.
    public var quarantined: Int64 = 0

    /// Nothing yet.
    public init() {}
}

/// What an append returns once its events are durable.
public struct AppendReceipt: Sendable {
    /// The number of the commit that holds the events; every consumer that has applied this commit has seen them.
    public let commit: Int64
    /// True when the producer's sequence number had been stored before and nothing was appended.
    public let isRepeat: Bool

    /// A receipt.
    public init(commit: Int64, isRepeat: Bool) {
        self.commit = commit
        self.isRepeat = isRepeat
    }
}

/// A durable log of topics and partitions: append, and read from an offset.
///
/// An append is atomic over all its topics and partitions: after a crash all of it is there or none of it. Offsets
/// count records in a partition from 0. Records of one commit share their `receivedAt`, which rises strictly from
/// commit to commit, and every consumer sees the commits in the same order.
public protocol EventLog: AnyObject, Sendable {
    /// How many partitions each topic has.
    var partitions: Int { get }

    /// Appends a batch and calls `completion` when it is durable, or when it is not going to be.
    ///
    /// The error is `LogError.busy` when the bounded queue is full; any other `LogError` when the log cannot write,
    /// after which it accepts nothing more. `completion` may be called before this returns, or on the thread that
    /// writes: it must not block.
    func append(
        _ batch: AppendBatch, completion: @escaping @Sendable (Result<AppendReceipt, LogError>) -> Void)

    /// The durable end of every partition, and the commit that made it so: one consistent cut.
    func cut() -> LogCut

    /// Where the records that are still held begin: everything, unless retention has removed some.
    func start() throws(LogError) -> LogCut

    /// Waits until a commit after `commit` is durable, or the time is over, or the log is closed.
    func waitForCommit(after commit: Int64, seconds: Double)

    /// A consumer of some topics, from offsets on.
    ///
    /// - Throws: `LogError.incompatible` when the offsets are those of a log with another number of partitions.
    func consumer(of topics: [Topic], from offsets: LogOffsets) throws(LogError) -> any LogConsumer

    /// The cut before the first commit that was received at or after an instant (microseconds since 1970 UTC).
    func cut(before instant: Int64) throws(LogError) -> LogCut
}

extension EventLog {
    /// Appends a batch and returns when it is durable. Throws what `append(_:completion:)` fails with.
    public func append(_ batch: AppendBatch) async throws(LogError) -> AppendReceipt {
        let result: Result<AppendReceipt, LogError> = await withCheckedContinuation { continuation in
            append(batch) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}

/// A consistent cut through all partitions: everything up to one commit, nothing after it.
public struct LogCut: Sendable, Equatable {
    /// The last commit included; 0 when the log is empty.
    public var commit: Int64
    /// The end offsets at that commit.
    public var offsets: LogOffsets
    /// The totals at that commit.
    public var totals: LogTotals
    /// When the commit was received, microseconds since 1970 UTC; 0 when the log is empty.
    public var receivedAt: Int64

    /// A cut.
    public init(commit: Int64, offsets: LogOffsets, totals: LogTotals, receivedAt: Int64) {
        self.commit = commit
        self.offsets = offsets
        self.totals = totals
        self.receivedAt = receivedAt
    }
}

/// Reads several partitions as one: frames in the order of their commits, within a commit by topic and partition.
///
/// Every consumer of the same log sees the same order, which is what makes "the first of several duplicates" mean the
/// same everywhere.
public protocol LogConsumer: AnyObject {
    /// Where the next frames begin.
    var offsets: LogOffsets { get }

    /// Records of the consumer's topics that were passed over because a repair found them unreadable.
    var lost: Int64 { get }

    /// Hands the next frame before the cut to `body` and moves past it; false when there is none. The frame's bytes are
    /// valid only during the call.
    func next(before cut: LogCut, _ body: (borrowing Frame) throws -> Void) throws -> Bool
}
