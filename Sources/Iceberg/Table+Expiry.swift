public import Foundation
import Storage

/// What an expiry removed, or would remove.
public struct ExpiryReport: Sendable, Hashable {
    /// Snapshots that can no longer be read.
    public var expiredSnapshots = 0
    /// Branches and tags that were past their age.
    public var expiredReferences: [String] = []
    /// Manifest lists removed from storage.
    public var deletedManifestLists = 0
    /// Manifests removed from storage.
    public var deletedManifests = 0
    /// Data files, and files of deletes, removed from storage.
    public var deletedDataFiles = 0
    /// Files of statistics removed from storage.
    public var deletedStatistics = 0
    /// Files that nothing refers to any more, but that storage did not let go of; try again or remove them by hand.
    public var undeleted: [String] = []
    /// Files that only forgotten snapshots name and that are left alone, because they are outside of the table's own
    /// folders: whose they are cannot be told. Sorted.
    public var foreign: [String] = []

    /// Nothing removed.
    public init() {}
}

extension Table {
    /// Forgets snapshots made before `moment`, except the last `keepLast` (at least one) of every branch and those that
    /// a tag names, and then deletes the files that no remaining snapshot refers to.
    ///
    /// Files outside of the table's own folders (its location, and where its properties put data and metadata) are never
    /// deleted, whatever its manifests say; the report names them.
    ///
    /// A branch that says how many or how long it keeps its snapshots has its way, and branches and tags past their own
    /// age go too. A reader that still reads a forgotten snapshot loses its files: `graceSeconds` keeps what was the
    /// state of a branch that recently.
    /// - Parameters:
    ///   - keepLast: Of each branch; nil for the table's `history.expire.min-snapshots-to-keep`, or 1.
    ///   - moment: nil for the table's `history.expire.max-snapshot-age-ms`, or five days ago.
    ///   - isDryRun: Only tells what would be deleted.
    /// - Throws: ``IcebergError`` `.conflict` or `.uncertain` (then nothing is deleted), `.badRequest` when the table does
    ///   not want its files deleted, or what is wrong with a manifest
    ///   (then nothing is changed).
    @discardableResult
    public mutating func expireSnapshots(
        keepLast: Int? = nil, olderThan moment: Date? = nil, graceSeconds: Double = 0, isDryRun: Bool = false
    ) throws -> ExpiryReport {
        try checkOwnsFiles()
        let now = policy.now()
        let terms = ExpiryTerms(
            keepLast: keepLast, cutoff: moment.map { Int64(min(max($0.timeIntervalSince1970 * 1000, -9e15), 9e15)) },
            // Without a grace the clock says nothing: snapshots made within a millisecond are dated a little ahead.
            graceSince: graceSeconds > 0 ? now - Int64(min(graceSeconds * 1000, 9e15)) : .max, now: now)
        var report = ExpiryReport()
        var garbage = ExpiryGarbage()
        let storage = storage
        func plan(_ metadata: inout TableMetadata) throws {
            let choice = ExpiryChoice(metadata, terms)
            let expired = metadata.snapshots.filter { !choice.kept.contains($0.id) }
            (report.expiredSnapshots, report.expiredReferences) = (expired.count, choice.expiredReferences)
            for name in choice.expiredReferences { metadata.references[name] = nil }
            guard !expired.isEmpty else { return }
            // Worked out before the commit, which then proves that nothing changed meanwhile.
            garbage = try ExpiryGarbage(of: expired, keeping: choice.kept, metadata, storage)
            metadata.forget(keeping: choice.kept)
        }
        if isDryRun {
            var metadata = metadata
            try plan(&metadata)
        } else {
            var update = TableUpdate(self)
            update.stage { metadata, _ in
                garbage = ExpiryGarbage()
                try plan(&metadata)
            }
            if try commit(update) {
                // Which attempt landed is not known, nor what was committed after it: nothing that is there now goes.
                garbage.keep(try FileReferences(of: metadata, storage).locations)
            }
        }
        garbage.keep(LocationSet(metadata.metadataLog.map(\.location) + [metadataLocation]))
        let places = TablePlaces(metadata)
        report.foreign = garbage.leave { !places.contain($0) }
        // From the leaves up: should this be cut short, what is left is still found from the lists that remain.
        func removed(_ locations: LocationSet) -> Int {
            isDryRun ? locations.count : delete(locations.sorted, &report.undeleted)
        }
        report.deletedDataFiles = removed(garbage.dataFiles)
        report.deletedManifests = removed(garbage.manifests)
        report.deletedManifestLists = removed(garbage.manifestLists)
        report.deletedStatistics = removed(garbage.statistics)
        return report
    }

