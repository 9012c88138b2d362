import Engine
import Iceberg
import Lake

/// The business days of a lake's table whose rows changed since a snapshot.
struct SourceChanges {
    let table: Table
    /// The snapshot up to which everything is known; nil for none.
    let since: Int64?

    /// The days; nil when it cannot be told, and any day may have changed.
    func days() throws -> Set<String>? {
        guard let current = table.currentSnapshot else { return since == nil ? [] : nil }
        guard current.id != since else { return [] }
        guard let since else { return nil }
        if let told = toldDays(since: since) { return told }
        // Commits between are not known any more, or say nothing of days: their files do, while the snapshot is there.
        guard let before = table.snapshot(id: since) else { return nil }
        let old = Set(try table.files(at: before).map(File.init))
        let new = Set(try table.files(at: current).map(File.init))
        return Self.days(of: old.symmetricDifference(new).map(\.partition))
    }

    /// The days that the commits after a snapshot say they changed.
    private func toldDays(since: Int64) -> Set<String>? {
        guard let commits = table.commits(after: since) else { return nil }
        var days: Set<String> = []
        // A compaction moves rows and changes none.
        for commit in commits where commit.operation != .replace {
            guard let text = commit.summary[SnapshotState.days], text != "all" else { return nil }
            days.formUnion(text.split(separator: ",").map(String.init))
        }
        return days
    }

    /// All days that the table has rows of now, where it is partitioned by day; none where it is not.
    static func allDays(of table: Table) throws -> Set<String> {
        guard table.currentSnapshot != nil else { return [] }
        return days(of: try table.files().map(\.partition)) ?? []
    }

    /// The days that partitions are of; nil where one is no day.
    private static func days(of partitions: [[IcebergValue]]) -> Set<String>? {
        var days: Set<String> = []
        for partition in partitions {
            guard partition.count == 1, case .date(let day) = partition[0] else { return nil }
            days.insert(Value.date(days: day).text)
        }
        return days
    }

    private struct File: Hashable {
        let location: String
        let partition: [IcebergValue]

        init(_ file: DataFile) {
            location = file.location
            partition = file.partition
        }
    }
}
