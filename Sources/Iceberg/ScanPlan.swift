import Storage

/// One data file to read, and the delete files that apply to it.
public struct ScanTask: Sendable, Hashable {
    /// The file.
    public var file: DataFile
    /// Age of its rows.
    public var sequenceNumber: Int64
    /// Files of positions and of values whose rows are deleted from it.
    public var deletes: [ScanDelete]

    /// A file of rows that are all as old as `sequenceNumber`.
    public init(file: DataFile, sequenceNumber: Int64 = 0, deletes: [ScanDelete] = []) {
        self.file = file
        self.sequenceNumber = sequenceNumber
        self.deletes = deletes
    }
}

/// A delete file that applies to a data file.
public struct ScanDelete: Sendable, Hashable {
    /// The file.
    public var file: DataFile
    /// Age of the deletes, by which it is told for which rows they hold.
    public var sequenceNumber: Int64
}

/// The files that a read opens, and what it was spared.
public struct ScanPlan: Sendable {
    /// In the order of the manifests, newest first.
    public internal(set) var tasks: [ScanTask] = []
    /// Delete files that were come across and apply to none of the tasks.
    public internal(set) var idleDeletes: [DataFile] = []
    /// What was looked at and what was skipped.
    public internal(set) var counts = Counts()

    /// A plan that reads nothing.
    public init() {}

    /// A plan of these tasks.
    public init(tasks: [ScanTask]) { self.tasks = tasks }

    /// Manifests and files that a plan came across.
    public struct Counts: Sendable, Hashable {
        /// Manifests that were read.
        public var manifestsRead = 0
        /// Manifests whose partition summaries, or whose counts, excluded them.
        public var manifestsSkipped = 0
        /// Data files of the manifests that were skipped, as far as the manifest list counts them.
        public var filesSkippedByManifest = 0
        /// Files of the manifests that were read whose partition excluded them.
        public var filesSkippedByPartition = 0
        /// Files whose columns' statistics excluded them.
        public var filesSkippedByStatistics = 0
        /// Delete files that apply to at least one task.
        public var deleteFiles = 0
    }

    /// The delete files that apply to any of the tasks, each once.
    public var deletes: [ScanDelete] {
        var seen: Set<String> = []
        return tasks.flatMap(\.deletes).filter { seen.insert($0.file.location).inserted }
    }

    /// Data files of the snapshot, those that are not opened included.
    public var filesInSnapshot: Int {
        tasks.count + counts.filesSkippedByManifest + counts.filesSkippedByPartition + counts.filesSkippedByStatistics
    }

    /// The data files, where no rows of them are deleted.
    /// - Throws: ``IcebergError`` `.deleteFilesPresent` when delete files apply to one of them.
    public func files() throws -> [DataFile] {
        if let task = tasks.first(where: { !$0.deletes.isEmpty }) {
            throw IcebergError(
                .deleteFilesPresent, "rows of \(task.file.location) are deleted by \(task.deletes[0].file.location)")
        }
        return tasks.map(\.file)
    }
}

extension Table {
    /// The files of a snapshot that may hold rows for which `filter` is true, with the delete files that apply to each.
    /// A reader still has to filter their rows.
    ///
    /// - Parameters:
    ///   - filter: Its columns are those of `schema`.
    ///   - snapshot: The current one when nil.
    ///   - schema: The one in force when nil.
    /// - Throws: ``IcebergError`` `.badRequest` when the filter does not fit the schema, or what is wrong with a manifest.
    public func plan(
        where filter: RowFilter = .always(true), at snapshot: Snapshot? = nil, schema: Schema? = nil
    ) throws -> ScanPlan {
        let schema = schema ?? self.schema
        let pruning = ScanPruning(try filter.bound(to: schema), schema: schema, metadata)
        guard let snapshot = snapshot ?? currentSnapshot else { return ScanPlan() }
        let reader = SnapshotReader(metadata, storage)
        let manifests = try reader.manifests(of: snapshot)
        var skippedFiles = 0
        // Some writers put positions into the partition of another spec than their file's. That is found where files are
        // opened, and must not be passed over before.
        let keepsDeletes = metadata.partitionSpecs.count > 1
        let wanted = manifests.filter { manifest in
            guard manifest.mayHaveLiveFiles else { return false }
            if pruning.mayMatch(manifest) || keepsDeletes && manifest.content == .deletes { return true }
            if manifest.content == .data { skippedFiles += (manifest.addedFiles ?? 0) + (manifest.existingFiles ?? 0) }
            return false
        }
        let found = try wanted.mapAtOnce(upTo: AtOnce.reads) { manifest in
            try PlannedManifest(
                try reader.entries(of: manifest), manifest.content,
                keepsDeletes && manifest.content == .deletes ? nil : pruning)
        }
        var plan = ScanPlan()
        plan.counts.manifestsRead = wanted.count
        plan.counts.manifestsSkipped = manifests.count - wanted.count
        plan.counts.filesSkippedByManifest = skippedFiles
        let deletes = DeleteIndex(found.filter { $0.content == .deletes }.flatMap(\.entries), metadata)
        var applied: Set<String> = []
        for manifest in found where manifest.content == .data {
            plan.counts.filesSkippedByPartition += manifest.skippedByPartition
            plan.counts.filesSkippedByStatistics += manifest.skippedByStatistics
            for entry in manifest.entries {
                let sequence = entry.sequenceNumber ?? 0
                let files = deletes.isEmpty ? [] : try deletes.files(for: entry.file, sequence)
                for delete in files { applied.insert(delete.file.location) }
                plan.tasks.append(ScanTask(file: entry.file, sequenceNumber: sequence, deletes: files))
            }
        }
        plan.counts.deleteFiles = applied.count
        plan.idleDeletes = found.filter { $0.content == .deletes }.flatMap(\.entries).map(\.file)
            .filter { !applied.contains($0.location) }
        return plan
    }
}

/// The live entries of one manifest that may matter.
private struct PlannedManifest: Sendable {
    var content: ManifestFile.Content
    var entries: [ManifestEntry] = []
    var skippedByPartition = 0
    var skippedByStatistics = 0

    init(_ all: [ManifestEntry], _ content: ManifestFile.Content, _ pruning: ScanPruning?) throws {
        self.content = content
        for entry in all where entry.isLive {
            guard let pruning else {
                entries.append(entry)
                continue
            }
            if !pruning.mayMatch(partitionOf: entry.file) {
                skippedByPartition += 1
            } else if content == .data, !pruning.mayMatch(statisticsOf: entry.file) {
                // The statistics of a delete file are of what it deletes, not of the rows that are looked for.
                skippedByStatistics += 1
            } else {
                entries.append(entry)
            }
        }
    }
}
