import Events

/// What a repair found and did, or what it would do.
public struct LogRepairReport: Sendable, Encodable {
    /// Whether nothing was changed.
    public let isDryRun: Bool
    /// What was damaged, with the records that it cost.
    public internal(set) var damages: [LogDamage] = []
    /// How many places were damaged.
    public internal(set) var damageCount = 0
    /// The segments that were written anew.
    public internal(set) var repaired: [String] = []
    /// The files that hold what was cut out, as paths from the log's folder.
    public internal(set) var setAside: [String] = []
    /// What else was done, one line each.
    public internal(set) var notes: [String] = []

    /// Records that are lost.
    public var lostRecords: Int64 { damages.reduce(0) { $0 + $1.lostRecords } }

    enum CodingKeys: String, CodingKey {
        case damages, repaired, notes
        case isDryRun = "dry_run"
        case damageCount = "damage_count"
        case setAside = "set_aside"
    }

    init(isDryRun: Bool) { self.isDryRun = isDryRun }
}