    /// - Throws: ``IcebergError`` `.badRequest` when the table's files are not its own.
    func checkOwnsFiles() throws {
        guard metadata.properties[TableProperty.garbageCollection] != "false" else {
            throw IcebergError(
                .badRequest,
                "\(identifier) says \(TableProperty.garbageCollection)=false: its files are not its own")
        }
    }

    /// Deletes files and counts them; those that storage does not let go of are added to `undeleted`.
    func delete(_ locations: [String], _ undeleted: inout [String]) -> Int {
        var deleted = 0
        for start in stride(from: 0, to: locations.count, by: AtOnce.deletes) {
            let group = Array(locations[start...].prefix(AtOnce.deletes))
            do {
                try storage.delete(group)
                deleted += group.count
            } catch {
                // One by one, to learn which.
                for location in group {
                    do {
                        try storage.delete(location)
                        deleted += 1
                    } catch {
                        undeleted.append(location)
                    }
                }
            }
        }
        return deleted
    }
}

/// What the caller of an expiry asks for, in milliseconds since the epoch.
private struct ExpiryTerms {
    var keepLast: Int?
    var cutoff: Int64?
    var graceSince: Int64
    var now: Int64
}

/// Which snapshots and references an expiry leaves alone.
private struct ExpiryChoice {
    private(set) var kept: Set<Int64> = []
    private(set) var expiredReferences: [String] = []

    /// The specification's algorithm ("Snapshot Retention Policy"), and the readers' grace.
    init(_ metadata: TableMetadata, _ terms: ExpiryTerms) {
        func number(_ name: String) -> Int64? { metadata.properties[name].flatMap { Int64($0) } }
        let age = number(TableProperty.maxSnapshotAge) ?? TableProperty.maxSnapshotAgeDefault
        let cutoff = terms.cutoff ?? (terms.now - age)
        let keepLast = max(
            1, terms.keepLast ?? number(TableProperty.minSnapshotsToKeep).flatMap { Int(exactly: $0) } ?? 1)
        let byID = Dictionary(metadata.snapshots.map { ($0.id, $0) }) { first, _ in first }
        var named: Set<Int64> = []
        for (name, reference) in metadata.references.sorted(by: { $0.key < $1.key }) {
            guard let head = byID[reference.snapshotID] else { continue }
            let retention = reference.retention
            let maxAge = retention.maxReferenceAgeMilliseconds ?? number(TableProperty.maxReferenceAge)
            let isPast = maxAge.map { terms.now - head.timestampMilliseconds > $0 } ?? false
            if name != SnapshotReference.mainBranch, isPast {
                expiredReferences.append(name)
                continue
            }
            guard reference.isBranch else {
                kept.insert(head.id)
                continue
            }
            let least = retention.minSnapshotsToKeep ?? keepLast
            let since = retention.maxSnapshotAgeMilliseconds.map { terms.now - $0 } ?? cutoff
            var next: Snapshot? = head
            var count = 0
            // When the state that followed came: until then, readers began to read this one.
            var until = Int64.max
            // A chain that comes back to itself is damage; stepping on would never end.
            while let snapshot = next, named.insert(snapshot.id).inserted || count < least {
                guard count <= metadata.snapshots.count else { break }
                let isKept = count < least || snapshot.timestampMilliseconds >= since || until > terms.graceSince
                if isKept { kept.insert(snapshot.id) }
                (count, until) = (count + 1, snapshot.timestampMilliseconds)
                next = snapshot.parentID.flatMap { byID[$0] }
            }
        }
        // Snapshots that no branch came from, as a rollback leaves them.
        for snapshot in metadata.snapshots
        where !named.contains(snapshot.id) && snapshot.timestampMilliseconds >= cutoff {
            kept.insert(snapshot.id)
        }
        // What was the main branch's state within the grace, whatever it is now.
        var until = Int64.max
        for entry in metadata.snapshotLog.reversed() {
            if until > terms.graceSince { kept.insert(entry.snapshotID) }
            until = entry.timestampMilliseconds
        }
    }
}

