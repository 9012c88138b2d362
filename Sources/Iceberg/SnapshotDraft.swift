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
        case files(LocationSet)
        /// Files all of whose rows are meant; a file of which only some may be ends the commit.
        case rows(RowFilter)
    }

    var operation: Snapshot.Operation
    var removal: Removal
    var adding: [DataFile]
    /// What the writer wants to say in the snapshot's summary.
    var summary: [String: String]
    /// The branch that the snapshot goes on.
    var branch = SnapshotReference.mainBranch
    /// Of the snapshot that the rows of the added files were read at, when they stand for those of removed files.
    var readSequence: Int64?
    /// Data files that must be in the table, by location.
    var requiring = LocationSet()
    /// When not nil, manifests are written anew, of about this many bytes; 0 for what the table says.
    var manifestBytes: Int64?
    /// Whether all manifests are then written anew, also those that are in order.
    var rewritesAll = false
}

/// One attempt at a commit: a snapshot made from one base version, with the files that describe it.
struct SnapshotDraft {
    /// The snapshot to be.
    let snapshot: Snapshot
    /// The base's metadata with the snapshot as the current one.
    let metadata: TableMetadata
    /// Manifests and the manifest list, to be written before the commit.
    let objects: [NewObject]

    /// Works the change out against `base`; nil when manifests were to be written anew and are in order.
    /// - Throws: ``IcebergError`` `.filesMissing`, `.deleteFilesPresent`, `.badRequest`, or what is wrong with a
    ///   manifest.
    init?(
        _ change: TableChange, snapshotID: Int64, attempt: Int, base: TableMetadata, storage: any ObjectStorage,
        unwritten: [NewObject] = [], nowMilliseconds: Int64
    ) throws {
        let reader = SnapshotReader(base, storage, unwritten: unwritten)
        var work = DraftWork(base: base, snapshotID: snapshotID, reader: reader)
        try work.check(change.adding)
        let current = try base.snapshot(toFollowOn: change.branch)
        var manifests = try current.map { try reader.manifests(of: $0) } ?? []
        manifests.removeAll { !$0.mayHaveLiveFiles }
        try work.require(change.requiring, in: manifests)
        if let bytes = change.manifestBytes {
            guard let rewritten = try work.rewriting(manifests, targetBytes: bytes, all: change.rewritesAll) else {
                return nil
            }
            manifests = rewritten
        } else {
            let age = try work.age(of: change, manifests)
            manifests = try work.removing(change.removal, from: manifests)
            manifests = try work.adding(change.adding, sequence: age) + (try work.merging(manifests))
        }

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
        var seen = LocationSet()
        for file in files {
            guard seen.insert(file.location) else {
                throw IcebergError(.badRequest, "\(file.location) is added twice in one commit")
            }
            guard file.recordCount >= 0, file.fileSizeInBytes >= 0 else {
                throw IcebergError(.badRequest, "\(file.location) has a negative row count or size")
            }
        }
    }

    /// One manifest for the added files of each spec and content. Rows are as old as `sequence`, or as the commit.
    mutating func adding(_ files: [DataFile], sequence: Int64?) throws -> [ManifestFile] {
        for file in files { tally.add(file) }
        let groups = Dictionary(grouping: files) { ManifestGroup(specID: $0.specID, content: $0.manifestContent) }
        return try groups.sorted { $0.key < $1.key }.map { group, files in
            let number = group.content == .data ? sequence : nil
            return try write(
                files.map { ManifestEntry(status: .added, snapshotID: snapshotID, sequenceNumber: number, file: $0) },
                group)
        }
    }

