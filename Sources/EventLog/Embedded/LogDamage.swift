import Events

/// Offsets of one partition whose records are gone.
public struct LostOffsets: Sendable, Equatable, Encodable, CustomStringConvertible {
    /// The partition, as `topic/number`.
    public let partition: String
    /// The first lost offset.
    public let from: Int64
    /// The offset after the last.
    public let to: Int64

    /// How many records are lost.
    public var records: Int64 { to - from }

    /// `clicks/0 offsets 12 to 15`.
    public var description: String {
        records == 1 ? "\(partition) offset \(from)" : "\(partition) offsets \(from) to \(to - 1)"
    }

    /// What lies between two ends of the log, by partition.
    static func between(_ before: LogOffsets, _ after: LogOffsets) -> [LostOffsets] {
        before.all.compactMap { partition in
            guard after[partition] > before[partition] else { return nil }
            return LostOffsets(partition: partition.description, from: before[partition], to: after[partition])
        }
    }
}

/// A place of the log that is not what was written, and what it costs.
public struct LogDamage: Sendable, Equatable, Encodable {
    /// The most runs of lost offsets that are named one by one.
    static let rangesMax = 1_000

    /// The file's name.
    public let file: String
    /// The first byte that cannot stay.
    public internal(set) var from: Int64
    /// The byte after the last; the same where something is merely missing.
    public internal(set) var to: Int64
    /// What is wrong there.
    public let what: String
    /// The first commit that is touched; nil when none is.
    public internal(set) var firstCommit: Int64?
    /// The last commit that is touched; nil when none is, or nothing tells.
    public internal(set) var lastCommit: Int64?
    /// The offsets whose records cannot be read, at most `rangesMax` runs of them.
    public private(set) var lost: [LostOffsets] = []
    /// How many records cannot be read.
    public private(set) var lostRecords: Int64 = 0
    /// Whether the log may have held more behind it that nothing tells of.
    public internal(set) var isOpenEnded = false

    enum CodingKeys: String, CodingKey {
        case file, from, to, what, lost
        case firstCommit = "first_commit"
        case lastCommit = "last_commit"
        case lostRecords = "lost_records"
        case isOpenEnded = "open_ended"
    }

    init(file: String, from: Int64, to: Int64, what: String) {
        self.file = file
        self.from = from
        self.to = to
        self.what = what
    }

    mutating func addLost(_ before: LogOffsets, _ after: LogOffsets) {
        for range in LostOffsets.between(before, after) {
            lostRecords += range.records
            if let index = lost.lastIndex(where: { $0.partition == range.partition }), lost[index].to == range.from {
                lost[index] = LostOffsets(partition: range.partition, from: lost[index].from, to: range.to)
            } else if lost.count < LogDamage.rangesMax {
                lost.append(range)
            }
        }
    }
}
