import Foundation
import Storage

extension Table {
    /// Adds files. Needs no look at the files that are there.
    ///
    /// - Parameters:
    ///   - files: May be empty, for a commit that only carries a summary.
    ///   - summary: Goes into the snapshot's summary, beside the standard counts.
    ///   - validate: Runs against each snapshot that the commit is about to follow; throwing ends the commit with that
    ///     error, and nothing is in the table.
    /// - Throws: ``IcebergError`` `.conflict` after as many attempts as the policy allows, `.uncertain`, `.badRequest`,
    ///   or what `validate` throws.
    @discardableResult
    public mutating func append(
        _ files: [DataFile], summary: [String: String] = [:], validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(
            TableChange(operation: .append, removal: .nothing, adding: files, summary: summary), validate: validate)
    }

    /// Replaces whole partitions: every file of `partitions` leaves, `files` come. An empty partition counts as replaced.
    /// - Throws: As ``append(_:summary:validate:)``, and ``IcebergError`` `.deleteFilesPresent`.
    @discardableResult
    public mutating func overwrite(
        deletingPartitions partitions: [PartitionKey], adding files: [DataFile], summary: [String: String] = [:],
        validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(
            TableChange(
                operation: files.isEmpty ? .delete : .overwrite, removal: .partitions(Set(partitions)), adding: files,
                summary: summary), validate: validate)
    }

    /// Replaces everything.
    /// - Throws: As ``append(_:summary:validate:)``, and ``IcebergError`` `.deleteFilesPresent`.
    @discardableResult
    public mutating func replaceAll(
        with files: [DataFile], summary: [String: String] = [:], validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(
            TableChange(
                operation: files.isEmpty ? .delete : .overwrite, removal: .everything, adding: files, summary: summary),
            validate: validate)
    }

    /// Replaces single files: with `.replace` when the rows stay the same (compaction), with `.overwrite` or `.delete`
    /// when they do not (erasure).
    /// - Throws: As ``append(_:summary:validate:)``, and ``IcebergError`` `.filesMissing` when one of `locations` is not
    ///   in the table (any more), `.deleteFilesPresent`.
    @discardableResult
    public mutating func replaceFiles(
        _ locations: [String], with files: [DataFile], operation: Snapshot.Operation, summary: [String: String] = [:],
        validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(
            TableChange(operation: operation, removal: .files(Set(locations)), adding: files, summary: summary),
            validate: validate)
    }

    /// Sets properties, and removes those that are nil.
    /// - Throws: ``IcebergError`` `.conflict` or `.uncertain`.
    public mutating func setProperties(_ changes: [String: String?]) throws {
        try commitMetadata { metadata in
            for (name, text) in changes { metadata.properties[name] = text }
            return metadata
        }
    }

    private mutating func commit(
        _ change: TableChange, validate: (Snapshot?) throws -> Void
    ) throws -> Snapshot {
        let id = Int64.random(in: 1...Int64.max)
        return try attempting(landed: { $0.metadata.snapshot(id: id) }) { table, attempt in
            try validate(table.currentSnapshot)
            let draft = try SnapshotDraft(
                change, snapshotID: id, attempt: attempt, base: table.metadata, storage: table.storage,
                nowMilliseconds: table.policy.now())
            try table.write(draft)
            do {
                return (
                    try table.catalog.commit(table.identifier, replacing: table.version, with: draft.metadata),
                    draft.snapshot
                )
            } catch let error where Self.isRefusal(error) {
                // This attempt's files are in no table.
                table.storage.discard(draft.objects.map(\.location))
                throw error
            }
        }
    }

    /// Whether the error proves that a commit did not happen: the catalog said no, or could not write the metadata.
    private static func isRefusal(_ error: any Error) -> Bool {
        error is StorageError || (error as? IcebergError)?.kind == .conflict
    }

    private func write(_ draft: SnapshotDraft) throws {
        do {
            try storage.create(draft.objects)
        } catch {
            // Nothing was committed yet, so none of them is referred to.
            storage.discard(draft.objects.map(\.location))
            throw error
        }
    }

    /// Commits metadata without a new snapshot. `change` returns nil when there is nothing to do.
    mutating func commitMetadata(_ change: (inout TableMetadata) throws -> TableMetadata?) throws {
        // A commit without a snapshot is known by the metadata file it made, which is not known when its answer is
        // lost; such a change can be made twice without harm, so it is tried again.
        try attempting(landed: { _ in nil }) { table, _ in
            var metadata = table.metadata
            guard let next = try change(&metadata) else { return (table.version, ()) }
            return (try table.catalog.commit(table.identifier, replacing: table.version, with: next), ())
        }
    }

    /// Tries until the catalog takes a version, moving to the newest one before each further attempt.
    ///
    /// `landed` finds the result in a version of the table when an earlier attempt, whose answer was lost, made it.
    private mutating func attempting<Result>(
        landed: (TableVersion) -> Result?, _ body: (Table, _ attempt: Int) throws -> (TableVersion, Result)
    ) throws -> Result {
        var last = IcebergError(.conflict, "no attempt was made to commit to \(identifier)")
        var isUncertain = false
        for attempt in 0..<max(1, policy.attempts) {
            if attempt > 0 {
                policy.pauseBefore(attempt: attempt)
                try look(for: isUncertain ? last : nil)
                if let result = landed(version) { return result }
            }
            do {
                let (committed, result) = try body(self, attempt)
                storage.discard(committed.metadata.leaving(version))
                version = committed
                return result
            } catch let error as IcebergError where error.kind == .conflict || error.kind == .uncertain {
                last = error
                isUncertain = isUncertain || error.kind == .uncertain
            }
        }
        if isUncertain {
            try look(for: last)
            if let result = landed(version) { return result }
            throw IcebergError(.uncertain, last.message)
        }
        throw last
    }

    /// Moves to the newest version. When that fails while the fate of an attempt is open, the caller learns of that.
    private mutating func look(for open: IcebergError?) throws {
        do {
            try refresh()
        } catch {
            guard let open else { throw error }
            throw IcebergError(.uncertain, "\(open.message); looking for it failed: \(error)")
        }
    }
}

extension TableMetadata {
    /// The metadata files that `base` still listed and this version does not, when the table wants them deleted.
    fileprivate func leaving(_ base: TableVersion) -> [String] {
        guard properties[TableProperty.deleteAfterCommit] == "true" else { return [] }
        let kept = Set(metadataLog.map(\.location))
        return base.metadata.metadataLog.map(\.location).filter { !kept.contains($0) }
    }
}
