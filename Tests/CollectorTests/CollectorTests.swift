import Collector
import EventLog
import Events
import Foundation
import Simulator
import Telemetry
import Testing

@Suite struct CollectorTests {
    @Test func everyLineOfTheSimulatorIsAccepted() async throws {
        for scenario in ScenarioName.allCases {
            let settings = SimulationSettings(seed: 3, scenario: scenario)
            var shop = try ShopSimulator(settings)
            var lines = LineBuffer(lines: 20_000)
            shop.generate(20_000, into: &lines)
            let door = try Door(clock: shop.now)
            let bytes = lines.withBytes { Array($0) }
            let result = try await door.collect(bytes, as: .ndjson)
            #expect(
                result.accepted == lines.lineCount && result.rejectedCount == 0,
                "\(scenario): \(result.rejected.prefix(3))")
            #expect(try door.stored(Topic.events).count == lines.lineCount)
            #expect(!door.metrics.text().contains("cartograph_total_mismatch_total 1"))
            for topic in [Topic.clicks, .searches, .carts, .purchases] {
                #expect(door.log.cut().offsets.records(in: topic) > 0, "\(scenario) has no \(topic)")
            }
        }
    }

    @Test func whatTheSimulatorSpoilsIsRejectedAndNothingElse() async throws {
        var settings = SimulationSettings(seed: 4)
        settings.malformedRate = 0.1
        var shop = try ShopSimulator(settings)
        var lines = LineBuffer(lines: 10_000)
        shop.generate(10_000, into: &lines)
        let door = try Door(clock: shop.now)
        let result = try await door.collect(lines.withBytes { Array($0) }, as: .ndjson)
        #expect(result.accepted + result.rejectedCount == lines.lineCount)
        #expect((700...1_300).contains(result.rejectedCount), "\(result.rejectedCount) of about 1,000")
    }

    @Test func eventsOfAUserStayInOnePartitionInOrder() async throws {
        let door = try Door()
        let body = (0..<400).map { i in
            search("\(i)").replacingOccurrences(of: "\"user_id\":\"u\"", with: "\"user_id\":\"u\(i % 40)\"")
        }
        _ = try await door.collect(body.joined(separator: "\n"), as: .ndjson)
        for partition in 0..<2 {
            let consumer = try door.log.consumer(of: [.searches], from: LogOffsets(partitions: 2))
            var ids: [Int] = []
            while try consumer.next(
                before: door.log.cut(),
                { frame in
                    guard frame.partition.partition == partition else { return }
                    try frame.forEachRecord { _, raw in
                        let object = try JSONSerialization.jsonObject(with: Data(raw)) as? [String: String]
                        ids.append(try #require(object?["event_id"].flatMap { Int($0) }))
                    }
                })
            {}
            #expect(ids == ids.sorted() && !ids.isEmpty)
            #expect(ids.allSatisfy { KeyHash("u\($0 % 40)").partition(of: 2) == partition })
        }
        withExtendedLifetime(door) {}
    }

    @Test func eventsTooFarAheadOfTheClockAreRejected() async throws {
        let day: Int64 = 86_400_000_000
        let at: Int64 = 1_767_323_045_000_000
        #expect(try await Door(clock: at - day).collect(search("a"), as: .json).accepted == 1)
        let late = try await Door(clock: at - day - 1).collect(search("a"), as: .json)
        #expect(late.rejected.map(\.reason.description) == ["too_far_in_future"])
    }

    @Test func metricsCountWhatWasStoredOnce() async throws {
        let door = try Door()
        let stamp = ProducerStamp(producer: "p", sequence: 1)
        let body = search("a") + "\nbad\n" + search("b")
        let first = try await door.collect(body, as: .ndjson, stamp: stamp)
        let second = try await door.collect(body, as: .ndjson, stamp: stamp)
        #expect(!first.isRepeat && second.isRepeat)
        let text = door.metrics.text()
        #expect(text.contains(#"cartograph_events_accepted_total{type="search"} 2"#))
        #expect(text.contains(#"cartograph_events_rejected_total{reason="not_json"} 1"#))
        #expect(door.log.cut().totals.received == 3)
        door.log.close()
        await #expect(throws: CollectError.self) { _ = try await door.collect(search("c"), as: .json) }
        #expect(door.metrics.text() == text, "events that the log did not take were counted")
    }

    @Test func aTotalThatDoesNotAddUpIsAcceptedAndCounted() async throws {
        let door = try Door()
        let purchase =
            #"{"type":"purchase","event_id":"e","user_id":"u","session_id":"s","ts":"2026-01-02T03:04:05Z","currency":"USD","total_amount":5,"items":[{"product_id":"p","quantity":1,"unit_price":4}]}"#
        #expect(try await door.collect(purchase, as: .json).accepted == 1)
        #expect(door.metrics.text().contains("cartograph_total_mismatch_total 1\n"))
    }

    @Test func whatASenderRejectedGoesToTheQuarantine() async throws {
        let door = try Door()
        let raw: [UInt8] = [0xff, 0x0a, 0]
        let row = try #require(RejectedBytes(reason: "wrong_type:Price", source: "prices.csv:17", raw: raw))
        let result = try await door.collector.quarantine([row])
        #expect(result.rejectedCount == 1 && result.accepted == 0)
        #expect(try door.quarantined() == [Quarantined(reason: "wrong_type:Price", source: "prices.csv:17", raw: raw)])
        #expect(door.log.cut().totals.received == 1 && door.log.cut().totals.quarantined == 1)
        for reason in ["", "because", "Not_JSON", ":not_json", "not_json:" + String(repeating: "x", count: 200)] {
            #expect(RejectedBytes(reason: reason, source: "", raw: []) == nil)
        }
    }

    @Test func manyRequestsAtOnceDoNotMixTheirEvents() async throws {
        let door = try Door()
        let collector = door.collector
        try await withThrowingTaskGroup(of: CollectResult.self) { group in
            for request in 0..<50 {
                group.addTask {
                    let body = (0..<20).map { $0 == 7 ? "bad \(request)" : search("\(request)-\($0)") }
                    return try await collector.collect(
                        PaddedBytes(copying: Array(body.joined(separator: "\n").utf8)), as: .ndjson, source: "test")
                }
            }
            for try await result in group { #expect(result.accepted == 19 && result.rejected.map(\.index) == [7]) }
        }
        #expect(Set(try door.stored([.searches])).count == 950)
        #expect(Set(try door.quarantined().map { String(decoding: $0.raw, as: UTF8.self) }).count == 50)
        let totals = door.log.cut().totals
        #expect(totals.received == 1_000 && totals.accepted == 950 && totals.quarantined == 50)
    }
}
