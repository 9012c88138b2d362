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
            let models = project.models(in: try session.nodes(selection))
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
