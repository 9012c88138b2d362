import CBench
import Collector
import EventLog
import Events
import Foundation
import Telemetry

/// Heap allocations on the hot path, counted in malloc and its relatives themselves.
extension InProcess {
    /// Throws unless the counter counts: an allocation that is made is seen.
    private func checkCounter() throws {
        let before = cbench_thread_allocations()
        let block = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 64)
        let made = cbench_thread_allocations() - before
        block.deallocate()
        guard made == 1 else { throw BenchError("the count of allocations missed one: it saw \(made)") }
    }

    /// Decoding every event into a batch that is used again.
    func allocationsOfDecoding() throws -> Measure {
        try checkCounter()
        let batch = EventBatch(capacity: 4_096)
        let decoder = EventDecoder()
        var rejected = 0
        var first: UInt64 = 0
        // The first pass grows what is used again.
        for pass in 0..<2 {
            if pass == 1 { first = cbench_thread_allocations() }
            for index in 0..<events.count {
                if batch.isFull { batch.removeAll() }
                if decoder.decode(events.event(index), into: batch) != nil { rejected += 1 }
            }
        }
        let made = cbench_thread_allocations() - first
        guard rejected == 0 else { throw BenchError("\(rejected) simulated events were rejected") }
        guard made == 0 else {
            throw BenchError("decoding \(events.count) events made \(made) allocations: none is due")
        }
        return Measure(
            bench: "decode", measure: "allocations", value: Double(made) / Double(events.count), unit: "per event")
    }

    /// Judging and appending batches of 1,000, one after another: of all threads, the log's writer included.
    func allocationsOfCollecting() throws -> [Measure] {
        try checkCounter()
        return try withFolder { folder in
            let log = try EmbeddedLog(folder: folder, partitions: InProcess.partitions)
            defer { log.close() }
            let collector = Collector(log: log, metrics: Metrics())
            let durable = DispatchSemaphore(value: 0)
            let bodies = bodies(of: 1_000)
            // The first tenth grows what is used again.
            let warm = bodies.count / 10
            var first: UInt64 = 0
            for (index, body) in bodies.enumerated() {
                if index == warm { first = cbench_allocations() }
                collector.collect(body.take(), as: .ndjson, source: "http") { _ in durable.signal() }
                durable.wait()
            }
            let made = Double(cbench_allocations() - first)
            try check(log, events.count)
            let batches = Double(bodies.count - warm)
            let counted = Double(events.count - warm * 1_000)
            return [
                Measure(bench: "collect", measure: "allocations", value: made / counted, unit: "per event"),
                Measure(bench: "collect", measure: "allocations", value: made / batches, unit: "per batch of 1,000"),
            ]
        }
    }
}
