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
        try commit(validate) { update, validate in update.append(files, summary: summary, validate: validate) }
    }

    /// Replaces whole partitions: every file of `partitions` leaves, `files` come. An empty partition counts as replaced.
    /// - Throws: As ``append(_:summary:validate:)``, and ``IcebergError`` `.deleteFilesPresent`.
    @discardableResult
    public mutating func overwrite(
        deletingPartitions partitions: [PartitionKey], adding files: [DataFile], summary: [String: String] = [:],
        validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(validate) { update, validate in
            update.overwrite(deletingPartitions: partitions, adding: files, summary: summary, validate: validate)
        }
    }

    /// Replaces everything.
    /// - Throws: As ``append(_:summary:validate:)``, and ``IcebergError`` `.deleteFilesPresent`.
    @discardableResult
    public mutating func replaceAll(
        with files: [DataFile], summary: [String: String] = [:], validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(validate) { update, validate in
            update.replaceAll(with: files, summary: summary, validate: validate)
        }
    }

    /// Replaces single files: with `.replace` when the rows stay the same (compaction), with `.overwrite` or `.delete`
    /// when they do not (erasure).
    /// - Parameter read: The snapshot that the rows of `files` were read at; nil for the one the table stands at.
    /// - Throws: As ``append(_:summary:validate:)``, and ``IcebergError`` `.filesMissing` when one of `locations` is not
    ///   in the table (any more), or rows of it were deleted by position since `read`.
    @discardableResult
    public mutating func replaceFiles(
        _ locations: [String], with files: [DataFile], operation: Snapshot.Operation, read: Snapshot? = nil,
        summary: [String: String] = [:], validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(validate) { update, validate in
            update.replaceFiles(
                locations, with: files, operation: operation, read: read, summary: summary, validate: validate)
        }
    }

    /// Sets properties, and removes those that are nil.
    /// - Throws: ``IcebergError`` `.conflict` or `.uncertain`.
    public mutating func setProperties(_ changes: [String: String?]) throws {
        var update = TableUpdate(self)
        update.setProperties(changes)
        try commit(update)
    }

    /// Deletes the files all of whose rows a filter means, and adds `files`.
    /// - Throws: As ``append(_:summary:validate:)``, and ``IcebergError`` `.badRequest` when a file may have both rows that
    ///   are meant and others.
    @discardableResult
    public mutating func overwrite(
        where filter: RowFilter, adding files: [DataFile], summary: [String: String] = [:],
        validate: (Snapshot?) throws -> Void = { _ in }
    ) throws -> Snapshot {
        try commit(validate) { update, validate in
            update.overwrite(where: filter, adding: files, summary: summary, validate: validate)
        }
    }

    /// Writes the manifests anew, sorted by partition; does nothing where they are in order.
    /// - Parameter targetBytes: About how large each gets; nil for what the table says.
    /// - Throws: As ``Transaction/commit()``.
    public mutating func rewriteManifests(targetBytes: Int64? = nil, summary: [String: String] = [:]) throws {
        var update = TableUpdate(self)
        update.rewriteManifests(targetBytes: targetBytes, summary: summary)
        try commit(update)
    }

    /// Commits the changes staged in `update`, alone. The table moves to the version that comes of it.
    /// - Throws: As ``Transaction/commit()``, and ``IcebergError`` `.badRequest` when the update is of another table.
    /// - Returns: Whether an answer was lost on the way, and it was looking that told what came of it.
    @discardableResult
    public mutating func commit(_ update: TableUpdate) throws -> Bool {
        guard update.identifier == identifier, update.base != nil else {
            throw IcebergError(.badRequest, "the update of \(update.identifier) is not one of \(identifier)")
        }
        var attempts = CommitAttempts([update], catalog: catalog, policy: policy)
        for (_, version) in try attempts.run() { self.version = version }
        return attempts.isUncertain
    }

    private mutating func commit(
        _ validate: (Snapshot?) throws -> Void,
        _ stage: (inout TableUpdate, @escaping (Snapshot?) throws -> Void) -> Void
    ) throws -> Snapshot {
        // The closure lives as long as the update, which is gone when the commit is over.
        try withoutActuallyEscaping(validate) { validate in
            var update = TableUpdate(self)
            stage(&update, validate)
            try commit(update)
            guard let snapshot = update.snapshotIDs.last.flatMap({ self.snapshot(id: $0) }) else {
                throw IcebergError(.uncertain, "the snapshot that was committed to \(identifier) is not in it")
            }
            return snapshot
        }
    }
}
