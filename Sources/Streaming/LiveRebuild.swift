public import EventLog
public import Events

/// Builds the live state anew from everything that is still known, and puts it in the checkpoint's place: what an erasure
/// took away is in it no longer.
public enum LiveRebuild {
    /// Hands over, in the log's order, the events from before the log's beginning, as far as somebody kept them.
    public typealias Older = (LogCut, (EventBatch, Topic) -> Void) throws -> Void

    /// A state with its place in the log.
    struct Built {
        let stream: ShopStream
        let position: Checkpoint.Position
    }

    /// Builds the state at a cut and saves it, where no runner keeps one.
    ///
    /// - Parameter progress: called with the records read and all there are in the log.
    public static func run(
        _ log: any EventLog, to cut: LogCut, _ settings: StreamRunner.Settings, older: Older = { _, _ in },
        progress: (Int64, Int64) throws -> Void = { _, _ in }
    ) throws {
        let built = try build(log, to: cut, settings, older: older, progress: progress)
        try Checkpoint.save(built.stream, built.position, to: settings.checkpointPath)
    }

    static func build(
        _ log: any EventLog, to cut: LogCut, _ settings: StreamRunner.Settings, older: Older,
        progress: (Int64, Int64) throws -> Void
    ) throws -> Built {
        let stream = ShopStream(
            calendar: BusinessCalendar(zone: settings.timeZone), reportingCurrency: settings.currency,
            fraud: settings.fraud, clock: { EmbeddedLog.wallClock() })
        let start = try log.start()
        if start.commit > 0 { try older(start) { stream.apply($0, topic: $1) } }
        let reader = try StreamReader(log, from: start.offsets, commit: start.commit)
        var position = Checkpoint.Position(
            commit: start.commit, offsets: start.offsets, filterOffsets: start.offsets)
        var generations = FilterGenerations(position, stream)
        let total = cut.offsets.acceptedCount - start.offsets.acceptedCount
        var isBehind = true
        while isBehind {
            let before = reader.offsets
            isBehind = try reader.read(before: cut, atLeast: StreamRunner.step) { stream.apply($0, topic: $1) }
            generations.note(stream, before)
            try progress(reader.offsets.acceptedCount - start.offsets.acceptedCount, total)
        }
        try stream.fraud.settleLabels()
        position.commit = cut.commit
        position.offsets = reader.offsets
        position.filterOffsets = generations.old
        position.youngFilterOffsets = generations.young
        return Built(stream: stream, position: position)
    }
}

extension LogOffsets {
    fileprivate var acceptedCount: Int64 { Topic.events.reduce(0) { $0 + records(in: $1) } }
}
