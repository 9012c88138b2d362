/// How long what a branch or tag names is kept.
public struct ReferenceRetention: Sendable, Hashable {
    /// Snapshots of a branch that expiry leaves at least; nil for what the table says.
    public var minSnapshotsToKeep: Int?
    /// Age past which snapshots of a branch expire, in milliseconds; nil for what the table says.
    public var maxSnapshotAgeMilliseconds: Int64?
    /// Age of its snapshot past which the branch or tag itself expires, in milliseconds; nil for what the table says.
    public var maxReferenceAgeMilliseconds: Int64?

    /// A retention; what is left out is up to the table.
    public init(
        minSnapshotsToKeep: Int? = nil, maxSnapshotAgeMilliseconds: Int64? = nil,
        maxReferenceAgeMilliseconds: Int64? = nil
    ) {
        self.minSnapshotsToKeep = minSnapshotsToKeep
        self.maxSnapshotAgeMilliseconds = maxSnapshotAgeMilliseconds
        self.maxReferenceAgeMilliseconds = maxReferenceAgeMilliseconds
    }
}

extension SnapshotReference {
    /// How long what it names is kept.
    public var retention: ReferenceRetention {
        get {
            func number(_ name: String) -> Int64? { others.first { $0.name == name }?.value.int64 }
            return ReferenceRetention(
                minSnapshotsToKeep: number("min-snapshots-to-keep").flatMap { Int(exactly: $0) },
                maxSnapshotAgeMilliseconds: number("max-snapshot-age-ms"),
                maxReferenceAgeMilliseconds: number("max-ref-age-ms"))
        }
        set {
            let numbers: [(String, Int64?)] = [
                ("min-snapshots-to-keep", newValue.minSnapshotsToKeep.map(Int64.init)),
                ("max-snapshot-age-ms", newValue.maxSnapshotAgeMilliseconds),
                ("max-ref-age-ms", newValue.maxReferenceAgeMilliseconds),
            ]
            for (name, number) in numbers {
                others.removeAll { $0.name == name }
                if let number { others.append(JSONMember(name: name, value: .number(String(number)))) }
            }
        }
    }
}

extension TableUpdate {
    /// Stages a branch or a tag at a snapshot, the current one when nil.
    /// - Parameter replacing: Whether one of the same kind may be there and is moved.
    public mutating func setReference(
        _ name: String, isBranch: Bool, to snapshotID: Int64? = nil, retention: ReferenceRetention? = nil,
        replacing: Bool = false
    ) {
        stage { metadata, now in
            guard let id = snapshotID ?? metadata.currentSnapshotID, metadata.snapshot(id: id) != nil else {
                throw IcebergError(
                    .notFound,
                    "\(name) cannot name \(snapshotID.map { "snapshot \($0)" } ?? "a snapshot"): it is not there")
            }
            guard !name.isEmpty, name != SnapshotReference.mainBranch || isBranch else {
                throw IcebergError(.badRequest, "\"\(name)\" cannot name a tag")
            }
            let existing = metadata.references[name]
            guard existing == nil || replacing else {
                throw IcebergError(.alreadyExists, "the branch or tag \(name) exists already")
            }
            guard existing == nil || existing?.isBranch == isBranch else {
                throw IcebergError(.badRequest, "\(name) is a \(isBranch ? "tag" : "branch"); remove it first")
            }
            var reference = existing ?? SnapshotReference(snapshotID: id, isBranch: isBranch)
            reference.snapshotID = id
            if let retention { reference.retention = try retention.checked(isBranch: isBranch) }
            metadata.setReference(name, reference, nowMilliseconds: now)
        }
    }

    /// Stages how long what a branch or tag names is kept.
    public mutating func setRetention(_ retention: ReferenceRetention, of name: String) {
        stage { metadata, now in
            guard var reference = metadata.references[name] else { throw noReference(name) }
            reference.retention = try retention.checked(isBranch: reference.isBranch)
            metadata.references[name] = reference
        }
    }

    /// Stages the end of a branch or tag. Snapshots that only it names go with the next expiry.
    public mutating func removeReference(_ name: String) {
        stage { metadata, _ in
            guard name != SnapshotReference.mainBranch else {
                throw IcebergError(.badRequest, "the main branch cannot be removed")
            }
            guard metadata.references.removeValue(forKey: name) != nil else { throw noReference(name) }
        }
    }

