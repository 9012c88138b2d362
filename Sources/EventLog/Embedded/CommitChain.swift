import Events

/// The rules by which a segment's frames follow one another: every commit is held against the state before it.
///
/// It does no input or output: whoever reads or writes a segment hands it the frames in their order.
struct CommitChain {
    private let format: LogFormat
    private let firstCommit: Int64
    /// The last commit that the segment may hold: those behind it belong to the next one.
    private let lastCommit: Int64
    /// The state at the segment's beginning; nil while it was not read.
    private(set) var head: CommitRecord?
    /// The state after the last whole commit; nil without a head.
    private(set) var record: CommitRecord?
    /// The last state that something behind it, or its own kind, says is durable.
    private(set) var confirmed: CommitRecord?
    /// Whether the last whole commit is known to be durable.
    private(set) var isConfirmed = false
    /// Whole commits, their frames with events and the records in these.
    private(set) var commits = 0
    private(set) var frames = 0
    private(set) var records: Int64 = 0
    /// Records that a repair gave up.
    private(set) var lost: Int64 = 0
    /// When the first of the commits was received; 0 without one.
    private(set) var firstReceivedAt: Int64 = 0
    /// The producers' places in the order of their last batches, oldest first.
    private(set) var producers = ProducerTable()
    private var open = OpenCommit()

    /// The frames of a commit whose record was not read yet.
    private struct OpenCommit {
        var ends: LogOffsets?
        var commit: Int64 = 0
        var receivedAt: Int64 = 0
        var lastSlot = -1
        var frames = 0
        var accepted: Int64 = 0
        var quarantined: Int64 = 0
    }

    /// The rules for the segment that begins with a commit.
    init(_ format: LogFormat, firstCommit: Int64, lastCommit: Int64 = .max) {
        self.format = format
        self.firstCommit = firstCommit
        self.lastCommit = lastCommit
    }

    /// Whether no commit is half read.
    var isBetweenCommits: Bool { open.ends == nil }

    /// The state after the frames read so far, those of an unfinished commit included.
    var stateSoFar: CommitRecord? {
        guard var state = record, let ends = open.ends else { return record }
        state.commit = open.commit
        state.receivedAt = open.receivedAt
        state.ends = ends
        state.totals.received += open.accepted + open.quarantined
        state.totals.accepted += open.accepted
        state.totals.quarantined += open.quarantined
        state.producers = []
        state.namesAllProducers = false
        return state
    }

    /// Forgets the frames of an unfinished commit.
    mutating func dropOpenCommit() { open = OpenCommit() }

    /// Takes in the next frame; returns what is wrong with it, and then nothing has changed.
    ///
    /// - Parameter expected: the state that the segment must begin with, if known.
    mutating func take(
        _ header: FrameHeader, _ payload: UnsafeRawBufferPointer, expected: CommitRecord? = nil
    ) -> String? {
        if header.kind == .records { return add(header) }
        guard let read = CommitRecord(header, payload, partitions: format.partitions) else {
            return "not a record of a log with \(format.partitions) partitions"
        }
        return take(read, header.kind, expected: expected)
    }

    /// Takes in a frame of records.
    private mutating func add(_ header: FrameHeader) -> String? {
        guard let record else { return "records before the segment's state" }
        guard let place = header.place(in: format) else { return "a frame of a partition that the log does not have" }
        guard header.commit == record.commit + 1 else {
            return "a frame of commit \(header.commit) behind commit \(record.commit)"
        }
        guard header.commit <= lastCommit else { return "commit \(header.commit) belongs to the next segment" }
        guard header.receivedAt > record.receivedAt, open.ends == nil || header.receivedAt == open.receivedAt,
            place.slot > open.lastSlot
        else { return "a frame out of order" }
        var ends = open.ends ?? record.ends
        guard header.baseOffset == ends[place.partition] else {
            return
                "\(place.partition) goes on at offset \(header.baseOffset) where \(ends[place.partition]) was expected"
        }
        ends[place.partition] = header.endOffset
        open.ends = ends
        open.commit = header.commit
        open.receivedAt = header.receivedAt
        open.lastSlot = place.slot
        open.frames += 1
        if place.partition.topic == .quarantine {
            open.quarantined += Int64(header.records)
        } else {
            open.accepted += Int64(header.records)
        }
        return nil
    }

