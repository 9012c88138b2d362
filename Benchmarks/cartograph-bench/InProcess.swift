import CBytes
import EventLog
import Events
import Foundation
import Streaming

/// Measures of single rooms, in this process.
final class InProcess {
    /// Bytes of simulated events that a measure runs over.
    private static let corpusBytes = 64 << 20
    /// Events of the newest minutes that the stream's measures run over, those that it knows before, and how many come in
    /// a second: so few that its tables lie in the processor's caches; so many that they do not; and so long that as many
    /// sessions end as begin.
    static let liveEvents: [(measured: Int, earlier: Int, rate: Int)] = [
        (100_000, 0, 10_000), (1_000_000, 0, 10_000), (1_000_000, 2_000_000, 500),
    ]
    /// The partitions of a topic.
    static let partitions = 2

    let runs: Int
    let events: SimulatedEvents

    init(runs: Int) throws {
        self.runs = max(1, runs)
        events = try SimulatedEvents(bytes: InProcess.corpusBytes)
    }

    /// Measures over events that happen now.
    ///
    /// - Parameter rate: events a second.
    init(runs: Int, liveEvents count: Int, rate: Int) throws {
        self.runs = max(1, runs)
        events = try SimulatedEvents(
            events: count, rate: rate, start: EmbeddedLog.wallClock() - Int64(count / rate) * Timestamp.second)
    }

    /// Several runs' events a processor second of this process, all its threads together; a first one only warms up.
    ///
    /// - Parameters:
    ///   - count: how many events a run takes; all of them where it is nil.
    ///   - prepare: what each run works on, made before its clock starts.
    func perCPUSecond<Work>(
        of count: Int? = nil, _ prepare: () throws -> Work, _ body: (Work) throws -> Void
    ) rethrows -> (cpu: Spread, wall: Spread) {
        var cpu: [Double] = []
        var wall: [Double] = []
        for run in 0...runs {
            let work = try prepare()
            let (spentBefore, began) = (Clocks.ownCPU(), Clocks.now())
            try body(work)
            let (spent, took) = (Clocks.ownCPU() - spentBefore, Clocks.now() - began)
            guard run > 0 else { continue }
            cpu.append(Double(count ?? events.count) / (Double(spent) / 1e9))
            wall.append(Double(count ?? events.count) / (Double(took) / 1e9))
        }
        return (Spread(cpu), Spread(wall))
    }

    /// Calls `body` with a new folder and removes it afterwards.
    func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = try WorkFolder.make()
        defer { WorkFolder.remove(folder) }
        return try body(folder)
    }

    /// Strict decoding into columns, beside a pass that only sums the same bytes (the memory's share of it).
    func decode() throws -> [Measure] {
        let batch = EventBatch(capacity: 4_096)
        let decoder = EventDecoder()
        var rejected = 0
        let strict = perCPUSecond({}) {
            for index in 0..<events.count {
                if batch.isFull { batch.removeAll() }
                if decoder.decode(events.event(index), into: batch) != nil { rejected += 1 }
            }
        }
        guard rejected == 0 else { throw BenchError("\(rejected) simulated events were rejected") }
        var sum: UInt32 = 0
        let checksum = perCPUSecond({}) {
            for index in 0..<events.count {
                let event = events.event(index)
                sum &+= cbytes_crc32c(0, event.baseAddress, event.count)
            }
        }
        withExtendedLifetime(sum) {}
        return [
            Measure(
                bench: "decode", measure: "strict", strict.cpu, unit: "events/cpu-s",
                versus: ["crc32c of the same bytes": strict.cpu.median / checksum.cpu.median]),
            try allocationsOfDecoding(),
        ]
    }

    /// Reading every topic back from the files with its checksums, and decoding it.
    func replay() throws -> [Measure] {
        try withFolder { folder in
            let log = try filledLog(folder)
            defer { log.close() }
            var read = 0
            let rate = try perCPUSecond({}) {
                let reader = try StreamReader(log, from: LogOffsets(partitions: InProcess.partitions), commit: 0)
                while try reader.read(before: log.cut(), atLeast: 100_000, { batch, _ in read += batch.count }) {}
            }
            guard read == events.count * (runs + 1) else { throw BenchError("\(read) events were read back") }
            return [Measure(bench: "replay", measure: "read, check, decode", rate.cpu, unit: "events/cpu-s")]
        }
    }

    /// The shop's live state over decoded batches, reading and decoding taken off: from nothing on, while its tables grow,
    /// and as it is in a shop that has been open for a while.
    ///
    /// - Parameter earlier: how many of the events the state knows before it is measured.
    func stream(after earlier: Int) throws -> [Measure] {
        try withFolder { folder in
            let log = try filledLog(folder)
            defer { log.close() }
            let measured = events.count - earlier
            func replay(_ apply: @escaping (ShopStream) -> (EventBatch, Topic) -> Void) throws -> Spread {
                try perCPUSecond(of: measured) {
                    guard let calendar = BusinessCalendar(zoneNamed: "UTC"), let currency = CurrencyCode("USD") else {
                        throw BenchError("no UTC")
                    }
                    let stream = ShopStream(
                        calendar: calendar, reportingCurrency: currency, clock: { EmbeddedLog.wallClock() })
                    let reader = try StreamReader(log, from: LogOffsets(partitions: InProcess.partitions), commit: 0)
                    let body = apply(stream)
                    if earlier > 0 { _ = try reader.read(before: log.cut(), atLeast: earlier, body) }
                    return (reader, body)
                } _: { reader, body in
                    while try reader.read(before: log.cut(), atLeast: 100_000, body) {}
                }.cpu
            }
            let reading = try replay { _ in { _, _ in } }
            let whole = try replay { stream in { stream.apply($0, topic: $1) } }
            let jobs = 1 / (1 / whole.median - 1 / reading.median)
            let name = "\(measured) events" + (earlier > 0 ? " after \(earlier)" : "")
            return [
                Measure(
                    bench: "stream", measure: "\(name): read, decode and apply", whole, unit: "events/cpu-s"),
                Measure(
                    bench: "stream", measure: "\(name): apply alone", value: jobs, unit: "events/cpu-s",
                    versus: ["reading and decoding": jobs / reading.median]),
            ]
        }
    }
}
