import Books
import Collector
import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Models
import Products
import Storage
import Streaming
import Synchronization
import Telemetry
import Warehouse

/// How a run of the models went.
struct BatchOutcome: Sendable, Encodable {
    var ok = true
    var seconds = 0.0
    var rows = 0
    var models = 0
    var error: String?
    /// What was loaded into the warehouse, where there is one and it was due.
    var warehouse: LoadReport?
    /// How many lines of the books did not balance when they were last looked at.
    var unbalanced = 0
}

/// Runs the models, on a timer and on demand, and answers questions from the tables, one after another on a thread of
/// its own: its engine serves one thread at a time.
final class BatchService: Sendable {
    /// The engine's memory for the models beside a server.
    static let engineBytes = 160 << 20
    /// The engine's memory for the models in a command that has the machine to itself.
    static let commandEngineBytes = 1 << 30
    /// What the service says of itself.
    struct Status: Sendable {
        /// When the models last ran, RFC 3339.
        var lastRunAt: String?
        /// How long that took.
        var lastSeconds = 0.0
        /// Why it failed, if it did.
        var failure: String?
        /// The log's commit that the tables hold, after a run that succeeded.
        var commit: Int64 = 0
    }

    let log: EmbeddedLog
    let catalog: any Catalog
    let lake: LakeService
    let folder: DataFolder
    private let settings: Settings
    let stream: StreamRunner.Settings
    let erased: ErasedPeople
    let place: LakePlace
    /// The warehouse, where the settings name one.
    let warehouse: WarehouseService?
    /// What the books said.
    let audit: Audit
    private let rates: RatesBook
    /// The keyed hashes of the people whose erasure is under way, sorted.
    let erasing = Mutex<[String]>([])
    private let report: @Sendable (String) -> Void
    private let status = Mutex(Status())
    private let runs: Counter
    private let duration: Histogram

    private let runner: ModelRunner
    private let engine: DuckDB.Settings
    let jobs = BatchJobs()
    /// Whether a thread of its own does the jobs.
    private let isServing = Atomic(false)
    private let finished = DispatchSemaphore(value: 0)

    /// A service, not yet started.
    init(
        log: EmbeddedLog, catalog: any Catalog, lake: LakeService, folder: DataFolder,
        objectStore: (@Sendable () throws -> [ObjectStoreAccess])?, project: ModelProject,
        settings: Settings, stream: StreamRunner.Settings, engineBytes: Int, erased: ErasedPeople, place: LakePlace,
        warehouse: WarehouseService?, rates: RatesBook, metrics: Metrics, report: @escaping @Sendable (String) -> Void,
        alarm: @escaping @Sendable (String) -> Void
    ) {
        self.warehouse = warehouse
        audit = Audit(everySeconds: settings.booksSeconds, alarm: alarm)
        self.log = log
        self.catalog = catalog
        self.lake = lake
        self.folder = folder
        self.settings = settings
        self.stream = stream
        self.erased = erased
        self.place = place
        self.rates = rates
        self.report = report
        var engine = DuckDB.Settings()
        engine.threads = 2
        engine.memoryLimitBytes = engineBytes
        engine.temporaryFolder = folder.temporary + "/models"
        engine.objectStore = objectStore
        self.engine = engine
        runner = ModelRunner(
            project: project, catalog: catalog, engine: engine, threads: settings.modelThreads)
        runs = metrics.counter("cartograph_batch_runs_total", help: "Runs of the models.")
        duration = metrics.histogram("cartograph_batch_run_seconds", help: "How long runs of the models took.")
    }

    /// How far it is.
    var current: Status { status.withLock { $0 } }

    // MARK: - The thread

