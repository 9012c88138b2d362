public import EventLog
public import Events
public import Foundation
import Synchronization

/// Keeps the live state up to date with the log, publishes views of it and checkpoints it, on a thread of its own.
public final class StreamRunner: Sendable {
    /// The shortest time between two published views, in microseconds: what bounds the work for browsers.
    static let publishEvery: Int64 = 100_000
    /// The longest time between two views when nothing happens, so that clocks and rates move on.
    static let publishAtLeastEvery: Int64 = 1_000_000
    /// The time between two looks at the minutes that are not settled yet, in microseconds.
    static let anomaliesEvery: Int64 = 2_000_000
    /// How long a commit may take from its time stamp to being readable, in microseconds.
    static let commitSlack: Int64 = 5_000_000
    /// How many events are applied between looks at the clock.
    static let step = 50_000

    /// How a runner is set up.
    public struct Settings: Sendable {
        /// The file of the checkpoint.
        public var checkpointPath: String
        /// The zone of the business day.
        public var timeZone: TimeZone
        /// The reporting currency's code.
        public var currency: CurrencyCode
        /// How fraud scores are made.
        public var fraud: FraudSettings
        /// The time between two checkpoints, in microseconds.
        public var checkpointEvery: Int64 = 15_000_000

        /// Settings.
        public init(
            checkpointPath: String, timeZone: TimeZone, currency: CurrencyCode, fraud: FraudSettings = FraudSettings()
        ) {
            self.fraud = fraud
            self.checkpointPath = checkpointPath
            self.timeZone = timeZone
            self.currency = currency
        }
    }

    /// The published views.
    public let feed = LiveFeed()
    private let log: any EventLog
    private let settings: Settings
    private let report: @Sendable (String) -> Void
    private let freshness: @Sendable () -> LiveView.Freshness
    private let isStopping = Atomic<Bool>(false)
    private let finished = DispatchSemaphore(value: 0)
    private let progress = Mutex(Progress())
    private let exchange = StateExchange()

    /// How far the stream is.
    public struct Progress: Sendable {
        /// The last commit applied.
        public var commit: Int64 = 0
        /// What came by.
        public var counters = ShopStream.Counters()
        /// The bytes that its tables take.
        public var stateBytes = 0
        /// What the fraud scores keep, and the alerts they raised.
        public var fraud = FraudScorer.Gauges()
        /// Fraud scores that raised an alert.
        public var fraudAlerts: Int64 = 0
        /// What each job holds.
        public var stateUsage: [StateUsage] = []
        /// How many checkpoints were begun.
        public var checkpoints: Int64 = 0
        /// How long the stream waited for the last checkpoint, and for any, in microseconds.
        public var checkpointPause: Int64 = 0
        /// The longest of these pauses.
        public var longestCheckpointPause: Int64 = 0
        /// What a restart reads again from the log: nothing before these offsets. Nil before the first checkpoint.
        public var restartsFrom: LogOffsets?
        /// Why it stopped, if it did.
        public var failure: String?
    }

    /// A runner, not yet started.
    ///
    /// - Parameters:
    ///   - freshness: what the other parts say of themselves, for the view.
    ///   - report: takes one line when something is worth telling.
    public init(
        log: any EventLog, settings: Settings,
        freshness: @escaping @Sendable () -> LiveView.Freshness = { LiveView.Freshness() },
        report: @escaping @Sendable (String) -> Void
    ) {
        self.log = log
        self.settings = settings
        self.freshness = freshness
        self.report = report
    }

    /// How far it is.
    public var current: Progress { progress.withLock { $0 } }

    /// Starts the thread.
    public func start() {
        let thread = Thread { [self] in
            do {
                try run()
            } catch {
                progress.withLock { $0.failure = "\(error)" }
                report("the live view stopped: \(error)")
            }
            feed.close()
            exchange.close()
            finished.signal()
        }
        thread.name = "stream"
        thread.stackSize = 4 << 20
        thread.start()
    }