    /// Stages moving a branch forward to where another branch or tag is. Nothing on it may be lost.
    public mutating func fastForward(_ branch: String, to other: String) {
        stage { metadata, now in
            guard let target = metadata.references[other] else { throw noReference(other) }
            guard var reference = metadata.references[branch] else { throw noReference(branch) }
            guard reference.isBranch else { throw IcebergError(.badRequest, "\(branch) is a tag, and tags stay") }
            guard metadata.isAncestor(reference.snapshotID, of: target.snapshotID) else {
                throw IcebergError(
                    .badRequest, "\(branch) cannot be moved to \(other): it has snapshots that \(other) has not")
            }
            reference.snapshotID = target.snapshotID
            metadata.setReference(branch, reference, nowMilliseconds: now)
        }
    }

    /// Stages going back to an earlier state of the main branch.
    public mutating func rollback(to snapshotID: Int64) {
        stage { metadata, now in
            guard let current = metadata.currentSnapshotID, metadata.isAncestor(snapshotID, of: current) else {
                throw IcebergError(
                    .badRequest,
                    "snapshot \(snapshotID) is not one that the current state came from; set it as the current one")
            }
            try metadata.setCurrent(snapshotID, nowMilliseconds: now)
        }
    }

    /// Stages making any snapshot the current one.
    public mutating func setCurrentSnapshot(_ snapshotID: Int64) {
        stage { metadata, now in try metadata.setCurrent(snapshotID, nowMilliseconds: now) }
    }
}

extension Table {
    /// Makes an earlier state of the main branch the current one.
    /// - Throws: As ``Transaction/commit()``, and ``IcebergError`` `.badRequest` when the current state did not come from it.
    public mutating func rollback(to snapshotID: Int64) throws {
        var update = TableUpdate(self)
        update.rollback(to: snapshotID)
        try commit(update)
    }

    /// The snapshot that a branch or tag names.
    public func snapshot(named reference: String) -> Snapshot? {
        metadata.references[reference].flatMap { snapshot(id: $0.snapshotID) }
    }
}

private func noReference(_ name: String) -> IcebergError {
    IcebergError(.notFound, "there is no branch or tag \(name)")
}

extension ReferenceRetention {
    fileprivate func checked(isBranch: Bool) throws -> ReferenceRetention {
        guard (minSnapshotsToKeep ?? 1) > 0, (maxSnapshotAgeMilliseconds ?? 1) > 0,
            (maxReferenceAgeMilliseconds ?? 1) > 0
        else { throw IcebergError(.badRequest, "what a retention says must be positive") }
        guard isBranch || (minSnapshotsToKeep == nil && maxSnapshotAgeMilliseconds == nil) else {
            throw IcebergError(.badRequest, "a tag names one snapshot; only the age of the tag can be set")
        }
        return self
    }
}

extension TableMetadata {
    /// Whether `last` came from `first`, or is it, as far as the table still knows.
    func isAncestor(_ first: Int64, of last: Int64) -> Bool {
        var next: Int64? = last
        // A chain that comes back to itself is damage; it has no more links than there are snapshots.
        for _ in 0...snapshots.count {
            guard let id = next else { return false }
            if id == first { return snapshot(id: id) != nil }
            next = snapshot(id: id)?.parentID
        }
        return false
    }

    fileprivate mutating func setCurrent(_ id: Int64, nowMilliseconds: Int64) throws {
        guard snapshot(id: id) != nil else {
            throw IcebergError(.notFound, "there is no snapshot \(id) any more, or there never was")
        }
        var main = references[SnapshotReference.mainBranch] ?? SnapshotReference(snapshotID: id, isBranch: true)
        main.snapshotID = id
        setReference(SnapshotReference.mainBranch, main, nowMilliseconds: nowMilliseconds)
    }

    fileprivate mutating func setReference(_ name: String, _ reference: SnapshotReference, nowMilliseconds: Int64) {
        let isMoved = references[name]?.snapshotID != reference.snapshotID
        references[name] = reference
        guard name == SnapshotReference.mainBranch, isMoved else { return }
        let time = max(nowMilliseconds, lastUpdatedMilliseconds + 1, snapshotLog.last?.timestampMilliseconds ?? 0)
        snapshotLog.append(SnapshotLogEntry(snapshotID: reference.snapshotID, timestampMilliseconds: time))
    }
}
