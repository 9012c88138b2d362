public import Events

/// Places of records in the log: offsets by topic and partition.
public struct LogPlaces: Sendable, Equatable {
    /// The offsets, by topic and partition.
    public private(set) var offsets: [TopicPartition: OffsetSet] = [:]

    /// No place.
    public init() {}

    /// How many places there are.
    public var count: Int64 { offsets.values.reduce(0) { $0 + $1.count } }

    /// Whether there are none.
    public var isEmpty: Bool { offsets.isEmpty }

    /// How many places of a topic there are.
    public func count(in topic: Topic) -> Int64 {
        offsets.reduce(0) { $0 + ($1.key.topic == topic ? $1.value.count : 0) }
    }

    /// Adds a place.
    public mutating func insert(_ offset: Int64, of partition: TopicPartition) {
        offsets[partition, default: OffsetSet()].insert(offset)
    }

    /// Adds all of another's places.
    public mutating func formUnion(_ other: LogPlaces) {
        for (partition, set) in other.offsets { offsets[partition, default: OffsetSet()].formUnion(set) }
    }

    /// The form kept in files: topic and partition, then offsets.
    public var texts: [String: String] {
        Dictionary(uniqueKeysWithValues: offsets.map { ($0.key.description, $0.value.description) })
    }

    /// Reads the form that `texts` writes; nil when it is anything else.
    public init?(texts: [String: String]) {
        for (name, text) in texts {
            let words = name.split(separator: "/", omittingEmptySubsequences: false)
            guard words.count == 2, let topic = Topic(name: String(words[0])), let partition = Int(words[1]),
                partition >= 0, let set = OffsetSet(text)
            else { return nil }
            offsets[TopicPartition(topic, partition)] = set
        }
    }
}
