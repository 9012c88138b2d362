import Engine
import EventLog
import Events

/// Finds the records that a bronze table does not have as the log has them, in bounded memory: sums over ranges of
/// offsets first, then each record of the ranges that differ.
struct RecordSearch {
    let topic: Topic
    let log: any EventLog
    /// The first offsets that the log still has.
    let start: LogOffsets
    let cut: LogCut

    /// Offsets in a range.
    private static let rangeRecords: Int64 = 4_096
    /// Most ranges whose records are looked at.
    private static let rangesMax = 16

    private struct Range: Hashable, Comparable {
        let partition: Int
        let number: Int64

        static func < (one: Range, other: Range) -> Bool {
            (one.partition, one.number) < (other.partition, other.number)
        }
    }

    private struct Sum: Equatable {
        var records = 0
        var fingerprint: UInt64 = 0
    }

    private struct Place: Hashable, Comparable {
        let partition: Int
        let offset: Int64

        static func < (one: Place, other: Place) -> Bool {
            (one.partition, one.offset) < (other.partition, other.offset)
        }
    }

    /// What is wrong.
    /// - Parameter scan: a SELECT of the table's rows that the log can still speak for.
    func run(_ connection: Connection, _ scan: String) throws -> Offenders {
        var inLog: [Range: Sum] = [:]
        var inTable: [Range: Sum] = [:]
        func add(_ place: Place, _ fingerprint: UInt64, to sums: inout [Range: Sum]) {
            sums[range(place), default: Sum()].records += 1
            sums[range(place), default: Sum()].fingerprint &+= fingerprint
        }
        try readLog { add($0, $1, to: &inLog) }
        try readTable(connection, scan, nil) { place, fingerprint, _ in add(place, fingerprint, to: &inTable) }
        let differing = Set(inLog.keys).union(inTable.keys).filter { inLog[$0] != inTable[$0] }.sorted()
        let looked = Set(differing.prefix(Self.rangesMax))
        var records: [Place: UInt64] = [:]
        try readLog { place, fingerprint in
            if looked.contains(range(place)) { records[place] = fingerprint }
        }
        var rows: [Place: [(fingerprint: UInt64, id: String)]] = [:]
        try readTable(connection, scan, looked) { place, fingerprint, id in
            rows[place, default: []].append((fingerprint, id))
        }
        var offenders = Offenders()
        for place in Set(records.keys).union(rows.keys).sorted() {
            let found = rows[place] ?? []
            if found.count == 1, found[0].fingerprint == records[place] { continue }
            let name = "\(topic.name) \(place.partition):\(place.offset)"
            offenders.since = offenders.since ?? "\(name) of the log"
            let id = found.first.map { " (\($0.id))" } ?? ""
            if records[place] == nil {
                offenders.add("\(name)\(id): not in the log")
            } else if found.isEmpty {
                offenders.add("\(name): not in the table")
            } else {
                offenders.add(
                    "\(name)\(id): " + (found.count > 1 ? "\(found.count) times in the table" : "another content"))
            }
        }
        for range in differing.dropFirst(Self.rangesMax) {
            offenders.add("\(topic.name) \(range.partition):\(range.number * Self.rangeRecords) and on")
        }
        return offenders
    }

    private func range(_ place: Place) -> Range {
        Range(partition: place.partition, number: place.offset / Self.rangeRecords)
    }

    private func readLog(_ body: (Place, UInt64) -> Void) throws {
        let consumer = try log.consumer(of: [topic], from: start)
        while try consumer.next(
            before: cut,
            { frame in
                let partition = frame.partition.partition
                try frame.forEachRecord { offset, raw in
                    let place = Place(partition: partition, offset: offset)
                    guard topic == .quarantine else { return body(place, LogCount.fingerprint(raw)) }
                    body(place, QuarantineRecord.decode(raw).map { LogCount.fingerprint($0.1) } ?? 0)
                }
            })
        {}
    }

    private func readTable(
        _ connection: Connection, _ scan: String, _ ranges: Set<Range>?, _ body: (Place, UInt64, String) -> Void
    ) throws {
        let id = topic == .quarantine ? "reason" : "event_id"
        let wanted = (ranges ?? []).map {
            "(log_partition = \($0.partition) AND log_offset // \(Self.rangeRecords) = \($0.number))"
        }
        let condition = ranges == nil ? "true" : wanted.isEmpty ? "false" : wanted.joined(separator: " OR ")
        try connection.stream("SELECT log_partition, log_offset, raw, \(id) FROM (\(scan)) WHERE \(condition)") { row in
            let place = Place(partition: Int(row[0].integer ?? -1), offset: row[1].integer ?? -1)
            body(place, Self.fingerprint(row[2]), row[3].text)
            return true
        }
    }

    /// The fingerprint of a raw event as the table has it.
    static func fingerprint(_ value: Value) -> UInt64 {
        switch value {
        case .string(var text): text.withUTF8 { LogCount.fingerprint(UnsafeRawBufferPointer($0)) }
        case .blob(let bytes): bytes.withUnsafeBytes { LogCount.fingerprint($0) }
        default: 0
        }
    }
}
