import Dispatch
import Iceberg
import Telemetry

extension CatalogService {
    func commitTable(_ identifier: TableIdentifier, _ request: CatalogRequest) throws -> CatalogAnswer {
        try identifier.validate()
        let commit = try TableCommitRequest(json: try request.json(settings.limits), to: identifier)
        let version = try commitAll([commit])[0]
        return described(version.location, version.metadata)
    }

    func commitTransaction(_ request: CatalogRequest) throws -> CatalogAnswer {
        guard let changes = try request.json(settings.limits)["table-changes"]?.array, !changes.isEmpty else {
            throw CatalogError.badRequest("a transaction needs table-changes, a list of one or more")
        }
        guard changes.count <= settings.limits.transactionTables else {
            throw CatalogError.badRequest("a transaction takes up to \(settings.limits.transactionTables) tables")
        }
        let commits = try changes.map { try TableCommitRequest(json: $0, to: nil) }
        guard Set(commits.map(\.identifier)).count == commits.count else {
            throw CatalogError.badRequest("a table is named twice in one transaction: put its updates together")
        }
        _ = try commitAll(commits)
        return .done
    }

    /// Makes all of the commits or none, and returns the tables' versions in the same order.
    ///
    /// What a client requires is checked against the newest versions each time, so that a commit which met another one
    /// that it does not contradict follows it. One that was made before is not made again.
    private func commitAll(_ requests: [TableCommitRequest]) throws -> [TableVersion] {
        let began = DispatchTime.now()
        let policy = CommitPolicy()
        var last = IcebergError(.conflict, "no attempt was made to commit")
        for attempt in 0..<settings.limits.commitAttempts {
            if attempt > 0 { policy.pauseBefore(attempt: attempt) }
            let bases = try requests.map { try base(of: $0) }
            if let landed = landed(requests, bases) {
                metrics.repeats.add()
                return landed
            }
            let next: [TableMetadata]
            do {
                next = try zip(requests, bases).map { try metadata(after: $0, $1) }
            } catch let error as IcebergError where error.kind == .conflict {
                metrics.conflicts.add()
                throw error
            }
            do {
                let versions = try store(requests, bases, next)
                let nanoseconds = DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds
                metrics.commitSeconds.observe(Double(nanoseconds) / 1e9)
                return versions
            } catch let error as IcebergError where [.conflict, .alreadyExists].contains(error.kind) {
                last = error
            } catch let error as IcebergError where error.kind == .uncertain {
                // Looked up once; who asked looks further, or sends it again.
                if let landed = landed(requests, try requests.map { try base(of: $0) }) { return landed }
                throw error
            }
        }
        metrics.conflicts.add()
        throw IcebergError(.conflict, last.message)
    }

    /// The version that a commit goes from; nil where it creates the table.
    private func base(of request: TableCommitRequest) throws -> TableVersion? {
        do {
            return try load(request.identifier)
        } catch let error as IcebergError where error.kind == .notFound && request.isCreation {
            return nil
        }
    }

    /// The versions that show that the commits were made before, when they do. Those that leave no trace follow those
    /// that do: they were made together.
    private func landed(_ requests: [TableCommitRequest], _ bases: [TableVersion?]) -> [TableVersion]? {
        let there = bases.compactMap { $0 }
        guard there.count == requests.count else { return nil }
        let traced = zip(requests, there).filter { $0.0.leavesTrace }
        guard !traced.isEmpty, traced.allSatisfy({ $0.0.hasLanded(in: $0.1.metadata) }) else { return nil }
        return there
    }

    /// What a commit makes of a table, once everything about it was checked.
    private func metadata(after request: TableCommitRequest, _ base: TableVersion?) throws -> TableMetadata {
        for requirement in request.requirements { try requirement.check(base?.metadata, of: request.identifier) }
        let next: TableMetadata
        if let base {
            next = try base.metadata.applying(request.updates, nowMilliseconds: now())
        } else {
            next = try TableMetadata.creating(
                by: request.updates, location: try folder(for: request.identifier, asked: nil), nowMilliseconds: now())
        }
        try shield.check(request, from: base?.metadata, to: next)
        try checkUnused(request, in: next)
        if base == nil { try makeFolders(of: next) }
        return next
    }

    /// Checks that no manifest follows a partition spec that is to be removed: its files' partitions could not be read any
    /// more. Only the manifest lists tell, whatever the client believes.
    private func checkUnused(_ request: TableCommitRequest, in next: TableMetadata) throws {
        var removed: Set<Int> = []
        for case .removePartitionSpecs(let ids) in request.updates { removed.formUnion(ids) }
        removed.subtract(next.partitionSpecs.map(\.specID))
        guard !removed.isEmpty else { return }
        for snapshot in next.snapshots {
            let manifests = try ManifestList.of(snapshot, from: catalog.storage)
            if let user = manifests.first(where: { removed.contains($0.specID) }) {
                throw CatalogError.badRequest(
                    "the partition spec \(user.specID) is that of \(user.location) in snapshot \(snapshot.id), and cannot be "
                        + "removed before it")
            }
        }
    }

    private func store(
        _ requests: [TableCommitRequest], _ bases: [TableVersion?], _ next: [TableMetadata]
    ) throws -> [TableVersion] {
        // A commit that changes nothing makes no version.
        let changed = requests.indices.filter { next[$0] != bases[$0]?.metadata }
        var made: ArraySlice<TableVersion> = []
        if !changed.isEmpty {
            made = try catalog.commit(
                changed.map { TableCommit(requests[$0].identifier, replacing: bases[$0], with: next[$0]) })[...]
        }
        return try requests.indices.map { index in
            guard let version = changed.contains(index) ? made.popFirst() : bases[index] else {
                throw IcebergError(.uncertain, "the catalog did not say which version of a table it made")
            }
            return version
        }
    }
}
