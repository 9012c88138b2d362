import EventLog
import Events
import Foundation
import Simulator
import Streaming

/// How long the stream waits for its checkpoints, while the state grows.
struct CheckpointBench {
    /// Events between two checkpoints: fifteen seconds at 20,000 events a second.
    static let between = 300_000

    let events: Int

    func measures() throws -> [Measure] {
        let folder = try WorkFolder.make()
        defer { WorkFolder.remove(folder) }
        guard let calendar = BusinessCalendar(zoneNamed: "UTC"), let currency = CurrencyCode("USD") else {
            throw BenchError("no UTC")
        }
        let stream = ShopStream(calendar: calendar, reportingCurrency: currency, clock: { EmbeddedLog.wallClock() })
        let writer = try CheckpointWriter(path: folder + "/checkpoint")
        let start = LogOffsets(partitions: 1)
        let position = Checkpoint.Position(commit: 0, offsets: start, filterOffsets: start)
        var simulator = try ShopSimulator(
            SimulationSettings(
                seed: 1, rate: 20_000, start: EmbeddedLog.wallClock() - Int64(events / 20_000) * Timestamp.second))
        let lines = StreamLines()
        var buffer = LineBuffer(lines: 1_000)
        var pauses: [Double] = []
        var largest = 0
        var done = 0
        while done < events {
            for _ in 0..<(CheckpointBench.between / 1_000) {
                buffer.removeAll()
                simulator.generate(1_000, into: &buffer)
                try lines.apply(buffer, stream)
            }
            done += CheckpointBench.between
            // A slow disk is not waited for in a server: the next checkpoint comes later.
            try writer.finish()
            let began = Clocks.now()
            writer.begin([stream], position)
            pauses.append(Double(Clocks.now() - began) / 1e6)
            try writer.finish()
            let newest = try CheckpointStore(path: folder + "/checkpoint").sequences().first ?? 0
            let path = CheckpointStore(path: folder + "/checkpoint").path(newest)
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            largest = max(largest, size)
        }
        let sorted = pauses.sorted()
        let keys = stream.stateUsage.reduce(0) { $0 + $1.entries }
        func measure(_ name: String, _ value: Double, _ unit: String) -> Measure {
            Measure(bench: "checkpoints", measure: name, value: value, unit: unit)
        }
        return [
            measure("pause, p99", sorted[min(sorted.count - 1, sorted.count * 99 / 100)], "ms"),
            measure("pause, median", sorted[sorted.count / 2], "ms"),
            measure("checkpoints", Double(pauses.count), "files"),
            measure("largest file", Double(largest) / 1e6, "MB"),
            measure("keys", Double(keys), "keys"),
            measure("state", Double(stream.byteCount) / 1e6, "MB"),
        ]
    }
}
