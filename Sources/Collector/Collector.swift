public import EventLog
public import Events
import Synchronization
public import Telemetry

/// What became of one event that was not accepted.
public struct Rejection: Sendable, Equatable {
    /// Its place in the request, from 0.
    public let index: Int
    /// Why.
    public let reason: RejectionReason
}

/// What became of a request's events, once the accepted and the rejected ones are durable.
public struct CollectResult: Sendable {
    /// The most rejections that are listed one by one.
    public static let listed = 100

    /// How many were accepted.
    public var accepted = 0
    /// How many were rejected.
    public var rejectedCount = 0
    /// How many were of people whose data were erased; nothing of them was stored.
    public var erased = 0
    /// The first rejections, at most `listed`.
    public var rejected: [Rejection] = []
    /// The commit that holds them.
    public var commit: Int64 = 0
    /// True when the sender's sequence number had been stored before and nothing was appended.
    public var isRepeat = false

    /// What the metrics are to count once the events are durable.
    var acceptedByType = [Int64](repeating: 0, count: EventType.allCases.count)
    /// Rejected events by reason.
    public internal(set) var rejectedByReason: [String: Int64] = [:]
    var mismatches: Int64 = 0

    mutating func reject(_ index: Int, _ reason: RejectionReason) {
        rejectedCount += 1
        if rejected.count < CollectResult.listed { rejected.append(Rejection(index: index, reason: reason)) }
        rejectedByReason[reason.description, default: 0] += 1
    }
}

/// Bytes that somebody else found to be no event.
public struct RejectedBytes: Sendable {
    /// Why, as the contract writes it; a row's field may be one that no event has.
    public let reason: String
    /// Where they came from, such as a file and a line.
    public let source: String
    /// The bytes as they came.
    public let raw: [UInt8]

    /// The longest reason, in bytes.
    public static let reasonBytes = 200

    /// Rejected bytes; nil when the reason's word is none of the contract's.
    public init?(reason: String, source: String, raw: [UInt8]) {
        let word = reason.prefix { $0 != ":" }
        guard reason.utf8.count <= RejectedBytes.reasonBytes,
            RejectionReason.Word.allCases.contains(where: { $0.text == word })
        else { return nil }
        self.reason = reason
        self.source = source
        self.raw = raw
    }
}

/// Why a whole request was turned away, with nothing of it stored.
public enum CollectError: Error, Sendable, CustomStringConvertible {
    /// It holds more events than one request may.
    case tooManyEvents(limit: Int)
    /// The log did not take it.
    case log(LogError)

    /// One line.
    public var description: String {
        switch self {
        case .tooManyEvents(let limit): "more than \(limit) events in one request: send them in parts"
        case .log(let error): error.description
        }
    }
}

/// The door: judges every event on its own, appends the accepted and the rejected ones in one commit, and answers when
/// that is durable.
public final class Collector: Sendable {
    /// The most bytes of one request's body, after decompression.
    public static let bodyBytes = 16 << 20
    /// The most events in one request.
    public static let requestEvents = 100_000

    private let log: any EventLog
    private let clock: @Sendable () -> Int64
    private let benches = Mutex<[Bench]>([])
    private let metrics: Metrics
    private let acceptedByType: [Counter]
    private let mismatches: Counter
    private let erasedEvents: Counter
    private let erased: ErasedPeople?

    /// What judging a request needs besides its bytes, used by one request at a time.
    private final class Bench: @unchecked Sendable {
        // Taken out of the pool under its lock and put back when the request was judged, so never shared.

        /// The row that each event is decoded into.
        let row = EventBatch(capacity: 1)
        /// Accepted events by type, then those whose total is not the sum of its parts.
        let counts = UnsafeMutablePointer<Int64>.allocate(capacity: EventType.allCases.count + 1)

        deinit { counts.deallocate() }

        func clear() { counts.initialize(repeating: 0, count: EventType.allCases.count + 1) }
    }

