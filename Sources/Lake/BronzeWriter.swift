import Dispatch
public import EventLog
import Events
import Foundation
public import Iceberg
import Storage

/// Moves records from the log into the bronze tables, each exactly once.
///
/// It works in rounds: the log is read once for all topics, their files are written at the same time, and one commit
/// takes all tables from one state to the next. Each table's snapshot carries the log offsets that it covers in its
/// summary, so the table itself says where to go on: after a crash, files that no commit names are left over, and their
/// records are written again.
///
/// It is used by one thread at a time. Others may write to the tables: a commit that does not change what a table says
/// of the log is followed; a changed schema is written to from the round on that meets it.
public final class BronzeWriter {
    /// What a drain moved.
    public struct Report: Sendable {
        /// Rows committed, by topic name.
        public var rows: [String: Int] = [:]
        /// Commits, each of all tables that got rows.
        public var rounds = 0
        /// Rows in all bronze tables after it.
        public var totalRows: Int64 = 0
        /// Rows committed in all.
        public var rowCount: Int { rows.values.reduce(0, +) }
    }

    private let log: any EventLog
    private let catalog: any Catalog
    private let limits: Limits
    private var tables: [Topic: OpenTable] = [:]
    private var consumer: (any LogConsumer)?
    private var readTopics: Set<Topic> = []
    private let rooms = FileRooms()

    /// A table that is written to.
    private struct OpenTable {
        var table: Table
        /// What of the log it covers; only its own topic's offsets count.
        var covered: LogOffsets
        var rows: BronzeRows
    }

    /// A writer from a log to a catalog's bronze tables.
    public init(log: any EventLog, catalog: any Catalog, limits: Limits = Limits()) {
        self.log = log
        self.catalog = catalog
        self.limits = limits
    }

    // MARK: - Draining

    /// Commits everything before a cut to the bronze tables.
    ///
    /// A topic that fails does not keep the others waiting: the first failure is thrown when they are done.
    /// - Parameter progress: called with the rows done and the rows to do, after each round.
    public func drain(to cut: LogCut, progress: (Int, Int) throws -> Void = { _, _ in }) throws -> Report {
        var report = Report()
        var failures = Failures()
        for topic in Topic.allCases { failures.catching(topic) { try open(topic) } }
        let pending = tables.reduce(0) { $0 + cut.offsets.records(in: $1.key) - $1.value.covered.records(in: $1.key) }
        var attempts = 0
        while isBehind(cut, failures) {
            let began = report.rowCount
            do {
                let round = try read(to: cut, &failures)
                try write(round)
                try commit(round, &report)
                attempts = 0
            } catch is SchemaChanged where attempts < limits.attempts {
                // The round is read again, for the columns that are there now.
                attempts += 1
                continue
            } catch {
                forget()
                throw failures.first ?? error
            }
            try progress(report.rowCount, Int(pending))
            if report.rowCount == began, failures.first == nil { break }
        }
        if let failure = failures.first { throw failure }
        report.totalRows = tables.reduce(0) { $0 + $1.value.covered.records(in: $1.key) }
        return report
    }

    /// What went wrong with which topic.
    private struct Failures {
        private(set) var first: (any Error)?
        private(set) var topics: Set<Topic> = []
        /// Whether the log itself cannot be read on.
        private(set) var isLogUnreadable = false

        mutating func catching(_ topic: Topic, _ body: () throws -> Void) {
            do { try body() } catch { add(error, topic) }
        }

        mutating func add(_ error: any Error, _ topic: Topic?) {
            first = first ?? error
            if let topic { topics.insert(topic) } else { isLogUnreadable = true }
        }
    }

    /// The files of one topic in a round, and what the table covers with them.
    private struct Written {
        let topic: Topic
        var files: [BronzeFile]
        let covered: LogOffsets
    }

    private struct SchemaChanged: Error {}

    private func isBehind(_ cut: LogCut, _ failures: Failures) -> Bool {
        !failures.isLogUnreadable
            && tables.contains {
                !failures.topics.contains($0.key)
                    && cut.offsets.records(in: $0.key) > $0.value.covered.records(in: $0.key)
            }
    }

    private func open(_ topic: Topic) throws {
        guard tables[topic] == nil else { return }
        let table = try BronzeTable(topic).open(catalog)
        try adopt(table, topic, covered: try Self.offsets(of: table, log.partitions))
    }

    private func adopt(_ table: Table, _ topic: Topic, covered: LogOffsets) throws {
        if var open = tables[topic], open.rows.isFor(table, try Self.layout(topic, table)) {
            (open.table, open.covered) = (table, covered)
            tables[topic] = open
        } else {
            try BronzeTable(topic).checkPartitioning(table)
            let rows = try BronzeRows(table, try Self.layout(topic, table), limits, rooms)
            tables[topic] = OpenTable(table: table, covered: covered, rows: rows)
        }
    }

    private static func layout(_ topic: Topic, _ table: Table) throws -> BronzeLayout {
        try BronzeLayout(BronzeTable(topic), table.metadata)
    }

    /// Forgets how far the tables are: whether the last commit landed is not known here.
    private func forget() {
        tables = [:]
        consumer = nil
    }

    // MARK: - One round

