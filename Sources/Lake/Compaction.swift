public import Engine
public import Iceberg
import Storage

/// Joins a table's small files into large ones, group by group, while others go on writing to the table. Files that rows
/// are deleted from by delete files are written anew without them, and delete files that are for nothing any more leave
/// the table. Files stay in their partitions, of whichever of the table's specs.
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
        /// Bytes of a partition that are sorted together.
        public var sortedBytesMax: Int64 = 8 << 30
        /// Files of a partition that are sorted together.
        public var sortedFilesMax = 10_000
        /// Attempts to commit a group beside other writers.
        public var attempts = 24
        /// How rows are ordered in the new files.
        public var order = Order.asWritten

        /// Limits that suit large tables.
        public init() {}
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
        /// Rows that delete files took away, and that are not in the new files.
        public var deletedRows: Int64 = 0
        /// Delete files that left the table.
        public var deleteFiles = 0
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
    /// - Throws: What reading the table's manifests throws.
    public func plan() throws -> CompactionPlan { try CompactionPlan(table, limits) }

    /// Moves to the table's current version and joins what `plan` finds there.
    ///
    /// - Parameter progress: called before the first group and after each; what it throws ends the run there, with
    ///   everything so far committed. To stop within a group, interrupt the connection.
    /// - Throws: `EngineError`, `StorageError`, `IcebergError` `.conflict` when other writers won too often, `.uncertain`.
    @discardableResult
    public mutating func run(progress: (Progress) throws -> Void = { _ in }) throws -> Report {
        try table.refresh()
        // Rewritten without them, the rows that they name would be back for good.
        if let strays = StrayDeletes(try table.plan(), table) { _ = try connection.query(strays.checkSQL) }
        let plan = try plan()
        let sort = try limits.order.sql(for: table)
        let groups = plan.groups.prefix(limits.groupsMax)
        var report = Report()
        var state = Progress()
        state.groups = groups.count
        state.bytes = groups.reduce(0) { $0 + $1.bytes }
        try progress(state)
        var rewritten: Set<PartitionKey> = []
        var damage: DamagedFileError?
        for group in groups {
            let whole = try intact(group, &damage)
            if try join(whole, read: plan.snapshot, sort, &report) { rewritten.insert(group.partition) }
            state.groupsDone += 1
            state.bytesDone += group.bytes
            try progress(state)
        }
        if plan.deleteFiles + plan.idleDeletes.count > 0 { try dropDeletes(in: rewritten, &report) }
        if let damage { throw damage }
        return report
    }

    /// A group without its damaged files.
    private func intact(_ group: CompactionPlan.Group, _ damage: inout DamagedFileError?) throws -> CompactionPlan.Group
    {
        let tasks = try group.tasks.filter { task in
            do {
                for file in [task.file] + task.deletes.map(\.file) {
                    try FileChecksum.check(file, of: table.identifier, in: table.catalog.storage)
                }
                return true
            } catch let error as DamagedFileError {
                damage = damage ?? error
                return false
            }
        }
        return CompactionPlan.Group(partition: group.partition, tasks: tasks)
    }

    /// Writes a group's rows anew and replaces its files; false when there is nothing to gain or another writer had
    /// touched them.
    private mutating func join(
        _ group: CompactionPlan.Group, read: Snapshot?, _ sort: String?, _ report: inout Report
    ) throws -> Bool {
        guard group.tasks.count > 1 || group.hasDeletes || sort != nil && !group.tasks.isEmpty else { return false }
        let files = try write(group, sort)
        let rows = files.reduce(0) { $0 + $1.recordCount }
        guard group.hasDeletes ? rows <= group.rows : rows == group.rows else {
            discard(files)
            throw LakeTableError(
                "\(table.identifier): \(group.tasks.count) files of \(group.rows) rows were read as \(rows) rows; "
                    + "nothing was replaced")
        }
        guard try commit(group.files.map(\.location), files, read: read, &report) else {
            // A refused commit is in no table.
            discard(files)
            report.skippedGroups += 1
            return false
        }
        report.groups += 1
        report.joinedFiles += group.tasks.count
        report.joinedBytes += group.bytes
        report.newFiles += files.count
        report.newBytes += files.reduce(0) { $0 + $1.fileSizeInBytes }
        report.rows += rows
        report.deletedRows += group.rows - rows
        return true
    }

    private func write(_ group: CompactionPlan.Group, _ sort: String?) throws -> [DataFile] {
        let lake = LakeTable(table)
        var rows = try lake.scanSQL(of: group.tasks)
        var rowsPerFile = TableWriter.rowsPerFile
        if let sort {
            rows = "SELECT * FROM (\(rows)) ORDER BY \(sort)"
            // Sorted rows take about as much room as they did.
            let target = max(1, limits.asked(by: table).targetFileBytes)
            let files = max(1, (group.bytes + target / 2) / target)
            rowsPerFile = max(1, min(rowsPerFile, Int(group.rows / files)))
        }
        do {
            var files = try TableWriter(connection).writeFiles(
                rows, for: table, partitioning: .one(group.partition), rowsPerFile: rowsPerFile)
            if let id = limits.order.orderID(in: table) { for index in files.indices { files[index].sortOrderID = id } }
            return files
        } catch let error as EngineError {
            var search = try DamageSearch(like: connection)
            throw try search.explained(error, [DamageSearch.Scan(lake, ScanPlan(tasks: group.tasks))], areBound: false)
        }
    }

    /// Takes delete files out of the table that apply to no file any more. Those of positions count for the files of
    /// their partition, so in the partitions that were written anew they are asked which files they name.
    private mutating func dropDeletes(in partitions: Set<PartitionKey>, _ report: inout Report) throws {
        let plan = try table.plan()
        let live = Set(plan.tasks.map(\.file.location))
        let asked = plan.deletes.map(\.file).filter {
            $0.content == .positionDeletes && $0.format == .parquet && partitions.contains($0.partitionKey)
        }
        let idle = try plan.idleDeletes + asked.filter { try !names(live, $0) }
        guard !idle.isEmpty else { return }
        if try commit(idle.map(\.location), [], read: nil, &report) { report.deleteFiles += idle.count }
    }

    /// Whether a file of position deletes names one of these files.
    private func names(_ locations: Set<String>, _ file: DataFile) throws -> Bool {
        var isNamed = false
        try connection.stream(try LakeScan.namedFilesSQL(by: file, of: table)) { row in
            isNamed = row[0].string.map(locations.contains) ?? true
            return !isNamed
        }
        return isNamed
    }

    /// Replaces files; false when one of them has left the table, or rows of it were deleted since `read`.
    private mutating func commit(
        _ locations: [String], _ files: [DataFile], read: Snapshot?, _ report: inout Report
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
                    locations, with: files, operation: .replace, read: read, summary: SnapshotState.carried(from: base)
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
    private func discard(_ files: [DataFile]) { table.catalog.storage.discard(files.map(\.location)) }
}
