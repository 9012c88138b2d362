public import Engine
public import EventLog
public import Events
public import Iceberg

/// The events of the bronze tables from before the log's beginning, decoded anew from the bytes as they came.
public enum BronzeEvents {
    /// Hands over the events before a cut, in the log's order.
    public static func forEach(
        before start: LogCut, _ catalog: any Catalog, _ connection: Connection,
        _ body: (EventBatch, Topic) -> Void
    ) throws {
        var parts: [String] = []
        for topic in Topic.events where start.offsets.records(in: topic) > 0 {
            let identifier = BronzeTable(topic).identifier
            guard try catalog.tableExists(identifier) else { continue }
            let isOlder = (0..<start.offsets.partitions).map {
                "log_partition = \($0) AND log_offset < \(start.offsets[topic, $0])"
            }
            parts.append(
                "SELECT received_at, \(topic.rawValue) AS topic, log_partition, log_offset, raw FROM "
                    + "(\(try LakeTable(try catalog.loadTable(identifier)).scanSQL())) "
                    + "WHERE \(isOlder.joined(separator: " OR "))")
        }
        guard !parts.isEmpty else { return }
        let batch = EventBatch(capacity: 1)
        let decoder = EventDecoder()
        _ = try connection.stream(
            "SELECT * FROM (\(parts.joined(separator: " UNION ALL "))) ORDER BY received_at, topic, log_partition, "
                + "log_offset"
        ) { row in
            guard case .timestamp(let receivedAt) = row[0], let number = row[1].integer,
                let topic = Topic(rawValue: UInt8(truncatingIfNeeded: number)), let partition = row[2].integer,
                let offset = row[3].integer
            else { return true }
            let raw = PaddedBytes(copying: TableErasure.bytes(row[4]))
            try raw.withBytes { bytes in
                batch.removeAll()
                if let reason = decoder.decode(bytes, into: batch) {
                    throw LogError.undecodable(
                        partition: "bronze.\(topic.name)", offset: offset, what: reason.description)
                }
                batch.setPosition(receivedAt: receivedAt, partition: Int32(partition), offset: offset)
                body(batch, topic)
            }
            return true
        }
    }
}
