import Foundation
import Simulator
import Testing

@Suite("Dirt is extra, and counted")
struct DirtTests {
    private func dirty() -> SimulationSettings {
        var settings = SimulationSettings(seed: 41)
        settings.duplicateRate = 0.03
        settings.malformedRate = 0.05
        settings.lateRate = 0.02
        settings.lateBy = 3_000_000
        return settings
    }

    @Test("without its dirt, a dirty run is the clean run")
    func sameEvents() throws {
        var shop = try ShopSimulator(dirty())
        var buffer = LineBuffer()
        shop.generate(20_000, into: &buffer)
        let released = shop.releaseHeld(into: &buffer)
        #expect(released > 0 && shop.totals.lines == 20_000 + released)
        #expect(shop.releaseHeld(into: &buffer) == 0)

        let lines = buffer.bytes.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
        let clean = try LineBuffer.of(SimulationSettings(seed: 41), count: shop.totals.events)
        let expected = String(decoding: clean.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        var times: [String: Int] = [:]
        for line in lines { times[line, default: 0] += 1 }
        #expect(expected.allSatisfy { times[$0] != nil })
        // Nothing but the malformed lines is new, and nothing but duplicates is there twice.
        let new = Set(lines).subtracting(expected)
        #expect(new.count == shop.totals.malformed)
        #expect(times.values.reduce(0) { $0 + $1 - 1 } == shop.totals.duplicates)
        #expect(times.filter { $0.value > 1 }.keys.allSatisfy { !new.contains($0) })
    }

    @Test("the rates are kept and the counters say what was written")
    func rates() throws {
        var shop = try ShopSimulator(dirty())
        var buffer = LineBuffer()
        shop.generate(40_000, into: &buffer)
        let totals = shop.totals
        #expect(totals.lines == 40_000)
        #expect(totals.lines == totals.events + totals.duplicates + totals.malformed)
        #expect((0.025...0.035).contains(Double(totals.duplicates) / Double(totals.events)))
        #expect((0.043...0.057).contains(Double(totals.malformed) / Double(totals.events)))
        #expect((0.015...0.025).contains(Double(totals.late) / Double(totals.events)))
        #expect(MalformedKind.allCases.reduce(0) { $0 + totals[$1] } == totals.malformed)
        #expect(MalformedKind.allCases.allSatisfy { totals[$0] > 50 })
    }

    @Test("late events arrive after events that happened lateBy later")
    func lateness() throws {
        var settings = SimulationSettings(seed: 42)
        settings.lateRate = 0.02
        settings.lateBy = 5_000_000
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer()
        shop.generate(20_000, into: &buffer)
        let times = try EmittedLines(buffer).objects.compactMap { $0["ts"] as? String }
        var latest = ""
        var late = 0
        for time in times {
            if time < latest { late += 1 }
            latest = max(latest, time)
        }
        #expect(late == shop.totals.late && late > 200)
    }

    @Test("late events of a spread come by any time up to lateBy, and all of them come")
    func spread() throws {
        var settings = SimulationSettings(seed: 44)
        // A shop of a third of an event a second, over a day and a half.
        settings.rate = 1
        settings.rateSeconds = 3
        settings.lateRate = 0.02
        settings.lateBy = 7_200_000_000
        settings.lateFrom = 0
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer()
        shop.generate(40_000, into: &buffer)
        _ = shop.releaseHeld(into: &buffer)
        let objects = try EmittedLines(buffer).objects
        #expect(Set(objects.compactMap { $0["event_id"] as? String }).count == shop.totals.events)
        let reader = ISO8601DateFormatter()
        reader.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let times = try objects.map { object in
            try #require(reader.date(from: object["ts"] as? String ?? "")).timeIntervalSince1970
        }
        #expect((119_000...121_000).contains(times.max()! - times.min()!))
        var latest = 0.0
        var delays: [Double] = []
        for time in times {
            if time < latest { delays.append(latest - time) }
            latest = max(latest, time)
        }
        // Most are late by a time of the whole span, and none by more.
        #expect(delays.count > 600 && shop.totals.late > 600)
        #expect(delays.max()! <= 7_200 && delays.max()! > 6_500)
        #expect(delays.filter { $0 < 1_200 }.count > 60)
        #expect(delays.filter { (3_000..<4_200).contains($0) }.count > 60)
    }

    @Test("each kind of malformed line is wrong in its own way")
    func malformed() throws {
        var settings = SimulationSettings(seed: 43)
        settings.malformedRate = 0.2
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer()
        shop.generate(6_000, into: &buffer)
        let clean = Set(
            try LineBuffer.of(SimulationSettings(seed: 43), count: 6_000).bytes.split(separator: 0x0a).map(Array.init))
        var found: [MalformedKind: Int] = [:]
        for line in buffer.bytes.split(separator: 0x0a).map(Array.init) where !clean.contains(line) {
            found[try #require(fault(of: line)), default: 0] += 1
        }
        for kind in MalformedKind.allCases { #expect(found[kind] == shop.totals[kind], "\(kind)") }
    }

    /// What is wrong with a line, found without the simulator.
    private func fault(of line: [UInt8]) -> MalformedKind? {
        guard String(validating: line, as: UTF8.self) != nil else { return .badUTF8 }
        guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] else {
            return .truncated
        }
        if ContractTests.fields[object["type"] as? String ?? ""] == nil { return .unknownType }
        if object["user_id"] == nil { return .missingUser }
        if object["product_id"] is NSNumber { return .numericProduct }
        if (object["ts"] as? String)?.hasSuffix("Z") != true { return .badTimestamp }
        if (object["quantity"] as? Int).map({ $0 < 1 }) == true { return .badQuantity }
        if (object["items"] as? [Any])?.isEmpty == true { return .emptyItems }
        if object["total_amount"] is String { return .badMoney }
        if (object["currency"] as? String)?.wholeMatch(of: #/[A-Z]{3}/#) == nil { return .badCurrency }
        return nil
    }
}
