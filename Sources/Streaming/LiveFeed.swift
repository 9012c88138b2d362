import Synchronization

/// Hands the newest view, already encoded, to everyone who listens; a slow listener misses views, never slows the
/// stream.
public final class LiveFeed: Sendable {
    /// The most listeners at once.
    public static let listeners = 1_000

    private struct State {
        var latest: [UInt8]?
        var anomalies = AnomalyReport()
        var fraud = FraudReport()
        var nextID = 0
        var listeners: [Int: AsyncStream<[UInt8]>.Continuation] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Questions to the live state.
    public let questions = LiveQuestions()

    /// A feed without a view yet.
    public init() {}

    /// The newest view as JSON; nil before the first.
    public var latest: [UInt8]? { state.withLock { $0.latest } }

    /// All anomalies known with the newest view.
    public var anomalies: AnomalyReport { state.withLock { $0.anomalies } }

    /// What is known of fraud with the newest view.
    public var fraud: FraudReport { state.withLock { $0.fraud } }

    /// Whether it has ended: there will be no more views.
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// How many listen.
    public var listenerCount: Int { state.withLock { $0.listeners.count } }

    /// The views from now on, beginning with the newest; nil when too many listen already or the feed has ended.
    public func listen() -> AsyncStream<[UInt8]>? {
        state.withLock { state in
            guard !state.isClosed, state.listeners.count < LiveFeed.listeners else { return nil }
            let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingNewest(1))
            let id = state.nextID
            state.nextID += 1
            state.listeners[id] = continuation
            continuation.onTermination = { [weak self] _ in self?.forget(id) }
            if let latest = state.latest { continuation.yield(latest) }
            return stream
        }
    }

    private func forget(_ id: Int) {
        _ = state.withLock { $0.listeners.removeValue(forKey: id) }
    }

    func publish(_ view: [UInt8], _ anomalies: AnomalyReport, _ fraud: FraudReport) {
        let listeners = state.withLock { state in
            state.latest = view
            state.anomalies = anomalies
            state.fraud = fraud
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield(view) }
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
}
