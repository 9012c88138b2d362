import Events
import Glibc

/// A walk through a segment from its beginning, which holds every frame against its checksum and every commit against
/// the state before it.
struct SegmentScan {
    /// Why a segment cannot be read on from a byte.
    struct Fault: Equatable {
        let position: Int64
        let what: String
        /// Whether something behind the byte proves that what stood there was durable: then it is damaged. Otherwise it
        /// may be the rest of a write that was under way when the process or the machine stopped.
        var isProvenDamage = false
    }

    let segment: Segment
    /// The state at the segment's beginning; nil when it does not begin with a readable one.
    private(set) var head: CommitRecord?
    /// The state after the last whole commit; nil without a head.
    private(set) var record: CommitRecord?
    /// Whether the last whole commit is known to be durable.
    private(set) var isConfirmed = false
    /// Where the last whole commit ends, in bytes.
    private(set) var goodBytes: Int64 = 0
    /// Bytes of the file.
    private(set) var size: Int64
    /// Commits, and frames with events.
    private(set) var commits = 0
    private(set) var frames = 0
    /// Records that a repair gave up.
    private(set) var lost: Int64 = 0
    /// What ended the walk before the end of the file, other than the zeros that fill up the last block.
    private(set) var fault: Fault?
    /// The producers' places in the order of their last batches, oldest first.
    private(set) var producers = ProducerTable()

    private let format: LogFormat

    /// Walks through a segment.
    ///
    /// - Parameters:
    ///   - expected: the state that the segment must begin with, if known.
    ///   - visit: sees every point between two commits.
    init(
        _ segment: Segment, _ format: LogFormat, from expected: CommitRecord?,
        visit: (Int64, CommitRecord) -> Void = { _, _ in }
    ) throws(LogError) {
        self.segment = segment
        self.format = format
        let reader = try FrameReader(segment, format)
        size = try reader.size()
        var commit = OpenCommit()
        var position: Int64 = 0
        while position < size {
            guard let header = try reader.header(at: position), let payload = try reader.payload(of: header, at: position)
            else {
                fault = Fault(position: position, what: "no whole frame of this log")
                break
            }
            let what: String?
            if header.kind == .records {
                what = add(header, to: &commit)
            } else if let read = CommitRecord(header, payload, partitions: format.partitions) {
                what = take(read, header.kind, commit, at: position, expected)
                if what == nil {
                    commit = OpenCommit()
                    goodBytes = position + Int64(header.frameBytes)
                    visit(goodBytes, read)
                }
            } else {
                what = "not a record of a log with \(format.partitions) partitions"
            }
            if let what {
                fault = Fault(position: position, what: what)
                break
            }
            position += Int64(header.frameBytes)
        }
        if fault == nil, goodBytes < size {
            fault = Fault(position: goodBytes, what: "the last commit has no end")
        }
        try judgeTail(reader)
    }

    /// The frames of a commit whose record was not read yet.
    private struct OpenCommit {
        var ends: LogOffsets?
        var receivedAt: Int64 = 0
        var lastSlot = -1
        var accepted: Int64 = 0
        var quarantined: Int64 = 0
    }

    /// Takes in a frame of records; returns what is wrong with it.
    private mutating func add(_ header: FrameHeader, to commit: inout OpenCommit) -> String? {
        guard let record else { return "records before the segment's state" }
        guard let topic = Topic(rawValue: UInt8(truncatingIfNeeded: header.topic)), header.topic < 256,
            Int(header.partition) < format.partitions
        else { return "a frame of a partition that the log does not have" }
        let slot = Int(header.topic) * format.partitions + Int(header.partition)
        var ends = commit.ends ?? record.ends
        guard header.commit == record.commit + 1 else {
            return "a frame of commit \(header.commit) behind commit \(record.commit)"
        }
        guard header.receivedAt > record.receivedAt, commit.ends == nil || header.receivedAt == commit.receivedAt,
            slot > commit.lastSlot
        else { return "a frame out of order" }
        let partition = Int(header.partition)
        guard header.baseOffset == ends[topic, partition] else {
            return "\(topic.name)/\(partition) goes on at offset \(header.baseOffset) where \(ends[topic, partition]) "
                + "was expected"
        }
        ends[topic, partition] = header.endOffset
        commit.ends = ends
        commit.receivedAt = header.receivedAt
        commit.lastSlot = slot
        if topic == .quarantine {
            commit.quarantined += Int64(header.records)
        } else {
            commit.accepted += Int64(header.records)
        }
        frames += 1
        return nil
    }

