import Collector
import EventLog
import Events
import Iceberg
import Models
import Storage
import Streaming
import Synchronization

extension BatchService {
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
        try await jobs.perform { [self] bench in
            erasing.withLock { $0 = people.ids.map { erased.digest(of: $0).description }.sorted() }
            defer { erasing.withLock { $0 = [] } }
            let certificate = try erasure(bench) { try live.rebuild(older: $0, progress: $1) }.run(
                people, dryRun: dryRun
            ) { [self] in
                if jobs.isStopping { throw CommandError("the server is stopping") }
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
}