    /// How old the added files' rows are when they are older than the commit: they stand for rows that were read at an
    /// earlier snapshot, and rows were deleted since then, by value. Deletes by position would be lost with the files
    /// they name, so these end the commit.
    func age(of change: TableChange, _ manifests: [ManifestFile]) throws -> Int64? {
        guard let read = change.readSequence, case .files(let removed) = change.removal else { return nil }
        let newer = manifests.filter { $0.content == .deletes && $0.sequenceNumber > read }
        guard !newer.isEmpty else { return nil }
        let deletes = try newer.flatMap { try reader.entries(of: $0) }.filter { $0.isLive && $0.sequence > read }
        let index = DeleteIndex(deletes.filter { $0.file.content == .positionDeletes }, base)
        if !index.isEmpty {
            for manifest in manifests where manifest.content == .data {
                for entry in try reader.entries(of: manifest)
                where entry.isLive && removed.contains(entry.file.location) {
                    guard try index.files(for: entry.file, entry.sequence).isEmpty else {
                        throw IcebergError(
                            .filesMissing, "rows of \(entry.file.location) were deleted since it was read; plan again")
                    }
                }
            }
        }
        return deletes.isEmpty ? nil : read
    }

    /// Checks that data files are in the table.
    func require(_ locations: LocationSet, in manifests: [ManifestFile]) throws {
        var missing = locations
        for manifest in manifests where manifest.content == .data && !missing.isEmpty {
            for entry in try reader.entries(of: manifest) where entry.isLive { missing.remove(entry.file.location) }
        }
        guard missing.isEmpty else { throw Self.missing(missing, "that rows are deleted from") }
    }

    private static func missing(_ locations: LocationSet, _ what: String) -> IcebergError {
        IcebergError(
            .filesMissing,
            "\(locations.count) files \(what), \(locations.sorted.first ?? "") among them, are not in the table; plan again"
        )
    }

    /// Rewrites the manifests that hold files to be removed; the others stay as they are.
    mutating func removing(
        _ removal: TableChange.Removal, from manifests: [ManifestFile]
    ) throws -> [ManifestFile] {
        if case .nothing = removal { return manifests }
        let choice = try RemovalChoice(removal, base)
        var missing = removal.locations
        let result = try manifests.map { manifest in
            if case .files = removal, missing.isEmpty { return manifest }
            guard try choice.mayTake(from: manifest, reader.codec) else { return manifest }
            let entries = try reader.entries(of: manifest)
            var kept: [ManifestEntry] = []
            var isChanged = false
            for var entry in entries where entry.isLive {
                if try choice.takes(entry.file) {
                    missing.remove(entry.file.location)
                    tally.remove(entry.file)
                    (entry.status, entry.snapshotID) = (.deleted, snapshotID)
                    isChanged = true
                } else {
                    entry.status = .existing
                }
                kept.append(entry)
            }
            return isChanged ? try write(kept, ManifestGroup(manifest)) : manifest
        }
        guard missing.isEmpty else { throw Self.missing(missing, "to replace") }
        return result
    }

