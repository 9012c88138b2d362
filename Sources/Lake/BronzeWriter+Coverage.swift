public import EventLog
import Events
public import Iceberg

extension BronzeWriter {
    /// The offsets that a catalog's bronze tables cover: what is before them has been committed.
    ///
    /// - Throws: `LakeTableError` when a table's snapshots do not say.
    public static func coveredOffsets(_ catalog: any Catalog, partitions: Int) throws -> LogOffsets {
        var covered = LogOffsets(partitions: partitions)
        for topic in Topic.allCases {
            let table = BronzeTable(topic)
            guard try catalog.tableExists(table.identifier) else { continue }
            let offsets = try offsets(of: try catalog.loadTable(table.identifier), partitions)
            for partition in 0..<partitions { covered[topic, partition] = offsets[topic, partition] }
        }
        return covered
    }

    /// What a table's newest snapshot says of the log. Snapshots of others that say `replace` changed no rows: for them
    /// their parents speak.
    static func offsets(of table: Table, _ partitions: Int) throws -> LogOffsets {
        guard let current = table.currentSnapshot else { return LogOffsets(partitions: partitions) }
        let own = lastOwnSnapshot(of: table)
        let others = history(of: current, in: table).prefix { $0.id != own?.id }
        guard let own, others.allSatisfy({ $0.operation == .replace }) else {
            let stranger = others.first { $0.operation != .replace } ?? others.last
            let remedy =
                own.map { "`cartograph lake rollback \(table.identifier) --to \($0.id)` undoes that" }
                ?? "none of its snapshots has; restore the table from a copy"
            throw LakeTableError(
                "\(table.identifier) was last written by something else: its snapshot "
                    + "\(stranger.map { String($0.id) } ?? "") has no \(SnapshotState.offsets); \(remedy)")
        }
        let text = own.summary[SnapshotState.offsets] ?? ""
        guard let offsets = LogOffsets(text), offsets.partitions == partitions else {
            throw LakeTableError(
                "\(table.identifier) covers \"\(text)\" of the log, which is not what a log of \(partitions) "
                    + "partitions has: it belongs to another log")
        }
        return offsets
    }

    /// The newest snapshot on the way to a bronze table's current one that says what of the log it holds: what undoing
    /// another writer's commits comes to.
    public static func lastOwnSnapshot(of table: Table) -> Snapshot? {
        table.currentSnapshot.flatMap { current in
            history(of: current, in: table).first { $0.summary[SnapshotState.offsets] != nil }
        }
    }

    /// A snapshot and those it came from, as far as they are known, newest first, each looked up when it is asked for.
    private static func history(of snapshot: Snapshot, in table: Table) -> some Sequence<Snapshot> {
        // A chain that comes back to itself is damage.
        sequence(first: snapshot) { $0.parentID.flatMap { table.snapshot(id: $0) } }
            .prefix(table.metadata.snapshots.count)
    }
}
