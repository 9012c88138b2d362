import Foundation
import Storage

/// What a commit wants to change in a table.
struct TableChange: Sendable {
    /// Which files leave the table.
    enum Removal: Sendable {
        case nothing
        case everything
        case partitions(Set<PartitionKey>)
        /// By location; every one of them must be in the table.
        case files(Set<String>)
    }

    var operation: Snapshot.Operation
    var removal: Removal
    var adding: [DataFile]
    /// What the writer wants to say in the snapshot's summary.
    var summary: [String: String]
    /// The branch that the snapshot goes on.
    var branch = SnapshotReference.mainBranch
}

/// One attempt at a commit: a snapshot made from one base version, with the files that describe it.
struct SnapshotDraft {
    /// The snapshot to be.
    let snapshot: Snapshot
    /// The base's metadata with the snapshot as the current one.
    let metadata: TableMetadata
    /// Manifests and the manifest list, to be written before the commit.
    let objects: [NewObject]

    /// Works the change out against `base`.
    /// - Throws: ``IcebergError`` `.filesMissing`, `.deleteFilesPresent`, `.badRequest`, or what is wrong with a
    ///   manifest.
    init(
        _ change: TableChange, snapshotID: Int64, attempt: Int, base: TableMetadata, storage: any ObjectStorage,
        unwritten: [NewObject] = [], nowMilliseconds: Int64
    ) throws {
        let reader = SnapshotReader(base, storage, unwritten: unwritten)
        var work = DraftWork(base: base, snapshotID: snapshotID, reader: reader)
        try work.check(change.adding)
        let current = try base.snapshot(toFollowOn: change.branch)
        var manifests = try current.map { try reader.manifests(of: $0) } ?? []
        manifests.removeAll { $0.content == .data && !$0.mayHaveLiveFiles }
        manifests = try work.removing(change.removal, from: manifests)
        manifests = try work.adding(change.adding) + (try work.merging(manifests))

        let sequence = base.lastSequenceNumber + 1
        let list = base.metadataFile("snap-\(snapshotID)-\(attempt)-\(UUID().uuidString.lowercased()).avro")
        let bytes = try ManifestList.encode(
            manifests, snapshotID: snapshotID, parentID: current?.id, sequenceNumber: sequence)
        snapshot = Snapshot(
            id: snapshotID, parentID: current?.id, sequenceNumber: sequence,
            timestampMilliseconds: max(nowMilliseconds, base.lastUpdatedMilliseconds + 1), manifestList: list,
            summary: work.tally.summary(change, after: current), schemaID: base.currentSchemaID)
        metadata = base.adding(snapshot, to: change.branch)
        objects = work.objects + [NewObject(location: list, bytes: bytes)]
    }
}

extension TableMetadata {
    /// The snapshot that a branch names; for a branch that is not there yet, the current one.
    func snapshot(on branch: String) -> Snapshot? {
        references[branch].flatMap { snapshot(id: $0.snapshotID) } ?? currentSnapshot
    }

    /// The snapshot that a commit to the branch follows.
    fileprivate func snapshot(toFollowOn branch: String) throws -> Snapshot? {
        guard references[branch]?.isBranch != false else {
            throw IcebergError(.badRequest, "\(branch) is a tag; commits go to branches")
        }
        return snapshot(on: branch)
    }

    /// This version with one more snapshot, which the branch names.
    fileprivate func adding(_ snapshot: Snapshot, to branch: String) -> TableMetadata {
        var next = self
        next.lastSequenceNumber = snapshot.sequenceNumber
        next.snapshots.append(snapshot)
        if branch == SnapshotReference.mainBranch {
            next.snapshotLog.append(
                SnapshotLogEntry(snapshotID: snapshot.id, timestampMilliseconds: snapshot.timestampMilliseconds))
        }
        next.references[branch, default: SnapshotReference(snapshotID: 0, isBranch: true)].snapshotID = snapshot.id
        return next
    }
}

/// The manifests of a draft while it is made.
private struct DraftWork {
    private let base: TableMetadata
    private let snapshotID: Int64
    private let reader: SnapshotReader
    private let prefix = UUID().uuidString.lowercased()
    private(set) var objects: [NewObject] = []
    private(set) var tally = SnapshotTally()

    init(base: TableMetadata, snapshotID: Int64, reader: SnapshotReader) {
        self.base = base
        self.snapshotID = snapshotID
        self.reader = reader
    }

    func check(_ files: [DataFile]) throws {
        var seen: Set<String> = []
        for file in files {
            guard seen.insert(file.location).inserted else {
                throw IcebergError(.badRequest, "\(file.location) is added twice in one commit")
            }
            guard file.recordCount >= 0, file.fileSizeInBytes >= 0 else {
                throw IcebergError(.badRequest, "\(file.location) has a negative row count or size")
            }
        }
    }