    /// Asks the thread to apply what is durable, checkpoint and end; returns when it has.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        finished.wait()
        finished.signal()
    }

    /// Builds the state anew from the log beside the one that is shown, which goes on being shown until then, and has the
    /// thread go on with the new one; returns when that is in the checkpoint.
    ///
    /// - Throws: what `older` and `progress` throw; `LogError`; ``CheckpointError`` when it was not saved.
    public func rebuild(
        older: LiveRebuild.Older = { _, _ in }, progress: (Int64, Int64) throws -> Void = { _, _ in }
    ) throws {
        let built = try LiveRebuild.build(log, to: log.cut(), settings, older: older, progress: progress)
        guard try !exchange.give(built) else { return }
        // The thread has ended and keeps no state any more.
        try Checkpoint.save(built.stream, built.position, to: settings.checkpointPath)
    }

    private func run() throws {
        let restored = StreamRunner.restored(log, settings, report)
        var (stream, position) = (restored.stream, restored.position)
        let links = restored.links
        var reader = try StreamReader(log, from: position.offsets, commit: position.commit)
        var generations = FilterGenerations(position, stream)
        var nextPublish = EmbeddedLog.steadyClock()
        // Pauses are on the steady clock: the time of day may step back.
        var nextCheckpoint = EmbeddedLog.steadyClock() + settings.checkpointEvery
        var publishedCommit: Int64 = -1
        var checkpointedCommit = position.commit
        var writer = try CheckpointWriter(path: settings.checkpointPath, loaded: links)
        var rate = EventRate()
        var lag = 0.0
        var anomalies = AnomalyReport()
        var nextAnomalies = Int64.min
        while true {
            let stopping = isStopping.load(ordering: .acquiring)
            if let built = exchange.take() {
                (stream, position) = (built.stream, built.position)
                reader = try StreamReader(log, from: position.offsets, commit: position.commit)
                generations = FilterGenerations(position, stream)
                rate = EventRate()
                nextAnomalies = .min
                do {
                    // Takes the place of all checkpoints: what an erasure took away is in none.
                    try writer.finish()
                    writer = try CheckpointWriter(path: settings.checkpointPath)
                    checkpoint(stream, position, writer)
                    try writer.finish()
                } catch {
                    exchange.taken(.failure(error))
                    throw error
                }
                exchange.taken(.success(()))
                checkpointedCommit = position.commit
            }
            let asked = EmbeddedLog.wallClock()
            let cut = log.cut()
            let before = (commit: reader.commit, offsets: reader.offsets)
            let behind = try reader.read(before: cut, atLeast: StreamRunner.step) { stream.apply($0, topic: $1) }
            generations.note(stream, before.offsets)
            stream.anomalies.note(
                received: cut.totals.received, quarantined: cut.totals.quarantined, at: cut.receivedAt)
            // What arrived before `asked` and is durable has been applied; the slack is for commits under way.
            if !behind { stream.anomalies.advance(to: asked - StreamRunner.commitSlack) }
            let now = EmbeddedLog.wallClock()
            let tick = EmbeddedLog.steadyClock()
            if reader.commit != before.commit { lag = Double(max(0, now - cut.receivedAt)) / 1_000 }
            position.commit = reader.commit
            // A state built anew is shown once it is where the one before it was.
            if tick >= nextPublish, reader.commit >= publishedCommit,
                (reader.commit != publishedCommit || tick >= nextPublish + StreamRunner.publishAtLeastEvery)
            {
                rate.note(stream.counters.events, at: tick)
                if tick >= nextAnomalies {
                    anomalies = stream.anomalies.report()
                    nextAnomalies = tick + StreamRunner.anomaliesEvery
                }
                try publish(stream, reader.commit, cut, now, rate.perSecond, lag, anomalies)
                publishedCommit = reader.commit
                nextPublish = tick + StreamRunner.publishEvery
            }
            feed.questions.answer(stream)
            try writer.check()
            if let from = writer.restartsFrom { progress.withLock { $0.restartsFrom = from } }
            let isDue = tick >= nextCheckpoint && reader.commit != checkpointedCommit && !writer.isBusy
            if isDue || stopping && !behind {
                try stopping ? writer.finish() : writer.check()
                position.offsets = reader.offsets
                position.filterOffsets = generations.old
                position.youngFilterOffsets = generations.young
                checkpoint(stream, position, writer)
                checkpointedCommit = reader.commit
                nextCheckpoint = EmbeddedLog.steadyClock() + settings.checkpointEvery
            }
            if stopping && !behind {
                try writer.finish()
                return
            }
            if !behind {
                // Nothing to read: wait for more, but no longer than until the next view is due.
                let due = reader.commit == publishedCommit ? StreamRunner.publishEvery : max(1_000, nextPublish - tick)
                log.waitForCommit(after: cut.commit, seconds: Double(due) / 1e6)
            }
        }
    }

    /// Begins a checkpoint; what the stream waits for is its own state's copy, and how long is kept.
    private func checkpoint(_ stream: ShopStream, _ position: Checkpoint.Position, _ writer: CheckpointWriter) {
        let began = EmbeddedLog.steadyClock()
        writer.begin([stream], position)
        let pause = EmbeddedLog.steadyClock() - began
        progress.withLock { progress in
            progress.checkpoints += 1
            progress.checkpointPause = pause
            progress.longestCheckpointPause = max(progress.longestCheckpointPause, pause)
        }
    }

    private func publish(
        _ stream: ShopStream, _ commit: Int64, _ cut: LogCut, _ now: Int64, _ rate: Double, _ lag: Double,
        _ anomalies: AnomalyReport
    ) throws {
        try stream.fraud.learnNew()
        var fresh = freshness()
        fresh.streamLagMS = lag
        let view = stream.view(
            now: now, commit: commit, cut: cut, eventsPerSecond: rate, freshness: fresh,
            anomalies: anomalies)
        feed.publish(view, anomalies, stream.fraud.report())
        progress.withLock { progress in
            progress.commit = commit
            progress.counters = stream.counters
            progress.stateBytes = stream.byteCount
            progress.fraud = stream.fraud.gauges
            progress.fraudAlerts = stream.fraud.alertCount
            progress.stateUsage = stream.stateUsage
        }
    }

    /// The state of the newest checkpoint that can be used with its ids remembered again, or an empty one at the log's
    /// beginning when there is none.
    public static func restore(
        _ log: any EventLog, _ settings: Settings, _ report: (String) -> Void
    ) -> (ShopStream, Checkpoint.Position) {
        let restored = restored(log, settings, report)
        return (restored.stream, restored.position)
    }

    /// The state as it is at the log's present end: the newest checkpoint's, and what came after it.
    public static func current(
        _ log: any EventLog, _ settings: Settings, _ report: (String) -> Void
    ) throws -> ShopStream {
        let (stream, position) = restore(log, settings, report)
        let reader = try StreamReader(log, from: position.offsets, commit: position.commit)
        try reader.readAll(before: log.cut()) { stream.apply($0, topic: $1) }
        return stream
    }

    /// A state with its place in the log, and the checkpoints that are there.
    package struct Restored {
        package let stream: ShopStream
        package let position: Checkpoint.Position
        package var links: [CheckpointStore.Link] = []
    }

    static func restored(_ log: any EventLog, _ settings: Settings, _ report: (String) -> Void) -> Restored {
        func fresh() -> ShopStream { stream(settings) }
        do {
            let cut = log.cut()
            if let loaded = try CheckpointStore(path: settings.checkpointPath).restore(
                partitions: log.partitions, cut: cut, fresh, report)
            {
                try StreamRunner.remember(loaded.stream, log, loaded.position)
                let (stream, position) = (loaded.stream, loaded.position)
                if !stream.anomalies.wasRestored || !stream.fraud.wasRestored || stream.lacksJobs {
                    try learn(stream, log, to: position, fresh)
                }
                return loaded
            }
        } catch {
            report("the live state is built anew from the log: \(error)")
        }
        // Where retention has removed the beginning, from the first record that is left.
        var start = LogOffsets(partitions: log.partitions)
        do {
            start = try log.start().offsets
        } catch {
            report("the log's first segment cannot be read: \(error)")
        }
        return Restored(
            stream: fresh(), position: Checkpoint.Position(commit: 0, offsets: start, filterOffsets: start))
    }

    private static func stream(_ settings: Settings) -> ShopStream {
        ShopStream(
            calendar: BusinessCalendar(zone: settings.timeZone), reportingCurrency: settings.currency,
            fraud: settings.fraud, clock: { EmbeddedLog.wallClock() })
    }

    private static func end(_ position: Checkpoint.Position) -> LogCut {
        LogCut(commit: position.commit, offsets: position.offsets, totals: LogTotals(), receivedAt: 0)
    }

    /// Fills a restored state's filter of event ids from the log.
    package static func remember(
        _ stream: ShopStream, _ log: any EventLog, _ position: Checkpoint.Position
    ) throws {
        let reader = try StreamReader(log, from: position.filterOffsets, commit: 0)
        try reader.readAll(before: end(position)) { stream.remember($0, topic: $1) }
    }

    /// Teaches the jobs that a checkpoint does not hold from what the log still has.
    private static func learn(
        _ stream: ShopStream, _ log: any EventLog, to position: Checkpoint.Position, _ fresh: () -> ShopStream
    ) throws {
        let past = fresh()
        let reader = try StreamReader(log, from: log.start().offsets, commit: 0)
        try reader.readAll(before: end(position)) { past.apply($0, topic: $1) }
        if !stream.anomalies.wasRestored { try stream.anomalies.restore(past.anomalies.saved(), "the log") }
        if !stream.fraud.wasRestored { try stream.fraud.restore(past.fraud.saved()) }
        // The states' memory goes with the streams.
        withExtendedLifetime((stream, past)) {
            guard stream.lacksJobs else { return }
            swap(&stream.state.pointee.cube, &past.state.pointee.cube)
            swap(&stream.state.pointee.sessions, &past.state.pointee.sessions)
            swap(&stream.state.pointee.stock, &past.state.pointee.stock)
        }
    }
}

