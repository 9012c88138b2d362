import Events
import Foundation
import Simulator

/// Simulated events that measures run over: the simulator's mix of types, one after another in memory.
final class SimulatedEvents {
    /// Events in a second of the shop's time, where nothing else is said.
    static let rate = 10_000

    private let lines: PaddedBytes
    private let starts: [Int]

    /// Events until there are that many, or that many bytes.
    ///
    /// - Parameters:
    ///   - rate: events in a second of the shop's time.
    ///   - start: the time of the first, microseconds since 1970 UTC; nil for a fixed day.
    init(events: Int = .max, bytes: Int = .max, rate: Int = SimulatedEvents.rate, start: Int64? = nil) throws {
        precondition(events < .max || bytes < .max)
        var simulator = try ShopSimulator(SimulationSettings(seed: 1, rate: rate, start: start))
        var buffer = LineBuffer(lines: 1_000)
        // An event has a little under 300 bytes on average; the block grows where they have more.
        var lines = PaddedBytes(capacity: (bytes < .max ? bytes : events * 300) + (1 << 20))
        var starts: [Int] = []
        while lines.count < bytes, starts.count < events {
            buffer.removeAll()
            simulator.generate(min(1_000, events - starts.count), into: &buffer)
            for line in 0..<buffer.lineCount { starts.append(lines.count + buffer.range(ofLine: line).lowerBound) }
            buffer.withBytes { lines.append($0) }
        }
        starts.append(lines.count)
        self.lines = lines
        self.starts = starts
    }

    /// How many there are.
    var count: Int { starts.count - 1 }

    /// An event's bytes, without the newline after it; they stay where they are.
    func event(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: lines.start + starts[index], count: starts[index + 1] - starts[index] - 1)
    }

    /// Some events' bytes as NDJSON, the last newline included.
    func lines(_ events: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: lines.start + starts[events.lowerBound], count: starts[events.upperBound] - starts[events.lowerBound]
        )
    }

    /// The events in batches of `size`, the last one perhaps smaller.
    func batches(of size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }
}
