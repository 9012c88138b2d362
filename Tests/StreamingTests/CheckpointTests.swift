import EventLog
import Events
import Foundation
import Streaming
import Testing

/// A state that was put together from checkpoints goes on as if nothing had happened.
@Suite struct CheckpointTests {
    /// What a test's writer holds whole: so little that every checkpoint is a part of the groups and changes.
    static let wholeBytes = 1 << 10

    /// Ends a checkpoint where it is.
    struct Killed: Error {}

    /// Kills that `make torture` asks for; a few otherwise.
    static var kills: Int { ProcessInfo.processInfo.environment["CARTOGRAPH_KILLS"].flatMap(Int.init) ?? 12 }

    @Test("Killed at any step of a checkpoint, on one, two or four shards, and started on another number")
    func kills() throws {
        var random = SplitMix(seed: 77)
        var killed = 0
        var round = 0
        while killed < CheckpointTests.kills {
            round += 1
            let shape = ShopCase.Shape(events: 8_000, disorder: 200, repeats: 0.03, late: 0.05)
            let shop = try ShopCase(seed: UInt64(round), shape)
            let applied = try shop.applied()
            let whole = ShopAnswers(applied)
            var life = try Life(shop, shards: 1)
            while life.isBehind {
                let isKilled = random.below(2) == 0
                try life.go(events: 200 + random.below(1_500))
                guard try life.checkpoint(killedAt: isKilled ? random.below(3) : nil) else { continue }
                killed += 1
                if random.below(3) == 0 { try life.leaveHalfWritten() }
                life = try Life(shop, shards: [1, 2, 4][random.below(3)])
            }
            #expect(ShopAnswers(life.streams) == whole, "round \(round)")
            #expect(life.streams[0].fraud.saved() == applied[0].fraud.saved(), "round \(round)")
        }
    }

    @Test("Any damage to the newest checkpoint is told, and the one before it and the log are used")
    func damage() throws {
        let shop = try ShopCase(seed: 5, ShopCase.Shape(events: 6_000))
        let whole = ShopAnswers(try shop.applied())
        var life = try Life(shop, shards: 1)
        for _ in 0..<20 {
            try life.go(events: 200)
            _ = try life.checkpoint(killedAt: nil)
        }
        let store = CheckpointStore(path: shop.path)
        let newest = try #require(try store.sequences().first)
        #expect(newest == 20)
        let path = URL(fileURLWithPath: store.path(newest))
        let good = try Data(contentsOf: path)
        var random = SplitMix(seed: 3)
        for round in 0..<60 {
            var bad = good
            if round % 4 == 0 {
                bad = bad.prefix(random.below(bad.count))
            } else {
                bad[random.below(bad.count)] ^= UInt8(1 << random.below(8))
            }
            try bad.write(to: path)
            var told: [String] = []
            let position = try #require(try Life.restore(shop, 0, of: 1) { told.append($0) }).position
            #expect(told.count == 1 && told[0].contains("an older checkpoint is used"))
            #expect(position.offsets != life.position.offsets && life.position.offsets.covers(position.offsets))
        }
        var again = try Life(shop, shards: 1)
        while again.isBehind { try again.go(events: 3_000) }
        #expect(ShopAnswers(again.streams) == whole)
    }

    @Test("Whichever one file is damaged or gone, another checkpoint can be used") func anyFile() throws {
        let shop = try ShopCase(seed: 6, ShopCase.Shape(events: 12_000))
        var life = try Life(shop, shards: 1)
        for _ in 0..<40 {
            try life.go(events: 200)
            _ = try life.checkpoint(killedAt: nil)
        }
        let store = CheckpointStore(path: shop.path)
        let files = try store.sequences()
        #expect(files.count >= 10 && files.count <= 20, "two runs of eight are kept: \(files)")
        for file in files {
            let path = URL(fileURLWithPath: store.path(file))
            let good = try Data(contentsOf: path)
            try FileManager.default.removeItem(at: path)
            #expect(try Life.restore(shop, 0, of: 1) { _ in } != nil, "without \(file)")
            try Data(good.dropLast()).write(to: path)
            #expect(try Life.restore(shop, 0, of: 1) { _ in } != nil, "with \(file) damaged")
            try good.write(to: path)
        }
    }

    @Test("A checkpoint holds what changed, not everything") func changesOnly() throws {
        let shop = try ShopCase(seed: 7, ShopCase.Shape(events: 12_000))
        var life = try Life(shop, shards: 1)
        try life.go(events: 11_000)
        _ = try life.checkpoint(killedAt: nil)
        let store = CheckpointStore(path: shop.path)
        func bytes() throws -> Int {
            let newest = try #require(try store.sequences().first)
            return try Data(contentsOf: URL(fileURLWithPath: store.path(newest))).count
                - life.streams[0].anomalies.savedBytes.count - life.streams[0].fraud.saved().count
        }
        let all = try bytes()
        try life.go(events: 1)
        _ = try life.checkpoint(killedAt: nil)
        let part = try bytes()
        #expect(part < all / 2, "\(part) of \(all) bytes")
    }

