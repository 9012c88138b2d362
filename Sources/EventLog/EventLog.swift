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

    /// `topic/partition`, as the folders are named.
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
/// commit to commit, so that merging partitions by it gives every consumer the same order.
public protocol EventLog: AnyObject, Sendable {
    /// How many partitions each topic has.
    var partitions: Int { get }

    /// Appends a batch and returns when it is durable.
    ///
    /// - Throws: `LogError.busy` when the bounded queue is full; any other `LogError` when the log cannot write, after
    ///   which it accepts nothing more.
    func append(_ batch: AppendBatch) async throws(LogError) -> AppendReceipt

    /// The durable end of every partition, and the commit that made it so: one consistent cut.
    func cut() -> LogCut

    /// Waits until a commit after `commit` is durable, or the time is over, or the log is closed.
    func waitForCommit(after commit: Int64, seconds: Double)

    /// A reader of one partition from an offset.
    func reader(of partition: TopicPartition, from offset: Int64) throws(LogError) -> any PartitionReader
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

/// Reads the frames of one partition in order.
public protocol PartitionReader: AnyObject {
    /// The offset of the next record.
    var offset: Int64 { get }

    /// The next frame's header, if it begins before `end`, without moving on.
    func peek(before end: Int64) throws(LogError) -> FrameHeader?

    /// Hands the next frame's records to `body` and moves past it. The bytes are valid only during the call.
    ///
    /// - Returns: false when the next frame does not begin before `end`.
    func next(before end: Int64, _ body: (borrowing Frame) throws -> Void) throws -> Bool
}
