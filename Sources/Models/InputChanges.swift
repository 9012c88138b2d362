import Iceberg
import Lake

/// What happened to a table since a snapshot that a model was made from.
struct InputChanges {
    /// The table as it is now; nil while it does not exist.
    let table: Table?
    /// The snapshot the model was made from; empty for none.
    let since: String

    /// Whether the model was made from what the table is now.
    var isNone: Bool { since == Self.id(table?.currentSnapshot) }

    static func id(_ snapshot: Snapshot?) -> String { snapshot.map { String($0.id) } ?? "" }

    /// The business days whose rows changed, as the commits in between say of themselves.
    func touchedDays() -> TouchedDays {
        guard let commits = commits() else { return .all }
        var days = TouchedDays.none
        for commit in commits where commit.operation != .replace {
            guard let text = commit.summary[SnapshotState.days] else { return .all }
            days = days.union(TouchedDays(text))
        }
        return days
    }

    /// Whether rows were taken away or replaced, as far as that is known.
    var isRewritten: Bool {
        commits()?.contains { $0.operation != .append && $0.operation != .replace } ?? false
    }

    /// Whether what happened since is known.
    var isKnown: Bool { commits() != nil }

    /// The files whose rows were added, when rows were only added; all files otherwise.
    func newFiles() throws -> [DataFile] {
        guard let table else { return [] }
        guard let commits = commits(), commits.allSatisfy({ $0.operation == .append || $0.operation == .replace })
        else {
            return try table.files()
        }
        // Each commit's own files, of rows that a later compaction may have moved, but that are kept with the snapshot.
        return try commits.reversed().filter { $0.operation == .append }
            .flatMap { try table.addedFiles(after: $0.parentID, upTo: $0) }
    }

    /// The commits after `since`, newest first; nil when it is not a known ancestor.
    private func commits() -> [Snapshot]? {
        guard let table else { return since.isEmpty ? [] : nil }
        if since.isEmpty { return table.commits(after: nil) }
        return Int64(since).flatMap { table.commits(after: $0) }
    }
}
