import CBytes
import EventLog
import Events
import Foundation
import Simulator
import Streaming

/// Measures of single rooms, in this process and on one thread.
final class InProcess {
    /// Bytes of simulated events that every measure runs over.
    private static let corpusBytes = 64 << 20

    let runs: Int
    private let lines: PaddedBytes
    private let starts: [Int]

    init(runs: Int) throws {
        self.runs = max(1, runs)
        var simulator = try ShopSimulator(SimulationSettings(seed: 1, rate: 10_000))
        var buffer = LineBuffer(lines: 1_000)
        var bytes = PaddedBytes(capacity: InProcess.corpusBytes + (1 << 20))
        var starts: [Int] = []
        while bytes.count < InProcess.corpusBytes {
            buffer.removeAll()
            simulator.generate(1_000, into: &buffer)
            for line in 0..<buffer.lineCount { starts.append(bytes.count + buffer.range(ofLine: line).lowerBound) }
            buffer.withBytes { bytes.append($0) }
        }
        starts.append(bytes.count)
        lines = bytes
        self.starts = starts
    }

    private var events: Int { starts.count - 1 }

    private func line(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: lines.start + starts[index], count: starts[index + 1] - starts[index] - 1)
    }

    /// Processor seconds of this process.
    private func cpu() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let user = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        return user + Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
    }

    /// The median of several runs in events a processor second; the first run only warms up.
    private func perCPUSecond(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
        var rates: [Double] = []
        for run in 0...runs {
            let began = cpu()
            try body()
            if run > 0 { rates.append(Double(count) / (cpu() - began)) }
        }
        return rates.sorted()[rates.count / 2]
    }

    private func temporary() throws -> String {
        let folder = FileManager.default.temporaryDirectory.path + "/cartograph-bench-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Strict decoding into columns, beside a pass that only sums the same bytes (the memory's share of it).
    func decode() throws -> [Measure] {
        let batch = EventBatch(capacity: 4_096)
        let decoder = EventDecoder()
        var rejected = 0
        let strict = perCPUSecond(events) {
            for index in 0..<events {
                if batch.isFull { batch.removeAll() }
                if decoder.decode(line(index), into: batch) != nil { rejected += 1 }
            }
        }
        guard rejected == 0 else { throw BenchError("\(rejected) simulated events were rejected") }
        var sum: UInt32 = 0
        let checksum = perCPUSecond(events) {
            for index in 0..<events { sum &+= cbytes_crc32c(0, line(index).baseAddress, line(index).count) }
        }
        withExtendedLifetime(sum) {}
        return [
            Measure(
                bench: "decode", measure: "strict", value: strict, unit: "events/cpu-s",
                versus: ["crc32c of the same bytes": strict / checksum])
        ]
    }

    private func batches(partitions: Int) -> [AppendBatch] {
        stride(from: 0, to: events, by: 1_000).map { first in
            var batch = AppendBatch(partitions: partitions)
            for index in first..<min(first + 1_000, events) {
                let raw = line(index)
                batch.received += 1
                batch.add(raw, to: .clicks, key: KeyHash(lines.start + starts[index] + 40, count: 16))
            }
            return batch
        }
    }

    /// Appending batches of 1,000 events durably, one after another.
    func append() throws -> [Measure] {
        let folder = try temporary()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ready = batches(partitions: 2)
        var run = 0
        let began = ContinuousClock.now
        var appended = 0
        let rate = try perCPUSecond(events) {
            run += 1
            let log = try EmbeddedLog(folder: folder + "/\(run)", partitions: 2)
            for batch in ready { _ = try log.appendAndWait(batch) }
            appended += events
            log.close()
        }
        let wall = ContinuousClock.now - began
        return [
            Measure(bench: "append", measure: "crc and group commit", value: rate, unit: "events/cpu-s"),
            Measure(
                bench: "append", measure: "one batch of 1,000 after another",
                value: Double(appended)
                    / (Double(wall.components.seconds) + Double(wall.components.attoseconds) / 1e18),
                unit: "events/s wall"),
        ]
    }

    private func filledLog(_ folder: String) throws -> EmbeddedLog {
        let log = try EmbeddedLog(folder: folder, partitions: 2)
        let decoder = EventDecoder()
        let row = EventBatch(capacity: 1)
        for first in stride(from: 0, to: events, by: 1_000) {
            var batch = AppendBatch(partitions: 2)
            for index in first..<min(first + 1_000, events) {
                row.removeAll()
                guard decoder.decode(line(index), into: row) == nil else { continue }
                let key = row.string(.userID, 0) ?? row.string(.productID, 0) ?? StringRef(lines.start, 0)
                batch.received += 1
                batch.add(line(index), to: row.type(0).topic, key: KeyHash(key.start, count: key.count))
            }
            _ = try log.appendAndWait(batch)
        }
        return log
    }

    /// Reading every topic back from the files with its checksums, and decoding it.
    func replay() throws -> [Measure] {
        let folder = try temporary()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let log = try filledLog(folder)
        defer { log.close() }
        var read = 0
        let rate = try perCPUSecond(events) {
            let reader = try StreamReader(log, from: LogOffsets(partitions: 2), commit: 0)
            while try reader.read(before: log.cut(), atLeast: 100_000, { batch, _ in read += batch.count }) {}
        }
        guard read == events * (runs + 1) else { throw BenchError("\(read) events were read back") }
        return [Measure(bench: "replay", measure: "read, check, decode", value: rate, unit: "events/cpu-s")]
    }

    /// The shop's live state over decoded batches, reading and decoding taken off.
    func stream() throws -> [Measure] {
        let folder = try temporary()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let log = try filledLog(folder)
        defer { log.close() }
        func replay(_ apply: (ShopStream) -> (EventBatch, Topic) -> Void) throws -> Double {
            try perCPUSecond(events) {
                guard let calendar = BusinessCalendar(zoneNamed: "UTC"), let currency = CurrencyCode("USD") else {
                    throw BenchError("no UTC")
                }
                let stream = ShopStream(
                    calendar: calendar, reportingCurrency: currency, clock: { EmbeddedLog.wallClock() })
                let reader = try StreamReader(log, from: LogOffsets(partitions: 2), commit: 0)
                let body = apply(stream)
                while try reader.read(before: log.cut(), atLeast: 100_000, body) {}
            }
        }
        let reading = try replay { _ in { _, _ in } }
        let whole = try replay { stream in { stream.apply($0, topic: $1) } }
        let jobs = 1 / (1 / whole - 1 / reading)
        return [
            Measure(bench: "stream", measure: "read, decode and apply", value: whole, unit: "events/cpu-s"),
            Measure(
                bench: "stream", measure: "apply alone", value: jobs, unit: "events/cpu-s",
                versus: ["reading and decoding": jobs / reading]),
        ]
    }
}

/// Why a benchmark means nothing.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
