import Events

/// The one writer of an embedded log: takes what waits, writes it as one commit, syncs, and only then answers.
///
/// It runs on a thread of its own, since it spends its life in system calls. While one commit is being synced the
/// next batches gather, so the cost of a sync is shared by all who wait for it (group commit).
final class LogWriter {
    /// The most producers whose last sequence is remembered; the longest silent ones are forgotten first.
    static let producerLimit = 10_000

    private let partitions: Int
    private var writers: [PartitionWriter] = []
    private var ledger: SegmentWriter
    private var ledgerOffset: Int64
    private let published: PublishedState
    private var entry: LedgerEntry
    private var confirmed: Bool
    private var producers: [String: Int64]
    private var producerOrder: [String]
    private var frame = PaddedBytes(capacity: 1 << 20)
    private let clock: @Sendable () -> Int64

    /// A partition's segments, in a box since arrays hold no values that cannot be copied.
    private final class PartitionWriter {
        var writer: SegmentWriter
        let list: SegmentList
        init(_ writer: consuming SegmentWriter, _ list: SegmentList) {
            self.writer = writer
            self.list = list
        }
    }

    init(
        _ recovered: LogRecovery, published: PublishedState, segmentBytes: Int64,
        clock: @escaping @Sendable () -> Int64
    ) throws(LogError) {
        partitions = recovered.entry.ends.partitions
        entry = recovered.entry
        confirmed = recovered.isConfirmed
        ledgerOffset = recovered.ledgerOffset
        producers = recovered.producers
        producerOrder = recovered.producers.keys.sorted()
        self.published = published
        self.clock = clock
        ledger = try LogWriter.openLedger(recovered, segmentBytes)
        for (index, partition) in recovered.entry.ends.all.enumerated() {
            var writer = try SegmentWriter(
                folder: recovered.folder + "/" + partition.description, topic: UInt16(partition.topic.rawValue),
                partition: UInt16(partition.partition), sizeLimit: segmentBytes)
            try writer.resume(at: recovered.goodBytes[index])
            published.lists[index].replace(writer.segments)
            writers.append(PartitionWriter(writer, published.lists[index]))
        }
        published.publish(entry.cut)
    }

    /// The ledger is there before any partition holds a record, so that a lost ledger can be told from a new log.
    private static func openLedger(
        _ recovered: LogRecovery, _ segmentBytes: Int64
    ) throws(LogError) -> SegmentWriter {
        var ledger = try SegmentWriter(
            folder: recovered.folder + "/ledger", topic: FrameHeader.ledgerTopic, partition: 0,
            sizeLimit: segmentBytes)
        try ledger.resume(at: recovered.ledgerBytes)
        try ledger.begin()
        return ledger
    }

    /// Whether the last commit still lacks an entry behind it that says it is durable.
    var needsConfirmation: Bool { !confirmed }

    /// The number of the last commit.
    var lastCommit: Int64 { entry.commit }

    /// The last sequence stored for a producer; 0 for one that is not known.
    func lastSequence(of producer: String) -> Int64 { producers[producer] ?? 0 }

    /// Writes batches as one commit and syncs it; returns the commit's number.
    func commit(_ batches: [AppendBatch]) throws(LogError) -> Int64 {
        var next = entry
        next.isConfirmation = false
        next.producers = []
        next.commit += 1
        // Clocks step back; the order of commits must not.
        next.receivedAt = max(clock(), entry.receivedAt + 1)
        for (index, partition) in entry.ends.all.enumerated() {
            try write(batches, index, partition, &next)
        }
        for batch in batches {
            next.totals.received += batch.received
            next.totals.accepted += batch.accepted
            next.totals.quarantined += batch.quarantined
            if let stamp = batch.stamp { remember(stamp, &next) }
        }
        try writeLedger(next)
        for partition in writers { try partition.writer.sync() }
        try ledger.sync()
        entry = next
        confirmed = false
        published.publish(entry.cut)
        return entry.commit
    }

    /// Writes a ledger entry that says the last commit is durable, so that damage to it can be told from a crash in
    /// its middle.
    func confirm() throws(LogError) {
        guard !confirmed else { return }
        var next = entry
        next.isConfirmation = true
        next.producers = []
        try writeLedger(next)
        try ledger.sync()
        confirmed = true
    }

    private func write(
        _ batches: [AppendBatch], _ index: Int, _ partition: TopicPartition, _ next: inout LedgerEntry
    ) throws(LogError) {
        var records = 0
        frame.removeAll()
        frame.append(repeatElement(0, count: FrameHeader.size))
        for batch in batches where batch.counts[index] > 0 {
            batch.payloads[index].withUnsafeBytes { frame.append($0) }
            records += batch.counts[index]
        }
        guard records > 0 else { return }
        let header = FrameHeader(
            payloadBytes: frame.count - FrameHeader.size, records: records, baseOffset: entry.ends[partition],
            receivedAt: next.receivedAt, commit: next.commit, topic: UInt16(partition.topic.rawValue),
            partition: UInt16(partition.partition))
        header.write(to: frame.start)
        let writer = writers[index]
        try writer.writer.write(frame.bytes, baseOffset: header.baseOffset)
        writer.list.replace(writer.writer.segments)
        next.ends[partition] = header.endOffset
    }

    private func writeLedger(_ entry: LedgerEntry) throws(LogError) {
        var entry = entry
        // A new segment begins with all producers, so that opening needs the newest segment only.
        if ledger.isAtSegmentStart {
            entry.producers = producerOrder.compactMap { name in
                producers[name].map { ProducerStamp(producer: name, sequence: $0) }
            }
        }
        let payload = entry.encoded()
        frame.removeAll()
        frame.append(repeatElement(0, count: FrameHeader.size))
        frame.append(payload)
        FrameHeader(
            payloadBytes: payload.count, records: 1, baseOffset: ledgerOffset,
            receivedAt: entry.receivedAt, commit: entry.commit, topic: FrameHeader.ledgerTopic, partition: 0
        ).write(to: frame.start)
        try ledger.write(frame.bytes, baseOffset: ledgerOffset)
        ledgerOffset += 1
    }

    private func remember(_ stamp: ProducerStamp, _ next: inout LedgerEntry) {
        if producers.updateValue(stamp.sequence, forKey: stamp.producer) != nil {
            producerOrder.removeAll { $0 == stamp.producer }
        }
        producerOrder.append(stamp.producer)
        if producerOrder.count > LogWriter.producerLimit { producers[producerOrder.removeFirst()] = nil }
        next.producers.append(stamp)
    }
}
