public import EventLog
public import Events

/// Builds the live state anew from everything that is still known, and puts it in the checkpoint's place: what an erasure
/// took away is in it no longer.
public enum LiveRebuild {
    /// Builds the state at a cut and saves it.
    ///
    /// - Parameters:
    ///   - older: hands over, in the log's order, the events from before the log's beginning, as far as somebody kept them.
    ///   - progress: called with the records read and all there are in the log.
    public static func run(
        _ log: any EventLog, to cut: LogCut, _ settings: StreamRunner.Settings,
        older: (LogCut, (EventBatch, Topic) -> Void) throws -> Void = { _, _ in },
        progress: (Int64, Int64) -> Void = { _, _ in }
    ) throws {
        let stream = ShopStream(
            calendar: BusinessCalendar(zone: settings.timeZone), reportingCurrency: settings.currency,
            clock: { EmbeddedLog.wallClock() })
        let start = try log.start()
        if start.commit > 0 { try older(start) { stream.apply($0, topic: $1) } }
        let reader = try StreamReader(log, from: start.offsets, commit: start.commit)
        let total = cut.offsets.acceptedCount - start.offsets.acceptedCount
        while try reader.read(before: cut, atLeast: StreamRunner.step, { stream.apply($0, topic: $1) }) {
            progress(reader.offsets.acceptedCount - start.offsets.acceptedCount, total)
        }
        // Remembering ids from the log's beginning on is more than is needed, and always enough.
        let position = Checkpoint.Position(
            commit: cut.commit, offsets: reader.offsets, filterOffsets: start.offsets)
        try Checkpoint.save(stream, position, to: settings.checkpointPath)
    }
}

extension LogOffsets {
    fileprivate var acceptedCount: Int64 { Topic.events.reduce(0) { $0 + records(in: $1) } }
}
