import Collector
import EventLog
import Events
import Telemetry
import Testing

@Suite struct BodyTests {
    @Test(arguments: [BodyFormat.json, .ndjson, .either]) func oneObjectIsOneEvent(_ format: BodyFormat) async throws {
        let door = try Door()
        let result = try await door.collect(" \n" + search("a") + "\r\n", as: format)
        #expect(result.accepted == 1 && result.rejectedCount == 0 && result.commit == 1)
        let stored = try door.stored([.searches]).map { String(decoding: $0, as: UTF8.self) }
        #expect(stored == [search("a")])
    }

    @Test(arguments: [BodyFormat.json, .either]) func anArrayIsItsEvents(_ format: BodyFormat) async throws {
        let door = try Door()
        let result = try await door.collect("[\(search("a")) ,\n \(search("b")),\(search("c"))]\n", as: format)
        #expect(result.accepted == 3 && result.rejectedCount == 0)
        #expect(Set(try door.stored([.searches])) == Set(["a", "b", "c"].map { Array(search($0).utf8) }))
    }

    @Test(arguments: ["", " \r\n\t", "[]", " [ ] "] as [String]) func aBodyWithoutEventsStoresNothing(_ body: String)
        async throws
    {
        let door = try Door()
        let result = try await door.collect(body, as: .either)
        #expect(result.accepted == 0 && result.rejectedCount == 0)
        #expect(door.log.cut().commit == 0)
    }

    @Test(
        arguments: [
            "7", "null", "\"a,b]\"", "[1,[2,{\"a\":[3]}],\"x,y]\"]", "{\"a\":}", "}", "{}}", "\"\\\"],[\"",
            "{\"type\":\"search\"}", "nul",
            "{\"a\":1]", "[[[]]]", "{\"a\":\"\\\\\"}",
        ] as [String])
    func oneBadElementDoesNotCostItsNeighbours(_ bad: String) async throws {
        let door = try Door()
        let result = try await door.collect("[\(search("a")),\(bad),\(search("b")),\(search("c"))]", as: .json)
        #expect(result.accepted == 3)
        #expect(result.rejected.map(\.index) == [1])
        #expect(try door.quarantined().map(\.raw) == [Array(bad.utf8)])
        #expect(try door.stored([.searches]).count == 3)
    }

    @Test func elementsThatAreNotThereCountSoThatTheOthersKeepTheirPlaces() async throws {
        let door = try Door()
        let result = try await door.collect("[\(search("a")),, \(search("b")) ,]", as: .json)
        #expect(result.accepted == 2)
        #expect(result.rejected.map(\.index) == [1, 3])
        #expect(result.rejected.allSatisfy { $0.reason.word == .notJSON })
    }

    @Test func anObjectOverSeveralLinesIsOneEventWhereTheSenderCannotSay() async throws {
        let door = try Door()
        let pretty = search("a").replacing(",\"", with: ",\n  \"")
        #expect(try await door.collect(pretty, as: .either).accepted == 1)
        #expect(try await door.collect(search("b") + "\n" + search("c"), as: .either).accepted == 2)
    }

    @Test func anArrayThatDoesNotEndKeepsWhatIsWhole() async throws {
        for (cut, rejected) in [("", 0), (",", 0), (",{\"type\":\"sea", 1), (",\"a\\", 1), (",[[", 1)] {
            let door = try Door()
            let result = try await door.collect("[\(search("a")),\(search("b"))\(cut)", as: .json)
            #expect(result.accepted == 2, "\(cut)")
            #expect(result.rejected.map(\.index) == Array(repeating: 2, count: rejected), "\(cut)")
        }
        for body in ["[", "[\"", "[\"\\", "[{", "[{\"a"] {
            let door = try Door()
            #expect(try await door.collect(body, as: .json).accepted == 0)
        }
    }

    @Test func whatFollowsAnArrayIsRejectedAlone() async throws {
        let door = try Door()
        let result = try await door.collect("[\(search("a"))] [\(search("b"))]", as: .json)
        #expect(result.accepted == 1)
        #expect(result.rejected.map(\.index) == [1] && result.rejected[0].reason.word == .notJSON)
        let object = try await door.collect(search("a") + " x", as: .json)
        #expect(object.accepted == 0 && object.rejectedCount == 1)
    }

    @Test(arguments: [BodyFormat.ndjson, .either]) func linesMayEndAsTheyLike(_ format: BodyFormat) async throws {
        let door = try Door()
        let body = search("a") + "\r\n\r\n \t\n" + search("b") + "\n\n" + "bad\r\n" + search("c") + "\nworse"
        let result = try await door.collect(body, as: format)
        #expect(result.accepted == 3)
        #expect(result.rejected.map(\.index) == [2, 4])
        #expect(result.rejected.map(\.reason.description) == ["not_json", "not_json"])
        #expect(try door.quarantined().map { String(decoding: $0.raw, as: UTF8.self) } == ["bad", "worse"])
    }

    @Test func anArrayInALineIsNoEvent() async throws {
        let door = try Door()
        let result = try await door.collect("[\(search("a"))]\n\(search("b"))", as: .ndjson)
        #expect(result.accepted == 1 && result.rejected.map(\.index) == [0])
    }

    @Test func rejectedBytesAreKeptExactly() async throws {
        let door = try Door()
        var every = (0...255).map { UInt8($0) }
        every.removeAll { $0 == 0x0a }
        let lines: [[UInt8]] = [
            every, [0xff], [0], Array(" {\"type\":\"cart\"}\t".utf8), Array("é".utf8), [0x22, 0x5c],
            [UInt8](repeating: 0x7b, count: 2 << 20),
        ]
        let result = try await door.collect(Array(lines.joined(separator: [0x0a])), as: .ndjson)
        #expect(result.rejectedCount == lines.count)
        let kept = try door.quarantined()
        #expect(kept.map(\.raw) == lines)
        #expect(
            kept.map(\.reason) == [
                "bad_utf8", "bad_utf8", "not_json", "missing_field:event_id", "not_json", "not_json", "too_large",
            ])
        #expect(kept.allSatisfy { $0.source == "test" })
    }

    @Test func atMostAHundredRejectionsAreListed() async throws {
        let door = try Door()
        let body = (0..<250).map { $0 % 2 == 0 ? "bad" : search("\($0)") }.joined(separator: "\n")
        let result = try await door.collect(body, as: .ndjson)
        #expect(result.accepted == 125 && result.rejectedCount == 125)
        #expect(result.rejected.map(\.index) == (0..<100).map { $0 * 2 })
        #expect(try door.quarantined().count == 125)
    }

    @Test func moreEventsThanARequestMayHoldAreRefusedWhole() async throws {
        let door = try Door()
        let most = [UInt8]("7\n".utf8)
        let body = [UInt8](repeatElement(most, count: Collector.requestEvents).joined())
        do {
            _ = try await door.collect(body + [0x37], as: .ndjson)
            Issue.record("accepted")
        } catch CollectError.tooManyEvents(let limit) {
            #expect(limit == 100_000)
        }
        #expect(door.log.cut().commit == 0)
        #expect(
            !door.metrics.text().contains("cartograph_events_rejected_total{"), "nothing was stored, so nothing counts")
        #expect(try await door.collect(body, as: .ndjson).rejectedCount == 100_000)
    }
}
