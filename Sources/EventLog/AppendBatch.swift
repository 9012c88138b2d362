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
    // Not guarded: whoever fills it hands it over, through the log's queue, and keeps no reference. What changes with
    // every event lies behind pointers, since the run time checks each access to a class's own variables.

    /// The longest producer name, in bytes.
    public static let producerBytes = 200

    /// A record of the batch: where its bytes stand, and the partition that it goes to.
    private struct Entry {
        var start: UInt32
        var count: UInt32
        var slot: UInt16
        /// Whether the bytes stand in `copies`, not in the body.
        var isCopy: Bool
    }

    /// Entries in memory that grows by doubling, and the sums over them.
    private struct Entries {
        var start: UnsafeMutablePointer<Entry>
        var capacity: Int
        var count = 0
        var byteCount = 0

        init(capacity: Int) {
            self.capacity = capacity
            start = .allocate(capacity: capacity)
        }

        mutating func reserve(_ wanted: Int) {
            guard wanted > capacity else { return }
            let larger = max(capacity * 2, wanted)
            let moved = UnsafeMutablePointer<Entry>.allocate(capacity: larger)
            moved.moveInitialize(from: start, count: count)
            start.deallocate()
            start = moved
            capacity = larger
        }
    }

    /// What one partition of a topic gets.
    struct Share {
        var records = 0
        var bytes = 0
    }

    /// How many partitions each topic has.
    public let partitions: Int
    /// How many events the door was handed to make this batch.
    public var received: Int64 = 0
    /// Who sends it, when a repeat must append nothing.
    public var stamp: ProducerStamp?

    private let body: PaddedBytes
    private var copies = PaddedBytes(capacity: 0)
    private let entries: UnsafeMutablePointer<Entries>
    /// For each slot (a partition of a topic), what goes there.
    private let shares: UnsafeMutablePointer<Share>

    /// An empty batch for a log with that many partitions a topic.
    ///
    /// - Parameters:
    ///   - body: bytes that stay with the batch; events added from among them are not copied.
    ///   - capacity: for how many records there is room at first.
    public init(
        partitions: Int, body: consuming PaddedBytes = PaddedBytes(capacity: 0), capacity: Int = 16
    ) {
        self.partitions = partitions
        self.body = body
        let slots = Topic.allCases.count * partitions
        shares = .allocate(capacity: slots)
        shares.initialize(repeating: Share(), count: slots)
        entries = .allocate(capacity: 1)
        entries.initialize(to: Entries(capacity: max(1, capacity)))
    }

    deinit {
        entries.pointee.start.deallocate()
        entries.deallocate()
        shares.deallocate()
    }

    /// Events in it that go to their topics.
    public var accepted: Int64 { Int64(entries.pointee.count) - quarantined }

    /// Events in it that go to the quarantine.
    public var quarantined: Int64 {
        let first = Int(Topic.quarantine.rawValue) * partitions
        return (first..<(first + partitions)).reduce(0) { $0 + Int64(shares[$1].records) }
    }

    /// Whether it holds no record.
    public var isEmpty: Bool { entries.pointee.count == 0 }

    /// The bytes that the records take in the log, their lengths included.
    public var byteCount: Int { entries.pointee.byteCount }

    /// The bytes of events that stand outside the body.
    package var copiedBytes: Int { copies.count }

    /// Calls `read` with the body's bytes, which stay where they are for as long as the batch lives.
    public func withBody<Result, Failure: Error>(
        _ read: (borrowing PaddedBytes) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try read(body)
    }

    /// Adds an accepted event to the partition that its key belongs to.
    public func add(_ raw: UnsafeRawBufferPointer, to topic: Topic, key: KeyHash) {
        precondition(topic != .quarantine)
        add(raw, slot: Int(topic.rawValue) &* partitions &+ key.partition(of: partitions))
    }

    /// Adds a rejected event to the quarantine, with the reason as the contract writes it.
    public func quarantine(_ raw: UnsafeRawBufferPointer, reason: String, source: String) {
        let record = QuarantineRecord(reason: reason, source: source).encoded(raw: raw)
        record.withUnsafeBytes { add($0, slot: Int(Topic.quarantine.rawValue) * partitions) }
    }

    /// Adds, in place of an event of a person whose data were erased, a record that says no more than that: so the batch
    /// keeps its counts and its sender's place, and nothing of the event is stored.
    public func addErased(to topic: Topic, key: KeyHash) {
        let slot = topic == .quarantine ? 0 : key.partition(of: partitions)
        withUnsafeTemporaryAllocation(byteCount: ErasedRecord.bytes, alignment: 8) { zeros in
            zeros.initializeMemory(as: UInt8.self, repeating: 0)
            add(UnsafeRawBufferPointer(zeros), slot: Int(topic.rawValue) &* partitions &+ slot)
        }
    }

    @inline(__always)
    private func add(_ raw: UnsafeRawBufferPointer, slot: Int) {
        var at = raw.baseAddress.map { $0 - UnsafeRawPointer(body.start) } ?? -1
        let isCopy = at < 0 || at &+ raw.count > body.count
        if isCopy {
            at = copies.count
            copies.append(raw)
        }
        if entries.pointee.count == entries.pointee.capacity { entries.pointee.reserve(entries.pointee.count + 1) }
        // Both blocks are bounded far below 4 GiB by the sizes of a body and of a batch.
        (entries.pointee.start + entries.pointee.count).initialize(
            to: Entry(
                start: UInt32(truncatingIfNeeded: at), count: UInt32(truncatingIfNeeded: raw.count),
                slot: UInt16(truncatingIfNeeded: slot), isCopy: isCopy))
        entries.pointee.count &+= 1
        entries.pointee.byteCount &+= raw.count &+ 4
        shares[slot].records &+= 1
        shares[slot].bytes &+= raw.count &+ 4
    }

    /// What a slot gets.
    func share(_ slot: Int) -> Share { shares[slot] }

    /// Writes every record, its length before its bytes, to where its slot's cursor stands, and moves the cursors on.
    func write(to cursors: UnsafeMutablePointer<UnsafeMutableRawPointer>) {
        let ownBody = UnsafeRawPointer(body.start)
        let ownCopies = UnsafeRawPointer(copies.start)
        for index in 0..<entries.pointee.count {
            let entry = entries.pointee.start[index]
            let target = cursors[Int(entry.slot)]
            target.storeBytes(of: entry.count.littleEndian, as: UInt32.self)
            (target + 4).copyMemory(
                from: (entry.isCopy ? ownCopies : ownBody) + Int(entry.start), byteCount: Int(entry.count))
            cursors[Int(entry.slot)] = target + 4 + Int(entry.count)
        }
    }
}
