import Simulator
import Testing

@Suite("The same seed and settings give the same bytes")
struct DeterminismTests {
    @Test("the first 10,000 events of seed 1 are the ones they always were")
    func golden() throws {
        let buffer = try LineBuffer.of(SimulationSettings(seed: 1), count: 10_000)
        #expect(buffer.lineCount == 10_000)
        // Changes only when what the shop does changes on purpose; say so in the changelog.
        #expect(buffer.byteCount == 2_915_248)
        #expect(buffer.digest == 8_008_846_161_906_625_696)
    }

    @Test("the digest also holds with every kind of dirt")
    func goldenDirt() throws {
        var settings = SimulationSettings(seed: 2, run: 3, rate: 250)
        settings.duplicateRate = 0.02
        settings.malformedRate = 0.03
        settings.lateRate = 0.01
        settings.lateBy = 2_000_000
        let buffer = try LineBuffer.of(settings, count: 10_000)
        #expect(buffer.digest == 2_674_885_492_764_578_602)
    }

    @Test("how the lines are asked for does not change them")
    func chunks() throws {
        var settings = SimulationSettings(seed: 7)
        settings.duplicateRate = 0.05
        settings.malformedRate = 0.05
        settings.lateRate = 0.05
        settings.lateBy = 1_000_000
        let whole = try LineBuffer.of(settings, count: 3_000)

        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer(lines: 1)
        var bytes: [UInt8] = []
        for size in [1, 999, 0, 17, 1_000, 983] {
            shop.generate(size, into: &buffer)
            #expect(buffer.lineCount == size)
            bytes += buffer.bytes
            buffer.removeAll()
        }
        #expect(bytes == whole.bytes)
    }

    @Test("a copy of a shop goes on like the original")
    func copy() throws {
        var shop = try ShopSimulator(SimulationSettings(seed: 3))
        var buffer = LineBuffer()
        shop.generate(2_000, into: &buffer)
        var copy = shop
        var first = LineBuffer()
        var second = LineBuffer()
        shop.generate(1_000, into: &first)
        copy.generate(1_000, into: &second)
        #expect(first.bytes == second.bytes)
        #expect(shop.totals == copy.totals)
    }

    @Test("another seed gives other events")
    func seeds() throws {
        let one = try LineBuffer.of(SimulationSettings(seed: 1), count: 100)
        let two = try LineBuffer.of(SimulationSettings(seed: 2), count: 100)
        #expect(one.digest != two.digest)
    }

    @Test("another run of the same shop shares its prices and none of its ids")
    func runs() throws {
        let first = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 5, run: 0), count: 5_000))
        let second = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 5, run: 1), count: 5_000))
        for field in ["event_id", "session_id", "order_id", "lot_id"] {
            let ids = Set(first.objects.compactMap { $0[field] as? String })
            #expect(!ids.isEmpty)
            #expect(ids.isDisjoint(with: second.objects.compactMap { $0[field] as? String }), "\(field)")
        }
        func prices(_ lines: EmittedLines) throws -> [String: Int64] {
            var prices: [String: Int64] = [:]
            for (object, text) in zip(lines.objects, lines.texts) where object["type"] as? String == "cart" {
                prices[try #require(object["product_id"] as? String)] = try EmittedLines.cents("unit_price", in: text)[
                    0]
            }
            return prices
        }
        let before = try prices(first)
        let after = try prices(second)
        let shared = before.filter { after[$0.key] != nil }
        #expect(shared.count > 20)
        #expect(shared.allSatisfy { after[$0.key] == $0.value })
    }

    @Test("event ids are UUIDs of version 8 and never repeat")
    func eventIDs() throws {
        let lines = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 9), count: 20_000))
        let ids = lines.objects.compactMap { $0["event_id"] as? String }
        #expect(Set(ids).count == 20_000)
        #expect(
            ids.allSatisfy {
                $0.wholeMatch(of: #/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#) != nil
            })
    }

    @Test("the generators give their authors' numbers")
    func generators() {
        var splitMix = SplitMix64(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        #expect((0..<5).map { _ in splitMix.next() } == expected)

        // By hand from the recurrence: rotl(2 × 5, 7) × 9 = 11520, and the second state has s1 = 0.
        var xoshiro = RandomSource(state: (1, 2, 3, 4))
        #expect((0..<4).map { _ in xoshiro.next() } == [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240])
    }
}