    private func read(to cut: LogCut, _ failures: inout Failures) throws -> [Written] {
        let topics = Set(tables.keys).subtracting(failures.topics)
        var from = LogOffsets(partitions: log.partitions)
        for topic in topics {
            guard let covered = tables[topic]?.covered else { continue }
            for partition in 0..<log.partitions { from[topic, partition] = covered[topic, partition] }
        }
        let consumer: any LogConsumer
        if let open = self.consumer, readTopics == topics, Self.isSame(open.offsets, from, topics) {
            consumer = open
        } else {
            consumer = try log.consumer(of: Topic.allCases.filter(topics.contains), from: from)
        }
        (self.consumer, readTopics) = (consumer, topics)
        let deadline = DispatchTime.now() + limits.roundSeconds
        var frames = 0
        do {
            while try consumer.next(before: cut, { add($0, &failures) }) {
                frames += 1
                // Asked for now and then: adding up and looking at the clock take their time, too.
                guard frames & 15 == 0 else { continue }
                if DispatchTime.now() >= deadline { break }
                if tables.values.reduce(0, { $0 + $1.rows.bytes }) >= limits.roundBytes { break }
            }
        } catch {
            // What was read before is whole, and is committed first.
            failures.add(error, nil)
        }
        let end = consumer.offsets
        return try Topic.allCases.compactMap { topic in
            guard topics.contains(topic), let open = tables[topic], !failures.topics.contains(topic) else { return nil }
            let files = try open.rows.takeFiles()
            // Offsets also move on where a repair left nothing to read.
            guard !files.isEmpty || end.records(in: topic) > open.covered.records(in: topic) else { return nil }
            return Written(topic: topic, files: files, covered: end)
        }
    }

    private static func isSame(_ one: LogOffsets, _ other: LogOffsets, _ topics: Set<Topic>) -> Bool {
        topics.allSatisfy { topic in
            (0..<one.partitions).allSatisfy { one[topic, $0] == other[topic, $0] }
        }
    }

    private func add(_ frame: borrowing Frame, _ failures: inout Failures) {
        let topic = frame.partition.topic
        guard !failures.topics.contains(topic), let rows = tables[topic]?.rows else { return }
        do {
            try rows.add(frame)
        } catch {
            failures.add(error, topic)
            rows.discard()
            // Its next records have to be read again, from what the table covers.
            tables[topic] = nil
            consumer = nil
        }
    }

    /// Files that are written at the same time: what they wait for is the disk's journal.
    private static let writesAtOnce = 8

    private func write(_ round: [Written]) throws {
        let storage = catalog.storage
        let files = round.flatMap { $0.files.map { (location: $0.location, body: $0.body) } }
        do {
            _ = try files.mapAtOnce(upTo: Self.writesAtOnce) { try storage.create($0.body, at: $0.location) }
        } catch {
            discard(round.flatMap(\.files))
            throw error
        }
        for file in files { rooms.give(file.body) }
    }

    private func commit(_ round: [Written], _ report: inout Report) throws {
        guard !round.isEmpty else { return }
        let policy = CommitPolicy()
        var pauseMilliseconds = policy.firstPauseMilliseconds
        for attempt in 1...max(1, limits.attempts) {
            do {
                try commitOnce(round, &report)
                return
            } catch  where Self.isOutrun(error) && attempt < limits.attempts {
                policy.pause(Int.random(in: 0...pauseMilliseconds))
                pauseMilliseconds = min(policy.lastPauseMilliseconds, pauseMilliseconds * 2)
                do {
                    try follow(round)
                } catch {
                    discard(round.flatMap(\.files))
                    throw error
                }
            }
        }
    }

    /// Whether another has committed meanwhile: the commit met its version, or found the lists of the one before gone with
    /// its snapshot.
    private static func isOutrun(_ error: any Error) -> Bool {
        switch error {
        case let error as IcebergError: error.kind == .conflict
        case let error as StorageError: error.kind == .notFound
        default: false
        }
    }

    private func commitOnce(_ round: [Written], _ report: inout Report) throws {
        var transaction = Transaction(catalog)
        // Each attempt is made here, since another writer may have changed the schema.
        transaction.policy.attempts = 1
        for written in round {
            guard let open = tables[written.topic] else { continue }
            var update = TableUpdate(open.table)
            update.append(
                written.files.map(\.entry), summary: [SnapshotState.offsets: Self.text(written.covered, written.topic)])
            try transaction.stage(update)
        }
        let committed = try transaction.commit()
        for (written, table) in zip(round, committed) {
            tables[written.topic]?.table = table
            tables[written.topic]?.covered = written.covered
            let rows = written.files.reduce(0) { $0 + Int($1.entry.recordCount) }
            if rows > 0 { report.rows[written.topic.name, default: 0] += rows }
        }
        report.rounds += 1
    }

    /// A table's summary speaks of its own topic only.
    private static func text(_ offsets: LogOffsets, _ topic: Topic) -> String {
        var own = LogOffsets(partitions: offsets.partitions)
        for partition in 0..<offsets.partitions { own[topic, partition] = offsets[topic, partition] }
        return own.description
    }

    /// Moves to the tables' newest versions, after another writer committed to one of them.
    ///
    /// - Throws: `LakeTableError` when that one moved records of the log, too: they would be in the table twice.
    private func follow(_ round: [Written]) throws {
        var hasChanged = false
        for written in round {
            guard let open = tables[written.topic] else { continue }
            var table = open.table
            try table.refresh()
            let covered = try Self.offsets(of: table, log.partitions)
            guard Self.isSame(covered, open.covered, [written.topic]) else {
                throw LakeTableError("bronze.\(written.topic.name) was written by another process in the meantime")
            }
            if !open.rows.isFor(table, try Self.layout(written.topic, table)) { hasChanged = true }
            try adopt(table, written.topic, covered: covered)
        }
        if hasChanged {
            consumer = nil
            throw SchemaChanged()
        }
    }

    /// Deletes files that no commit can refer to. One that stays costs space and nothing else.
    private func discard(_ files: [BronzeFile]) {
        catalog.storage.discard(files.map(\.location))
    }
}