    /// Takes in a record that was read or is about to be written.
    mutating func take(_ read: CommitRecord, _ kind: FrameHeader.Kind, expected: CommitRecord? = nil) -> String? {
        guard let record else { return begin(read, kind, expected) }
        let ends = open.ends ?? record.ends
        switch kind {
        case .records:
            return "a record in a frame of events"
        case .state:
            guard open.ends == nil, read.isSameState(as: record) else { return "a state that no commit led to" }
        case .commit:
            guard open.ends != nil, read.commit == record.commit + 1, read.receivedAt == open.receivedAt,
                read.ends == ends, read.totals.accepted == record.totals.accepted + open.accepted,
                read.totals.quarantined == record.totals.quarantined + open.quarantined,
                read.totals.received >= record.totals.received
            else { return "a commit's record does not match its frames" }
        case .repair:
            // It may stand in for a commit's lost record, or raise the ends before a commit whose frames are there.
            guard read.commit >= (open.ends == nil ? record.commit : open.commit), read.ends.covers(ends),
                read.receivedAt >= (open.ends == nil ? record.receivedAt : open.receivedAt),
                read.totals.received >= record.totals.received
            else { return "a repair's record steps back" }
            guard read.commit <= lastCommit else { return "commit \(read.commit) belongs to the next segment" }
            lost += ends.all.reduce(0) { $0 + read.ends[$1] - ends[$1] }
        }
        close(read, kind, before: record)
        return nil
    }

    private mutating func close(_ read: CommitRecord, _ kind: FrameHeader.Kind, before: CommitRecord) {
        if open.ends != nil {
            commits += 1
            if firstReceivedAt == 0 { firstReceivedAt = open.receivedAt }
            frames += open.frames
            records += open.accepted + open.quarantined
        }
        // A commit is written only after the one before it was synced.
        confirmed = kind == .commit ? before : read
        isConfirmed = kind != .commit
        record = read
        for stamp in read.producers { producers.note(stamp) }
        open = OpenCommit()
    }

    private mutating func begin(
        _ read: CommitRecord, _ kind: FrameHeader.Kind, _ expected: CommitRecord?
    ) -> String? {
        guard kind == .state, read.namesAllProducers, read.commit + 1 == firstCommit else {
            return "the segment does not begin with the log's state"
        }
        if let expected, !expected.isSameState(as: read) {
            return "the segment begins at commit \(read.commit), where the one before ends at \(expected.commit) "
                + "in another state"
        }
        head = read
        record = read
        confirmed = read
        isConfirmed = true
        producers = ProducerTable(read.producers)
        return nil
    }
}

extension FrameHeader {
    /// The partition that a frame of records belongs to and its place in the order of all; nil when the log has no such
    /// partition.
    func place(in format: LogFormat) -> (partition: TopicPartition, slot: Int)? {
        guard kind == .records, topic < 256, let topic = Topic(rawValue: UInt8(topic)),
            Int(partition) < format.partitions
        else { return nil }
        return (TopicPartition(topic, Int(partition)), Int(topic.rawValue) * format.partitions + Int(partition))
    }
}

extension CommitRecord {
    /// Whether another state can have come of this one: nothing steps back, and the totals count what the offsets do.
    func canLead(to later: CommitRecord) -> Bool {
        later.commit >= commit && later.receivedAt >= receivedAt && later.ends.covers(ends)
            && later.totals.received >= totals.received
            && later.totals.accepted - totals.accepted == later.ends.acceptedRecords - ends.acceptedRecords
            && later.totals.quarantined - totals.quarantined
                == later.ends.records(in: .quarantine) - ends.records(in: .quarantine)
    }
}
