/// Snapshots, the branches and tags that name them, and their statistics.
extension MetadataBuilder {
    mutating func add(_ snapshot: Snapshot) throws {
        guard !metadata.schemas.isEmpty else { throw bad("a snapshot cannot be added before a schema") }
        guard snapshot.id > 0 else { throw bad("the snapshot id \(snapshot.id) is not positive") }
        guard metadata.snapshot(id: snapshot.id) == nil else { throw bad("the snapshot \(snapshot.id) exists already") }
        guard !snapshot.manifestList.isEmpty else { throw bad("the snapshot \(snapshot.id) has no manifest-list") }
        guard snapshot.operation != nil else {
            throw bad("the summary of snapshot \(snapshot.id) needs the operation append, replace, overwrite or delete")
        }
        if let id = snapshot.schemaID, !metadata.schemas.contains(where: { $0.schemaID == id }) {
            throw bad("the snapshot \(snapshot.id) names schema \(id), which is not there")
        }
        guard (0...nowMilliseconds + Self.clockSkewMilliseconds).contains(snapshot.timestampMilliseconds) else {
            throw bad(
                "the snapshot \(snapshot.id) is from \(snapshot.timestampMilliseconds) ms, and it is \(nowMilliseconds) "
                    + "ms now: set the writer's clock")
        }
        guard snapshot.sequenceNumber <= Self.counterLimit else {
            throw bad("the sequence number \(snapshot.sequenceNumber) is too large")
        }
        if metadata.formatVersion > 1, snapshot.sequenceNumber <= metadata.lastSequenceNumber {
            throw IcebergError(
                .conflict,
                "the snapshot \(snapshot.id) has the sequence number \(snapshot.sequenceNumber), and the table is at "
                    + "\(metadata.lastSequenceNumber): refresh the table and commit again")
        }
        if let parent = snapshot.parentID, metadata.snapshot(id: parent) == nil {
            throw IcebergError(
                .conflict,
                "the parent \(parent) of snapshot \(snapshot.id) is not in the table (any more): refresh and commit again"
            )
        }
        metadata.lastSequenceNumber = max(metadata.lastSequenceNumber, snapshot.sequenceNumber)
        metadata.snapshots.append(snapshot)
        addedSnapshots.insert(snapshot.id)
    }

    mutating func set(_ name: String, _ reference: SnapshotReference) throws {
        guard !name.isEmpty, name.utf8.count <= Self.referenceNameBytes else {
            throw bad("a branch or tag needs a name of up to \(Self.referenceNameBytes) bytes")
        }
        guard let snapshot = metadata.snapshot(id: reference.snapshotID) else {
            throw bad("\(name) cannot name snapshot \(reference.snapshotID), which is not there")
        }
        for member in reference.others {
            let isCount = ["max-ref-age-ms", "max-snapshot-age-ms", "min-snapshots-to-keep"].contains(member.name)
            guard !isCount || member.value == .null || (member.value.int64 ?? 0) > 0 else {
                throw bad("\(member.name) of \(name) must be a positive number")
            }
        }
        if name == SnapshotReference.mainBranch {
            guard reference.isBranch else { throw bad("main is a branch and cannot become a tag") }
            if metadata.currentSnapshotID != reference.snapshotID {
                let isNew = addedSnapshots.contains(snapshot.id)
                let last = metadata.snapshotLog.last?.timestampMilliseconds ?? 0
                metadata.snapshotLog.append(
                    SnapshotLogEntry(
                        snapshotID: snapshot.id,
                        timestampMilliseconds: max(isNew ? snapshot.timestampMilliseconds : nowMilliseconds, last)))
            }
        }
        metadata.references[name] = reference
    }

    mutating func remove(_ ids: Set<Int64>) {
        metadata.snapshots.removeAll { ids.contains($0.id) }
        for kind in [MetadataUpdate.StatisticsKind.table, .partition] { removeStatistics(kind) { ids.contains($0) } }
    }

    mutating func removeStatistics(_ kind: MetadataUpdate.StatisticsKind, _ isGone: (Int64) -> Bool) {
        let files = metadata.statistics(kind)
        let kept = files.filter { file in file["snapshot-id"]?.int64.map { !isGone($0) } ?? true }
        if kept.count != files.count { metadata.setStatistics(kind, kept) }
    }
}

extension TableMetadata {
    /// The statistics files of one kind.
    package func statistics(_ kind: MetadataUpdate.StatisticsKind) -> [JSON] {
        others.first { $0.name == kind.rawValue }?.value.array ?? []
    }

    mutating func setStatistics(_ kind: MetadataUpdate.StatisticsKind, _ files: [JSON]) {
        others.removeAll { $0.name == kind.rawValue }
        if !files.isEmpty { others.append(JSONMember(name: kind.rawValue, value: .array(files))) }
    }
}
