import EventLog
import Events

/// What the log itself holds, counted from its bytes with every checksum looked at.
struct LogCount {
    /// Records by topic.
    var records: [Topic: Int64] = [:]
    /// A sum over the records' bytes by topic: it changes with any byte of any record, and not with their order.
    var fingerprints: [Topic: UInt64] = [:]
    /// Amounts of all purchases by currency, repeats included, in ten-thousandths.
    var amounts: [String: Int128] = [:]

    /// Reads every topic up to a cut; what cannot be read becomes a problem.
    static func take(_ log: any EventLog, to cut: LogCut, problems: inout [String]) -> LogCount {
        var count = LogCount()
        for topic in Topic.allCases {
            do {
                try count.read(topic, log, cut)
            } catch {
                problems.append("log \(topic.name): \(error)")
            }
        }
        return count
    }

    private mutating func read(_ topic: Topic, _ log: any EventLog, _ cut: LogCut) throws {
        let consumer = try LogConsumer(log, topics: [topic], from: LogOffsets(partitions: log.partitions))
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1)
        var records: Int64 = 0
        var fingerprint: UInt64 = 0
        while try consumer.next(
            before: cut,
            { frame in
                try frame.forEachRecord { offset, raw in
                    records += 1
                    if topic == .quarantine {
                        guard let (_, rejected) = QuarantineRecord.decode(raw) else { return }
                        fingerprint &+= LogCount.fingerprint(rejected)
                        return
                    }
                    fingerprint &+= LogCount.fingerprint(raw)
                    guard topic == .purchases else { return }
                    batch.removeAll()
                    if let reason = decoder.decode(raw, into: batch) {
                        throw LogError.damaged(
                            path: frame.partition.description, at: offset,
                            what: "a record no longer decodes (\(reason))")
                    }
                    let currency = batch.string(.currency, 0)?.string ?? ""
                    amounts[currency, default: 0] += Int128(batch.money(.totalAmount, 0) ?? 0)
                }
            })
        {}
        self.records[topic] = records
        fingerprints[topic] = fingerprint
    }

    static func fingerprint(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let start = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
        return KeyHash(start, count: bytes.count).low
    }
}
