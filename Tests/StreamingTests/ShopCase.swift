import Engine
import EventLog
import Events
import Foundation
import Streaming
import Testing

/// Events of a made-up shop in a log and in a file of lines, so that the jobs and DuckDB see the same.
///
/// They have what real ones have seldom: several currencies, repeats of ids with the same and with other content, orders
/// that come twice, lines that repeat a product, fields that are absent, events that come hours or days late.
final class ShopCase {
    /// How the events come.
    struct Shape {
        var events = 12_000
        var users = 400
        /// How long the shop goes on before now.
        var minutes = 95
        /// One user has nine tenths of all events.
        var isHot = false
        /// How far back an event may come after later ones, in places.
        var disorder = 0
        var repeats = 0.0
        var late = 0.0
    }

    let folder: String
    let log: EmbeddedLog
    let started: Int64
    static let partitions = 2

    init(seed: UInt64, _ shape: Shape) throws {
        folder = FileManager.default.temporaryDirectory.path + "/shop-\(UUID().uuidString)"
        log = try EmbeddedLog(folder: folder + "/log", partitions: ShopCase.partitions)
        started = EmbeddedLog.wallClock()
        var random = SplitMix(seed: seed)
        var lines: [String] = []
        for number in 0..<shape.events {
            if Double(random.below(1_000)) < shape.repeats * 1_000, let earlier = lines.last {
                // Now and then with other content.
                lines.append(
                    random.below(4) == 0
                        ? earlier.replacingOccurrences(of: "\"quantity\":1,", with: "\"quantity\":9,") : earlier)
                continue
            }
            let minutesAgo =
                Double(random.below(1_000)) < shape.late * 1_000
                ? (random.below(2) == 0 ? 300 + random.below(600) : 60 * 24 * (2 + random.below(60)) + 720)
                : shape.minutes + 5 - number * shape.minutes / shape.events
            let at = started - Int64(minutesAgo) * Timestamp.minute + Int64(random.below(30_000_000))
            lines.append(ShopCase.line(number, at, shape, &random))
        }
        if shape.disorder > 0 {
            for at in stride(from: 0, to: lines.count, by: shape.disorder) {
                let part = at..<min(at + shape.disorder, lines.count)
                lines.replaceSubrange(part, with: random.shuffled(Array(lines[part])))
            }
        }
        try lines.joined(separator: "\n").write(toFile: folder + "/events.json", atomically: true, encoding: .utf8)
        try append(lines)
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func line(_ number: Int, _ at: Int64, _ shape: Shape, _ random: inout SplitMix) -> String {
        func one(_ words: [String], _ random: inout SplitMix) -> String { words[random.below(words.count)] }
        let user = shape.isHot && random.below(10) < 9 ? 0 : random.below(shape.users)
        var fields = [
            "\"event_id\":\"e\(number)\"", "\"user_id\":\"u\(user)\"",
            "\"session_id\":\"s\(user)-\(number * 7 / shape.events)\"", "\"ts\":\"\(Timestamp.text(at))\"",
        ]
        func optional(_ name: String, _ words: [String], _ random: inout SplitMix) {
            if random.below(5) > 0 { fields.append("\"\(name)\":\"\(one(words, &random))\"") }
        }
        optional("channel", ["shopee", "lazada", "tiki", "website", "store"], &random)
        let products = (0..<30).map { "p\($0)" }
        let kind = random.below(20)
        if kind == 19 {
            let change = random.below(8) == 0 ? random.below(60) : -random.below(6)
            return "{\"type\":\"stock\",\(fields[0]),\(fields[3]),\"product_id\":\"\(one(products, &random))\","
                + "\"warehouse_id\":\"w\(random.below(4))\",\"change\":\(change),\"reason\":\"sale\"}"
        } else if kind == 18 {
            fields += ["\"type\":\"search\"", "\"query\":\"shoes\""]
        } else if kind < 11 {
            optional("country", ["VN", "TH", "SG"], &random)
            fields += [
                "\"type\":\"click\"", "\"product_id\":\"\(one(products, &random))\"",
                "\"page\":\"/\(random.below(5))\"", "\"referrer\":\"\"",
            ]
        } else if kind < 15 {
            fields += [
                "\"type\":\"cart\"", "\"product_id\":\"\(one(products, &random))\"",
                "\"quantity\":\(1 + random.below(3))",
            ]
        } else {
            optional("country", ["VN", "TH", "SG"], &random)
            optional("store_id", ["store 1", "store 2", "Ünïcode \\\"3\\\""], &random)
            // One in five orders comes twice as other purchases.
            if random.below(4) > 0 { fields.append("\"order_id\":\"u\(user)-o\(number / 5)\"") }
            let items = (0...random.below(3)).map { _ in
                "{\"product_id\":\"\(one(products, &random))\",\"quantity\":1,\"unit_price\":\"\(random.below(90)).\(10 + random.below(90))\"}"
            }
            fields += [
                "\"type\":\"purchase\"", "\"currency\":\"\(one(["USD", "USD", "VND", "EUR"], &random))\"",
                "\"total_amount\":\"\(random.below(9_000)).\(1_000 + random.below(9_000))\"",
                "\"items\":[\(items.joined(separator: ","))]",
            ]
        }
        return "{\(fields.joined(separator: ","))}"
    }

    private func append(_ lines: [String]) throws {
        let decoder = EventDecoder()
        let row = EventBatch(capacity: 1)
        for first in stride(from: 0, to: lines.count, by: 700) {
            let batch = AppendBatch(partitions: log.partitions)
            for line in lines[first..<min(first + 700, lines.count)] {
                try PaddedBytes(copying: Array(line.utf8)).withBytes { raw in
                    row.removeAll()
                    #expect(decoder.decode(raw, into: row) == nil, "\(line)")
                    let key = try #require(row.string(.userID, 0) ?? row.string(.productID, 0))
                    batch.received += 1
                    batch.add(raw, to: row.type(0).topic, key: KeyHash(key.start, count: key.count))
                }
            }
            _ = try log.appendAndWait(batch)
        }
    }

    /// An empty shard.
    func stream(_ shard: Int = 0, of shards: Int = 1) throws -> ShopStream {
        ShopStream(
            calendar: try #require(BusinessCalendar(zoneNamed: "Asia/Kolkata")),
            reportingCurrency: try #require(CurrencyCode("USD")), clock: { EmbeddedLog.wallClock() },
            owned: KeyGroup.range(of: shard, shards: shards))
    }

    /// All shards after the whole log.
    func applied(shards: Int = 1) throws -> [ShopStream] {
        let streams = try (0..<shards).map { try stream($0, of: shards) }
        let reader = try StreamReader(log, from: LogOffsets(partitions: ShopCase.partitions), commit: 0)
        while try reader.read(
            before: log.cut(), atLeast: 5_000, { batch, topic in streams.forEach { $0.apply(batch, topic: topic) } })
        {}
        return streams
    }

    /// The state after all events, each of which arrives with the newest time so far.
    func appliedAsTheyHappen() throws -> ShopStream {
        let stream = try stream()
        let decoder = EventDecoder()
        let row = EventBatch(capacity: 1)
        var newest = Int64.min
        let lines = try String(contentsOfFile: folder + "/events.json", encoding: .utf8).split(separator: "\n")
        for (number, line) in lines.enumerated() {
            try PaddedBytes(copying: Array(line.utf8)).withBytes { raw in
                row.removeAll()
                try #require(decoder.decode(raw, into: row) == nil)
                newest = max(newest, row.timestamp(0))
                row.setPosition(receivedAt: newest, partition: 0, offset: Int64(number))
                stream.apply(row, topic: row.type(0).topic)
            }
        }
        return stream
    }

    var path: String { folder + "/stream/checkpoint" }
}

/// What the jobs say, by shards that are taken together, as lines of text.
struct ShopAnswers: Equatable {
    var cube: [String] = []
    var days: [String] = []
    var funnel: [Int32: FunnelTotals] = [:]
    var sessions: [String] = []
    var stock: [String] = []
    var late: Int64 = 0
    var counters: ShopStream.Counters

