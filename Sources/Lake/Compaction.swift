public import Engine
public import Iceberg
import Storage

/// Joins a table's small files into large ones, group by group, while others go on writing to the table.
///
///     var compaction = Compaction(table, connection)
///     print(try compaction.plan().files)
///     let report = try compaction.run { print("\($0.groupsDone) of \($0.groups)") }
///
/// Each group is a commit of its own, which says `replace`: rows stay the same. It names the files that leave, so it fails
/// where one of them is not in the table any more, and follows any commit that did not touch them. Cut short between two
/// groups, or killed anywhere, it leaves a table that is right; the next run plans from what is there. Files that were
/// written and not committed are left to orphan removal where it is not certain that no snapshot has them.
///
/// A file that is damaged is not joined, which would make its values look sound: its neighbours are, and the run ends with
/// an error that names it.
public struct Compaction {
    /// What is joined, and how much at once.
    public struct Limits: Sendable {
        /// Size in bytes that files shall have.
        public var targetFileBytes: Int64 = 128 << 20
        /// Size in bytes from which on a file is left alone.
        public var smallFileBytes: Int64 = 96 << 20
        /// Small files of a partition from which on they are joined.
        public var filesMin = 5
        /// Small files of about the same size from which on they are joined in the newest partition, which still grows.
        public var newestFilesMin = 16
        /// Size in bytes below which files of the newest partition count as the same size.
        public var tierBytesMin: Int64 = 256 << 10
        /// Files that are joined at once.
        public var groupFilesMax = 400
        /// Groups of a run.
        public var groupsMax = 1_000
        /// Attempts to commit a group beside other writers.
        public var attempts = 24
        /// How rows are ordered in the new files.
        public var order = Order.asWritten

        /// Limits that suit large tables.
        public init() {}
    }

    /// How rows are ordered in a new file.
    public enum Order: Sendable, Hashable {
        /// File after file, the smallest first.
        case asWritten
        /// By columns, ascending, nulls last.
        case columns([String])
    }

    /// How far a run is.
    public struct Progress: Sendable, Hashable {
        /// Groups of the run.
        public var groups = 0
        /// Groups that were joined or left out.
        public var groupsDone = 0
        /// Bytes of all groups.
        public var bytes: Int64 = 0
        /// Bytes of the groups that are done.
        public var bytesDone: Int64 = 0
    }

    /// What a run did.
    public struct Report: Sendable, Hashable {
        /// Groups that were joined.
        public var groups = 0
        /// Groups that were left out because another writer had replaced one of their files meanwhile.
        public var skippedGroups = 0
        /// Files that left the table.
        public var joinedFiles = 0
        /// Files that came instead.
        public var newFiles = 0
        /// Rows in them.
        public var rows: Int64 = 0
        /// Bytes that left the table.
        public var joinedBytes: Int64 = 0
        /// Bytes that came instead.
        public var newBytes: Int64 = 0
        /// Commits that another writer came before, and that were made again.
        public var conflicts = 0
    }

    /// The table, at the version of the last commit.
    public private(set) var table: Table
    private let connection: Connection
    private let limits: Limits

    /// A compaction of a table, through a connection that is used only during `run`.
    public init(_ table: Table, _ connection: Connection, _ limits: Limits = Limits()) {
        self.table = table
        self.connection = connection
        self.limits = limits
    }

    /// What a run would join now: the dry run.
    /// - Throws: What reading the table's manifests throws, `.deleteFilesPresent` among it.
    public func plan() throws -> CompactionPlan { try CompactionPlan(table, limits) }

    /// Moves to the table's current version and joins what `plan` finds there.
    ///
    /// - Parameter progress: called before the first group and after each; what it throws ends the run there, with
    ///   everything so far committed. To stop within a group, interrupt the connection.
    /// - Throws: `EngineError`, `StorageError`, `IcebergError` `.conflict` when other writers won too often, `.uncertain`.
    @discardableResult
    public mutating func run(progress: (Progress) throws -> Void = { _ in }) throws -> Report {
        try table.refresh()
        let groups = try plan().groups.prefix(limits.groupsMax)
        var report = Report()
        var state = Progress()
        state.groups = groups.count
        state.bytes = groups.reduce(0) { $0 + $1.bytes }
        try progress(state)
        var damage: DamagedFileError?
        for group in groups {
            try join(intact(group, &damage), &report)
            state.groupsDone += 1
            state.bytesDone += group.bytes
            try progress(state)
        }
        if let damage { throw damage }
        return report
    }

