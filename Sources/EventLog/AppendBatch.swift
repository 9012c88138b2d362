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

/// Events on their way into the log, already framed by partition: each record is its length and its bytes.
public struct AppendBatch: Sendable {
    /// The longest producer name, in bytes.
    public static let producerBytes = 200

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

    private(set) var payloads: [[UInt8]]
    private(set) var counts: [Int]

    /// An empty batch for a log with that many partitions a topic.
    public init(partitions: Int) {
        self.partitions = partitions
        payloads = Array(repeating: [], count: Topic.allCases.count * partitions)
        counts = Array(repeating: 0, count: Topic.allCases.count * partitions)
    }

    /// Whether it holds no record.
    public var isEmpty: Bool { accepted == 0 && quarantined == 0 }

    /// The bytes that its records take.
    public var byteCount: Int { payloads.reduce(0) { $0 + $1.count } }

    /// Adds an accepted event to the partition that its key belongs to.
    public mutating func add(_ raw: UnsafeRawBufferPointer, to topic: Topic, key: KeyHash) {
        precondition(topic != .quarantine)
        store(raw, Int(topic.rawValue) * partitions + key.partition(of: partitions))
        accepted += 1
    }

    /// Adds a rejected event to the quarantine, with the reason as the contract writes it.
    public mutating func quarantine(_ raw: UnsafeRawBufferPointer, reason: String, source: String) {
        let record = QuarantineRecord(reason: reason, source: source).encoded(raw: raw)
        record.withUnsafeBytes { store($0, Int(Topic.quarantine.rawValue) * partitions) }
        quarantined += 1
    }

    private mutating func store(_ raw: UnsafeRawBufferPointer, _ index: Int) {
        withUnsafeBytes(of: UInt32(raw.count).littleEndian) { payloads[index].append(contentsOf: $0) }
        payloads[index].append(contentsOf: raw)
        counts[index] += 1
    }
}

/// What the quarantine keeps of a rejected event besides its bytes.
public struct QuarantineRecord: Sendable, Equatable {
    /// The reason, as the contract writes it.
    public let reason: String
    /// Where the event came from, such as `http` or `import cdnow_master.txt:17`.
    public let source: String

    /// A record's words; the source is cut at 1,000 bytes.
    public init(reason: String, source: String) {
        self.reason = reason
        self.source = source
    }

    private static let wordBytes = 1_000

    /// The record's bytes: each word as a length of two bytes and its UTF-8, then the rejected event as it came.
    func encoded(raw: UnsafeRawBufferPointer) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count + reason.utf8.count + source.utf8.count + 4)
        for word in [reason, source] {
            let text = word.utf8.prefix(QuarantineRecord.wordBytes)
            withUnsafeBytes(of: UInt16(text.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: text)
        }
        bytes.append(contentsOf: raw)
        return bytes
    }

    /// Reads a record: its words, and its rejected bytes in place; nil when it is not one.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) -> (record: QuarantineRecord, raw: UnsafeRawBufferPointer)? {
        var at = 0
        var words: [String] = []
        for _ in 0..<2 {
            guard at + 2 <= bytes.count else { return nil }
            let length = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
            at += 2
            guard at + length <= bytes.count else { return nil }
            words.append(String(decoding: bytes[at..<(at + length)], as: UTF8.self))
            at += length
        }
        return (QuarantineRecord(reason: words[0], source: words[1]), UnsafeRawBufferPointer(rebasing: bytes[at...]))
    }
}
