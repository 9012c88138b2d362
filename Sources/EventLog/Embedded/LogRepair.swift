import Events
import Glibc

/// Makes a damaged log usable again without guessing: what cannot be read is set aside, what can be stays where it is,
/// and a record in the gap says which offsets are lost, so that none is ever given to another event.
///
/// ```
/// folder/damaged/<segment>-<from>-<to>.bytes      what was cut out
/// folder/segments/<segment>.log.repaired          a repaired segment on its way
/// folder/segments/<segment>.log.moved             a segment on its way to its own name
/// ```
/// Every change is made durable before the next. A repair that was interrupted leaves each segment as it was or repaired,
/// and running it again finishes it.
public enum LogRepair {
    /// Repairs a log. The caller holds the folder's lock: no other process may have the log open.
    ///
    /// - Parameters:
    ///   - folder: the log's folder.
    ///   - taken: the end of what others have durably taken from the log, if known: offsets before it are not given out
    ///     again even where the log's end is lost. The offsets of consumer groups count in any case.
    ///   - dryRun: find out only.
    ///   - progress: called now and then with the bytes read and all there are.
    /// - Throws: `LogError.missing` when there is nothing to repair from, `LogError.system` when a file cannot be read or
    ///   written, `LogError.damaged` when what is left does not fit together. The log's segments are then as they were,
    ///   but for those that were finished.
    public static func run(
        folder: String, taken: LogOffsets? = nil, dryRun: Bool = false,
        progress: (Int64, Int64) -> Void = { _, _ in }
    ) throws(LogError) -> LogRepairReport {
        try run(folder: folder, taken: taken, dryRun: dryRun, progress: progress) { _ throws(LogError) in }
    }

    /// The same, calling `step` with the name of what comes next before each change: tests stop there.
    package static func run(
        folder: String, taken: LogOffsets?, dryRun: Bool, progress: (Int64, Int64) -> Void = { _, _ in },
        step: @escaping (String) throws(LogError) -> Void
    ) throws(LogError) -> LogRepairReport {
        var report = LogRepairReport(isDryRun: dryRun)
        if !dryRun { try SegmentMoves.finish(LogRecovery.segmentsFolder(folder), step) }
        var log = try LogSurvey(folder: folder)
        for file in log.misplaced {
            let name = Segment(firstCommit: file.firstCommit, folder: "").name
            report.damages.append(
                LogDamage(
                    file: file.file.name, from: 0, to: 0,
                    what: file.isCopy ? "it is a copy of segment \(name)" : "it holds segment \(name)"))
            report.damageCount += 1
        }
        if !log.misplaced.isEmpty, !dryRun {
            try SegmentMoves.run(log, &report, step)
            log = try LogSurvey(folder: folder)
        }
        if let fault = log.startFault {
            report.damages.append(LogDamage(file: "start", from: 0, to: 0, what: fault))
            report.damageCount += 1
            if !dryRun, let first = log.start {
                try step("write start")
                try LogStart.write(folder, first)
            }
        }
        let floor = try floor(log, taken, &report)
        var state = log.startState
        var done: Int64 = 0
        for index in log.entries.indices {
            let entry = log.entries[index]
            let (survey, indexFault) = try LogCheck.walk(log, index, state, floor) { progress(done + $0, log.bytes) }
            done += survey.size
            if !survey.isClean {
                report.damages += survey.damages
                report.damageCount += survey.damageCount
                report.repaired.append(entry.segment.name)
                if !dryRun { try rewrite(log, index, state, survey, floor, &report, step) }
            } else if case .wrong = indexFault {
                report.notes.append("\(entry.segment.name): its index did not match and goes; it will be made again")
                if !dryRun {
                    try step("remove index")
                    try removeIndex(of: entry.segment, log)
                }
            }
            state = log.state(after: survey)
        }
        return report
    }

    /// The offsets before which nothing may be written again.
    private static func floor(
        _ log: LogSurvey, _ taken: LogOffsets?, _ report: inout LogRepairReport
    ) throws(LogError) -> LogOffsets? {
        var floor = LogOffsets(partitions: log.format.partitions)
        if let taken {
            guard taken.partitions == floor.partitions else {
                throw .incompatible(
                    path: log.folder, what: "the lake was written from a log of \(taken.partitions) partitions a topic")
            }
            floor = taken
        }
        let groups = try ConsumerGroups(folder: log.folder)
        for name in try groups.names() {
            do {
                guard let offsets = try groups.offsets(of: name) else { continue }
                for partition in floor.all { floor[partition] = max(floor[partition], offsets[partition]) }
            } catch {
                report.notes.append("consumer group \(name): its offsets do not count, since \(error)")
            }
        }
        return floor
    }

    private static func removeIndex(of segment: Segment, _ log: LogSurvey) throws(LogError) {
        guard unlink(segment.indexPath) == 0 || errno == ENOENT else {
            throw LogError.last("remove", segment.indexPath)
        }
        try SystemFolder.sync(log.segmentsFolder)
    }

    private static func rewrite(
        _ log: LogSurvey, _ index: Int, _ state: CommitRecord, _ found: SegmentSurvey, _ floor: LogOffsets?,
        _ report: inout LogRepairReport, _ step: @escaping (String) throws(LogError) -> Void
    ) throws(LogError) {
        let entry = log.entries[index]
        let rewrite = try SegmentRewrite(entry, log, step)
        var survey = try SegmentSurvey(
            entry.segment, log.format, found.place, isMissing: entry.isMissing,
            sink: { piece throws(LogError) in
                try rewrite.add(piece)
            })
        try log.join(index, &survey, taken: floor)
        if survey.place.isNewest {
            try survey.confirm()
            if let tail = survey.harmlessTail { try rewrite.add(.cut(tail)) }
        }
        report.setAside += try rewrite.finish(log.state(after: survey))
    }
}
