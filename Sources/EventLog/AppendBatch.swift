public import Events

/// Names a sender and its place in what it sends, so that sending again appends nothing.
public struct ProducerStamp: Sendable, Hashable {
    /// The sender: stable across its restarts, at most `AppendBatch.producerBytes` bytes.
    public let producer: String
    /// The number of this batch: 1 for the first, one more for each that follows.
    public let sequence: Int64

    /// A stamp.
    public init(producer: String, sequence: Int64) {
        self.producer = producer
        self.sequence = sequence
    }
}

/// Events on their way into the log, each with the partition that it goes to.
///
/// Events that stand in the batch's own body are not copied: the log's writer takes them from there straight into the
/// block that it writes. Filled by one thread, then handed to the log and not touched again.
public final class AppendBatch: @unchecked Sendable {
    // Not guarded: whoever fills it hands it over, through the log's queue, and keeps no reference.

    /// The longest producer name, in bytes.
    public static let producerBytes = 200

    /// A record of the batch: where its bytes stand, and the partition that it goes to.
    struct Entry {
        var start: UInt32
        var count: UInt32
        var slot: UInt16
        /// Whether the bytes stand in `copies`, not in the body.
        var isCopy: Bool
    }

    /// How many partitions each topic has.
    public let partitions: Int
    /// How many events the door was handed to make this batch.
    public var received: Int64 = 0
    /// Events in it that go to their topics.
    public private(set) var accepted: Int64 = 0
    /// Events in it that go to the quarantine.
    public private(set) var quarantined: Int64 = 0
    /// Who sends it, when a repeat must append nothing.
    public var stamp: ProducerStamp?

    /// The bytes that the records take in the log, their lengths included.
    public private(set) var byteCount = 0

    private(set) var entries: ContiguousArray<Entry> = []
    /// For each slot (a partition of a topic), the records and the bytes that go there.
    private(set) var counts: [Int]
    private(set) var bytes: [Int]
    private let body: PaddedBytes
    private var copies = PaddedBytes(capacity: 0)

    /// An empty batch for a log with that many partitions a topic.
    ///
    /// - Parameter body: bytes that stay with the batch; events added from among them are not copied.
    public init(partitions: Int, body: consuming PaddedBytes = PaddedBytes(capacity: 0)) {
        self.partitions = partitions
        self.body = body
        counts = Array(repeating: 0, count: Topic.allCases.count * partitions)
        bytes = counts
    }

    /// Whether it holds no record.
    public var isEmpty: Bool { accepted == 0 && quarantined == 0 }

    /// Makes room for that many records.
    public func reserve(_ records: Int) { entries.reserveCapacity(records) }

    /// Calls `read` with the body's bytes, which stay where they are for as long as the batch lives.
    public func withBody<Result, Failure: Error>(
        _ read: (borrowing PaddedBytes) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try read(body)
    }

    /// Adds an accepted event to the partition that its key belongs to.
    public func add(_ raw: UnsafeRawBufferPointer, to topic: Topic, key: KeyHash) {
        precondition(topic != .quarantine)
        add(raw, slot: Int(topic.rawValue) * partitions + key.partition(of: partitions))
        accepted += 1
    }

    /// Adds a rejected event to the quarantine, with the reason as the contract writes it.
    public func quarantine(_ raw: UnsafeRawBufferPointer, reason: String, source: String) {
        let record = QuarantineRecord(reason: reason, source: source).encoded(raw: raw)
        record.withUnsafeBytes { add($0, slot: Int(Topic.quarantine.rawValue) * partitions) }
        quarantined += 1
    }

    @inline(__always)
    private func add(_ raw: UnsafeRawBufferPointer, slot: Int) {
        let start = raw.baseAddress.map { $0 - UnsafeRawPointer(body.start) } ?? -1
        let isCopy = start < 0 || start + raw.count > body.count
        let at = isCopy ? copies.count : start
        if isCopy { copies.append(raw) }
        // Both blocks are bounded far below 4 GiB by the sizes of a body and of a batch.
        entries.append(
            Entry(
                start: UInt32(truncatingIfNeeded: at), count: UInt32(truncatingIfNeeded: raw.count),
                slot: UInt16(truncatingIfNeeded: slot), isCopy: isCopy))
        counts[slot] &+= 1
        bytes[slot] &+= raw.count &+ 4
        byteCount &+= raw.count &+ 4
    }

    /// Writes every record, its length before its bytes, to where its slot's cursor stands, and moves the cursors on.
    func write(to cursors: UnsafeMutablePointer<UnsafeMutableRawPointer>) {
        let ownBody = UnsafeRawPointer(body.start)
        let ownCopies = UnsafeRawPointer(copies.start)
        entries.withUnsafeBufferPointer { entries in
            for entry in entries {
                let target = cursors[Int(entry.slot)]
                target.storeBytes(of: entry.count.littleEndian, as: UInt32.self)
                (target + 4).copyMemory(
                    from: (entry.isCopy ? ownCopies : ownBody) + Int(entry.start), byteCount: Int(entry.count))
                cursors[Int(entry.slot)] = target + 4 + Int(entry.count)
            }
        }
    }
}