    /// A group without its damaged files.
    private func intact(_ group: CompactionPlan.Group, _ damage: inout DamagedFileError?) throws -> CompactionPlan.Group
    {
        let files = try group.files.filter { file in
            do {
                try FileChecksum.check(file, of: table.identifier, in: table.catalog.storage)
                return true
            } catch let error as DamagedFileError {
                damage = damage ?? error
                return false
            }
        }
        return CompactionPlan.Group(partition: group.partition, files: files)
    }

    private mutating func join(_ group: CompactionPlan.Group, _ report: inout Report) throws {
        guard group.files.count > 1 else { return }
        let files = try write(group)
        let rows = files.reduce(0) { $0 + $1.recordCount }
        guard rows == group.rows else {
            discard(files)
            throw LakeTableError(
                "\(table.identifier): \(group.files.count) files of \(group.rows) rows were read as \(rows) rows; "
                    + "nothing was replaced")
        }
        guard try commit(group, files, &report) else {
            // A refused commit is in no table.
            discard(files)
            report.skippedGroups += 1
            return
        }
        report.groups += 1
        report.joinedFiles += group.files.count
        report.joinedBytes += group.bytes
        report.newFiles += files.count
        report.newBytes += files.reduce(0) { $0 + $1.fileSizeInBytes }
        report.rows += rows
    }

    private func write(_ group: CompactionPlan.Group) throws -> [DataFile] {
        var rows = try LakeTable(table).scanSQL(of: group.files)
        if case .columns(let names) = limits.order, !names.isEmpty {
            for name in names where table.schema.field(named: name) == nil {
                throw LakeTableError("\(table.identifier) cannot be ordered by \(name): it has no such column")
            }
            rows = "SELECT * FROM (\(rows)) ORDER BY \(names.map(SQL.identifier).joined(separator: ", "))"
        }
        return try TableWriter(connection).writeFiles(rows, for: table, partitioning: .one(group.partition))
    }

    /// Replaces the group's files; false when one of them has left the table.
    private mutating func commit(
        _ group: CompactionPlan.Group, _ files: [DataFile], _ report: inout Report
    ) throws -> Bool {
        let policy = table.policy
        var pauseMilliseconds = policy.firstPauseMilliseconds
        var last: any Error = IcebergError(.conflict, "no attempt was made to commit to \(table.identifier)")
        for attempt in 0..<max(1, limits.attempts) {
            if attempt > 0 {
                report.conflicts += 1
                policy.pause(Int.random(in: 0...max(0, pauseMilliseconds)))
                pauseMilliseconds = min(policy.lastPauseMilliseconds, pauseMilliseconds * 2)
                try table.refresh()
            }
            // What the table says of its inputs is said again, and must be what the snapshot before says: so each
            // attempt is one of its own, with that snapshot's words.
            let base = table.currentSnapshot
            let identifier = table.identifier
            var once = table
            once.policy.attempts = 1
            do {
                _ = try once.replaceFiles(
                    group.files.map(\.location), with: files, operation: .replace,
                    summary: SnapshotState.carried(from: base)
                ) { snapshot in
                    guard snapshot?.id == base?.id else {
                        throw IcebergError(.conflict, "another writer committed to \(identifier) first")
                    }
                }
                once.policy = policy
                table = once
                return true
            } catch let error as IcebergError where error.kind == .filesMissing {
                return false
            } catch let error as IcebergError where error.kind == .conflict {
                last = error
            }
        }
        discard(files)
        throw last
    }

    /// Deletes files that no commit can refer to. One that stays costs space and nothing else.
    private func discard(_ files: [DataFile]) {
        for file in files {
            do { try table.catalog.storage.delete(file.location) } catch { continue }
        }
    }
}

/// What the platform's snapshots say of the table's state, beside the counts that all engines write.
public enum SnapshotState {
    /// The keys that describe the table as it is after a commit, not what the commit changed.
    public static let keys = ["cartograph.offsets", "cartograph.inputs", "cartograph.definition"]

    /// What a commit that keeps the state (compaction, erasure) must say again in its summary.
    public static func carried(from snapshot: Snapshot?) -> [String: String] {
        guard let snapshot else { return [:] }
        return snapshot.summary.filter { keys.contains($0.key) }
    }
}
