public import Iceberg
import Storage

extension LakeTable {
    /// The rows that two snapshots differ by.
    public struct Difference {
        /// A SELECT of them: `change`, which is `+` for a row that came and `-` for one that went, before the columns of
        /// the later snapshot. A row that is there as often as before is in neither.
        public let sql: String
        /// The files that are read of the earlier snapshot.
        public let before: ScanPlan
        /// The files that are read of the later one.
        public let after: ScanPlan
    }

    /// What the rows of `last` differ by from those of `first`. Files that both have with the same rows deleted are not
    /// read.
    /// - Throws: As ``scanSQL(at:where:)``.
    public func difference(from first: Snapshot, to last: Snapshot) throws -> Difference {
        let (old, new) = (try table.plan(at: first), try table.plan(at: last))
        let (known, present) = (Set(old.tasks.map(Contents.init)), Set(new.tasks.map(Contents.init)))
        let before = ScanPlan(tasks: old.tasks.filter { !present.contains(Contents($0)) })
        let after = ScanPlan(tasks: new.tasks.filter { !known.contains(Contents($0)) })
        let (gone, come) = (try scanSQL(of: before, at: last), try scanSQL(of: after, at: last))
        let sql =
            "SELECT '+' AS change, * FROM ((\(come)) EXCEPT ALL (\(gone))) "
            + "UNION ALL SELECT '-', * FROM ((\(gone)) EXCEPT ALL (\(come)))"
        return Difference(sql: sql, before: before, after: after)
    }

    /// What decides on a file's rows.
    private struct Contents: Hashable {
        var location: ObjectName
        var deletes: Set<ObjectName>

        init(_ task: ScanTask) {
            location = ObjectName(task.file.location)
            deletes = Set(task.deletes.map { ObjectName($0.file.location) })
        }
    }
}