    /// Ends the sessions of the streams.
    init(_ streams: [ShopStream]) {
        counters = streams[0].counters
        var sums: [String: [Int64]] = [:]
        for stream in streams {
            for dimension in SalesDimension.allCases {
                for grain in SalesGrain.allCases {
                    cube += stream.sales(by: dimension, grain, in: .min ... .max).map {
                        let totals = $0.totals
                        return
                            "\(dimension.word) \(grain.word) \($0.time) \($0.name) \($0.currency.name) \(totals.clicks) "
                            + "\(totals.carts) \(totals.orders) \(totals.units) \(totals.revenueText)"
                    }
                }
            }
            late += stream.lateForSessions
            stream.endSessions()
            func add(_ numbers: [Int64], to key: String) {
                sums[key] = zip(sums[key] ?? numbers.map { _ in 0 }, numbers).map { $0 + $1 }
            }
            for (day, channel, totals) in stream.sessionDays {
                add(
                    [
                        totals.sessions, totals.converted, totals.withCart, totals.abandoned, totals.bounced,
                        totals.events, totals.duration, Int64(totals.revenue),
                    ], to: "\(day) \(channel.name)")
            }
            for (day, page, totals) in stream.sessionPages {
                add([totals.entries, totals.exits, totals.conversions], to: "\(day) page \(page)")
            }
            stock += stream.stockLevels.map { "\($0.product) \($0.warehouse) \($0.pieces)" }
            days += stream.dailyTotals().map { "\($0.day) \($0.channel.name) \($0.currency.name) \($0.totals)" }
            for (day, totals) in stream.dailyFunnel() {
                var sum = funnel[day] ?? FunnelTotals()
                sum.views += totals.views
                sum.carts += totals.carts
                sum.purchases += totals.purchases
                funnel[day] = sum
            }
        }
        sessions = sums.map { "\($0.key) \($0.value.map(String.init).joined(separator: " "))" }
        sessions.sort()
        stock.sort()
        cube.sort()
        days.sort()
        funnel = funnel.filter { $0.value != FunnelTotals() }
    }
}
