import Foundation
import Simulator
import Testing

@Suite("Event time is the caller's")
struct ClockTests {
    /// The event times of a buffer, in microseconds since 1970 UTC, read by Foundation.
    private func times(_ buffer: LineBuffer) throws -> [Int64] {
        let formatter = ISO8601DateFormatter()
        return try EmittedLines(buffer).objects.map { object in
            let text = try #require(object["ts"] as? String)
            let second = try #require(formatter.date(from: text.prefix(19) + "Z"))
            return try Int64(second.timeIntervalSince1970) * 1_000_000 + #require(Int64(text.dropFirst(20).prefix(6)))
        }
    }

    @Test("events are exactly one part of the rate apart, from the start on")
    func rate() throws {
        // The last second of a leap day.
        let start: Int64 = 1_709_251_199_000_000
        let buffer = try LineBuffer.of(SimulationSettings(seed: 1, rate: 300, start: start), count: 1_000)
        #expect(try times(buffer) == (0..<1_000).map { start + Int64($0) * 1_000_000 / 300 })
        let text = String(decoding: buffer.bytes, as: UTF8.self)
        #expect(text.contains("2024-02-29T23:59:59.996666Z") && text.contains("2024-03-01T00:00:00.000000Z"))
    }

    @Test(
        "every date is written as Foundation reads it",
        arguments: [
            0, 951_782_400, 1_078_012_800, 4_107_542_399, 4_107_542_400, 253_402_300_798,
        ])
    func dates(second: Int64) throws {
        let buffer = try LineBuffer.of(
            SimulationSettings(seed: 1, rate: 10, start: second * 1_000_000), count: 1)
        #expect(try times(buffer) == [second * 1_000_000])
    }

    @Test("generating until an instant gives what is due, once, and keeps the rate")
    func until() throws {
        let start: Int64 = 1_767_225_600_000_000
        var shop = try ShopSimulator(SimulationSettings(seed: 1, rate: 1_000, start: start))
        var buffer = LineBuffer()
        #expect(shop.generate(until: start - 1, limit: 100, into: &buffer) == 0)
        #expect(shop.generate(until: start + 9_500, limit: 100, into: &buffer) == 10)
        #expect(shop.generate(until: start + 9_500, limit: 100, into: &buffer) == 0)
        #expect(shop.generate(until: start + 1_000_000, limit: 100, into: &buffer) == 100)
        #expect(shop.now == start + 110_000)
        shop.moveClock(to: start + 900_000)
        shop.moveClock(to: start)
        #expect(shop.now == start + 900_000)
        #expect(shop.generate(until: start + 999_000, limit: 1_000, into: &buffer) == 100)
        let whole = try LineBuffer.of(SimulationSettings(seed: 1, rate: 1_000, start: start), count: 210)
        func ids(_ buffer: LineBuffer) throws -> [String] {
            try EmittedLines(buffer).objects.compactMap { $0["event_id"] as? String }
        }
        #expect(try ids(buffer) == ids(whole))
    }

    @Test("generating up to the wall clock spreads the times and keeps the sequence")
    func endingAt() throws {
        let start: Int64 = 1_767_225_600_000_000
        var shop = try ShopSimulator(SimulationSettings(seed: 1, start: start))
        var buffer = LineBuffer()
        shop.generate(1_000, endingAt: start + 500, into: &buffer)
        shop.generate(1_000, endingAt: start + 2_000_000, into: &buffer)
        // A clock that was set back: time stands still.
        shop.generate(10, endingAt: start, into: &buffer)
        let times = try times(buffer)
        #expect(times == times.sorted())
        #expect(times[999] <= start + 500 && times[1_999] <= start + 2_000_000 && times[1_999] > start + 1_990_000)
        #expect(shop.now == start + 2_000_000)

        let atRate = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 1, start: start), count: 2_010))
        let live = try EmittedLines(buffer)
        let time = #/"ts":"[^"]*"/#
        #expect(live.texts.map { $0.replacing(time, with: "") } == atRate.texts.map { $0.replacing(time, with: "") })
    }
}
