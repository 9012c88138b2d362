import Storage

/// Changes to one table, staged in order and not yet made: a ``Transaction`` commits them, alone or together with those
/// of other tables.
///
/// When another writer commits first, they are worked out again against the table as it is then.
public struct TableUpdate {
    /// The table that is changed, or created.
    public let identifier: TableIdentifier
    /// The version the first attempt goes from; nil when the table is created.
    let base: TableVersion?
    /// What a table that is created begins with.
    private let created: TableMetadata?
    private(set) var steps: [Step] = []

    /// One change.
    enum Step {
        /// A new snapshot, and what must hold of the snapshot that it follows.
        case snapshot(TableChange, id: Int64, validate: (Snapshot?) throws -> Void)
        /// Anything else that the metadata says.
        case metadata((inout TableMetadata, _ nowMilliseconds: Int64) throws -> Void)
    }

    /// Changes to a table.
    public init(_ table: Table) {
        identifier = table.identifier
        base = table.version
        created = nil
    }

    /// Creates a table whose first version is `metadata` with the changes staged after it.
    public init(creating identifier: TableIdentifier, _ metadata: TableMetadata) {
        self.identifier = identifier
        base = nil
        created = metadata
    }

    /// Whether nothing would change.
    public var isEmpty: Bool { steps.isEmpty && created == nil }

    mutating func stage(_ change: TableChange, validate: @escaping (Snapshot?) throws -> Void) {
        steps.append(.snapshot(change, id: Int64.random(in: 1...Int64.max), validate: validate))
    }

    /// Stages any change of the metadata. It may run several times, each time on the version that the commit follows.
    mutating func stage(_ change: @escaping (inout TableMetadata, _ nowMilliseconds: Int64) throws -> Void) {
        steps.append(.metadata(change))
    }
}

// MARK: - What can be staged

extension TableUpdate {
    /// Adds files to a branch. Needs no look at the files that are there.
    ///
    /// - Parameters:
    ///   - files: May be empty, for a commit that only carries a summary.
    ///   - branch: Made from the current snapshot if it is not there.
    ///   - summary: Goes into the snapshot's summary, beside the standard counts.
    ///   - validate: Runs against each snapshot that the commit is about to follow; throwing ends the commit with that
    ///     error, and nothing is in any table.
    public mutating func append(
        _ files: [DataFile], branch: String = SnapshotReference.mainBranch, summary: [String: String] = [:],
        validate: @escaping (Snapshot?) throws -> Void = { _ in }
    ) {
        stage(
            TableChange(operation: .append, removal: .nothing, adding: files, summary: summary, branch: branch),
            validate: validate)
    }

    /// Replaces whole partitions: every file of `partitions` leaves, `files` come. An empty partition counts as replaced.
    public mutating func overwrite(
        deletingPartitions partitions: [PartitionKey], adding files: [DataFile],
        branch: String = SnapshotReference.mainBranch, summary: [String: String] = [:],
        validate: @escaping (Snapshot?) throws -> Void = { _ in }
    ) {
        stage(
            TableChange(
                operation: files.isEmpty ? .delete : .overwrite, removal: .partitions(Set(partitions)), adding: files,
                summary: summary, branch: branch), validate: validate)
    }

    /// Replaces everything.
    public mutating func replaceAll(
        with files: [DataFile], branch: String = SnapshotReference.mainBranch, summary: [String: String] = [:],
        validate: @escaping (Snapshot?) throws -> Void = { _ in }
    ) {
        stage(
            TableChange(
                operation: files.isEmpty ? .delete : .overwrite, removal: .everything, adding: files, summary: summary,
                branch: branch), validate: validate)
    }

    /// Replaces single files, data or deletes: with `.replace` when the rows stay the same (compaction), with `.overwrite`
    /// or `.delete` when they do not (erasure).
    ///
    /// The new files are as old as the snapshot that the rows were read at, `read` or else the one the table stood at: what
    /// was deleted by value since then is deleted from them too. The commit fails with ``IcebergError`` `.filesMissing` when one of
    /// `locations` is not in the table (any more), or rows of it were deleted by position since then.
    public mutating func replaceFiles(
        _ locations: [String], with files: [DataFile], operation: Snapshot.Operation, read: Snapshot? = nil,
        branch: String = SnapshotReference.mainBranch, summary: [String: String] = [:],
        validate: @escaping (Snapshot?) throws -> Void = { _ in }
    ) {
        stage(
            TableChange(
                operation: operation, removal: .files(LocationSet(locations)), adding: files, summary: summary,
                branch: branch,
                readSequence: read?.sequenceNumber
                    ?? base.map { $0.metadata.snapshot(on: branch)?.sequenceNumber ?? 0 }),
            validate: validate)
    }

    /// Deletes the files all of whose rows a filter means, and adds `files`.
    ///
    /// Which files these are is told from partition values and statistics. The commit fails with ``IcebergError``
    /// `.badRequest` when a file may have both rows that are meant and others: its rows must be rewritten, with
    /// ``replaceFiles(_:with:operation:branch:summary:validate:)``.
    public mutating func overwrite(
        where filter: RowFilter, adding files: [DataFile], branch: String = SnapshotReference.mainBranch,
        summary: [String: String] = [:], validate: @escaping (Snapshot?) throws -> Void = { _ in }
    ) {
        stage(
            TableChange(
                operation: files.isEmpty ? .delete : .overwrite, removal: .rows(filter), adding: files,
                summary: summary, branch: branch), validate: validate)
    }

