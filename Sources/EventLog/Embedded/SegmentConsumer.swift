import Events
import Glibc

/// Reads some topics of an embedded log in the order of the commits.
final class SegmentConsumer: LogConsumer {
    private(set) var offsets: LogOffsets
    private(set) var lost: Int64 = 0
    private let directory: SegmentDirectory
    private let wanted: [TopicPartition]
    private let isWanted: [Bool]
    private var segment: Segment?
    private var reader: FrameReader?
    private var position: Int64 = 0
    /// The last commit of which everything was read or passed over.
    private var commit: Int64 = 0
    /// The cut up to which the reader's window may be trusted.
    private var windowCut: Int64 = -1

    /// After how many commits without a frame of interest the place is looked up in the index rather than walked to.
    private static let walkCommits: Int64 = 1_000

    init(_ topics: [Topic], from offsets: LogOffsets, _ directory: SegmentDirectory) throws(LogError) {
        guard offsets.partitions == directory.format.partitions else {
            throw .incompatible(
                path: "offsets of \(offsets.partitions) partitions a topic",
                what: "the log has \(directory.format.partitions): start again from its beginning")
        }
        self.offsets = offsets
        self.directory = directory
        wanted = offsets.all.filter { topics.contains($0.topic) }
        isWanted = offsets.all.map { topics.contains($0.topic) }
    }

    func next(before cut: LogCut, _ body: (borrowing Frame) throws -> Void) throws -> Bool {
        guard isBehind(cut) else {
            if cut.commit - commit > SegmentConsumer.walkCommits { segment = nil }
            return false
        }
        if segment == nil { try locate() }
        if windowCut != cut.commit {
            // What was read ahead may be from before it was written.
            reader?.forget()
            windowCut = cut.commit
        }
        while true {
            guard let header = try header() else { continue }
            if header.kind != .records {
                // A repair's record may move the offsets on.
                if try pass(header), !isBehind(cut) { return false }
            } else if let partition = partition(of: header), header.endOffset > offsets[partition] {
                let payload = try payload(of: header, partition)
                // The cut may lie inside a commit: what it does not include is left for later.
                guard header.baseOffset < cut.offsets[partition] else { return false }
                try body(
                    Frame(header: header, partition: partition, firstOffset: offsets[partition], payload: payload))
                position += Int64(header.frameBytes)
                offsets[partition] = header.endOffset
                return true
            } else {
                position += Int64(header.frameBytes)
            }
        }
    }

    private func isBehind(_ cut: LogCut) -> Bool { wanted.contains { offsets[$0] < cut.offsets[$0] } }

    /// Finds the last indexed point before which there is nothing unread.
    private func locate() throws(LogError) {
        do throws(LogError) {
            let found = try directory.locate { record in wanted.allSatisfy { record.ends[$0] <= offsets[$0] } }
            guard let (segment, point) = found else { throw try expired() }
            try open(segment)
            position = point.position
            commit = point.record.commit
        } catch {
            // Retention may have taken the file away meanwhile.
            guard case .system(_, let path, ENOENT, _) = error, !directory.all.contains(where: { $0.path == path })
            else { throw error }
            throw try expired()
        }
    }

    /// What is said of offsets that lie before the log's first segment.
    private func expired() throws(LogError) -> LogError {
        guard let first = directory.all.first else {
            throw .missing(path: "the log's first segment", what: "the log holds commits")
        }
        let head = try directory.head(of: first)
        let gone = wanted.first { head.ends[$0] > offsets[$0] } ?? wanted.first ?? TopicPartition(.clicks, 0)
        return .expired(partition: gone.description, asked: offsets[gone], first: head.ends[gone])
    }

    private func open(_ segment: Segment) throws(LogError) {
        reader = try FrameReader(segment, directory.format, recent: directory.recent)
        self.segment = segment
        position = 0
    }

    /// The next frame's header; nil when the reader has moved on to the next segment.
    private func header() throws(LogError) -> FrameHeader? {
        if let header = try reader?.header(at: position) { return header }
        // Nothing but zeros fills up a segment's last block, and the next segment is named after the next commit.
        guard let next = directory.segment(beginningWith: commit + 1), next != segment else {
            if let first = directory.all.first, first.firstCommit > commit + 1 { throw try expired() }
            throw damaged("no frame of the log where commit \(commit + 1) was expected")
        }
        try open(next)
        return nil
    }

    private func partition(of header: FrameHeader) -> TopicPartition? {
        let slot = Int(header.topic) * offsets.partitions + Int(header.partition)
        guard let topic = Topic(rawValue: UInt8(truncatingIfNeeded: header.topic)), slot < isWanted.count,
            isWanted[slot]
        else { return nil }
        return TopicPartition(topic, Int(header.partition))
    }

    /// Passes over a commit's record; true when it moved the offsets on.
    private func pass(_ header: FrameHeader) throws(LogError) -> Bool {
        let isNext =
            switch header.kind {
            case .commit: header.commit == commit + 1
            case .state: header.commit == commit
            // It may stand before a commit whose frames are there, or in place of one.
            default: header.commit >= commit
            }
        guard isNext else {
            throw damaged("commit \(header.commit) where commit \(commit + 1) was expected")
        }
        let before = lost
        if header.kind == .repair {
            guard let payload = try reader?.payload(of: header, at: position),
                let record = CommitRecord(header, payload, partitions: offsets.partitions)
            else { throw damaged("a repair's record is not readable") }
            for partition in wanted where record.ends[partition] > offsets[partition] {
                lost += record.ends[partition] - offsets[partition]
                offsets[partition] = record.ends[partition]
            }
        }
        commit = header.commit
        position += Int64(header.frameBytes)
        return lost > before
    }

    /// The records of a frame, which must follow what was read before and sum up: also where they are not handed out,
    /// since a damaged header could make readers believe that there is nothing more.
    private func payload(
        of header: FrameHeader, _ partition: TopicPartition
    ) throws(LogError) -> UnsafeRawBufferPointer {
        guard header.baseOffset <= offsets[partition] else {
            throw damaged(
                "\(partition) goes on at offset \(header.baseOffset) where \(offsets[partition]) was expected")
        }
        guard let payload = try reader?.payload(of: header, at: position) else {
            throw damaged("a frame's checksum does not hold, or the file ends inside it")
        }
        return payload
    }

    private func damaged(_ what: String) -> LogError {
        .damaged(path: segment?.path ?? "the log", at: position, what: what)
    }
}
