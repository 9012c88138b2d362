import Foundation
import Storage

/// Changes to several tables of one catalog that are committed together: all of them, or none.
///
/// ```
/// var round = Transaction(catalog)
/// var update = TableUpdate(clicks)
/// update.append(files, summary: ["cartograph.offsets": offsets])
/// try round.stage(update)
/// let tables = try round.commit()
/// ```
public struct Transaction {
    /// The catalog that decides.
    public let catalog: any Catalog
    /// How often and how long the commit is tried.
    public var policy: CommitPolicy
    private var updates: [TableUpdate] = []

    /// Most tables in one transaction.
    public static let tablesMax = 1_000

    /// Nothing to commit yet.
    public init(_ catalog: any Catalog, policy: CommitPolicy = CommitPolicy()) {
        self.catalog = catalog
        self.policy = policy
    }

    /// Whether nothing is staged.
    public var isEmpty: Bool { updates.isEmpty }

    /// Adds the changes of one more table.
    /// - Throws: ``IcebergError`` `.badRequest` when the table has its changes already, or there are ``tablesMax``.
    public mutating func stage(_ update: TableUpdate) throws {
        guard !updates.contains(where: { $0.identifier == update.identifier }) else {
            throw IcebergError(
                .badRequest, "\(update.identifier) is in the transaction already; stage one update for it")
        }
        guard updates.count < Self.tablesMax else {
            throw IcebergError(.badRequest, "a transaction takes up to \(Self.tablesMax) tables")
        }
        updates.append(update)
    }

    /// Commits, and returns the tables at the versions that came of it, in the order they were staged. A table whose
    /// changes turn out to change nothing stays at its version.
    ///
    /// Another writer's commit to any of the tables makes every table's changes be worked out again, as often as the
    /// policy allows. An answer that was lost is looked up in the tables before anything is tried again.
    /// - Throws: ``IcebergError`` `.conflict` after as many attempts as the policy allows, `.uncertain`, `.badRequest`,
    ///   `.filesMissing`, `.deleteFilesPresent`, `StorageError`, or what a `validate` throws. Unless it is
    ///   `.uncertain` or `.unavailable`, nothing of the changes is in any table.
    public func commit() throws -> [Table] {
        var attempts = CommitAttempts(updates, catalog: catalog, policy: policy)
        return try attempts.run().map { identifier, version in
            Table(identifier, at: version, catalog: catalog, policy: policy)
        }
    }
}

/// The attempts of one commit.
struct CommitAttempts {
    private let updates: [TableUpdate]
    private let catalog: any Catalog
    private let policy: CommitPolicy
    /// The tables' versions that the next attempt goes from; nil where a table is to be created.
    private var versions: [TableVersion?]
    /// What was sent without an answer, for each table.
    private var unanswered: [[TableCommit]]
    /// The last failure that another attempt may mend.
    private var last: IcebergError?
    /// Whether an answer was lost on the way.
    private(set) var isUncertain = false

    private var storage: any ObjectStorage { catalog.storage }

    init(_ updates: [TableUpdate], catalog: any Catalog, policy: CommitPolicy) {
        self.updates = updates
        self.catalog = catalog
        self.policy = policy
        versions = updates.map(\.base)
        unanswered = updates.map { _ in [] }
    }

    /// Tries until the catalog takes the changes, moving to the newest versions before each further attempt.
    mutating func run() throws -> [(TableIdentifier, TableVersion)] {
        for attempt in 0..<max(1, policy.attempts) {
            if attempt > 0 {
                policy.pauseBefore(attempt: attempt)
                if let landed = try look() { return landed }
            }
            do {
                return try self.attempt(attempt)
            } catch let error as IcebergError where error.kind == .conflict || error.kind == .uncertain {
                last = error
                isUncertain = isUncertain || error.kind == .uncertain
            }
        }
        let failure = last ?? IcebergError(.conflict, "no attempt was made to commit to \(names)")
        guard isUncertain else { throw failure }
        if let landed = try look() { return landed }
        throw IcebergError(.uncertain, failure.message)
    }

