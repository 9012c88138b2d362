public import Events

/// Reads several partitions as one: frames in the order of their commits, within a commit by topic and partition.
///
/// Every consumer of the same log sees the same order, which is what makes "the first of several duplicates" mean the
/// same everywhere.
public final class LogConsumer {
    /// Where the next frames begin.
    public private(set) var offsets: LogOffsets
    private let readers: [any PartitionReader]
    private let partitions: [TopicPartition]
    private var heads: [FrameHeader?]

    /// A consumer of some topics, from offsets on.
    ///
    /// - Throws: `LogError.incompatible` when the offsets are those of a log with another number of partitions.
    public init(_ log: any EventLog, topics: [Topic], from offsets: LogOffsets) throws(LogError) {
        guard offsets.partitions == log.partitions else {
            throw .incompatible(
                path: "offsets of \(offsets.partitions) partitions a topic",
                what: "the log has \(log.partitions): start again from its beginning")
        }
        self.offsets = offsets
        partitions = offsets.all.filter { topics.contains($0.topic) }
        var readers: [any PartitionReader] = []
        for partition in partitions { readers.append(try log.reader(of: partition, from: offsets[partition])) }
        self.readers = readers
        heads = Array(repeating: nil, count: readers.count)
    }

    /// Hands the next frame before the cut to `body` and moves past it; false when there is none.
    public func next(before cut: LogCut, _ body: (borrowing Frame) throws -> Void) throws -> Bool {
        var best: Int?
        var bestReceivedAt = Int64.max
        for (index, reader) in readers.enumerated() {
            if heads[index] == nil { heads[index] = try reader.peek(before: cut.offsets[partitions[index]]) }
            guard let head = heads[index], head.receivedAt < bestReceivedAt else { continue }
            best = index
            bestReceivedAt = head.receivedAt
        }
        guard let best else { return false }
        let partition = partitions[best]
        guard try readers[best].next(before: cut.offsets[partition], body) else { return false }
        offsets[partition] = readers[best].offset
        heads[best] = nil
        return true
    }
}
