import EventLog
import Events
import Foundation
import Simulator
import Streaming
import Testing

/// A log in a temporary folder with simulated events in it.
final class StreamFixture {
    let folder: String
    let log: EmbeddedLog
    let totals: SimulationTotals

    /// Appends `events` of a simulated shop in batches of 500.
    init(events: Int, seed: UInt64 = 1, duplicates: Double = 0) throws {
        folder = FileManager.default.temporaryDirectory.path + "/streaming-\(UUID().uuidString)"
        log = try EmbeddedLog(folder: folder + "/log", partitions: 2)
        var settings = SimulationSettings(seed: seed, rate: 500, start: EmbeddedLog.wallClock() - 3_600_000_000)
        settings.duplicateRate = duplicates
        var simulator = try ShopSimulator(settings)
        var buffer = LineBuffer(lines: 500)
        for _ in stride(from: 0, to: events, by: 500) {
            buffer.removeAll()
            simulator.generate(500, into: &buffer)
            try StreamFixture.append(buffer, to: log)
        }
        totals = simulator.totals
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func append(_ buffer: LineBuffer, to log: EmbeddedLog) throws {
        let decoder = EventDecoder()
        let row = EventBatch(capacity: 1)
        let batch = AppendBatch(partitions: log.partitions)
        for line in 0..<buffer.lineCount {
            try buffer.withBytes(ofLines: line..<(line + 1)) { bytes in
                let padded = PaddedBytes(copying: bytes.dropLast())
                try padded.withBytes { raw in
                    row.removeAll()
                    #expect(decoder.decode(raw, into: row) == nil)
                    let key = try #require(row.string(.userID, 0) ?? row.string(.productID, 0))
                    batch.received += 1
                    batch.add(raw, to: row.type(0).topic, key: KeyHash(key.start, count: key.count))
                }
            }
        }
        _ = try log.appendAndWait(batch)
    }

    func stream(idGeneration: Int = ShopStream.idGeneration) throws -> ShopStream {
        ShopStream(
            calendar: try #require(BusinessCalendar(zoneNamed: "UTC")),
            reportingCurrency: try #require(CurrencyCode("USD")), clock: { EmbeddedLog.wallClock() },
            idGeneration: idGeneration)
    }

    /// The state after the whole log.
    func applied() throws -> ShopStream {
        let stream = try stream()
        let reader = try StreamReader(log, from: LogOffsets(partitions: 2), commit: 0)
        while try reader.read(before: log.cut(), atLeast: 10_000, { stream.apply($0, topic: $1) }) {}
        return stream
    }

    private static let dollars: CurrencyCode = {
        guard let code = CurrencyCode("USD") else { preconditionFailure("USD is a code") }
        return code
    }()

    var settings: StreamRunner.Settings {
        StreamRunner.Settings(
            checkpointPath: folder + "/stream/checkpoint", timeZone: .gmt,
            currency: StreamFixture.dollars)
    }
}

/// What two states must agree on.
struct StreamDigest: Equatable {
    let counters: ShopStream.Counters
    let funnel: [Int32: FunnelTotals]
    let cells: [String]

    init(_ stream: ShopStream) {
        counters = stream.counters
        funnel = stream.dailyFunnel()
        cells = stream.dailyTotals().map { "\($0.day) \($0.channel.name) \($0.currency.name) \($0.totals)" }
    }
}
