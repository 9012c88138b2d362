public import Engine
import Foundation
public import Iceberg
import Synchronization

/// Brings the tables of a dbt project up to date with the lake.
///
///     let project = try ModelProject(folder: "models")
///     let runner = ModelRunner(project: project, catalog: catalog, engine: .init(threads: 2, temporaryFolder: "data/tmp"))
///     let report = try runner.run()
///
/// Every model's rows are one Iceberg commit, which says what it was made from. A model whose inputs did not change is
/// left alone; one that a crash left behind is caught up by the next run. Runs may be repeated at any time.
public final class ModelRunner: Sendable {
    /// The project.
    public let project: ModelProject
    private let catalog: any Catalog
    private let engine: DuckDB.Settings
    private let threads: Int
    private let variables: [String: TemplateValue]
    /// Names the statements and the columns that were last found to fit.
    private let checked = Mutex("")
    /// Ends the run that is going on; nil while there is none.
    private let running = Mutex<RunCancellation?>(nil)

    /// Most models that may run at the same time.
    public static let threadsMax = 64
    /// How many models run at the same time where nothing else is said: the number of processors.
    public static let threadsDefault = max(1, min(ProcessInfo.processInfo.activeProcessorCount, threadsMax))

    /// A runner.
    /// - Parameters:
    ///   - catalog: where the tables are.
    ///   - engine: what a run may use of the machine, all models together. A temporary folder is needed for anything large.
    ///   - threads: how many models may run at the same time, 1 to ``threadsMax``.
    ///   - variables: values for the project's variables instead of its defaults.
    public init(
        project: ModelProject, catalog: any Catalog, engine: DuckDB.Settings = DuckDB.Settings(),
        threads: Int = ModelRunner.threadsDefault, variables: [String: String] = [:]
    ) {
        self.project = project
        self.catalog = catalog
        self.engine = engine
        self.threads = max(1, min(threads, Self.threadsMax))
        self.variables = ModelVariables(variables).over(project.variables).values
    }

    /// Brings models up to date, each as soon as those it reads are done, some at the same time. One run at a time; another
    /// waits for nobody and fails when both want to change the same table.
    ///
    /// A model that fails stops those that need it; the others are brought up to date all the same.
    /// - Parameters:
    ///   - selection: which models; what they read has to be there.
    ///   - fullRefresh: makes every table anew.
    ///   - progress: called on the calling thread, in the order in which models begin and end.
    /// - Throws: `ModelError`, which names the models that failed and those that were not run for it. Models that were done
    ///   stay done.
    public func run(
        _ selection: ModelSelection = .all, fullRefresh: Bool = false, progress: (ModelProgress) -> Void = { _ in }
    ) throws -> RunReport {
        let start = ContinuousClock.now
        var report = RunReport()
        try withSession { session, cancellation in
            let models = project.modelsToRun(in: try session.nodes(selection))
            try checkContracts(of: models, session)
            let workers = ModelWorkers(session, fullRefresh: fullRefresh, cancellation)
            report.models = try workers.run(models, threads: threads, progress)
        }
        report.milliseconds = (ContinuousClock.now - start).milliseconds
        return report
    }

    /// What a run would do, and what stands in its way. Nothing is written.
    /// - Parameters: as for `run`; progress is told of each model before it is looked at.
    public func plan(
        _ selection: ModelSelection = .all, fullRefresh: Bool = false,
        progress: (_ name: String, _ number: Int, _ count: Int) -> Void = { _, _, _ in }
    ) throws -> ModelPlan {
        try withSession { session, _ in
            let models = project.modelsToRun(in: try session.nodes(selection))
            var check = try ContractCheck(session)
            var plan = ModelPlan(problems: try check.problems(of: models, withReaders: true))
            // What cannot be made cannot be planned.
            guard plan.problems.isEmpty else { return plan }
            plan.models = try session.plan(models, fullRefresh: fullRefresh) { progress($0.name, $1 + 1, models.count) }
            return plan
        }
    }

    /// Makes business days of the tables anew that are kept by days, whatever changed or not; everything before and behind them
    /// is brought up to date on the way. A backfill that was interrupted goes on where it was when the same one is asked for
    /// again with the same journal.
    /// - Parameters:
    ///   - days: the first and the last day, as `2026-03-01`.
    ///   - selection: which models.
    ///   - journal: a file that is there while the backfill is not done.
    /// - Throws: `ModelError`.
    public func backfill(
        _ days: ClosedRange<String>, _ selection: ModelSelection = .all, journal: String,
        progress: (BackfillProgress) -> Void = { _ in }
    ) throws -> BackfillReport {
        try withSession { session, cancellation in
            let models = project.models(in: try session.nodes(selection))
            try checkContracts(of: models, session)
            let backfill = try Backfill(session, days, models, journal: BackfillJournal(path: journal))
            return try backfill.run(isCancelled: { cancellation.isCancelled }, progress: progress)
        }
    }

    /// Runs tests on the tables as they are: those of the yml files, the statements of the test path, and the sources'
    /// freshness.
    /// - Parameter selection: tests, or what they are about.
    public func test(
        _ selection: ModelSelection = .all,
        progress: (_ name: String, _ number: Int, _ count: Int) -> Void = { _, _, _ in }
    ) throws -> TestReport {
        try withSession { session, _ in
            let nodes = try session.nodes(selection)
            let tests = project.tests(in: nodes)
            var report = TestReport()
            for (index, test) in tests.enumerated() {
                progress(test.name, index + 1, tests.count)
                report.outcomes.append(try session.run(test))
            }
            for source in project.sources where nodes.contains(.source(source.table)) {
                if let outcome = try session.freshness(of: source) { report.outcomes.append(outcome) }
            }
            return report
        }
    }

    /// Stops the run that is going on, if there is one: it ends with an error of kind `cancelled`.
    public func cancel() { running.withLock { $0 }?.cancel() }

    /// Stops before anything is written when a column is missing that these models need.
    private func checkContracts(of models: [Model], _ session: ModelSession) throws {
        let name = try session.contractName(of: models)
        guard checked.withLock({ $0 != name }) else { return }
        var check = try ContractCheck(session)
        let problems = try check.problems(of: models, withReaders: false)
        guard problems.isEmpty else {
            throw ModelError(.contract, problems.map(\.description).joined(separator: " "))
        }
        checked.withLock { $0 = name }
    }

    private func withSession<Result>(_ body: (ModelSession, RunCancellation) throws -> Result) throws -> Result {
        let connection = try DuckDB(engine).connect()
        let cancellation = RunCancellation()
        cancellation.watch(connection)
        let isFree = running.withLock { running in
            guard running == nil else { return false }
            running = cancellation
            return true
        }
        guard isFree else { throw ModelError(.concurrentRun, "a run is going on already: wait for its end") }
        defer { running.withLock { $0 = nil } }
        let session = try ModelSession(
            project: project, versions: try TableVersions(catalog, sources: project.sources), connection: connection,
            variables: variables)
        return try body(session, cancellation)
    }
}

extension Duration {
    var milliseconds: Int { Int(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000) }
}