    /// A door to a log.
    ///
    /// - Parameters:
    ///   - erased: the people whose earlier events are not let in again.
    ///   - clock: the time of day in microseconds since 1970 UTC, for events from the future.
    public init(
        log: any EventLog, metrics: Metrics, erased: ErasedPeople? = nil,
        clock: @escaping @Sendable () -> Int64 = { EmbeddedLog.wallClock() }
    ) {
        self.erased = erased
        erasedEvents = metrics.counter(
            "cartograph_events_erased_total", help: "Events of erased people that were sent again and not let in.")
        self.log = log
        self.clock = clock
        self.metrics = metrics
        acceptedByType = EventType.allCases.map {
            metrics.counter(
                "cartograph_events_accepted_total", help: "Events accepted at the door.", ["type": $0.name])
        }
        mismatches = metrics.counter(
            "cartograph_total_mismatch_total",
            help: "Accepted purchases whose total is not the sum of their parts.")
    }

    /// Judges the events of one body, on the calling thread, and stores them.
    ///
    /// `completion` gets the result once the events are durable, on the log's thread, or a `CollectError` when nothing
    /// was stored; it may be called before this returns, and must not block.
    ///
    /// - Parameters:
    ///   - body: the bytes as they came, decompressed.
    ///   - source: where they came from, kept with rejected ones.
    ///   - stamp: names the sender and its place, when sending again must store nothing.
    public func collect(
        _ body: consuming PaddedBytes, as format: BodyFormat, source: String, stamp: ProducerStamp? = nil,
        completion: @escaping @Sendable (Result<CollectResult, CollectError>) -> Void
    ) {
        let visit = erased?.begin()
        let finish: @Sendable (Result<CollectResult, CollectError>) -> Void = { [erased] outcome in
            if let visit { erased?.end(visit) }
            completion(outcome)
        }
        do throws(CollectError) {
            let (batch, result) = try judge(body, format, source, visit?.guests)
            batch.stamp = stamp
            store(batch, result, finish)
        } catch {
            finish(.failure(error))
        }
    }

    /// Judges the events of one body and returns when they are durable. Throws `CollectError`; then nothing was stored.
    public func collect(
        _ body: consuming PaddedBytes, as format: BodyFormat, source: String, stamp: ProducerStamp? = nil
    ) async throws(CollectError) -> CollectResult {
        let visit = erased?.begin()
        defer { if let visit { erased?.end(visit) } }
        let (batch, result) = try judge(body, format, source, visit?.guests)
        batch.stamp = stamp
        return try await store(batch, result)
    }

    /// Stores what a sender could not turn into events, each with its own reason and source. Throws `CollectError`.
    public func quarantine(
        _ rows: [RejectedBytes], stamp: ProducerStamp? = nil
    ) async throws(CollectError) -> CollectResult {
        let batch = AppendBatch(partitions: log.partitions)
        batch.stamp = stamp
        var result = CollectResult()
        let visit = erased?.begin()
        defer { if let visit { erased?.end(visit) } }
        let guests = visit?.guests
        for row in rows {
            batch.received += 1
            if let guests, row.raw.withUnsafeBytes({ guests.hold(rejected: $0) }) {
                batch.addErased(to: .quarantine, key: KeyHash(""))
                result.erased += 1
                continue
            }
            row.raw.withUnsafeBytes { batch.quarantine($0, reason: row.reason, source: row.source) }
            result.rejectedByReason[row.reason, default: 0] += 1
        }
        result.rejectedCount = rows.count - result.erased
        return try await store(batch, result)
    }

    private func store(_ batch: AppendBatch, _ result: CollectResult) async throws(CollectError) -> CollectResult {
        let outcome: Result<CollectResult, CollectError> = await withCheckedContinuation { continuation in
            store(batch, result) { continuation.resume(returning: $0) }
        }
        return try outcome.get()
    }

