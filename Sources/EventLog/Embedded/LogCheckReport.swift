import Events

/// What reading every byte of a log found.
public struct LogCheckReport: Sendable, Encodable {
    /// What one segment holds.
    public struct Segment: Sendable, Encodable {
        /// The file's name.
        public let name: String
        /// Its size.
        public let bytes: Int64
        /// Its first commit; 0 without any.
        public let firstCommit: Int64
        /// Its last commit; 0 without any.
        public let lastCommit: Int64
        /// Whole commits that can be read.
        public let commits: Int
        /// Their frames of events.
        public let frames: Int
        /// The records in these.
        public let records: Int64
        /// When the first of them was received, microseconds since 1970 UTC; 0 without any.
        public let firstReceivedAt: Int64
        /// When the last of them was received, microseconds since 1970 UTC; 0 without any.
        public let lastReceivedAt: Int64
        /// Records that earlier repairs gave up.
        public let lostBefore: Int64

        enum CodingKeys: String, CodingKey {
            case name, bytes, commits, frames, records
            case firstCommit = "first_commit"
            case lastCommit = "last_commit"
            case firstReceivedAt = "first_received_at"
            case lastReceivedAt = "last_received_at"
            case lostBefore = "lost_before"
        }
    }

    /// The segments, oldest first.
    public internal(set) var segments: [Segment] = []
    /// What is damaged, at most 1,000 of each segment.
    public internal(set) var damages: [LogDamage] = []
    /// How many places are damaged.
    public internal(set) var damageCount = 0
    /// What is not as it could be and harms nobody, one line each: a write that is under way, a cache to be made again.
    public internal(set) var notes: [String] = []
    /// Bytes read.
    public internal(set) var bytes: Int64 = 0

    /// Whether nothing is damaged.
    public var isWhole: Bool { damageCount == 0 }

    /// Records that cannot be read and were readable before the damage.
    public var lostRecords: Int64 { damages.reduce(0) { $0 + $1.lostRecords } }

    enum CodingKeys: String, CodingKey {
        case segments, damages, notes, bytes
        case damageCount = "damage_count"
    }

    /// Nothing read yet.
    init() {}

    mutating func add(_ damage: LogDamage) {
        damages.append(damage)
        damageCount += 1
    }

    mutating func add(_ survey: SegmentSurvey, _ entry: LogSurvey.Entry) {
        damages += survey.damages
        damageCount += survey.damageCount
        bytes += survey.size
        let chain = survey.chain
        guard !entry.isMissing else { return }
        let last = chain.record ?? survey.place.state
        segments.append(
            Segment(
                name: survey.segment.name, bytes: survey.size,
                firstCommit: chain.commits > 0 ? survey.segment.firstCommit : 0,
                lastCommit: chain.commits > 0 ? last.commit : 0, commits: chain.commits, frames: chain.frames,
                records: chain.records, firstReceivedAt: chain.firstReceivedAt,
                lastReceivedAt: chain.commits > 0 ? last.receivedAt : 0, lostBefore: chain.lost))
        if survey.isUnfinished {
            notes.append("\(survey.segment.name): a crash left it without a whole commit; the next start sets it aside")
        } else if let tail = survey.harmlessTail {
            notes.append(
                "\(survey.segment.name): \(tail.count) bytes from \(tail.lowerBound) on are of a write that is under "
                    + "way, or that was when the process ended: nothing of them was acknowledged")
        }
    }
}
