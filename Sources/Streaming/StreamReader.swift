public import EventLog
public import Events

/// Turns the log's frames into decoded batches, one topic at a time, in the log's order.
public final class StreamReader {
    private let consumer: any LogConsumer
    private let batch: EventBatch
    private let decoder = EventDecoder()

    /// The last commit of which everything was read.
    public private(set) var commit: Int64

    /// How far it has read.
    public var offsets: LogOffsets { consumer.offsets }

    /// A reader of all topics of events, from offsets on, which lie at the end of a commit.
    public init(_ log: any EventLog, from offsets: LogOffsets, commit: Int64) throws(LogError) {
        consumer = try log.consumer(of: Topic.events, from: offsets)
        self.commit = commit
        batch = EventBatch(capacity: 512)
    }

    /// Reads frames before the cut until at least `events` events were handed to `body`, or there are no more.
    ///
    /// - Returns: false when everything before the cut has been read.
    /// - Throws: what `body` throws, and `LogError` when the log is damaged; an event that was accepted and does not
    ///   decode again means damage.
    public func read(
        before cut: LogCut, atLeast events: Int, _ body: (EventBatch, Topic) throws -> Void
    ) throws -> Bool {
        var read = 0
        while read < events {
            let more = try consumer.next(before: cut) { frame in
                // Frames come in the order of their commits, so those before this frame's are complete.
                commit = max(commit, frame.header.commit - 1)
                read += frame.recordCount
                try decode(frame, body)
            }
            guard more else {
                commit = max(commit, cut.commit)
                return false
            }
        }
        return true
    }

    /// Reads all frames before the cut.
    public func readAll(before cut: LogCut, _ body: (EventBatch, Topic) throws -> Void) throws {
        while try read(before: cut, atLeast: .max, body) {}
    }

    private func decode(_ frame: borrowing Frame, _ body: (EventBatch, Topic) throws -> Void) throws {
        let topic = frame.partition.topic
        let partition = Int32(frame.partition.partition)
        let receivedAt = frame.header.receivedAt
        let name = frame.partition.description
        batch.removeAll()
        try frame.forEachRecord { offset, raw in
            if let reason = decoder.decode(raw, into: batch) {
                throw LogError.undecodable(partition: name, offset: offset, what: reason.description)
            }
            batch.setPosition(receivedAt: receivedAt, partition: partition, offset: offset)
            if batch.isFull {
                try body(batch, topic)
                batch.removeAll()
            }
        }
        if batch.count > 0 { try body(batch, topic) }
    }
}