    private func store(
        _ batch: AppendBatch, _ result: CollectResult,
        _ completion: @escaping @Sendable (Result<CollectResult, CollectError>) -> Void
    ) {
        log.append(batch) { [self] outcome in
            switch outcome {
            case .success(let receipt):
                var stored = result
                stored.commit = receipt.commit
                stored.isRepeat = receipt.isRepeat
                if !stored.isRepeat { count(stored) }
                completion(.success(stored))
            case .failure(let error):
                completion(.failure(.log(error)))
            }
        }
    }

    /// Counts what was stored: not what was refused or had been stored before.
    private func count(_ result: CollectResult) {
        for (counter, amount) in zip(acceptedByType, result.acceptedByType) where amount > 0 { counter.add(amount) }
        if result.mismatches > 0 { mismatches.add(result.mismatches) }
        if result.erased > 0 { erasedEvents.add(Int64(result.erased)) }
        for (reason, amount) in result.rejectedByReason {
            metrics.counter(
                "cartograph_events_rejected_total", help: "Events sent to the quarantine.", ["reason": reason]
            ).add(amount)
        }
    }

    /// Decides over each event of a body without storing anything, for a process in which nobody is erased meanwhile.
    public func judge(
        _ body: consuming PaddedBytes, _ format: BodyFormat, _ source: String
    ) throws(CollectError) -> (AppendBatch, CollectResult) {
        try judge(body, format, source, erased?.guests)
    }

    private func judge(
        _ body: consuming PaddedBytes, _ format: BodyFormat, _ source: String, _ guests: ErasedPeople.Guests?
    ) throws(CollectError) -> (AppendBatch, CollectResult) {
        let bench = benches.withLock { $0.popLast() } ?? Bench()
        defer { benches.withLock { $0.append(bench) } }
        bench.clear()
        let decoder = EventDecoder(now: clock())
        // A typical event has a few hundred bytes.
        let expected = min(body.count / 200 + 1, Collector.requestEvents)
        let batch = AppendBatch(partitions: log.partitions, body: body, capacity: expected)
        var result = CollectResult()
        var count = 0
        try batch.withBody { body throws(CollectError) in
            try EventBody(body, format).forEach { raw throws(CollectError) in
                guard count < Collector.requestEvents else {
                    throw CollectError.tooManyEvents(limit: Collector.requestEvents)
                }
                bench.row.removeAll()
                if let reason = decoder.decode(raw, into: bench.row) {
                    if let guests, guests.hold(rejected: raw) {
                        batch.addErased(to: .quarantine, key: KeyHash(""))
                        result.erased += 1
                    } else {
                        batch.quarantine(raw, reason: reason.description, source: source)
                        result.reject(count, reason)
                    }
                } else if let guests,
                    guests.hold(
                        accepted: raw, user: bench.row.string(.userID, 0), at: bench.row.columns.timestamps[0])
                {
                    batch.addErased(to: bench.row.type(0).topic, key: KeyHash(""))
                    result.erased += 1
                } else {
                    accept(raw, bench, into: batch)
                }
                count &+= 1
            }
        }
        batch.received = Int64(count)
        result.accepted = count - result.rejectedCount - result.erased
        result.mismatches = bench.counts[EventType.allCases.count]
        for type in EventType.allCases { result.acceptedByType[Int(type.rawValue)] = bench.counts[Int(type.rawValue)] }
        return (batch, result)
    }

    @inline(__always)
    private func accept(_ raw: UnsafeRawBufferPointer, _ bench: Bench, into batch: AppendBatch) {
        let row = bench.row
        let type = row.type(0)
        bench.counts[Int(type.rawValue)] &+= 1
        if row.totalMismatch(0) { bench.counts[EventType.allCases.count] &+= 1 }
        // Stock moves have no user: they are kept in order by product.
        let key = row.string(.userID, 0) ?? row.string(.productID, 0)
        let hash = key.map { KeyHash($0.start, count: $0.count) } ?? KeyHash("")
        batch.add(raw, to: type.topic, key: hash)
    }
}