extension TableMetadata {
    fileprivate mutating func forget(keeping kept: Set<Int64>) {
        snapshots.removeAll { !kept.contains($0.id) }
        // A gap would make "current at that moment" answer with an older snapshot; the log starts after the last gap.
        if let gap = snapshotLog.lastIndex(where: { !kept.contains($0.snapshotID) }) {
            snapshotLog.removeFirst(gap + 1)
        }
        keepStatistics(of: kept)
    }
}

/// The files that only expired snapshots refer to.
private struct ExpiryGarbage {
    var manifestLists = LocationSet()
    var manifests = LocationSet()
    var dataFiles = LocationSet()
    var statistics = LocationSet()

    init() {}

    init(
        of expired: [Snapshot], keeping kept: Set<Int64>, _ metadata: TableMetadata, _ storage: any ObjectStorage
    ) throws {
        let reader = SnapshotReader(metadata, storage)
        let remaining = metadata.snapshots.filter { kept.contains($0.id) }
        let reachable = try reader.manifests(of: remaining)
        var unreachable = try reader.manifests(of: expired)
        for name in reachable.keys { unreachable[name] = nil }
        manifests = LocationSet(unreachable.values.map(\.location))
        manifestLists = LocationSet(expired.map(\.manifestList).filter { !$0.isEmpty })
        let files = metadata.statisticsFiles
        statistics = LocationSet(files.filter { !kept.contains($0.snapshotID) }.map(\.location))
        for locations in try Array(unreachable.values).mapAtOnce(
            upTo: AtOnce.reads, { try reader.entries(of: $0).map(\.file.location) })
        {
            dataFiles.formUnion(locations)
        }
        // What remaining snapshots need stays, whatever the expired ones call it: a manifest may name a manifest as data.
        keep(LocationSet(reachable.values.map(\.location) + remaining.map(\.manifestList)))
        keep(LocationSet(files.filter { kept.contains($0.snapshotID) }.map(\.location)))
        guard !dataFiles.isEmpty || !statistics.isEmpty else { return }
        // Only live entries hold a file: a remaining snapshot that removed it does not need it.
        let live = reachable.values.filter(\.mayHaveLiveFiles)
        for locations in try live.mapAtOnce(
            upTo: AtOnce.reads, { try reader.entries(of: $0).filter(\.isLive).map(\.file.location) })
        {
            keep(LocationSet(locations))
        }
    }

    mutating func keep(_ locations: LocationSet) {
        dataFiles.subtract(locations)
        manifests.subtract(locations)
        manifestLists.subtract(locations)
        statistics.subtract(locations)
    }

    /// Takes out the files that are not to be deleted, and returns them.
    mutating func leave(where isForeign: (ObjectName) -> Bool) -> [String] {
        var left = dataFiles.extract(where: isForeign)
        left.formUnion(manifests.extract(where: isForeign))
        left.formUnion(manifestLists.extract(where: isForeign))
        left.formUnion(statistics.extract(where: isForeign))
        return left.sorted
    }
}
