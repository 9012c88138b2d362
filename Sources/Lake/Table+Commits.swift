package import Iceberg

extension Table {
    /// The commits after a snapshot, newest first; all of them after none. Nil where the snapshot is no ancestor of the
    /// present one, or the way to it is no longer known.
    package func commits(after since: Int64?) -> [Snapshot]? {
        var commits: [Snapshot] = []
        var next = currentSnapshot
        while let snapshot = next, snapshot.id != since {
            commits.append(snapshot)
            guard commits.count <= metadata.snapshots.count else { return nil }
            guard let parent = snapshot.parentID else { return since == nil ? commits : nil }
            if parent == since { return commits }
            guard let known = self.snapshot(id: parent) else { return nil }
            next = known
        }
        return next == nil && since != nil ? nil : commits
    }
}