    /// Puts small manifests together once there are many. A manifest joins only while it is not much larger than those
    /// that joined before it, so that each entry is rewritten a number of times that grows with the logarithm of the
    /// table, not with its commits.
    mutating func merging(_ manifests: [ManifestFile]) throws -> [ManifestFile] {
        let limit = max(
            2, base.integer(TableProperty.minimumCountToMerge, or: TableProperty.minimumCountToMergeDefault))
        // At most what is read into memory at once.
        let target = min(targetManifestBytes, Int64(StorageLimits.metadataBytes))
        let written = Set(objects.map(\.location))
        var result = manifests
        for group in Set(manifests.map(ManifestGroup.init)).sorted() {
            let candidates = result.filter {
                ManifestGroup($0) == group && $0.keyMetadata == nil && $0.length < target
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
            result[first] = try write(try existing(in: joined), group)
            let gone = Set(joined.map(\.location))
            result.removeAll { gone.contains($0.location) }
        }
        return result
    }

    /// All manifests written anew, by spec and partition; nil when there would be as many as there are, unless `all` are
    /// wanted.
    mutating func rewriting(
        _ manifests: [ManifestFile], targetBytes: Int64, all: Bool
    ) throws -> [ManifestFile]? {
        let asked = targetBytes > 0 ? targetBytes : targetManifestBytes
        let target = max(1, min(asked, Int64(StorageLimits.metadataBytes)))
        var result: [ManifestFile] = []
        var isWorthIt = all
        for (group, members) in Dictionary(grouping: manifests, by: ManifestGroup.init).sorted(by: { $0.key < $1.key })
        {
            let bytes = members.reduce(0) { $0 + $1.length }
            let wanted = Int(min(bytes / target + 1, Int64(Int32.max)))
            guard all || members.count > wanted, members.allSatisfy({ $0.keyMetadata == nil }) else {
                result += members
                continue
            }
            isWorthIt = true
            let files = members.reduce(0) { $0 + ($1.addedFiles ?? 0) + ($1.existingFiles ?? 0) }
            guard files <= Self.rewrittenFilesMax else {
                throw IcebergError(
                    .badRequest,
                    "\(files) files are more than the \(Self.rewrittenFilesMax) whose manifests are rewritten at once")
            }
            let entries = try existing(in: members).sorted { $0.file.precedes($1.file) }
            let share = max(1, (entries.count + wanted - 1) / wanted)
            for start in stride(from: 0, to: entries.count, by: share) {
                result.append(try write(Array(entries[start...].prefix(share)), group))
            }
        }
        return isWorthIt ? result : nil
    }

    /// The live entries, as ones that are in the table already.
    private func existing(in manifests: [ManifestFile]) throws -> [ManifestEntry] {
        try manifests.mapAtOnce(upTo: AtOnce.reads) { [reader] manifest in
            try reader.entries(of: manifest).filter(\.isLive).map { entry in
                var entry = entry
                entry.status = .existing
                return entry
            }
        }.flatMap { $0 }
    }

    private var targetManifestBytes: Int64 {
        Int64(base.integer(TableProperty.manifestTargetBytes, or: TableProperty.manifestTargetBytesDefault))
    }

    private mutating func write(_ entries: [ManifestEntry], _ group: ManifestGroup) throws -> ManifestFile {
        let location = base.metadataFile("\(prefix)-m\(objects.count).avro")
        let written = try reader.codec.write(
            entries, content: group.content, specID: group.specID, snapshotID: snapshotID, to: location)
        objects.append(written.object)
        return written.manifest
    }

    /// Most files whose entries are held in memory to rewrite their manifests.
    private static let rewrittenFilesMax = 2_000_000
    private static let mergeFactor: Int64 = 4
}

extension TableChange.Removal {
    fileprivate var locations: LocationSet {
        if case .files(let locations) = self { locations } else { LocationSet() }
    }
}

extension ManifestEntry {
    /// The sequence number that reading gave it.
    var sequence: Int64 { sequenceNumber ?? 0 }
}

extension DataFile {
    /// Which kind of manifest it stands in.
    fileprivate var manifestContent: ManifestFile.Content { content == .data ? .data : .deletes }

    /// Order by partition, then by location.
    fileprivate func precedes(_ other: DataFile) -> Bool {
        for (one, two) in zip(partition, other.partition) where one != two {
            if one == .null || two == .null { return one == .null }
            if let order = one.order(to: two), order != 0 { return order < 0 }
        }
        return location < other.location
    }
}

/// What the files of one manifest have in common.
private struct ManifestGroup: Hashable, Comparable {
    var specID: Int
    var content: ManifestFile.Content

    init(specID: Int, content: ManifestFile.Content) {
        self.specID = specID
        self.content = content
    }

    init(_ manifest: ManifestFile) {
        self.init(specID: manifest.specID, content: manifest.content)
    }

    static func < (one: ManifestGroup, two: ManifestGroup) -> Bool {
        (one.specID, one.content.rawValue) < (two.specID, two.content.rawValue)
    }
}
