public import Engine
public import Events
public import Iceberg

/// Keeps the bronze tables' files and snapshots bounded, while the writer goes on committing to them.
public final class BronzeUpkeep {
    /// What a round over all tables did.
    public struct Report: Sendable {
        /// Files that were joined, and what came of them.
        public var joinedFiles = 0
        /// Files that came instead.
        public var newFiles = 0
        /// Snapshots that were forgotten.
        public var expiredSnapshots = 0
    }

    /// Bronze is committed to every second, and the models may be some minutes behind: what they read from must be kept, or
    /// they begin anew.
    public static let limits: TableUpkeep.Limits = {
        var limits = TableUpkeep.Limits()
        limits.compaction = Compaction.Limits()
        limits.snapshotsMax = 400
        limits.snapshotsKept = 120
        limits.snapshotSecondsKept = 300
        return limits
    }()

    private let catalog: any Catalog
    private let connection: Connection
    private let limits: TableUpkeep.Limits

    /// Upkeep through a connection of its own, so that nobody waits for it.
    public init(catalog: any Catalog, connection: Connection, limits: TableUpkeep.Limits = BronzeUpkeep.limits) {
        self.catalog = catalog
        self.connection = connection
        self.limits = limits
    }

    /// Cares for every bronze table where it is due. One that fails does not keep the others waiting.
    ///
    /// - Parameter progress: called before and after each group of files; what it throws ends the round there.
    @discardableResult
    public func care(progress: (Topic, Compaction.Progress) throws -> Void = { _, _ in }) throws -> Report {
        var report = Report()
        var failure: (any Error)?
        for topic in Topic.allCases {
            do {
                let identifier = BronzeTable(topic).identifier
                guard try catalog.tableExists(identifier) else { continue }
                var table = try catalog.loadTable(identifier)
                let done = try TableUpkeep(connection, limits).care(for: &table) { state in
                    do { try progress(topic, state) } catch { throw Stopped(error) }
                }
                report.joinedFiles += done.compaction.joinedFiles
                report.newFiles += done.compaction.newFiles
                report.expiredSnapshots += done.expiry.expiredSnapshots
            } catch let stopped as Stopped {
                throw stopped.reason
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return report
    }

    private struct Stopped: Error {
        let reason: any Error
        init(_ reason: any Error) { self.reason = reason }
    }
}
