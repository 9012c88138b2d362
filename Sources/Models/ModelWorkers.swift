import Engine
import Foundation
import Iceberg

/// Runs models on threads of their own, each as soon as those it reads are done. The calling thread decides what begins, and
/// tells about it.
///
/// All threads share one engine and its memory; each has a connection with views of its own. A model that fails for want of
/// memory, or with the engine itself, while others run is tried once more, alone and on a new engine.
final class ModelWorkers: Sendable {
    /// How a turn ended.
    private struct Outcome: Sendable {
        let model: Model
        let result: Result<ModelReport, any Error>
        let isEngineLost: Bool
    }

    /// The templates' recursion has a bound, and needs this much for it.
    private static let stackBytes = 16 << 20
    /// Seconds after which a cancelled run interrupts again what still runs.
    private static let interruptSeconds = 0.1
    /// Most models that an error names as not run.
    private static let namesMax = 5

    private let project: ModelProject
    private let versions: TableVersions
    private let variables: [String: TemplateValue]
    private let database: DuckDB
    private let isFullRefresh: Bool
    private let cancellation: RunCancellation
    /// What is to be done, no more than there are threads; nil ends one of them.
    private let turns = Mailbox<ModelSchedule.Turn?>()
    /// What was done, no more than there are threads.
    private let outcomes = Mailbox<Outcome>()

    init(_ session: ModelSession, fullRefresh: Bool, _ cancellation: RunCancellation) {
        project = session.project
        versions = session.versions
        variables = session.variables
        database = session.connection.database
        isFullRefresh = fullRefresh
        self.cancellation = cancellation
    }

    /// Brings models up to date.
    /// - Returns: what was done, in the order of `models`.
    /// - Throws: what the first of `models` that failed threw, with how many others failed and which did not run because of
    ///   it. Those that do not need them are done nevertheless.
    func run(_ models: [Model], threads: Int, _ progress: (ModelProgress) -> Void) throws -> [ModelReport] {
        let threads = min(threads, models.count)
        let ended = DispatchGroup()
        // A thread lets go of its block when its thread-local values are gone, which the engine needs to be closed.
        let workers = Mailbox<ModelWorkers>()
        for lane in 0..<threads {
            ended.enter()
            workers.put(self)
            let thread = Thread {
                workers.take().serve(lane)
                ended.leave()
            }
            thread.name = "models \(lane)"
            thread.stackSize = Self.stackBytes
            thread.start()
        }
        defer {
            for _ in 0..<threads { turns.put(nil) }
            ended.wait()
        }
        return try direct(models, threads, progress)
    }

    /// Hands out turns until there are no more.
    private func direct(
        _ models: [Model], _ threads: Int, _ progress: (ModelProgress) -> Void
    ) throws -> [ModelReport] {
        var schedule = ModelSchedule(models) {
            ModelStatement(project: project, model: $0, variables: variables).inputs
        }
        var reports: [String: ModelReport] = [:]
        var failures: [String: (error: any Error, skipped: [Model])] = [:]
        var begun: Set<String> = []
        var last = ""
        var idle = threads
        while true {
            while idle > 0, !cancellation.isCancelled, let turn = schedule.next() {
                if begun.insert(turn.model.name).inserted {
                    progress(.started(name: turn.model.name, number: begun.count, count: models.count))
                }
                turns.put(turn)
                idle -= 1
            }
            if idle == threads { break }
            guard let outcome = outcomes.take(within: Self.interruptSeconds) else {
                if cancellation.isCancelled { cancellation.cancel() }
                continue
            }
            idle += 1
            last = outcome.model.name
            switch outcome.result {
            case .success(let report):
                schedule.finish(outcome.model)
                reports[outcome.model.name] = report
                progress(.finished(report))
            case .failure(let error):
                let skipped = schedule.fail(
                    outcome.model, isOutOfMemory: (error as? ModelError)?.kind == .outOfMemory,
                    isEngineLost: outcome.isEngineLost)
                if let skipped { failures[outcome.model.name] = (error, skipped) }
            }
        }
        if cancellation.isCancelled {
            let cancelled = failures.values.lazy.compactMap { $0.error as? ModelError }.first { $0.kind == .cancelled }
            throw cancelled ?? ModelError(.cancelled, "the run was cancelled after \(last)")
        }
        if let error = Self.error(of: models.compactMap { failures[$0.name] }) { throw error }
        return models.compactMap { reports[$0.name] }
    }

    /// One error for all that failed, in the models' order.
    private static func error(of failures: [(error: any Error, skipped: [Model])]) -> (any Error)? {
        guard let first = failures.first else { return nil }
        let skipped = Set(failures.flatMap(\.skipped).map(\.table)).sorted()
        guard failures.count > 1 || !skipped.isEmpty else { return first.error }
        var text = failures.map { "\($0.error)" }.joined(separator: "; and ")
        if !skipped.isEmpty {
            let more = skipped.count > namesMax ? " and \(skipped.count - namesMax) more" : ""
            text += "; not run because of it: \(skipped.prefix(namesMax).joined(separator: ", "))\(more)"
        }
        return ModelError((first.error as? ModelError)?.kind ?? .run, text)
    }

    // MARK: - The threads

    private func serve(_ lane: Int) {
        var session: ModelSession?
        while let turn = turns.take() { outcomes.put(run(turn, lane, &session)) }
    }

    private func run(_ turn: ModelSchedule.Turn, _ lane: Int, _ kept: inout ModelSession?) -> Outcome {
        let model = turn.model
        var used: ModelSession?
        let result = Result {
            guard !cancellation.isCancelled else {
                throw ModelError(.cancelled, "the run was cancelled before \(model.name)")
            }
            let session = try turn.isAlone ? aloneSession() : (kept ?? laneSession(lane))
            if !turn.isAlone { kept = session }
            used = session
            return try session.located(model.name) { try session.bringUpToDate(model, isFullRefresh) }
        }
        var isEngineLost = false
        if case .failure = result, let used { isEngineLost = !used.isUsable }
        return Outcome(model: model, result: result, isEngineLost: isEngineLost)
    }

    private func laneSession(_ lane: Int) throws -> ModelSession {
        let connection = try database.connect()
        // Views are of a database: threads that read different versions of a table must not share one.
        let name = SQL.identifier("cartograph models \(lane)")
        try connection.execute("ATTACH ':memory:' AS \(name); USE \(name)")
        return try session(over: connection)
    }

    private func aloneSession() throws -> ModelSession { try session(over: try DuckDB(database.settings).connect()) }

    private func session(over connection: Connection) throws -> ModelSession {
        cancellation.watch(connection)
        return try ModelSession(project: project, versions: versions, connection: connection, variables: variables)
    }
}