    /// Adds data files and delete files in one snapshot.
    /// - Parameter referenced: Data files that the deletes were made for; the commit fails with ``IcebergError``
    ///   `.filesMissing` when one of them is not in the table (any more).
    public mutating func addRowDelta(
        _ files: [DataFile], referencing referenced: [String], branch: String = SnapshotReference.mainBranch,
        summary: [String: String] = [:], validate: @escaping (Snapshot?) throws -> Void = { _ in }
    ) {
        let hasData = files.contains { $0.content == .data }
        stage(
            TableChange(
                operation: hasData ? .overwrite : .delete, removal: .nothing, adding: files, summary: summary,
                branch: branch, requiring: LocationSet(referenced)), validate: validate)
    }

    /// Writes the manifests anew, sorted by partition and of about `targetBytes` each, so that plans read few of them.
    /// The table says the same afterwards. Tables whose manifests are in order already get no snapshot, unless `all` are
    /// to be written anew: then nothing is left in them of files that are gone.
    public mutating func rewriteManifests(
        targetBytes: Int64? = nil, all: Bool = false, branch: String = SnapshotReference.mainBranch,
        summary: [String: String] = [:]
    ) {
        stage(
            TableChange(
                operation: .replace, removal: .nothing, adding: [], summary: summary, branch: branch,
                manifestBytes: targetBytes ?? 0, rewritesAll: all), validate: { _ in })
    }

    /// Sets properties, and removes those that are nil.
    public mutating func setProperties(_ changes: [String: String?]) {
        stage { metadata, _ in
            for (name, text) in changes { metadata.properties[name] = text }
        }
    }
}

// MARK: - One attempt

/// A table update worked out against one version.
struct UpdateDraft {
    let commit: TableCommit
    /// Manifests and manifest lists, to be written before the commit.
    let objects: [NewObject]
    /// Whether there is anything to commit.
    let changesAnything: Bool
}

extension TableUpdate {
    /// Works the steps out against `base`.
    /// - Throws: ``IcebergError``, or what a `validate` throws.
    func draft(
        over base: TableVersion?, attempt: Int, storage: any ObjectStorage, nowMilliseconds: Int64
    ) throws -> UpdateDraft {
        guard var metadata = created ?? base?.metadata else {
            throw IcebergError(.badRequest, "\(identifier) has no version to change")
        }
        var objects: [NewObject] = []
        for step in steps {
            switch step {
            case .metadata(let change): try change(&metadata, nowMilliseconds)
            case .snapshot(let change, let id, let validate):
                try validate(metadata.snapshot(on: change.branch))
                guard
                    let draft = try SnapshotDraft(
                        change, snapshotID: id, attempt: attempt, base: metadata, storage: storage, unwritten: objects,
                        nowMilliseconds: nowMilliseconds)
                else { continue }
                metadata = draft.metadata
                objects += draft.objects
            }
        }
        return UpdateDraft(
            commit: TableCommit(identifier, replacing: base, with: metadata), objects: objects,
            changesAnything: base == nil || metadata != base?.metadata)
    }

    /// Ids of the snapshots that the update makes, the same in every attempt.
    var snapshotIDs: [Int64] {
        steps.compactMap { step in
            if case .snapshot(_, let id, _) = step { id } else { nil }
        }
    }

    /// Whether one of the attempts `sent`, whose answers were lost, is in `current`.
    func hasLanded(in current: TableVersion?, sent: [TableCommit]) -> Bool {
        guard let current else { return false }
        return sent.contains { commit in
            let ids = snapshotIDs.filter { commit.metadata.snapshot(id: $0) != nil }
            if !ids.isEmpty { return ids.allSatisfy { current.metadata.snapshot(id: $0) != nil } }
            guard let base = commit.base else { return current.metadata.tableUUID == commit.metadata.tableUUID }
            return current.location != base.location
                && current.metadata.says(whatChangedFrom: base.metadata, to: commit.metadata)
        }
    }
}

extension TableMetadata {
    /// Whether everything that is different in `next` than in `base` stands here too, so that committing it once more
    /// would change nothing.
    fileprivate func says(whatChangedFrom base: TableMetadata, to next: TableMetadata) -> Bool {
        func agrees<Value: Equatable>(_ value: (TableMetadata) -> Value) -> Bool {
            value(next) == value(base) || value(next) == value(self)
        }
        func agree<Key, Value: Equatable>(_ values: (TableMetadata) -> [Key: Value]) -> Bool {
            let (now, before, after) = (values(self), values(base), values(next))
            return Set(before.keys).union(after.keys).allSatisfy { after[$0] == before[$0] || after[$0] == now[$0] }
        }
        func schemas(_ metadata: TableMetadata) -> [Int: Schema] { metadata.schemas.keyed(by: \.schemaID) }
        func specs(_ metadata: TableMetadata) -> [Int: PartitionSpec] { metadata.partitionSpecs.keyed(by: \.specID) }
        func orders(_ metadata: TableMetadata) -> [Int: SortOrder] { metadata.sortOrders.keyed(by: \.orderID) }
        func snapshots(_ metadata: TableMetadata) -> [Int64: Snapshot] { metadata.snapshots.keyed(by: \.id) }
        return agrees(\.location) && agrees(\.currentSchemaID) && agrees(\.defaultSpecID)
            && agrees(\.defaultSortOrderID) && agrees(\.others) && agree(\.properties) && agree(\.references)
            && agree(schemas) && agree(specs) && agree(orders) && agree(snapshots)
    }
}

extension Array {
    fileprivate func keyed<Key: Hashable>(by key: (Element) -> Key) -> [Key: Element] {
        Dictionary(map { (key($0), $0) }) { first, _ in first }
    }
}