    private mutating func attempt(_ attempt: Int) throws -> [(TableIdentifier, TableVersion)] {
        let drafts = try self.drafts(attempt)
        let changing = drafts.indices.filter { drafts[$0].changesAnything }
        var result = versions
        if !changing.isEmpty {
            let objects = drafts.flatMap(\.objects)
            try storage.createAtOnce(objects)
            do {
                let committed = try catalog.commit(changing.map { drafts[$0].commit })
                guard committed.count == changing.count else {
                    throw IcebergError(.uncertain, "the catalog answered for \(committed.count) tables of \(names)")
                }
                for (index, version) in zip(changing, committed) { result[index] = version }
            } catch let error where Self.isRefusal(error) {
                // This attempt's files are in no table.
                storage.discard(objects.map(\.location))
                throw error
            } catch let error as IcebergError where error.kind == .unavailable {
                throw error
            } catch {
                // Whatever else went wrong, the catalog may have done it.
                for index in changing { unanswered[index].append(drafts[index].commit) }
                throw (error as? IcebergError).map { IcebergError(.uncertain, $0.message) }
                    ?? IcebergError(.uncertain, "the commit to \(names) got no answer: \(error)")
            }
        }
        return try zip(updates, result).map { update, version in
            guard let version else { throw IcebergError(.uncertain, "\(update.identifier) was not created") }
            return (update.identifier, version)
        }
    }

    /// - Throws: ``IcebergError`` `.conflict` when a file of a version that is not the newest any more is gone: an expiry
    ///   may take what only older versions need.
    private func drafts(_ attempt: Int) throws -> [UpdateDraft] {
        do {
            return try zip(updates, versions).map { update, version in
                try update.draft(over: version, attempt: attempt, storage: storage, nowMilliseconds: policy.now())
            }
        } catch let error as StorageError where error.kind == .notFound {
            let isOld = try zip(updates, versions).contains { update, version in
                guard let version else { return false }
                return try newest(update, after: version)?.location != version.location
            }
            guard isOld else { throw error }
            throw IcebergError(
                .conflict, "\(names) went on, and a file that only an older version needs is gone: \(error)")
        }
    }

    /// Whether the error proves that a commit did not happen: the catalog said no, or could not write the metadata.
    private static func isRefusal(_ error: any Error) -> Bool {
        if error is StorageError { return true }
        switch (error as? IcebergError)?.kind {
        case .conflict, .notFound, .alreadyExists, .badNamespace, .badRequest, .forbidden, .unsupported: return true
        default: return false
        }
    }

    /// Moves to the newest versions. Returns them when an earlier attempt whose answer was lost made them.
    private mutating func look() throws -> [(TableIdentifier, TableVersion)]? {
        var current: [TableVersion?] = []
        do {
            for (update, version) in zip(updates, versions) { current.append(try newest(update, after: version)) }
        } catch {
            // When the fate of an attempt is open, the caller must learn of that first.
            guard isUncertain, let last else { throw error }
            throw IcebergError(.uncertain, "\(last.message); looking for it failed: \(error)")
        }
        if isUncertain, try isLanded(in: current) {
            return zip(updates, current.compactMap { $0 }).map { ($0.identifier, $1) }
        }
        for (update, version) in zip(updates, current) where update.base == nil && version != nil {
            throw IcebergError(.alreadyExists, "the table \(update.identifier) exists already")
        }
        versions = current
        return nil
    }

    /// Whether an attempt without an answer is in the tables. A snapshot's id and a new table's UUID prove it; of other
    /// changes all that can be said is that nothing is left to do.
    private func isLanded(in current: [TableVersion?]) throws -> Bool {
        let sent = updates.indices.filter { !unanswered[$0].isEmpty }
        let proofs = sent.filter { updates[$0].base == nil || !updates[$0].snapshotIDs.isEmpty }
        let asked = proofs.isEmpty ? sent : proofs
        let landed = asked.filter { updates[$0].hasLanded(in: current[$0], sent: unanswered[$0]) }
        if landed.count == asked.count { return current.allSatisfy { $0 != nil } }
        guard proofs.isEmpty || landed.isEmpty else {
            throw IcebergError(
                .uncertain, "\(landed.count) of \(asked.count) tables of \(names) were committed to, and should be all")
        }
        return false
    }

    private func newest(_ update: TableUpdate, after version: TableVersion?) throws -> TableVersion? {
        guard let version else {
            do {
                return try catalog.load(update.identifier)
            } catch let error as IcebergError where error.kind == .notFound {
                return nil
            }
        }
        let current = try catalog.load(update.identifier)
        guard version.metadata.tableUUID.isEmpty || current.metadata.tableUUID == version.metadata.tableUUID else {
            throw IcebergError(
                .notFound, "the table \(update.identifier) was dropped, and another has its name now")
        }
        return current
    }

    private var names: String { updates.map(\.identifier.description).joined(separator: ", ") }
}