    /// Starts the thread and its timer.
    func start() {
        let thread = Thread { [self] in
            ThreadPriority.lower(by: ThreadPriority.models)
            do {
                let bench = try makeBench()
                jobs.watch(bench.connection)
                isServing.store(true, ordering: .relaxed)
                loop(bench)
                jobs.refuseAll(CommandError("the server is stopping"))
            } catch {
                fail("\(error)")
                jobs.refuseAll(error)
            }
            finished.signal()
        }
        thread.name = "batch"
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// Interrupts what runs and ends the thread.
    func stop() {
        jobs.stop()
        runner.cancel()
        warehouse?.cancel()
        finished.wait()
    }

    /// Takes no more jobs, and tells those that wait that they will not be done.
    func refuseAll(_ error: any Error) { jobs.refuseAll(error) }

    private func loop(_ bench: borrowing BatchBench) {
        var next = MonotonicCondition.Deadline(seconds: min(settings.batchSeconds, 5))
        while true {
            switch jobs.next(until: next) {
            case .end: return
            case .job(let work): work(bench)
            case .nothing:
                // A run that fails has said so; the next one tries again.
                _ = try? run(bench)
                next = MonotonicCondition.Deadline(seconds: settings.batchSeconds)
            }
        }
    }

    /// An engine of its own, for the thread or for a command that has no thread.
    func makeBench() throws -> BatchBench {
        BatchBench(connection: try DuckDB(engine).connect(), runner: runner)
    }

    // MARK: - Jobs

    /// Brings everything acknowledged so far through to gold, or through the models selected.
    func rebuild(_ selection: ModelSelection, fullRefresh: Bool) async throws -> BatchOutcome {
        try await jobs.perform { [self] in try run($0, selection, fullRefresh: fullRefresh) }
    }

    /// Checks the books.
    func verify() async throws -> TrialBalance {
        try await jobs.perform { [self] in check($0) }
    }

    /// Brings everything acknowledged so far through to gold.
    func run(
        _ bench: borrowing BatchBench, _ selection: ModelSelection = .all, fullRefresh: Bool = false,
        progress: @escaping (String, Int, Int) -> Void = { _, _, _ in }
    ) throws -> BatchOutcome {
        let began = ContinuousClock.now
        var outcome = BatchOutcome()
        do {
            let cut = log.cut()
            _ = try lake.drain(to: cut)
            try rates.addBuiltIn(bench.connection)
            try ProductsTable.open(in: catalog)
            let ran = try bench.run(selection, fullRefresh: fullRefresh, progress: progress)
            outcome.models = ran.models
            outcome.rows = ran.rows
            if selection.isAll { status.withLock { $0.commit = cut.commit } }
        } catch {
            // Of a part of the models only who asked for it wants to know.
            if selection.isAll { fail("\(error)") }
            throw error
        }
        outcome.seconds = (ContinuousClock.now - began).inSeconds
        // After a part of the models the tables are of different times: neither to be loaded nor to be compared.
        if selection.isAll {
            outcome.warehouse = warehouse?.loadIfDue(bench.connection)
            lookAtBooks(bench, outcome)
        }
        outcome.unbalanced = audit.current.unbalanced
        runs.add()
        duration.observe(outcome.seconds)
        guard selection.isAll else { return outcome }
        status.withLock {
            $0.lastRunAt = Timestamp.text(EmbeddedLog.wallClock())
            $0.lastSeconds = outcome.seconds
            $0.failure = nil
        }
        return outcome
    }

    /// Brings the tables up to the log and checks the books there.
    func check(_ bench: borrowing BatchBench, progress: @escaping (String) -> Void = { _ in }) -> TrialBalance {
        var balance = balance(bench.connection, bench.runner, progress)
        do {
            balance.problems += try unfinishedErasures()
        } catch {
            balance.problems.append("\(error)")
        }
        return balance
    }

    /// The books of the log, of tables that hold just what it does, and of a warehouse that holds what they do.
    func balance(
        _ connection: Connection, _ runner: ModelRunner, _ progress: @escaping (String) -> Void
    ) -> TrialBalance {
        var failure: (any Error)?
        var balance = books(connection, warehouse).check(
            settled: { cut, body in
                try lake.settled(at: cut) {
                    progress("the models")
                    try rates.addBuiltIn(connection)
                    _ = try runner.run()
                    if let warehouse {
                        progress("the warehouse")
                        do { _ = try warehouse.warehouse.load(connection) } catch { failure = error }
                    }
                    progress("the tables")
                    body()
                }
            }, progress: progress)
        if let failure { balance.problems.append("the warehouse was not loaded: \(failure)") }
        audit.take(balance, isWhole: true)
        return balance
    }

    private func books(_ connection: Connection, _ warehouse: WarehouseService?) -> Books {
        Books(log: log, catalog: catalog, connection: connection, stream: stream, warehouse: warehouse?.warehouse)
    }

    /// Looks at the books after a run: at all of them from time to time, and at the tables each time something changed.
    private func lookAtBooks(_ bench: borrowing BatchBench, _ outcome: BatchOutcome) {
        if isServing.load(ordering: .relaxed), audit.isDue {
            _ = check(bench)
        } else if outcome.models > 0 || !(outcome.warehouse?.days.isEmpty ?? true) {
            // A warehouse that waits for its next load, or failed, is behind, which is no fault of the books.
            let isBehind = outcome.warehouse == nil
            audit.take(books(bench.connection, isBehind ? nil : warehouse).checkTables(), isWhole: false)
        }
    }

    private func fail(_ text: String) {
        let isNews = status.withLock { status in
            defer { status.failure = text }
            return status.failure != text
        }
        if isNews, !jobs.isStopping { report("the models did not run: \(text)") }
    }

    // MARK: - Answers for the read API

    func dailySales(days: Int) async throws -> [UInt8] {
        try await jobs.perform { [self] bench in
            try TableAnswers(catalog: catalog, connection: bench.connection)
                .dailySales(days: days, currency: settings.currency)
        }
    }

    func quarantine(limit: Int) async throws -> [UInt8] {
        // The log holds what the table may not hold yet.
        let cut = log.cut()
        return try await jobs.perform { [self] bench in
            _ = try lake.drain(to: cut)
            return try TableAnswers(catalog: catalog, connection: bench.connection).quarantine(limit: limit)
        }
    }
}
