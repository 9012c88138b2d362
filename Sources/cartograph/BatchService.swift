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
    /// The most jobs that may wait; further ones are refused.
    static let jobs = 32

    /// Work for the thread, and what to tell when it will not be done.
    private struct Job {
        let work: @Sendable (borrowing BatchBench) -> Void
        let refuse: @Sendable (any Error) -> Void
    }

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

    private let log: EmbeddedLog
    private let catalog: any Catalog
    private let lake: LakeService
    private let folder: DataFolder
    private let settings: Settings
    private let stream: StreamRunner.Settings
    private let erased: ErasedPeople
    private let place: LakePlace
    /// The warehouse, where the settings name one.
    let warehouse: WarehouseService?
    /// What the books said.
    let audit: Audit
    private let rates: RatesBook
    /// The keyed hashes of the people whose erasure is under way, sorted.
    private let erasing = Mutex<[String]>([])
    private let report: @Sendable (String) -> Void
    private let status = Mutex(Status())
    private let runs: Counter
    private let duration: Histogram

    private let runner: ModelRunner
    private let engine: DuckDB.Settings
    private let condition = MonotonicCondition()
    // Guarded by the condition's lock.
    nonisolated(unsafe) private var waiting: [Job] = []
    nonisolated(unsafe) private var isStopping = false
    nonisolated(unsafe) private var isServing = false
    nonisolated(unsafe) private var refusal: (any Error)?
    nonisolated(unsafe) private var interrupter: Interrupter?
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
                condition.withLock {
                    interrupter = bench.connection.interrupter
                    isServing = true
                }
                loop(bench)
                refuseAll(CommandError("the server is stopping"))
            } catch {
                fail("\(error)")
                refuseAll(error)
            }
            finished.signal()
        }
        thread.name = "batch"
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// Interrupts what runs and ends the thread.
    func stop() {
        condition.withLock {
            isStopping = true
            interrupter?.interrupt()
            runner.cancel()
            warehouse?.cancel()
            condition.signal()
        }
        finished.wait()
    }

    private func loop(_ bench: borrowing BatchBench) {
        var next = MonotonicCondition.Deadline(seconds: min(settings.batchSeconds, 5))
        while true {
            let (job, isOver): (Job?, Bool) = condition.withLock {
                while waiting.isEmpty, !isStopping, condition.wait(until: next) {}
                return isStopping ? (nil, true) : (waiting.isEmpty ? nil : waiting.removeFirst(), false)
            }
            if isOver { return }
            if let job {
                job.work(bench)
            } else {
                // A run that fails has said so; the next one tries again.
                _ = try? run(bench)
                next = MonotonicCondition.Deadline(seconds: settings.batchSeconds)
            }
        }
    }

    /// Takes no more jobs, and tells those that wait that they will not be done.
    func refuseAll(_ error: any Error) {
        let left = condition.withLock {
            isStopping = true
            refusal = error
            defer { waiting = [] }
            return waiting
        }
        for job in left { job.refuse(error) }
    }

    /// Runs `body` on the thread, in its turn.
    private func perform<Result: Sendable>(
        _ body: @escaping @Sendable (borrowing BatchBench) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let refused: (any Error)? = condition.withLock {
                if isStopping { return refusal ?? CommandError("the server is stopping") }
                guard waiting.count < BatchService.jobs else {
                    return CommandError("\(BatchService.jobs) requests wait for the tables already: try again later")
                }
                waiting.append(
                    Job(
                        work: { bench in continuation.resume(with: Swift.Result { try body(bench) }) },
                        refuse: { continuation.resume(throwing: $0) }))
                condition.signal()
                return nil
            }
            if let refused { continuation.resume(throwing: refused) }
        }
    }

    /// An engine of its own, for the thread or for a command that has no thread.
    func makeBench() throws -> BatchBench {
        BatchBench(connection: try DuckDB(engine).connect(), runner: runner)
    }

    // MARK: - Jobs

    /// Brings everything acknowledged so far through to gold, and the live view's cut with it.
    func rebuild() async throws -> BatchOutcome {
        try await perform { [self] in try run($0) }
    }

    /// Checks the books.
    func verify() async throws -> TrialBalance {
        try await perform { [self] in check($0) }
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
            status.withLock { $0.commit = cut.commit }
        } catch {
            fail("\(error)")
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
    private func balance(
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
        if isServing, audit.isDue {
            _ = check(bench)
        } else if outcome.models > 0 || !(outcome.warehouse?.days.isEmpty ?? true) {
            // A warehouse that waits for its next load, or failed, is behind, which is no fault of the books.
            let isBehind = outcome.warehouse == nil
            audit.take(books(bench.connection, isBehind ? nil : warehouse).checkTables(), isWhole: false)
        }
    }

    // MARK: - Erasure

    /// What to tell of erasures that were interrupted, and of none that is under way.
    func unfinishedErasures() throws -> [String] {
        let running = erasing.withLock { $0 }
        return try ErasurePlan.pending(folder).filter { $0.subjects != running }.map(\.notice)
    }

    /// Erases people on the thread, in its turn; a server goes on taking events and showing them meanwhile.
    ///
    /// - Parameter progress: called on the thread, often.
    func erase(
        _ people: People, dryRun: Bool, live: StreamRunner,
        progress: @escaping @Sendable (String, Int64, Int64?) -> Void
    ) async throws -> ErasureCertificate {
        try await perform { [self] bench in
            erasing.withLock { $0 = people.ids.map { erased.digest(of: $0).description }.sorted() }
            defer { erasing.withLock { $0 = [] } }
            let certificate = try erasure(bench) { try live.rebuild(older: $0, progress: $1) }.run(
                people, dryRun: dryRun
            ) { [self] in
                if stopsSoon { throw CommandError("the server is stopping") }
                progress($0, $1, $2)
            }
            // They are in the warehouse until the days that they were on are loaded again.
            if !dryRun { _ = warehouse?.loadIfDue(bench.connection, now: true) }
            return certificate
        }
    }

    /// Erases people where no server runs.
    func erase(
        _ people: People, dryRun: Bool, _ bench: borrowing BatchBench, progress: @escaping Erasure.Progress
    ) throws -> ErasureCertificate {
        let certificate = try erasure(bench) { [self] older, progress in
            try LiveRebuild.run(log, to: log.cut(), stream, older: older, progress: progress)
        }.run(people, dryRun: dryRun, progress: progress)
        if !dryRun { _ = warehouse?.loadIfDue(bench.connection, now: true) }
        return certificate
    }

    private var stopsSoon: Bool { condition.withLock { isStopping } }

    private func erasure(
        _ bench: borrowing BatchBench,
        rebuildLive: @escaping (LiveRebuild.Older, (Int64, Int64) throws -> Void) throws -> Void
    ) -> Erasure {
        let runner = bench.runner
        let objects = place.s3.flatMap { s3 in
            Location.isRemote(place.warehouse)
                ? Erasure.ObjectPlace(storage: s3, prefix: Location.join(place.warehouse, "")) : nil
        }
        return Erasure(
            shop: Erasure.Shop(
                folder: folder, log: log, catalog: catalog, lake: lake, erased: erased, objects: objects),
            runModels: { told in
                try runner.run { step in
                    if case .started(let name, let number, let count) = step { told(name, number, count) }
                }.models.filter { $0.status != .unchanged }.count
            }, checkBooks: { [self, connection = bench.connection] in balance(connection, runner, $0) },
            rebuildLive: rebuildLive, connection: bench.connection,
            models: runner.project.models.map { TableIdentifier($0.schema, $0.name) },
            appended: runner.project.models.filter(\.onlyGrows).map { TableIdentifier($0.schema, $0.name) })
    }

    private func fail(_ text: String) {
        let isNews = status.withLock { status in
            defer { status.failure = text }
            return status.failure != text
        }
        if isNews, !condition.withLock({ isStopping }) { report("the models did not run: \(text)") }
    }

    // MARK: - Answers for the read API

    func dailySales(days: Int) async throws -> [UInt8] {
        try await perform { [self] bench in
            try TableAnswers(catalog: catalog, connection: bench.connection)
                .dailySales(days: days, currency: settings.currency)
        }
    }

    func quarantine(limit: Int) async throws -> [UInt8] {
        // The log holds what the table may not hold yet.
        let cut = log.cut()
        return try await perform { [self] bench in
            _ = try lake.drain(to: cut)
            return try TableAnswers(catalog: catalog, connection: bench.connection).quarantine(limit: limit)
        }
    }
}

/// What the batch thread works with: used by one thread at a time.
struct BatchBench: ~Copyable {
    let connection: Connection
    let runner: ModelRunner

    /// Runs the models over what bronze holds.
    borrowing func run(
        _ selection: ModelSelection, fullRefresh: Bool, progress: (String, Int, Int) -> Void
    ) throws -> (models: Int, rows: Int) {
        let report = try runner.run(selection, fullRefresh: fullRefresh) { step in
            if case .started(let name, let number, let count) = step { progress(name, number, count) }
        }
        return (report.models.filter { $0.status != .unchanged }.count, report.models.reduce(0) { $0 + $1.rows })
    }
}