    /// Takes in a record; returns what is wrong with it.
    private mutating func take(
        _ read: CommitRecord, _ kind: FrameHeader.Kind, _ commit: OpenCommit, at position: Int64,
        _ expected: CommitRecord?
    ) -> String? {
        guard let record else {
            guard kind == .state, read.namesAllProducers, read.commit + 1 == segment.firstCommit else {
                return "the segment does not begin with the log's state"
            }
            if let expected, !expected.isSameState(as: read) {
                return "the segment begins at commit \(read.commit), where the one before ends at \(expected.commit) "
                    + "in another state"
            }
            head = read
            self.record = read
            isConfirmed = true
            producers = ProducerTable(read.producers)
            return nil
        }
        switch kind {
        case .records:
            return "a record in a frame of events"
        case .state:
            guard commit.ends == nil, read.isSameState(as: record) else { return "a state that no commit led to" }
            isConfirmed = true
        case .commit:
            guard let ends = commit.ends, read.commit == record.commit + 1, read.receivedAt == commit.receivedAt,
                read.ends == ends, read.totals.accepted == record.totals.accepted + commit.accepted,
                read.totals.quarantined == record.totals.quarantined + commit.quarantined,
                read.totals.received >= record.totals.received
            else { return "a commit's record does not match its frames" }
            isConfirmed = false
            commits += 1
            self.record = read
        case .repair:
            guard read.commit > record.commit, read.ends.covers(commit.ends ?? record.ends),
                read.receivedAt > record.receivedAt
            else { return "a repair's record steps back" }
            lost += (commit.ends ?? record.ends).all.reduce(0) {
                $0 + read.ends[$1] - (commit.ends ?? record.ends)[$1]
            }
            isConfirmed = true
            commits += 1
            self.record = read
        }
        for stamp in read.producers { producers.note(stamp) }
        return nil
    }

    /// Finds out what stands behind the last whole commit: nothing but zeros, a write that was under way, or damage.
    private mutating func judgeTail(_ reader: FrameReader) throws(LogError) {
        guard fault != nil else { return }
        if try isZero(reader, from: goodBytes) {
            fault = nil
            return
        }
        let last = record?.commit ?? segment.firstCommit - 1
        fault?.isProvenDamage = try Self.findFrame(reader, after: goodBytes, size, format) { header in
            switch header.kind {
            // The commit after the last one may have been written in any order and in part.
            case .records, .commit: header.commit > last + 1
            case .state, .repair: header.commit > last
            }
        } != nil
    }

    private func isZero(_ reader: FrameReader, from position: Int64) throws(LogError) -> Bool {
        var at = position
        while at < size {
            let count = Int(min(size - at, 64 << 10))
            guard let bytes = try reader.bytes(count, at: at) else { return false }
            for i in 0..<count where bytes.load(fromByteOffset: i, as: UInt8.self) != 0 { return false }
            at += Int64(count)
        }
        return true
    }

    /// Looks for a whole frame of the log at any byte from a position on; returns where the first one stands.
    static func findFrame(
        _ reader: FrameReader, after position: Int64, _ size: Int64, _ format: LogFormat,
        where isWanted: (FrameHeader) -> Bool
    ) throws(LogError) -> Int64? {
        var at = position
        while at + Int64(FrameHeader.size) <= size {
            // A frame's header may reach past what is looked through in one step.
            let count = Int(min(size - at, 64 << 10))
            var hits: [Int64] = []
            guard let bytes = try reader.bytes(count, at: at) else { return nil }
            let word = FrameHeader.magic.littleEndian
            for i in 0...(count - 4) where bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self) == word {
                hits.append(at + Int64(i))
            }
            for hit in hits {
                guard let header = try reader.header(at: hit), isWanted(header) else { continue }
                if try reader.payload(of: header, at: hit) != nil { return hit }
            }
            at += Int64(count - 3)
        }
        return nil
    }
}
