public import Foundation
import Storage

/// What an expiry removed.
public struct ExpiryReport: Sendable, Hashable {
    /// Snapshots that can no longer be read.
    public var expiredSnapshots = 0
    /// Manifest lists removed from storage.
    public var deletedManifestLists = 0
    /// Manifests removed from storage.
    public var deletedManifests = 0
    /// Data files removed from storage.
    public var deletedDataFiles = 0
    /// Files that nothing refers to any more, but that storage did not let go of; try again or remove them by hand.
    public var undeleted: [String] = []

    /// Nothing removed.
    public init() {}
}

extension Table {
    /// Forgets snapshots made before `moment`, except the last `keepLast` (at least one) of every branch and those that
    /// a tag names, and then deletes the files that no remaining snapshot refers to.
    ///
    /// A reader that still reads a forgotten snapshot loses its files: choose `moment` so that none does.
    /// - Throws: ``IcebergError`` `.conflict` or `.uncertain` (then nothing is deleted), `.badRequest` when the table does
    ///   not want its files deleted, or what is wrong with a manifest
    ///   (then nothing is changed).
    @discardableResult
    public mutating func expireSnapshots(keepLast: Int, olderThan moment: Date) throws -> ExpiryReport {
        guard metadata.properties[TableProperty.garbageCollection] != "false" else {
            throw IcebergError(
                .badRequest,
                "\(identifier) says \(TableProperty.garbageCollection)=false: its files are not its own")
        }
        let cutoff = Int64(min(max(moment.timeIntervalSince1970 * 1000, -9e15), 9e15))
        var report = ExpiryReport()
        var garbage = ExpiryGarbage()
        let storage = storage
        var update = TableUpdate(self)
        update.stage { metadata in
            let kept = metadata.snapshotsKept(last: max(1, keepLast), since: cutoff)
            let expired = metadata.snapshots.filter { !kept.contains($0.id) }
            guard !expired.isEmpty else { return }
            report.expiredSnapshots = expired.count
            // Worked out before the commit, which then proves that nothing changed meanwhile.
            garbage = try ExpiryGarbage(
                of: expired, keeping: metadata.snapshots.filter { kept.contains($0.id) }, metadata, storage)
            metadata.forget(keeping: kept)
        }
        try commit(update)
        // From the leaves up: should this be cut short, what is left is still found from the lists that remain.
        report.deletedDataFiles = delete(garbage.dataFiles, &report)
        report.deletedManifests = delete(garbage.manifests, &report)
        report.deletedManifestLists = delete(garbage.manifestLists, &report)
        return report
    }

    private func delete(_ locations: Set<String>, _ report: inout ExpiryReport) -> Int {
        var deleted = 0
        for location in locations.sorted() {
            do {
                try storage.delete(location)
                deleted += 1
            } catch {
                report.undeleted.append(location)
            }
        }
        return deleted
    }
}

extension TableMetadata {
    /// Ids of the snapshots that an expiry leaves alone.
    fileprivate func snapshotsKept(last count: Int, since cutoff: Int64) -> Set<Int64> {
        var kept = Set(snapshots.filter { $0.timestampMilliseconds >= cutoff }.map(\.id))
        let byID = Dictionary(snapshots.map { ($0.id, $0) }) { first, _ in first }
        for reference in references.values {
            var next = byID[reference.snapshotID]
            for _ in 0..<(reference.isBranch ? count : 1) {
                guard let snapshot = next else { break }
                kept.insert(snapshot.id)
                next = snapshot.parentID.flatMap { byID[$0] }
            }
        }
        return kept
    }

    fileprivate mutating func forget(keeping kept: Set<Int64>) {
        snapshots.removeAll { !kept.contains($0.id) }
        // A gap would make "current at that moment" answer with an older snapshot; the log starts after the last gap.
        if let gap = snapshotLog.lastIndex(where: { !kept.contains($0.snapshotID) }) {
            snapshotLog.removeFirst(gap + 1)
        }
    }
}

/// The files that only expired snapshots refer to.
private struct ExpiryGarbage {
    var manifestLists: Set<String> = []
    var manifests: Set<String> = []
    var dataFiles: Set<String> = []

    init() {}

    init(
        of expired: [Snapshot], keeping kept: [Snapshot], _ metadata: TableMetadata, _ storage: any ObjectStorage
    ) throws {
        let reader = SnapshotReader(metadata, storage)
        var reachable: [String: ManifestFile] = [:]
        for snapshot in kept {
            for manifest in try reader.manifests(of: snapshot) { reachable[manifest.location] = manifest }
        }
        var unreachable: [String: ManifestFile] = [:]
        for snapshot in expired {
            for manifest in try reader.manifests(of: snapshot) where reachable[manifest.location] == nil {
                unreachable[manifest.location] = manifest
            }
        }
        for manifest in unreachable.values {
            for entry in try reader.entries(of: manifest) {
                dataFiles.insert(entry.file.location)
            }
        }
        // Only live entries hold a file: a remaining snapshot that removed it does not need it.
        if !dataFiles.isEmpty {
            for manifest in reachable.values where manifest.content == .data && manifest.mayHaveLiveFiles {
                for entry in try reader.entries(of: manifest) where entry.isLive {
                    dataFiles.remove(entry.file.location)
                }
            }
        }
        manifests = Set(unreachable.keys)
        manifestLists = Set(expired.map(\.manifestList)).subtracting(kept.map(\.manifestList))
    }
}
