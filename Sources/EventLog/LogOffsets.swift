public import Events

/// An offset for every partition of every topic: how far a consumer has read, or where the log ends.
public struct LogOffsets: Sendable, Equatable, CustomStringConvertible {
    /// How many partitions each topic has.
    public let partitions: Int
    private var values: [Int64]

    /// Offset 0 everywhere.
    public init(partitions: Int) {
        precondition(partitions > 0)
        self.partitions = partitions
        values = Array(repeating: 0, count: Topic.allCases.count * partitions)
    }

    /// The offset of one partition.
    public subscript(topic: Topic, partition: Int) -> Int64 {
        get { values[Int(topic.rawValue) * partitions + partition] }
        set { values[Int(topic.rawValue) * partitions + partition] = newValue }
    }

    /// The offset of one partition.
    public subscript(partition: TopicPartition) -> Int64 {
        get { self[partition.topic, partition.partition] }
        set { self[partition.topic, partition.partition] = newValue }
    }

    /// The sum of a topic's offsets: how many records lie before them.
    public func records(in topic: Topic) -> Int64 {
        (0..<partitions).reduce(0) { $0 + self[topic, $1] }
    }

    /// The sum over all topics that hold accepted events.
    public var acceptedRecords: Int64 { Topic.events.reduce(0) { $0 + records(in: $1) } }

    /// Whether every offset is at least the other's.
    public func covers(_ other: LogOffsets) -> Bool {
        zip(values, other.values).allSatisfy { $0 >= $1 }
    }

    /// The smaller of both offsets in each partition; both have the same number of partitions.
    public func minimum(_ other: LogOffsets) -> LogOffsets {
        precondition(partitions == other.partitions)
        var result = self
        for (index, value) in other.values.enumerated() { result.values[index] = min(values[index], value) }
        return result
    }

    /// All partitions.
    public var all: [TopicPartition] {
        Topic.allCases.flatMap { topic in (0..<partitions).map { TopicPartition(topic, $0) } }
    }

    /// `clicks:12,13 carts:4,0 …`: the form kept in snapshot summaries and checkpoints.
    public var description: String {
        Topic.allCases.map { topic in
            topic.name + ":" + (0..<partitions).map { String(self[topic, $0]) }.joined(separator: ",")
        }.joined(separator: " ")
    }

    /// Reads the form that `description` writes; nil when it is anything else.
    public init?(_ text: String) {
        var read: [Topic: [Int64]] = [:]
        for word in text.split(separator: " ") {
            let parts = word.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let topic = Topic(name: String(parts[0])) else { return nil }
            let offsets = parts[1].split(separator: ",").compactMap { Int64($0) }
            guard offsets.count == parts[1].split(separator: ",").count, offsets.allSatisfy({ $0 >= 0 }) else {
                return nil
            }
            read[topic] = offsets
        }
        guard let partitions = read.values.first?.count, partitions > 0,
            read.values.allSatisfy({ $0.count == partitions })
        else { return nil }
        self.init(partitions: partitions)
        for (topic, offsets) in read {
            for (partition, offset) in offsets.enumerated() { self[topic, partition] = offset }
        }
        // A form that lost a topic or a number would start a consumer from the wrong place.
        guard description == text else { return nil }
    }
}
