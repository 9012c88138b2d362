import Collector
import EventLog
import Events
import Foundation
import Synchronization
import Telemetry

/// Measures of the way from bodies of events to a durable log, without a network.
extension InProcess {
    /// Threads that submit at once.
    private static let submitters = 4
    /// Batches that each of them has on their way at most.
    private static let inFlight = 4

    /// Batches as the door makes them: each event in its topic, by its user's hash.
    func batches(of sizes: [Int], _ chosen: [Int]? = nil) throws -> [AppendBatch] {
        let chosen = chosen ?? Array(0..<events.count)
        let decoder = EventDecoder()
        let row = EventBatch(capacity: 1)
        var made: [AppendBatch] = []
        var first = 0
        while first < chosen.count {
            let batch = AppendBatch(partitions: InProcess.partitions)
            let end = min(first + sizes[made.count % sizes.count], chosen.count)
            for index in chosen[first..<end] {
                row.removeAll()
                guard decoder.decode(events.event(index), into: row) == nil else {
                    throw BenchError("a simulated event was rejected")
                }
                batch.received += 1
                batch.add(events.event(index), to: row.type(0).topic, key: InProcess.key(row))
            }
            made.append(batch)
            first = end
        }
        return made
    }

    private static func key(_ row: EventBatch) -> KeyHash {
        (row.string(.userID, 0) ?? row.string(.productID, 0)).map { KeyHash($0.start, count: $0.count) } ?? KeyHash("")
    }

    /// A log with all events, in batches of 1,000.
    func filledLog(_ folder: String) throws -> EmbeddedLog {
        let log = try EmbeddedLog(folder: folder, partitions: InProcess.partitions)
        for batch in try batches(of: [1_000]) { _ = try log.appendAndWait(batch) }
        return log
    }

    /// Appending durably: by one that waits for each batch, and by several at once, whose batches share commits.
    func append() throws -> [Measure] {
        try withFolder { folder in
            let logs = NewLogs(folder)
            var commits: [Double] = []
            let single = try perCPUSecond {
                (try logs.next(), try batches(of: [1_000]))
            } _: { log, ready in
                for batch in ready { _ = try log.appendAndWait(batch) }
                try check(log, events.count)
                log.close()
            }
            let group = try perCPUSecond {
                (try logs.next(), try batches(of: [1_000, 500]))
            } _: { log, ready in
                try submit(ready.count) { log.append(ready[$0], completion: $1) }
                try check(log, events.count)
                commits.append(Double(ready.count) / Double(log.cut().commit))
                log.close()
            }
            return [
                Measure(bench: "append", measure: "crc and group commit", group.cpu, unit: "events/cpu-s"),
                Measure(bench: "append", measure: "crc and group commit, wall", group.wall, unit: "events/s"),
                Measure(
                    bench: "append", measure: "batches in a commit", value: Spread(commits).median, unit: "batches"),
                Measure(bench: "append", measure: "one batch of 1,000 after another", single.cpu, unit: "events/cpu-s"),
                Measure(bench: "append", measure: "one after another, wall", single.wall, unit: "events/s"),
            ]
        }
    }

    /// The door without a network: bodies of 1,000 events judged and appended, several at once.
    func collect() throws -> [Measure] {
        try withFolder { folder in
            let logs = NewLogs(folder)
            let rate = try perCPUSecond {
                (try logs.next(), bodies(of: 1_000))
            } _: { log, bodies in
                let collector = Collector(log: log, metrics: Metrics())
                try submit(bodies.count) { index, completion in
                    collector.collect(bodies[index].take(), as: .ndjson, source: "http", completion: completion)
                }
                try check(log, events.count)
                log.close()
            }
            return [
                Measure(bench: "collect", measure: "judge and append", rate.cpu, unit: "events/cpu-s"),
                Measure(bench: "collect", measure: "judge and append, wall", rate.wall, unit: "events/s"),
            ] + (try allocationsOfCollecting())
        }
    }

    func bodies(of size: Int) -> [RequestBody] { events.batches(of: size).map { RequestBody(events.lines($0)) } }

    /// Throws unless the log holds that many accepted events, and nothing else.
    func check(_ log: EmbeddedLog, _ expected: Int) throws {
        let totals = log.cut().totals
        guard totals.received == expected, totals.accepted == expected, totals.quarantined == 0 else {
            throw BenchError("of \(expected) events the log holds \(totals.accepted)")
        }
    }

    /// Submits `count` batches from several threads, each with a bounded number on their way, and returns when all are
    /// durable.
    private func submit<Receipt, Failure: Error>(
        _ count: Int, _ send: @escaping (Int, @escaping @Sendable (Result<Receipt, Failure>) -> Void) -> Void
    ) throws {
        let failure = Mutex<(any Error)?>(nil)
        let next = Atomic<Int>(0)
        let all = DispatchGroup()
        withoutActuallyEscaping(send) { send in
            // The threads have ended before this returns.
            nonisolated(unsafe) let send = send
            DispatchQueue.concurrentPerform(iterations: InProcess.submitters) { _ in
                let room = DispatchSemaphore(value: InProcess.inFlight)
                while true {
                    let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard index < count, failure.withLock({ $0 == nil }) else { break }
                    room.wait()
                    all.enter()
                    send(index) { result in
                        if case .failure(let error) = result { failure.withLock { $0 = error } }
                        room.signal()
                        all.leave()
                    }
                }
                for _ in 0..<InProcess.inFlight { room.wait() }
                for _ in 0..<InProcess.inFlight { room.signal() }
            }
            all.wait()
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// Makes an empty log for each run, in a folder of its own.
private final class NewLogs {
    private let folder: String
    private var count = 0

    init(_ folder: String) { self.folder = folder }

    func next() throws -> EmbeddedLog {
        count += 1
        return try EmbeddedLog(folder: "\(folder)/\(count)", partitions: InProcess.partitions)
    }
}

/// A request's body that is handed over once.
final class RequestBody {
    private var bytes: PaddedBytes?

    init(_ body: UnsafeRawBufferPointer) {
        var bytes = PaddedBytes(capacity: body.count)
        bytes.append(body)
        self.bytes = consume bytes
    }

    func take() -> PaddedBytes {
        guard let bytes = bytes.take() else { preconditionFailure("a body is taken once") }
        return bytes
    }
}
