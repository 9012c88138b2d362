import Engine
import EventLog
import Events
import Iceberg
import Lake
import Streaming

extension Books {
    func addBronze(_ counted: LogCount, _ cut: LogCut, _ balance: inout TrialBalance) {
        for topic in Topic.allCases where (counted.records[topic] ?? 0) > 0 {
            do {
                let identifier = TableIdentifier(BronzeTable.namespace, topic.name)
                var scan = try scanSQL(identifier.namespace, identifier.name)
                if let condition = counted.readableCondition(in: topic) {
                    scan = "SELECT * FROM (\(scan)) WHERE \(condition)"
                }
                let rows = try naming([identifier]) {
                    try connection.query("SELECT count(*) FROM (\(scan))").first?.integer ?? -1
                }
                var count = TrialBalance.Line(
                    "bronze \(topic.name)", "log records", String(counted.records[topic] ?? 0), "rows", String(rows))
                var content = TrialBalance.Line(
                    "bronze \(topic.name) content", "log fingerprint", hex(counted.fingerprints[topic] ?? 0),
                    "table fingerprint", hex(try naming([identifier]) { try fingerprint(scan) }))
                content.difference = nil
                if !count.balanced || !content.balanced {
                    let search = RecordSearch(topic: topic, log: log, start: counted.start, cut: cut)
                    let offenders = try naming([identifier]) { try search.run(connection, scan) }
                    if !count.balanced { count.blame(offenders) }
                    content.blame(offenders)
                }
                balance.lines += [count, content]
                guard topic == .purchases else { continue }
                let sums = try naming([identifier]) {
                    try amounts(
                        "SELECT currency, sum(total_amount) FROM (\(scan)) GROUP BY currency", "bronze.purchases")
                }
                add(counted.amounts, "log", sums, "bronze", "money in all purchases", &balance)
            } catch {
                balance.problems.append("bronze \(topic.name): \(error)")
            }
        }
    }

    private func fingerprint(_ scan: String) throws -> UInt64 {
        var sum: UInt64 = 0
        _ = try connection.stream("SELECT raw FROM (\(scan))") { row in
            switch row[0] {
            case .string(let text):
                var text = text
                sum &+= text.withUTF8 { LogCount.fingerprint(UnsafeRawBufferPointer($0)) }
            case .blob(let bytes):
                sum &+= bytes.withUnsafeBytes { LogCount.fingerprint($0) }
            default:
                break
            }
            return true
        }
        return sum
    }

    // MARK: - Silver

    func addSilver(_ balance: inout TrialBalance) {
        for topic in Topic.events {
            do {
                guard try catalog.tableExists(TableIdentifier("bronze", topic.name)) else { continue }
                let bronze = try scanSQL("bronze", topic.name)
                let row = try naming([TableIdentifier("bronze", topic.name)]) {
                    try connection.query(
                        """
                        SELECT CAST(coalesce(sum(rows), 0) AS BIGINT), count(*), CAST(sum(hash(event_id)) AS VARCHAR)
                        FROM (SELECT event_id, count(*) AS rows FROM (\(bronze)) GROUP BY event_id)
                        """
                    ).rows.first
                }
                guard let row, let rows = row[0].integer, let ids = row[1].integer, rows > 0 else { continue }
                let silver = try scanSQL("silver", topic.name)
                let kept = try naming([TableIdentifier("silver", topic.name)]) {
                    try connection.query(
                        "SELECT count(*), CAST(sum(hash(event_id)) AS VARCHAR) FROM (\(silver))"
                    ).rows.first
                }
                var count = TrialBalance.Line(
                    "silver \(topic.name)", "bronze rows", String(rows), "silver + repeats",
                    String((kept?[0].integer ?? -1) + rows - ids))
                var content = TrialBalance.Line(
                    "silver \(topic.name) ids", "bronze's, each once", row[2].text, "silver's", kept?[1].text ?? "")
                content.difference = nil
                if !count.balanced || !content.balanced {
                    let offenders = try repeats(bronze, silver)
                    if !count.balanced { count.blame(offenders) }
                    content.blame(offenders)
                }
                balance.lines += [count, content]
            } catch {
                balance.problems.append("silver \(topic.name): \(error)")
            }
        }
    }

    /// The event ids that silver has not just once, those of the earliest arrivals first.
    private func repeats(_ bronze: String, _ silver: String) throws -> Offenders {
        var offenders = Offenders()
        try connection.stream(
            """
            SELECT coalesce(b.event_id, s.event_id), coalesce(s.rows, 0), b.event_id IS NULL, b.arrived
            FROM (SELECT event_id, min(received_at) AS arrived FROM (\(bronze)) GROUP BY event_id) b
            FULL JOIN (SELECT event_id, count(*) AS rows FROM (\(silver)) GROUP BY event_id) s ON s.event_id = b.event_id
            WHERE b.event_id IS NULL OR s.event_id IS NULL OR s.rows <> 1 ORDER BY b.arrived, 1
            """
        ) { row in
            let rows = row[1].integer ?? 0
            let isUnknown = row[2] == .bool(true)
            if offenders.since == nil, !isUnknown { offenders.since = "arrived \(row[3].text)" }
            offenders.add(
                "\(row[0].text): "
                    + (isUnknown ? "not in bronze" : rows == 0 ? "not in silver" : "\(rows) times in silver"))
            return true
        }
        return offenders
    }

    // MARK: - Events by when they came

    /// The live view's events beside silver's, those that came in time and those that came late.
    func addArrivals(_ live: ShopStream, _ balance: inout TrialBalance) {
        do {
            var (inTime, late): (Int64, Int64) = (0, 0)
            for topic in Topic.events {
                let identifier = TableIdentifier("silver", topic.name)
                guard try catalog.tableExists(identifier) else { continue }
                let silver = try scanSQL("silver", topic.name)
                let row = try naming([identifier]) {
                    try connection.query(
                        """
                        SELECT count(*) FILTER (lateness <= \(ShopStream.lateAfter)),
                            count(*) FILTER (lateness > \(ShopStream.lateAfter))
                        FROM (SELECT epoch_us(received_at) - epoch_us(ts) AS lateness FROM (\(silver)))
                        """
                    ).rows.first
                }
                inTime += row?[0].integer ?? 0
                late += row?[1].integer ?? 0
            }
            let counters = live.counters
            let known = counters.events - counters.duplicates - counters.conflicts
            balance.lines.append(
                TrialBalance.Line("events in time", "live", String(known - counters.late), "silver", String(inTime)))
            balance.lines.append(
                TrialBalance.Line("late events", "live", String(counters.late), "silver", String(late)))
        } catch {
            balance.problems.append("events by when they came: \(error)")
        }
    }

    // MARK: - Files

    /// Every data file of the lake beside the checksum in its name.
    func addFiles(_ balance: inout TrialBalance) {
        var checked = 0
        var unchecked = 0
        var damaged = 0
        do {
            for namespace in try catalog.listNamespaces() {
                for identifier in try catalog.listTables(in: namespace) {
                    let found = try LakeTable(try catalog.loadTable(identifier)).checkFiles()
                    checked += found.checked
                    unchecked += found.unchecked
                    damaged += found.problems.count
                    balance.problems += found.problems
                }
            }
        } catch {
            balance.problems.append("the tables' files: \(error)")
        }
        balance.lines.append(
            TrialBalance.Line(
                "data files", "with a checksum", String(checked), "that sum to it", String(checked - damaged)))
        if unchecked > 0 { balance.notes["data files without a checksum"] = String(unchecked) }
    }
}
