public import Iceberg

/// What the platform's snapshots say of the table's state in their summaries, beside the counts that all engines write.
public enum SnapshotState {
    /// What of the log the table covers.
    public static let offsets = "cartograph.offsets"
    /// The snapshots of other tables that the rows were made from.
    public static let inputs = "cartograph.inputs"
    /// Names the statement that the rows were made by.
    public static let definition = "cartograph.definition"
    /// The business days whose rows the commit changed.
    public static let days = "cartograph.days"
    /// Says that the commit took a person's rows away.
    public static let erasure = "cartograph.erasure"

    /// The keys that describe the table as it is after a commit, not what the commit changed.
    public static let keys = [offsets, inputs, definition]

    /// What a commit that keeps the state (compaction) must say again in its summary.
    public static func carried(from snapshot: Snapshot?) -> [String: String] {
        guard let snapshot else { return [:] }
        return snapshot.summary.filter { keys.contains($0.key) }
    }

    /// All that a snapshot says for the platform.
    static func all(of snapshot: Snapshot) -> [String: String] {
        snapshot.summary.filter { $0.key.hasPrefix("cartograph.") }
    }
}
