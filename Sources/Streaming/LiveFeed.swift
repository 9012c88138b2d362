import Synchronization

/// Hands what changed in the view to everyone who listens. A listener is told that there is something new and asks for it
/// when it may: one that is slow gets the changes over all that it missed at once, and slows neither the stream nor others.
public final class LiveFeed: Sendable {
    /// The most listeners at once.
    public static let listeners = 1_000
    /// The versions that changes can still be told from: 6.4 seconds of them at least.
    public static let versionsKept = 64
    /// The time between two messages to a listener in milliseconds: the least, and the most that one may ask for.
    public static let messageEveryMS = 100...60_000
    /// After how long in seconds a listener is sent something though nothing has changed.
    public static let keepAliveSeconds = 5

    private struct State {
        var latest: LiveVersion?
        /// The newest last; a view that differs in its moment only is no version, until the last one is old.
        var versions: [LiveVersion] = []
        var changedAt = ContinuousClock.now
        var anomalies = AnomalyReport()
        var fraud = FraudReport()
        var nextID = 0
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
        var isClosed = false
    }

    /// The changes that lead to one version, by the number of the version that they begin at.
    private struct Diffs {
        var to = 0
        var known: [Int: [UInt8]] = [:]
    }

    private let state = Mutex(State())
    private let diffs = Mutex(Diffs())
    /// Tells this feed's versions from those of another process.
    private let epoch = String(UInt32.random(in: .min ... .max), radix: 36)
    /// Questions to the live state.
    public let questions = LiveQuestions()

    /// A feed without a view yet.
    public init() {}

    /// The newest view as JSON; nil before the first.
    ///
    /// - Throws: `EncodingError`.
    public func latest() throws -> [UInt8]? { try state.withLock { $0.latest }?.text() }

    /// All anomalies known with the newest view.
    public var anomalies: AnomalyReport { state.withLock { $0.anomalies } }

    /// What is known of fraud with the newest view.
    public var fraud: FraudReport { state.withLock { $0.fraud } }

    /// Whether it has ended: there will be no more views.
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// How many listen.
    public var listenerCount: Int { state.withLock { $0.listeners.count } }

    /// A listener from now on; nil when too many listen already or the feed has ended.
    ///
    /// - Parameter id: the version that it was handed last, earlier on: it goes on from there, if that is still kept.
    public func listen(since id: String? = nil) -> LiveListener? {
        let base = id.flatMap(number)
        return state.withLock { state in
            guard !state.isClosed, state.listeners.count < LiveFeed.listeners else { return nil }
            let (wakes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            let place = state.nextID
            state.nextID += 1
            state.listeners[place] = continuation
            continuation.onTermination = { [weak self] _ in self?.forget(place) }
            continuation.yield()
            return LiveListener(self, wakes, from: base)
        }
    }

    private func forget(_ place: Int) {
        _ = state.withLock { $0.listeners.removeValue(forKey: place) }
    }

    /// Makes a view the newest one.
    package func publish(_ view: LiveView, _ anomalies: AnomalyReport, _ fraud: FraudReport) {
        let now = ContinuousClock.now
        let listeners = state.withLock { state in
            state.anomalies = anomalies
            state.fraud = fraud
            if let last = state.versions.last, last.view.isSame(as: view),
                now - state.changedAt < .seconds(LiveFeed.keepAliveSeconds)
            {
                state.latest = LiveVersion(last.number, view)
                return [AsyncStream<Void>.Continuation]()
            }
            let version = LiveVersion((state.versions.last?.number ?? 0) + 1, view)
            state.latest = version
            state.versions.append(version)
            state.changedAt = now
            if state.versions.count > LiveFeed.versionsKept { state.versions.removeFirst() }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield() }
    }

    /// Has every listener look up, so that one that was sent nothing for long can be told that it is still heard.
    public func pulse() {
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield() }
    }

    /// Ends every listener's stream and takes no more.
    public func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
        questions.close()
    }

    // MARK: - Messages

    /// What leads from a version to the newest, and that one's number; nil where there is nothing to tell.
    func message(since base: Int?) throws -> (LiveMessage, Int)? {
        let (newest, old) = state.withLock { state -> (LiveVersion?, LiveVersion?) in
            guard let newest = state.versions.last, let first = state.versions.first else { return (nil, nil) }
            guard let base, (first.number...newest.number).contains(base) else { return (newest, nil) }
            return (newest, state.versions[base - first.number])
        }
        guard let newest, newest.number != base else { return nil }
        if let old, let changes = try changes(from: old, to: newest) {
            return (LiveMessage(id: id(newest), isDiff: true, json: changes), newest.number)
        }
        return (LiveMessage(id: id(newest), isDiff: false, json: try newest.text()), newest.number)
    }

    /// Made once for all listeners that are at the same version, and never by the stream's thread.
    private func changes(from old: LiveVersion, to new: LiveVersion) throws -> [UInt8]? {
        try diffs.withLock { diffs in
            if diffs.to < new.number { diffs = Diffs(to: new.number) }
            if diffs.to == new.number, let known = diffs.known[old.number] { return known }
            guard let before = try old.tree(), let after = try new.tree() else { return nil }
            var text = Array("{\"base\":\"\(id(old))\",\"changes\":".utf8)
            text += LiveDiff.between(before, after, keys: LiveView.rowKeys)
            text.append(UInt8(ascii: "}"))
            if diffs.to == new.number { diffs.known[old.number] = text }
            return text
        }
    }

    private func id(_ version: LiveVersion) -> String { "\(epoch)-\(version.number)" }

    private func number(_ id: String) -> Int? {
        let parts = id.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == epoch else { return nil }
        return Int(parts[1])
    }
}