    @Test("The file of version 1 is read, and replaced") func versionOne() throws {
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Golden/checkpoint-version-1")
        let stream = ShopStream(
            calendar: try #require(BusinessCalendar(zoneNamed: "UTC")),
            reportingCurrency: try #require(CurrencyCode("USD")), clock: { 0 })
        let position = try #require(
            try Checkpoint.loadVersion1(stream, from: golden.path, partitions: 2))
        var sum = SalesTotals()
        for cell in stream.dailyTotals() { sum += cell.totals }
        // What the version that wrote it said of its log.
        #expect(sum.revenueText == "15381.00" && sum.orders == 100 && sum.units == 158)
        #expect(sum.clicks == 3_498 && sum.carts == 284)
        #expect(position.offsets.records(in: .clicks) == 3_498)
        let funnel = stream.dailyFunnel().values.reduce(into: FunnelTotals()) {
            $0.views += $1.views
            $0.carts += $1.carts
            $0.purchases += $1.purchases
        }
        #expect(funnel.views == 846 && funnel.carts == 226 && funnel.purchases == 100)

        let folder = FileManager.default.temporaryDirectory.path + "/version-1-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/checkpoint"
        try FileManager.default.copyItem(atPath: golden.path, toPath: path)
        try Checkpoint.save(stream, position, to: path)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try CheckpointStore(path: path).sequences() == [1])
    }

    @Test("What a checkpoint of before lacks is learned from the log") func lackingCube() throws {
        let shop = try ShopCase(seed: 8, ShopCase.Shape(events: 5_000))
        let whole = ShopAnswers(try shop.applied())
        var life = try Life(shop, shards: 1)
        while life.isBehind { try life.go(events: 5_000) }
        _ = try life.checkpoint(killedAt: nil)
        // The section under another name is one that nobody knows.
        let store = CheckpointStore(path: shop.path)
        let path = URL(fileURLWithPath: store.path(1))
        var bytes = [UInt8](try Data(contentsOf: path))
        let name = Array("cube".utf8)
        let at = try #require(
            (0..<(bytes.count - 4)).last {
                bytes[$0] == 4 && Array(bytes[($0 + 8)..<min($0 + 12, bytes.count)]) == name
            })
        bytes[at + 8] = UInt8(ascii: "k")
        CheckpointTests.seal(&bytes)
        try Data(bytes).write(to: path)
        let settings = StreamRunner.Settings(
            checkpointPath: shop.path, timeZone: try #require(TimeZone(identifier: "Asia/Kolkata")),
            currency: try #require(CurrencyCode("USD")))
        let (stream, _) = StreamRunner.restore(shop.log, settings) { Issue.record("\($0)") }
        #expect(ShopAnswers([stream]) == whole)
    }

    /// CRC-32C, bit by bit, of what follows the header.
    static func seal(_ bytes: inout [UInt8]) {
        var crc: UInt32 = ~0
        for byte in bytes[12...] {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        withUnsafeBytes(of: ~crc) { for (index, byte) in $0.enumerated() { bytes[8 + index] = byte } }
    }

    /// One life of a process, from what the one before it left.
    struct Life {
        let shop: ShopCase
        let streams: [ShopStream]
        var position: Checkpoint.Position
        private let reader: StreamReader
        private let writer: CheckpointWriter
        private let fault = Fault()
        private(set) var isBehind = true

        final class Fault: @unchecked Sendable {
            // Set before a checkpoint begins, read on the thread that writes it.
            var at: Int?
        }

        static func restore(
            _ shop: ShopCase, _ shard: Int, of shards: Int, _ report: (String) -> Void
        ) throws -> StreamRunner.Restored? {
            var failure: (any Error)?
            let restored = try CheckpointStore(path: shop.path).restore(
                partitions: ShopCase.partitions, cut: shop.log.cut(),
                {
                    do { return try shop.stream(shard, of: shards) } catch {
                        failure = error
                        preconditionFailure("\(error)")
                    }
                }, report)
            if let failure { throw failure }
            return restored
        }

        init(_ shop: ShopCase, shards: Int) throws {
            self.shop = shop
            let start = LogOffsets(partitions: ShopCase.partitions)
            var streams: [ShopStream] = []
            var position = Checkpoint.Position(commit: 0, offsets: start, filterOffsets: start)
            var links: [CheckpointStore.Link] = []
            for shard in 0..<shards {
                guard let restored = try Life.restore(shop, shard, of: shards, { _ in }) else {
                    streams.append(try shop.stream(shard, of: shards))
                    continue
                }
                try StreamRunner.remember(restored.stream, shop.log, restored.position)
                streams.append(restored.stream)
                position = restored.position
                if shards == 1 { links = restored.links }
            }
            self.streams = streams
            self.position = position
            reader = try StreamReader(shop.log, from: position.offsets, commit: position.commit)
            let fault = fault
            writer = try CheckpointWriter(
                path: shop.path, loaded: links, wholeBytes: CheckpointTests.wholeBytes
            ) { _ in
                guard let at = fault.at else { return }
                fault.at = at - 1
                if at == 0 { throw Killed() }
            }
        }

        mutating func go(events: Int) throws {
            isBehind = try reader.read(before: shop.log.cut(), atLeast: events) { batch, topic in
                streams.forEach { $0.apply(batch, topic: topic) }
            }
            position.commit = reader.commit
            position.offsets = reader.offsets
        }

        /// Makes a checkpoint; whether it was killed.
        mutating func checkpoint(killedAt step: Int?) throws -> Bool {
            fault.at = step
            writer.begin(streams, position)
            do {
                try writer.finish()
                fault.at = nil
                return false
            } catch is Killed {
                return true
            }
        }

        /// What a write that was cut short leaves.
        func leaveHalfWritten() throws {
            try FileManager.default.createDirectory(atPath: shop.path + "s", withIntermediateDirectories: true)
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: shop.path + "s/000000009999.checkpoint.new"))
        }
    }
}
