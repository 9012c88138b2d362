import Events
import Glibc

/// Reads every byte of a log and says what is damaged, beside the process that writes to it or without one. Changes
/// nothing, and needs no more memory for a larger log.
public enum LogCheck {
    /// How often the newest segment is read again while what is found there keeps changing.
    private static let attempts = 5

    /// Checks a log.
    ///
    /// - Parameters:
    ///   - folder: the log's folder.
    ///   - taken: the end of what others have durably taken from the log, if known: a log that ends before it has lost
    ///     its end.
    ///   - progress: called now and then with the bytes read and all there are.
    /// - Throws: `LogError.missing` when there is no log, `LogError.incompatible` when it is of another format, and
    ///   `LogError.system` when a file cannot be read.
    public static func run(
        folder: String, taken: LogOffsets? = nil, progress: (Int64, Int64) -> Void = { _, _ in }
    ) throws(LogError) -> LogCheckReport {
        let log = try LogSurvey(folder: folder)
        var report = LogCheckReport()
        addNames(log, &report)
        var state = log.startState
        for index in log.entries.indices {
            let done = report.bytes
            let tell = { progress(done + $0, max(log.bytes, done + $0)) }
            do {
                let survey = try settled(log, index, state, taken, &report, tell)
                report.add(survey, log.entries[index])
                state = log.state(after: survey)
            } catch {
                // Retention may remove the oldest segments meanwhile.
                guard case .system(_, _, ENOENT, _) = error, let start = try LogStart.read(folder),
                    index + 1 < log.entries.count, log.entries[index].segment.firstCommit < start
                else { throw error }
                report.notes.append("\(log.entries[index].segment.name): removed by retention meanwhile")
                if let head = try LogSurvey.head(of: log.entries[index + 1].segment, log.format) { state = head }
            }
        }
        return report
    }

    private static func addNames(_ log: LogSurvey, _ report: inout LogCheckReport) {
        if let fault = log.startFault { report.add(LogDamage(file: "start", from: 0, to: 0, what: fault)) }
        for file in log.misplaced {
            let name = Segment(firstCommit: file.firstCommit, folder: "").name
            report.add(
                LogDamage(
                    file: file.file.name, from: 0, to: 0,
                    what: file.isCopy ? "it is a copy of segment \(name)" : "it holds segment \(name)"))
        }
    }

    /// Walks through a segment; again, as long as what is found in the newest one keeps changing, since it may be
    /// written to.
    ///
    /// What is proven to be damage is so by something written after it: bytes that were merely on their way have come
    /// when they are read for the second time.
    private static func settled(
        _ log: LogSurvey, _ index: Int, _ state: CommitRecord, _ taken: LogOffsets?, _ report: inout LogCheckReport,
        _ progress: (Int64) -> Void
    ) throws(LogError) -> SegmentSurvey {
        var (survey, indexFault) = try walk(log, index, state, taken, progress)
        if survey.place.isNewest {
            for _ in 1..<attempts where !survey.isClean {
                let again = try walk(log, index, state, taken, progress)
                let before = survey
                (survey, indexFault) = again
                if survey.damages == before.damages { break }
                survey.keepDamages(foundBy: before)
            }
        }
        guard survey.isClean else { return survey }
        switch indexFault {
        case .wrong(let position):
            report.add(
                LogDamage(
                    file: String(survey.segment.name.dropLast(4)) + ".index", from: 0, to: 0,
                    what: "it points to byte \(position), where it says another state than the segment"))
        case .unreadable:
            report.notes.append(
                String(survey.segment.name.dropLast(4)) + ".index: not readable; it is a cache and will be made again")
        case .none:
            break
        }
        return survey
    }

    enum IndexFault { case none, unreadable, wrong(Int64) }

    /// Walks through a segment and holds its index, if it has one, against it.
    static func walk(
        _ log: LogSurvey, _ index: Int, _ state: CommitRecord, _ taken: LogOffsets?, _ progress: (Int64) -> Void
    ) throws(LogError) -> (survey: SegmentSurvey, indexFault: IndexFault) {
        let entry = log.entries[index]
        let place = try log.place(index, after: state)
        var stored: [IndexPoint]?
        var fault = IndexFault.none
        // The newest segment has none: a file that a crash left there is written again when the segment is finished.
        if !place.isNewest, access(entry.segment.indexPath, F_OK) == 0 {
            stored = SegmentIndex.read(entry.segment, log.format)
            if stored == nil { fault = .unreadable }
        }
        let points = IndexWalk(stored ?? [])
        var survey = try SegmentSurvey(
            entry.segment, log.format, place, isMissing: entry.isMissing, visit: { points.visit($0, $1) },
            progress: progress)
        try log.join(index, &survey, taken: taken)
        if let wrong = points.wrong { fault = .wrong(wrong) }
        return (survey, fault)
    }
}

/// Holds an index's points against the segment's, in one pass.
private final class IndexWalk {
    private let points: [IndexPoint]
    private var next = 0
    private var mismatch: Int64?

    init(_ points: [IndexPoint]) { self.points = points }

    func visit(_ position: Int64, _ record: CommitRecord) {
        while mismatch == nil, next < points.count, points[next].position <= position {
            if points[next].position != position || !points[next].record.isSameState(as: record) {
                mismatch = points[next].position
            }
            next += 1
        }
    }

    /// The first point that is not one of the segment's.
    var wrong: Int64? { mismatch ?? (next < points.count ? points[next].position : nil) }
}
