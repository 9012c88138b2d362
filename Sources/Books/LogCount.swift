import EventLog
import Events

/// What the log itself holds, counted from its bytes with every checksum looked at.
struct LogCount {
    /// Readable records by topic.
    private(set) var records: [Topic: Int64] = [:]
    /// Records of erased persons by topic, of which the places are left.
    private(set) var erased: [Topic: Int64] = [:]
    /// Records before these offsets were removed by retention.
    private(set) var start: LogOffsets
    /// Offsets that a repair gave up, by partition.
    private(set) var lost: [TopicPartition: [Range<Int64>]] = [:]
    /// A sum over the records' bytes by topic: it changes with any byte of any record, and not with their order.
    private(set) var fingerprints: [Topic: UInt64] = [:]
    /// Amounts of all purchases by currency, repeats included, in ten-thousandths.
    private(set) var amounts: [String: Int128] = [:]

    private init(start: LogOffsets) { self.start = start }

    /// Reads everything up to a cut; what cannot be read becomes a problem.
    static func take(_ log: any EventLog, to cut: LogCut, problems: inout [String]) -> LogCount {
        var count = LogCount(start: LogOffsets(partitions: log.partitions))
        do {
            count.start = try log.start().offsets
            try count.read(log, cut)
        } catch {
            problems.append("log: \(error)")
        }
        return count
    }

    /// How many records of a topic a repair gave up.
    func lostRecords(in topic: Topic) -> Int64 {
        lost.filter { $0.key.topic == topic }.values.joined().reduce(0) { $0 + $1.upperBound - $1.lowerBound }
    }

    /// Which rows of a topic's bronze table the log can still speak for, as a condition in SQL; nil for all.
    func readableCondition(in topic: Topic) -> String? {
        var conditions: [String] = []
        for partition in start.all where partition.topic == topic {
            if start[partition] > 0 {
                conditions.append(
                    "NOT (log_partition = \(partition.partition) AND log_offset < \(start[partition]))")
            }
            for range in lost[partition] ?? [] {
                conditions.append(
                    "NOT (log_partition = \(partition.partition) AND log_offset >= \(range.lowerBound) "
                        + "AND log_offset < \(range.upperBound))")
            }
        }
        return conditions.isEmpty ? nil : conditions.joined(separator: " AND ")
    }

    private mutating func read(_ log: any EventLog, _ cut: LogCut) throws {
        let consumer = try log.consumer(of: Topic.allCases, from: start)
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1)
        var expected = start
        while try consumer.next(
            before: cut,
            { frame in
                skip(to: frame.firstOffset, frame.partition, &expected)
                expected[frame.partition] = frame.header.endOffset
                try add(frame, decoder, batch)
            })
        {}
        for partition in expected.all { skip(to: cut.offsets[partition], partition, &expected) }
    }

    /// Offsets that no frame holds are those that a repair gave up: a consumer refuses any other gap.
    private mutating func skip(to offset: Int64, _ partition: TopicPartition, _ expected: inout LogOffsets) {
        guard expected[partition] < offset else { return }
        lost[partition, default: []].append(expected[partition]..<offset)
        expected[partition] = offset
    }

    private mutating func add(
        _ frame: borrowing Frame, _ decoder: borrowing EventDecoder, _ batch: EventBatch
    ) throws {
        let topic = frame.partition.topic
        let name = frame.partition.description
        var fingerprint: UInt64 = 0
        var count: Int64 = 0
        var sums: [String: Int128] = [:]
        try frame.forEachRecord { offset, raw in
            count += 1
            if topic == .quarantine {
                guard let (_, rejected) = QuarantineRecord.decode(raw) else { return }
                fingerprint &+= LogCount.fingerprint(rejected)
                return
            }
            fingerprint &+= LogCount.fingerprint(raw)
            guard topic == .purchases else { return }
            batch.removeAll()
            if let reason = decoder.decode(raw, into: batch) {
                throw LogError.undecodable(partition: name, offset: offset, what: reason.description)
            }
            let currency = batch.string(.currency, 0)?.string ?? ""
            sums[currency, default: 0] += Int128(batch.money(.totalAmount, 0) ?? 0)
        }
        records[topic, default: 0] += count
        erased[topic, default: 0] += Int64(frame.recordCount) - count
        fingerprints[topic, default: 0] &+= fingerprint
        amounts.merge(sums) { $0 + $1 }
    }

    static func fingerprint(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let start = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
        return KeyHash(start, count: bytes.count).low
    }
}
