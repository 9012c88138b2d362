import Events
import Glibc

/// A walk through all segments of a log, one after the other, each held against those beside it.
struct LogSurvey {
    /// A file that stands under another segment's name.
    struct Misplaced {
        let file: Segment
        /// The segment that the file holds.
        let firstCommit: Int64
        /// Whether that segment is also there under its own name, so that this file is a copy that must go.
        let isCopy: Bool
    }

    /// A segment and the file that holds it; no file where one is missing at the log's beginning.
    struct Entry {
        let segment: Segment
        var isMissing = false
        /// The file's bytes.
        var size: Int64 = 0
    }

    let folder: String
    let format: LogFormat
    let segmentsFolder: String
    /// The commit that `start` names; nil when it is not there or says nothing.
    let start: Int64?
    /// What is wrong with `start`.
    let startFault: String?
    let misplaced: [Misplaced]
    /// The segments as they belong, oldest first.
    private(set) var entries: [Entry] = []
    /// The state before the first of them.
    private(set) var startState: CommitRecord

    init(folder: String) throws(LogError) {
        self.folder = folder
        guard let format = try LogFormat.read(folder) else {
            throw .missing(path: folder + "/format", what: "there is no log here")
        }
        self.format = format
        segmentsFolder = LogRecovery.segmentsFolder(folder)
        var startFault: String?
        var start: Int64?
        do {
            start = try LogStart.read(folder)
        } catch {
            startFault = "not the number of a commit"
        }
        var files = try Segment.list(segmentsFolder)
        var heads: [Int64] = []
        for file in files {
            let head = try LogSurvey.head(of: file, format)
            heads.append(head.map { $0.commit + 1 } ?? file.firstCommit)
        }
        guard let oldest = files.first, let oldestHeld = heads.min() else {
            throw .missing(
                path: segmentsFolder, what: "there is no segment of the log, and nothing tells what it held")
        }
        if let named = start, named > oldestHeld {
            if heads.contains(named) {
                // Retention names the first commit before it removes files: older ones are on their way out.
                let kept = files.indices.filter { heads[$0] >= named }
                files = kept.map { files[$0] }
                heads = kept.map { heads[$0] }
            } else {
                startFault = "it names commit \(named), with which no segment begins"
                start = nil
            }
        }
        var misplaced: [Misplaced] = []
        var entries: [Entry] = []
        for (file, held) in zip(files, heads) {
            if file.firstCommit == held {
                entries.append(Entry(segment: file))
            } else {
                let isCopy =
                    zip(files, heads).contains { $0.firstCommit == held && $1 == held }
                    || misplaced.contains { $0.firstCommit == held && !$0.isCopy } || held < start ?? 1
                misplaced.append(Misplaced(file: file, firstCommit: held, isCopy: isCopy))
                if !isCopy { entries.append(Entry(segment: Segment(firstCommit: held, path: file.path))) }
            }
        }
        entries.sort { $0.segment.firstCommit < $1.segment.firstCommit }
        self.misplaced = misplaced
        guard let first = entries.first?.segment.firstCommit else {
            throw .missing(path: oldest.path, what: "only copies of other segments are there")
        }
        if startFault == nil, start == nil, entries.count > 1 || first > 1 { startFault = "missing" }
        self.startFault = startFault
        // Without the file nothing but retention explains a log that begins later.
        self.start = start ?? (startFault == nil ? nil : first)
        startState = try LogStart.state(folder, self.start ?? 1, format)
        if let begin = self.start, first > begin {
            entries.insert(
                Entry(segment: Segment(firstCommit: begin, folder: segmentsFolder), isMissing: true), at: 0)
        }
        for index in entries.indices where !entries[index].isMissing {
            entries[index].size = try SystemFile(opening: entries[index].segment.path, flags: O_RDONLY).size()
        }
        self.entries = entries
        // A log that lost its first segments and what retention noted still begins where the next one does.
        if self.start == nil, first > 1 { startState.commit = first - 1 }
    }

    /// The bytes of all segments.
    var bytes: Int64 { entries.reduce(0) { $0 + $1.size } }

    /// The state at the beginning of a segment, whatever its name; nil when that is not readable.
    static func head(of segment: Segment, _ format: LogFormat) throws(LogError) -> CommitRecord? {
        let reader = try FrameReader(segment, format)
        guard let header = try reader.header(at: 0), header.kind == .state,
            let payload = try reader.payload(of: header, at: 0),
            let record = CommitRecord(header, payload, partitions: format.partitions), record.namesAllProducers
        else { return nil }
        return record
    }

    /// What is known of a segment before it is read.
    func place(_ index: Int, after state: CommitRecord) throws(LogError) -> SegmentSurvey.Place {
        var place = SegmentSurvey.Place(state: state)
        guard index + 1 < entries.count else { return place }
        place.isNewest = false
        place.next = try LogSurvey.head(of: entries[index + 1].segment, format)
        place.lastCommit = entries[index + 1].segment.firstCommit - 1
        return place
    }

    /// Lets a segment that was walked through end in the state with which the next one begins.
    func join(_ index: Int, _ survey: inout SegmentSurvey, taken: LogOffsets?) throws(LogError) {
        let state = survey.state
        guard !survey.place.isNewest else {
            guard let taken, !state.ends.covers(taken) else { return }
            var target = state
            for partition in taken.all { target.ends[partition] = max(target.ends[partition], taken[partition]) }
            target.totals.count(from: state.ends, to: target.ends)
            // Nobody knows the number of the commits that are gone, but each held a record.
            target.commit += LostOffsets.between(state.ends, target.ends).reduce(0) { $0 + $1.records }
            try survey.close(with: target, "the log ends before what others have taken from it")
            return
        }
        var target = state
        target.commit = survey.place.lastCommit
        if let next = survey.place.next, state.canLead(to: next), next.commit == target.commit { target = next }
        guard !survey.chain.isBetweenCommits || !target.isSameState(as: state) else {
            survey.settle()
            return
        }
        let isMissing = entries[index].isMissing
        try survey.close(
            with: target, isMissing ? "the segment is missing" : "the segment ends before the next one begins")
    }

    /// The state from which the next segment goes on.
    func state(after survey: SegmentSurvey) -> CommitRecord {
        var state = survey.state
        guard survey.chain.record != nil else { return state }
        state.producers = survey.chain.producers.stamps
        state.namesAllProducers = true
        return state
    }
}

extension Segment {
    /// A segment in a file of another name.
    init(firstCommit: Int64, path: String) {
        self.firstCommit = firstCommit
        self.path = path
    }
}
