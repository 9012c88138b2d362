import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Synchronization
import Telemetry

/// Keeps the bronze tables up to date with the log on one thread, and their files and snapshots bounded on another.
final class LakeService: Sendable {
    /// The engine's memory for joining bronze files.
    static let engineBytes = 96 << 20
    /// The pause after a failed drain, in seconds.
    private static let retrySeconds = 5.0
    /// Where committing takes longer than the time between two commits, the next waits as long as the last took, but no
    /// longer than this, in seconds: a slow disk or catalog has some time for others, and events that come during a long
    /// round are in the next one, which must not be late for its own sake.
    private static let pauseSecondsMax = 0.5
    /// Seconds between two looks at what there is to tidy up, and before the first.
    private static let upkeepSeconds = 10.0
    private static let firstUpkeepSeconds = 2.0

    /// What the service says of itself.
    struct Status: Sendable {
        /// Rows in all bronze tables.
        var rows: Int64 = 0
        /// The last commit of which everything is in the lake, as far as this process knows.
        var commit: Int64 = -1
        /// What of the log the lake holds.
        var covered: LogOffsets
        /// When the log was first seen to be ahead of the lake, microseconds since 1970 UTC; nil when it is not.
        var behindSince: Int64?
        /// Why the last drain failed, if it did.
        var failure: String?
    }

