public import Engine
public import EventLog
import Events
public import Iceberg
import Lake
public import Streaming
public import Warehouse

/// The audit: what came in, what the log holds, what the lake holds, and what the live view and gold say, side by side.
///
/// Each number is counted anew from its own source: the log from its frames, the tables from their files through the
/// engine, the live view from its checkpoint and the log after it.
public struct Books {
    let log: any EventLog
    let catalog: any Catalog
    let connection: Connection
    let stream: StreamRunner.Settings
    let warehouse: Warehouse?

    /// The books of a shop; with those of a warehouse, if there is one, which has to be up to the lake.
    public init(
        log: any EventLog, catalog: any Catalog, connection: Connection, stream: StreamRunner.Settings,
        warehouse: Warehouse? = nil
    ) {
        self.warehouse = warehouse
        self.log = log
        self.catalog = catalog
        self.connection = connection
        self.stream = stream
    }

    /// Checks the books at the log's present end.
    ///
    /// - Parameters:
    ///   - settled: brings the tables up to a cut, keeps them there while its argument runs, and returns.
    ///   - progress: called with a word about what is being counted.
    public func check(
        settled: (LogCut, () -> Void) throws -> Void, progress: (String) -> Void = { _ in }
    ) -> TrialBalance {
        var balance = TrialBalance()
        // The live state first: its checkpoint only ever moves on, so the cut must come after it.
        progress("the live view")
        var notices: [String] = []
        let (live, position) = StreamRunner.restore(log, stream) { notices.append($0) }
        let cut = log.cut()
        balance.commit = cut.commit
        do {
            let reader = try StreamReader(log, from: position.offsets, commit: position.commit)
            try reader.readAll(before: cut) { live.apply($0, topic: $1) }
        } catch {
            balance.problems.append("live view: \(error)")
        }
        for notice in notices { balance.notes["live view"] = notice }
        progress("the log")
        let counted = LogCount.take(log, to: cut, problems: &balance.problems)
        addLog(counted, cut, &balance)
        do {
            progress("the tables")
            try settled(cut) {
                addBronze(counted, cut, &balance)
                addSilver(&balance)
                addArrivals(live, &balance)
                addGold(live, &balance)
                addMarts(&balance)
                addWarehouse(&balance)
            }
            progress("the tables' files")
            addFiles(&balance)
        } catch {
            balance.problems.append("bringing the tables up to the log: \(error)")
        }
        balance.notes["duplicates"] = String(live.counters.duplicates)
        balance.notes["conflicts"] = String(live.counters.conflicts)
        balance.notes["repeated orders"] = String(live.counters.repeatedOrders)
        return balance
    }

    /// Checks what changes with a run of the models and is quick to read: what the tables cover, gold's tables among
    /// each other and beside silver, and the warehouse. Everything else is for ``check(settled:progress:)``.
    public func checkTables() -> TrialBalance {
        var balance = TrialBalance()
        let cut = log.cut()
        balance.commit = cut.commit
        addTotals(cut, &balance)
        addMarts(&balance)
        addWarehouse(&balance)
        return balance
    }

    // MARK: - The log

    private func addTotals(_ cut: LogCut, _ balance: inout TrialBalance) {
        let totals = cut.totals
        balance.lines.append(
            TrialBalance.Line(
                "events", "received", String(totals.received), "accepted + quarantined",
                String(totals.accepted + totals.quarantined)))
    }

    private func addLog(_ counted: LogCount, _ cut: LogCut, _ balance: inout TrialBalance) {
        let totals = cut.totals
        addTotals(cut, &balance)
        balance.lines.append(
            held("accepted events", "accepted", totals.accepted, Topic.events, counted, "in the log"))
        balance.lines.append(
            held("rejected events", "quarantined", totals.quarantined, [.quarantine], counted, "in the log"))
        for topic in Topic.allCases where cut.offsets.records(in: topic) > 0 {
            let end = cut.offsets.records(in: topic)
            balance.lines.append(
                held("log \(topic.name)", "end offsets", end, [topic], counted, "readable records"))
            let lost = counted.lostRecords(in: topic)
            if lost > 0 {
                balance.notes["lost in repairs, \(topic.name)"] = "\(lost) records: see `cartograph log check`"
            }
        }
    }

    /// A count beside what the log holds of it, what retention has removed, what a repair gave up and what was erased.
    private func held(
        _ name: String, _ leftName: String, _ left: Int64, _ topics: [Topic], _ counted: LogCount, _ rightName: String
    ) -> TrialBalance.Line {
        let readable = topics.reduce(0) { $0 + (counted.records[$1] ?? 0) }
        let removed = topics.reduce(0) { $0 + counted.start.records(in: $1) }
        let lost = topics.reduce(0) { $0 + counted.lostRecords(in: $1) }
        let erased = topics.reduce(0) { $0 + (counted.erased[$1] ?? 0) }
        let right =
            rightName + (removed > 0 ? " + removed by retention" : "") + (lost > 0 ? " + lost in repairs" : "")
            + (erased > 0 ? " + erased" : "")
        return TrialBalance.Line(name, leftName, String(left), right, String(readable + removed + lost + erased))
    }

    // MARK: - Pieces

    func add(
        _ left: [String: Int128], _ leftName: String, _ right: [String: Int128], _ rightName: String, _ name: String,
        _ balance: inout TrialBalance
    ) {
        for currency in Set(left.keys).union(right.keys).sorted() {
            balance.lines.append(
                TrialBalance.Line(
                    "\(name) \(currency)", leftName, Money.text(tenThousandths: left[currency] ?? 0), rightName,
                    Money.text(tenThousandths: right[currency] ?? 0)))
        }
    }

    /// Sums by currency in ten-thousandths.
    func amounts(_ sql: String, _ table: String) throws -> [String: Int128] {
        var sums: [String: Int128] = [:]
        for row in try connection.query(sql).rows {
            guard let currency = row[0].string, case .decimal(let unscaled, let scale) = row[1], scale == 4 else {
                throw LakeAbsence(description: "\(table) holds an amount that is no sum of money")
            }
            sums[currency] = unscaled
        }
        return sums
    }

    /// Runs `body`, which reads some tables, and names the file where one is damaged.
    func naming<Result>(_ tables: [TableIdentifier], _ body: () throws -> Result) throws -> Result {
        try DamageSearch.naming(
            in: try tables.filter { try catalog.tableExists($0) }.map {
                try DamageSearch.Scan(all: LakeTable(try catalog.loadTable($0)))
            }, connection, body)
    }

    func scanSQL(_ namespace: String, _ name: String) throws -> String {
        try LakeTable(try catalog.loadTable(TableIdentifier(namespace, name))).scanSQL()
    }

    func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Something that should be in the lake and is not.
struct LakeAbsence: Error, CustomStringConvertible {
    let description: String
}
