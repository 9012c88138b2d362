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
    private let variables: [String: TemplateValue]
    /// Names the statements and the columns that were last found to fit.
    private let checked = Mutex("")
    private let running = Mutex<(interrupter: Interrupter?, isCancelled: Bool)>((nil, false))

    /// A runner.
    /// - Parameters:
    ///   - catalog: where the tables are.
    ///   - engine: what a run may use of the machine. A temporary folder is needed for anything large.
    ///   - variables: values for the project's variables instead of its defaults.
    public init(
        project: ModelProject, catalog: any Catalog, engine: DuckDB.Settings = DuckDB.Settings(),
        variables: [String: String] = [:]
    ) {
        self.project = project
        self.catalog = catalog
        self.engine = engine
        self.variables = ModelVariables(variables).over(project.variables).values
    }

    /// Brings models up to date, on the calling thread. One run at a time; another waits for nobody and fails when both
    /// want to change the same table.
    /// - Parameters:
    ///   - selection: which models; what they read has to be there.
    ///   - fullRefresh: makes every table anew.
    /// - Throws: `ModelError`. Models that were done before stay done.
    public func run(
        _ selection: ModelSelection = .all, fullRefresh: Bool = false, progress: (ModelProgress) -> Void = { _ in }
    ) throws -> RunReport {
        let start = ContinuousClock.now
        var report = RunReport()
        try withSession { session in
            let models = project.modelsToRun(in: try session.nodes(selection))
            try checkContracts(of: models, session)
            for (index, model) in models.enumerated() {
                progress(.started(name: model.name, number: index + 1, count: models.count))
                let done = try session.located(model.name) { try session.bringUpToDate(model, fullRefresh) }
                report.models.append(done)
                progress(.finished(done))
                guard !running.withLock({ $0.isCancelled }) else {
                    throw ModelError(.cancelled, "the run was cancelled after \(model.name)")
                }
            }
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
        try withSession { session in
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
        try withSession { session in
            let models = project.models(in: try session.nodes(selection))
            try checkContracts(of: models, session)
            let backfill = try Backfill(session, days, models, journal: BackfillJournal(path: journal))
            return try backfill.run(isCancelled: { running.withLock { $0.isCancelled } }, progress: progress)
        }
    }

    /// Runs tests on the tables as they are: those of the yml files, the statements of the test path, and the sources'
    /// freshness.
    /// - Parameter selection: tests, or what they are about.
    public func test(
        _ selection: ModelSelection = .all,
        progress: (_ name: String, _ number: Int, _ count: Int) -> Void = { _, _, _ in }
    ) throws -> TestReport {
        try withSession { session in
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
    public func cancel() {
        running.withLock { running in
            guard let interrupter = running.interrupter else { return }
            running.isCancelled = true
            interrupter.interrupt()
        }
    }

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

    private func withSession<Result>(_ body: (ModelSession) throws -> Result) throws -> Result {
        let connection = try DuckDB(engine).connect()
        let isFree = running.withLock { running in
            guard running.interrupter == nil else { return false }
            running = (connection.interrupter, false)
            return true
        }
        guard isFree else { throw ModelError(.concurrentRun, "a run is going on already: wait for its end") }
        defer { running.withLock { $0 = (nil, false) } }
        let session = try ModelSession(project: project, catalog: catalog, connection: connection, variables: variables)
        return try body(session)
    }
}

extension Duration {
    var milliseconds: Int { Int(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000) }
}
