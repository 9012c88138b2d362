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
    private let variables: [String: String]
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
        self.variables = project.variables.merging(variables) { $1 }
    }

    /// Brings models up to date, on the calling thread. One run at a time; another waits for nobody and fails when both
    /// want to change the same table.
    /// - Parameters:
    ///   - select: models by name (`daily_sales`), table or schema (`gold`), with everything they read; none for all.
    ///   - fullRefresh: makes every table anew.
    /// - Throws: `ModelError`. Models that were done before stay done.
    public func run(
        select: [String] = [], fullRefresh: Bool = false, progress: (ModelProgress) -> Void = { _ in }
    ) throws -> RunReport {
        let start = ContinuousClock.now
        let models = try project.selected(select)
        var report = RunReport()
        try withSession { session in
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

    /// Runs the tests of schema.yml and of the test path on the tables as they are.
    /// - Parameter select: as for `run`; statements of the test path run when it is empty.
    public func test(select: [String] = []) throws -> TestReport {
        let models = try project.selected(select)
        return try withSession { session in
            var report = TestReport()
            for model in models { report.outcomes += try session.test(model) }
            if select.isEmpty { report.outcomes += try session.testStatements() }
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
