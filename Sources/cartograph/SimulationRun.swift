import EventLog
import Events
import Foundation
import NIOCore
import Simulator
import Telemetry

/// Batches of simulated events at a pace, handed to whoever sends next.
actor SimulationFeed {
    struct Batch: Sendable {
        let bytes: ByteBuffer
        let lines: Int
    }

    /// The most events in one batch.
    static let batchEvents = 1_000
    /// The time between two batches at a given rate, in nanoseconds: half of what fills a batch, within bounds.
    private let tick: Int64

    private var simulator: ShopSimulator
    private var buffer = LineBuffer(lines: SimulationFeed.batchEvents)
    private var labels: LabelFile?
    private let rate: Int?
    private var left: Int?
    private let deadline: ContinuousClock.Instant?
    private var slot: ContinuousClock.Instant

    /// - Parameters:
    ///   - rate: events per second; nil for as fast as they are taken.
    ///   - events: how many in all; nil for no end.
    ///   - seconds: for how long; nil for no end.
    ///   - labels: a file for the truth about each purchase; nil for none.
    init(
        _ settings: SimulationSettings, rate: Int?, events: Int?, seconds: Double?, labels: String? = nil
    ) throws {
        simulator = try ShopSimulator(settings)
        self.labels = try labels.map { try LabelFile($0) }
        self.rate = rate
        tick = min(
            max(Int64(SimulationFeed.batchEvents) * 500_000_000 / Int64(max(1, rate ?? 1)), 5_000_000), 100_000_000)
        left = events
        slot = ContinuousClock.now
        deadline = seconds.map { ContinuousClock.now + .nanoseconds(Int64($0 * 1e9)) }
    }

    /// What was generated so far.
    var totals: SimulationTotals { simulator.totals }

    /// The next batch; nil at the end. Waits until one is due.
    func next() async throws -> Batch? {
        while true {
            if let left, left <= 0 { return nil }
            if let deadline, ContinuousClock.now >= deadline { return nil }
            buffer.removeAll()
            let limit = min(SimulationFeed.batchEvents, left ?? .max)
            if rate == nil {
                simulator.generate(limit, endingAt: EmbeddedLog.wallClock(), into: &buffer)
            } else {
                // Each caller waits for a slot of its own, so that several senders share one pace.
                let mine = slot
                slot = max(slot, ContinuousClock.now - .seconds(1)) + .nanoseconds(tick)
                try await Task.sleep(until: mine)
                buffer.removeAll()
                _ = simulator.generate(until: EmbeddedLog.wallClock(), limit: limit, into: &buffer)
            }
            guard buffer.lineCount > 0 else { continue }
            try labels?.take(from: &simulator)
            left = left.map { $0 - buffer.lineCount }
            return buffer.withBytes { Batch(bytes: ByteBuffer(bytes: $0), lines: buffer.lineCount) }
        }
    }
}

/// What came of sending simulated events.
struct SimulationReport: Sendable, Encodable {
    var events = 0
    var accepted = 0
    var rejected = 0
    var requests = 0
    var retries = 0
    var serverErrors = 0
    var seconds = 0.0
    var acknowledgementP50MS = 0.0
    var acknowledgementP99MS = 0.0

    enum CodingKeys: String, CodingKey {
        case events, accepted, rejected, requests, retries, seconds
        case serverErrors = "server_errors"
        case acknowledgementP50MS = "acknowledgement_p50_ms"
        case acknowledgementP99MS = "acknowledgement_p99_ms"
    }
}

/// Sends simulated events to a collector over several connections.
struct SimulationSender: Sendable {
    /// Connections at once: more than one, so that the next batch travels while the last is being synced.
    static let connections = 4
    /// How often one batch is sent again before the sender gives up.
    static let attempts = 30

    let address: CollectorAddress
    let feed: SimulationFeed

    func run(progress: @escaping @Sendable (SimulationReport) -> Void = { _ in }) async throws -> SimulationReport {
        let tally = Tally()
        let began = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<SimulationSender.connections {
                group.addTask { try await send(tally, progress) }
            }
            try await group.waitForAll()
        }
        return await tally.report(since: began)
    }

    private func send(_ tally: Tally, _ progress: @Sendable (SimulationReport) -> Void) async throws {
        var pending: SimulationFeed.Batch?
        var failures = 0
        while true {
            do {
                try await CollectorConnection.open(address) { connection in
                    while true {
                        if pending == nil { pending = try await feed.next() }
                        guard let batch = pending else { return }
                        let began = ContinuousClock.now
                        let answer = try await connection.post("/v1/events", batch.bytes)
                        switch answer.status {
                        case 202:
                            try await tally.acknowledge(answer, batch.lines, ContinuousClock.now - began)
                            pending = nil
                            failures = 0
                            progress(await tally.current)
                        case 429, 503:
                            await tally.retry(answer.status)
                            failures += 1
                            guard failures < SimulationSender.attempts else { throw give(answer) }
                            try await Task.sleep(for: .seconds(answer.retryAfter ?? 1))
                        default:
                            throw give(answer)
                        }
                    }
                }
                return
            } catch let error as CollectorFailure {
                throw CommandError(error.description)
            } catch is CancellationError {
                return
            } catch {
                // The connection broke: the batch was perhaps stored, and is sent again with the same ids.
                failures += 1
                await tally.retry(0)
                guard failures < SimulationSender.attempts else { throw error }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private func give(_ answer: CollectorAnswer) -> CollectorFailure {
        CollectorFailure(
            description:
                "the collector answered \(answer.status): \(String(decoding: answer.body.prefix(300), as: UTF8.self))")
    }
}

/// An answer that sending again would not change.
struct CollectorFailure: Error, CustomStringConvertible {
    let description: String
}

private actor Tally {
    private var report = SimulationReport()
    private var latencies: [Double] = []
    /// The most latencies kept; further ones are not counted into the percentiles.
    private static let latencyCount = 1_000_000

    var current: SimulationReport { report }

    private struct Answer: Decodable {
        let accepted: Int
        let rejectedCount: Int
        enum CodingKeys: String, CodingKey {
            case accepted
            case rejectedCount = "rejected_count"
        }
    }

    func acknowledge(_ answer: CollectorAnswer, _ lines: Int, _ took: Duration) throws {
        let parsed = try JSONDecoder().decode(Answer.self, from: Data(answer.body))
        report.requests += 1
        report.events += lines
        report.accepted += parsed.accepted
        report.rejected += parsed.rejectedCount
        if latencies.count < Tally.latencyCount {
            latencies.append(took.inSeconds * 1_000)
        }
    }

    func retry(_ status: Int) {
        report.retries += 1
        if status >= 500 { report.serverErrors += 1 }
    }

    func report(since began: ContinuousClock.Instant) -> SimulationReport {
        let took = ContinuousClock.now - began
        report.seconds = took.inSeconds
        let sorted = latencies.sorted()
        if !sorted.isEmpty {
            report.acknowledgementP50MS = sorted[sorted.count / 2]
            report.acknowledgementP99MS = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        }
        return report
    }
}