    private let log: any EventLog
    private let seconds: Double
    private let bench: Bench
    private let report: @Sendable (String) -> Void
    private let status: Mutex<Status>
    private let catalog: any Catalog
    private let temporary: String
    private let objectStore: (@Sendable () throws -> [ObjectStoreAccess])?
    private let stopping = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)
    private let upkeepStopping = DispatchSemaphore(value: 0)
    private let upkeepFinished = DispatchSemaphore(value: 0)
    private let isStopping = Atomic<Bool>(false)
    /// Held by whoever tidies up: files and snapshots, or the log's old segments.
    private let tidying = NSLock()
    /// How many want that nobody tidies up.
    private let pauses = Atomic<Int>(0)
    private let drained: Counter
    private let metrics: Metrics
    private let isStarted = Atomic<Bool>(false)

    /// The writer and the lock under which it is used, since it serves one thread at a time.
    private final class Bench: @unchecked Sendable {
        private let lock = NSLock()
        private let writer: BronzeWriter

        init(_ writer: BronzeWriter) { self.writer = writer }

        func use<Result>(_ body: (BronzeWriter) throws -> Result) rethrows -> Result {
            try lock.withLock { try body(writer) }
        }
    }

    /// A service that drains every so many seconds once it is started.
    ///
    /// - Parameters:
    ///   - covered: the offsets that the bronze tables hold already.
    ///   - objectStore: how the engine reaches tables in an object store, where there is one.
    init(
        log: any EventLog, catalog: any Catalog, covered: LogOffsets,
        objectStore: (@Sendable () throws -> [ObjectStoreAccess])?, temporary: String, seconds: Double,
        metrics: Metrics,
        report: @escaping @Sendable (String) -> Void
    ) throws {
        self.log = log
        self.seconds = seconds
        self.report = report
        self.catalog = catalog
        self.metrics = metrics
        self.temporary = temporary
        self.objectStore = objectStore
        var limits = BronzeWriter.Limits()
        limits.roundSeconds = max(limits.roundSeconds, seconds)
        bench = Bench(BronzeWriter(log: log, catalog: catalog, limits: limits))
        let cut = log.cut()
        status = Mutex(
            Status(
                rows: Topic.allCases.reduce(0) { $0 + covered.records(in: $1) },
                commit: covered == cut.offsets ? cut.commit : -1, covered: covered))
        drained = metrics.counter("cartograph_bronze_rows_total", help: "Rows committed to the bronze tables.")
    }

    /// How far it is.
    var current: Status { status.withLock { $0 } }

    /// For how long there have been records in the log that are not in the lake, in seconds.
    func lagSeconds(now: Int64) -> Double {
        let cut = log.cut()
        return status.withLock { status in
            guard cut.commit > status.commit, cut.commit > 0 else {
                status.behindSince = nil
                return 0
            }
            let since = status.behindSince ?? max(cut.receivedAt, now - 1_000_000)
            status.behindSince = since
            return Double(max(0, now - since)) / 1e6
        }
    }

    /// Starts the threads.
    func start() {
        isStarted.store(true, ordering: .relaxed)
        run("lake", until: finished) { [self] in
            var wait = seconds
            while stopping.wait(timeout: .now() + wait) == .timedOut {
                let began = ContinuousClock.now
                do {
                    _ = try drain(to: log.cut())
                    let took = (ContinuousClock.now - began).inSeconds
                    wait = max(seconds - took, min(took, LakeService.pauseSecondsMax))
                } catch {
                    wait = LakeService.retrySeconds
                }
            }
        }
        run("lake-upkeep", until: upkeepFinished) { [self] in
            ThreadPriority.lower(by: ThreadPriority.upkeep)
            var upkeep: BronzeUpkeep?
            let gauges = TableGauges(metrics, catalog)
            var lastFailure: String?
            var wait = LakeService.firstUpkeepSeconds
            while upkeepStopping.wait(timeout: .now() + wait) == .timedOut {
                wait = LakeService.upkeepSeconds
                do {
                    let ready = try upkeep ?? makeUpkeep()
                    upkeep = ready
                    try tidy {
                        try ready.care { [self] _, _ in
                            let isUnwanted = isStopping.load(ordering: .relaxed) || pauses.load(ordering: .relaxed) > 0
                            if isUnwanted { throw CancellationError() }
                        }
                    }
                    try gauges.refreshIfDue()
                    lastFailure = nil
                } catch is CancellationError {
                    if isStopping.load(ordering: .relaxed) { break }
                } catch {
                    if lastFailure != "\(error)" { report("the bronze tables could not be tidied up: \(error)") }
                    lastFailure = "\(error)"
                }
            }
        }
    }

    private func run(_ name: String, until finished: DispatchSemaphore, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread {
            body()
            finished.signal()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Runs `body`, which tidies up, unless somebody else does or wants that nobody does: then not at all.
    func tidy(_ body: () throws -> Void) rethrows {
        guard pauses.load(ordering: .relaxed) == 0, tidying.try() else { return }
        defer { tidying.unlock() }
        try body()
    }

    /// Runs `body` while nobody tidies up; joining files ends at its next step.
    func withoutTidying<Result>(_ body: () throws -> Result) rethrows -> Result {
        pauses.add(1, ordering: .relaxed)
        defer { pauses.subtract(1, ordering: .relaxed) }
        return try tidying.withLock { try body() }
    }

    private func makeUpkeep() throws -> BronzeUpkeep {
        var settings = DuckDB.Settings()
        settings.threads = 1
        settings.memoryLimitBytes = LakeService.engineBytes
        settings.temporaryFolder = temporary + "/bronze"
        settings.objectStore = objectStore
        return BronzeUpkeep(catalog: catalog, connection: try DuckDB(settings).connect())
    }

    /// Ends the threads, after what they are doing, and drains what is left.
    func stop() throws {
        if isStarted.exchange(false, ordering: .relaxed) {
            isStopping.store(true, ordering: .relaxed)
            stopping.signal()
            upkeepStopping.signal()
            finished.wait()
            upkeepFinished.wait()
        }
        _ = try drain(to: log.cut())
    }

    /// Commits everything before a cut.
    func drain(to cut: LogCut, progress: (Int, Int) throws -> Void = { _, _ in }) throws -> BronzeWriter.Report {
        try bench.use { writer in try drain(writer, cut, progress) }
    }

    /// Commits everything before a cut and keeps the bronze tables as they are while `body` runs.
    func settled<Result>(at cut: LogCut, _ body: () throws -> Result) throws -> Result {
        try bench.use { writer in
            _ = try drain(writer, cut) { _, _ in }
            return try body()
        }
    }

    private func drain(
        _ writer: BronzeWriter, _ cut: LogCut, _ progress: (Int, Int) throws -> Void
    ) throws -> BronzeWriter.Report {
        do {
            let moved = try writer.drain(to: cut, progress: progress)
            drained.add(Int64(moved.rowCount))
            status.withLock {
                $0.rows = moved.totalRows
                if cut.commit > $0.commit {
                    $0.commit = cut.commit
                    $0.covered = cut.offsets
                }
                $0.behindSince = nil
                $0.failure = nil
            }
            return moved
        } catch {
            let text = "\(error)"
            let isNews = status.withLock { status in
                defer { status.failure = text }
                return status.failure != text
            }
            if isNews { report("the lake is not being written: \(text)") }
            throw error
        }
    }
}