    /// One manifest for the added files of each spec.
    mutating func adding(_ files: [DataFile]) throws -> [ManifestFile] {
        for file in files { tally.add(file) }
        return try Dictionary(grouping: files, by: \.specID).sorted { $0.key < $1.key }.map { specID, files in
            try write(files.map { ManifestEntry(status: .added, snapshotID: snapshotID, file: $0) }, specID: specID)
        }
    }

    /// Rewrites the manifests that hold files to be removed; the others stay as they are.
    mutating func removing(
        _ removal: TableChange.Removal, from manifests: [ManifestFile]
    ) throws -> [ManifestFile] {
        if case .nothing = removal { return manifests }
        if let deletes = manifests.first(where: { $0.content == .deletes && $0.mayHaveLiveFiles }) {
            throw IcebergError(
                .deleteFilesPresent,
                "the table has delete files (\(deletes.location)); compact it with their writer first")
        }
        var missing = removal.locations
        let result = try manifests.map { manifest in
            if case .files = removal, missing.isEmpty { return manifest }
            guard manifest.content == .data, try mayHold(removal, manifest) else { return manifest }
            let entries = try reader.entries(of: manifest)
            guard entries.contains(where: { $0.isLive && removal.takes($0.file) }) else { return manifest }
            var kept: [ManifestEntry] = []
            for var entry in entries where entry.isLive {
                if removal.takes(entry.file) {
                    missing.remove(entry.file.location)
                    tally.remove(entry.file)
                    (entry.status, entry.snapshotID) = (.deleted, snapshotID)
                } else {
                    entry.status = .existing
                }
                kept.append(entry)
            }
            return try write(kept, specID: manifest.specID)
        }
        guard missing.isEmpty else {
            throw IcebergError(
                .filesMissing,
                "\(missing.count) files to replace, \(missing.min() ?? "") among them, are not in the table; plan again"
            )
        }
        return result
    }

    /// Whether the partition summaries leave it open that the manifest has a file to remove.
    private func mayHold(_ removal: TableChange.Removal, _ manifest: ManifestFile) throws -> Bool {
        guard case .partitions(let keys) = removal else { return true }
        let keysOfSpec = keys.filter { $0.specID == manifest.specID }
        let types = try reader.codec.partitionTypes(specID: manifest.specID).map(\.type)
        guard manifest.partitions.count == types.count else { return !keysOfSpec.isEmpty }
        return try keysOfSpec.contains { key in
            guard key.values.count == types.count else { return false }
            return try types.indices.allSatisfy { index in
                try manifest.partitions[index].mayContain(key.values[index], type: types[index])
            }
        }
    }

    /// Puts small manifests together once there are many. A manifest joins only while it is not much larger than those
    /// that joined before it, so that each entry is rewritten a number of times that grows with the logarithm of the
    /// table, not with its commits.
    mutating func merging(_ manifests: [ManifestFile]) throws -> [ManifestFile] {
        let limit = max(
            2, base.integer(TableProperty.minimumCountToMerge, or: TableProperty.minimumCountToMergeDefault))
        // At most what is read into memory at once.
        let asked = Int64(
            base.integer(TableProperty.manifestTargetBytes, or: TableProperty.manifestTargetBytesDefault))
        let target = min(asked, Int64(StorageLimits.metadataBytes))
        let written = Set(objects.map(\.location))
        var result = manifests
        for specID in Set(manifests.map(\.specID)).sorted() {
            let candidates = result.filter {
                $0.content == .data && $0.specID == specID && $0.keyMetadata == nil && $0.length < target
                    && !written.contains($0.location)
            }
            guard candidates.count >= limit else { continue }
            var joined: [ManifestFile] = []
            var bytes: Int64 = 0
            for manifest in candidates {
                guard joined.isEmpty || manifest.length <= bytes * Self.mergeFactor, bytes < target else { break }
                joined.append(manifest)
                bytes += manifest.length
            }
            guard joined.count > 1, let first = result.firstIndex(of: joined[0]) else { continue }
            var entries: [ManifestEntry] = []
            for manifest in joined {
                for var entry in try reader.entries(of: manifest) where entry.isLive {
                    entry.status = .existing
                    entries.append(entry)
                }
            }
            result[first] = try write(entries, specID: specID)
            let gone = Set(joined.map(\.location))
            result.removeAll { gone.contains($0.location) }
        }
        return result
    }

    private mutating func write(_ entries: [ManifestEntry], specID: Int) throws -> ManifestFile {
        let location = base.metadataFile("\(prefix)-m\(objects.count).avro")
        let written = try reader.codec.write(entries, specID: specID, snapshotID: snapshotID, to: location)
        objects.append(written.object)
        return written.manifest
    }

    private static let mergeFactor: Int64 = 4
}

extension TableChange.Removal {
    fileprivate var locations: Set<String> {
        if case .files(let locations) = self { locations } else { [] }
    }

    fileprivate func takes(_ file: DataFile) -> Bool {
        switch self {
        case .nothing: false
        case .everything: true
        case .partitions(let keys): keys.contains(file.partitionKey)
        case .files(let locations): locations.contains(file.location)
        }
    }
}