/// Where the two generations of the event ids' filter began, as log offsets at or before their first id.
struct FilterGenerations {
    private(set) var old: LogOffsets
    private(set) var young: LogOffsets
    private var rotations: Int

    init(_ position: Checkpoint.Position, _ stream: ShopStream) {
        old = position.filterOffsets
        young = position.youngFilterOffsets
        rotations = stream.state.pointee.ids.rotations
    }

    /// Notes a step that began at some offsets; when the filter began a new generation in it, that one begins there.
    mutating func note(_ stream: ShopStream, _ began: LogOffsets) {
        let begun = stream.state.pointee.ids.rotations - rotations
        guard begun > 0 else { return }
        rotations = stream.state.pointee.ids.rotations
        old = begun > 1 ? began : young
        young = began
    }
}

/// Events a second over the last few seconds.
private struct EventRate {
    private var samples: [(at: Int64, events: Int64)] = []
    private static let window = 5 * Timestamp.second

    mutating func note(_ events: Int64, at now: Int64) {
        samples.append((now, events))
        while samples.count > 2, let first = samples.first, now - first.at > EventRate.window { samples.removeFirst() }
    }

    var perSecond: Double {
        guard let first = samples.first, let last = samples.last, last.at > first.at else { return 0 }
        return Double(last.events - first.events) * 1e6 / Double(last.at - first.at)
    }
}
