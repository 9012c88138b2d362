import Collector
import EventLog
import Events
import Foundation
import Synchronization
import Telemetry
import Testing

/// What a sender is told, when, and how often.
@Suite struct CompletionTests {
    private final class Told: Sendable {
        private let condition = NSCondition()
        // Guarded by the condition's lock.
        nonisolated(unsafe) private var results: [Result<CollectResult, CollectError>] = []

        func give(_ result: Result<CollectResult, CollectError>) {
            condition.withLock {
                results.append(result)
                condition.broadcast()
            }
        }

        /// All that was told so far, once it is so much.
        func all(_ count: Int) -> [Result<CollectResult, CollectError>] {
            condition.withLock {
                let deadline = Date(timeIntervalSinceNow: 60)
                while results.count < count, condition.wait(until: deadline) {}
                return results
            }
        }

        var now: Int { condition.withLock { results.count } }
    }

    private func bytes(_ text: String) -> PaddedBytes { PaddedBytes(copying: Array(text.utf8)) }

    @Test func aCompletionIsCalledOnceAndAfterTheEventsAreDurable() throws {
        let door = try Door()
        let told = Told()
        let log = door.log
        let folder = door.folder
        for i in 0..<60 {
            let body = search("\(i)") + "\nbad\n" + search("\(i) again")
            door.collector.collect(bytes(body), as: .ndjson, source: "test") { result in
                if case .success(let stored) = result {
                    #expect(stored.accepted == 2 && stored.rejected.map(\.index) == [1] && !stored.isRepeat)
                    // Whoever reads the files at this moment finds it.
                    let kept = try? EmbeddedLog(reading: folder).cut().commit
                    #expect(stored.commit > 0 && kept ?? 0 >= stored.commit && log.cut().commit >= stored.commit)
                }
                told.give(result)
            }
        }
        let results = told.all(60)
        #expect(results.allSatisfy { (try? $0.get()) != nil })
        door.log.close()
        #expect(told.now == 60, "a completion was called twice")
        #expect(door.log.cut().totals.received == 180)
    }

    @Test func aCompletionIsCalledOnceWhateverIsWrong() async throws {
        let door = try Door()
        let told = Told()
        let tooMany = String(repeating: "7\n", count: Collector.requestEvents + 1)
        door.collector.collect(bytes(tooMany), as: .ndjson, source: "test") { told.give($0) }
        guard case .failure(.tooManyEvents(Collector.requestEvents)) = told.all(1)[0] else {
            Issue.record("\(told.all(1))")
            return
        }
        door.collector.collect(bytes(" \n"), as: .either, source: "test") { told.give($0) }
        #expect(try told.all(2)[1].get().commit == 0)
        let stamp = ProducerStamp(producer: "p", sequence: 2)
        door.collector.collect(bytes(search("a")), as: .json, source: "test", stamp: stamp) { told.give($0) }
        guard case .failure(.log(.outOfOrder("p", 1, 2))) = told.all(3)[2] else {
            Issue.record("\(told.all(3))")
            return
        }
        door.log.close()
        door.collector.collect(bytes(search("a")), as: .json, source: "test") { told.give($0) }
        guard case .failure(.log(.closed)) = told.all(4)[3] else {
            Issue.record("\(told.all(4))")
            return
        }
        #expect(told.now == 4)
        #expect(door.log.cut().commit == 0 && door.metrics.text().contains("_total 0"), "nothing was stored")
        await #expect(throws: CollectError.self) { _ = try await door.collect(search("b"), as: .json) }
    }

    @Test func aBodyThatMakesABatchOverTheLogsLimitStoresNothing() async throws {
        let door = try Door()
        // Small elements that are no events: with its reason and source each takes far more in the quarantine.
        let body = [UInt8]("7\n".utf8)
        let long = String(repeating: "s", count: 1_000)
        let many = [UInt8](repeatElement(body, count: 100_000).joined())
        do {
            _ = try await door.collector.collect(PaddedBytes(copying: many), as: .ndjson, source: long)
            Issue.record("stored a batch of about 100 MB")
        } catch CollectError.log(.batchTooLarge(let size, let limit)) {
            #expect(size > limit && limit == EmbeddedLog.batchBytes)
        }
        #expect(door.log.cut().commit == 0 && !door.metrics.text().contains("events_rejected_total{"))
        #expect(try await door.collect(many, as: .ndjson).rejectedCount == 100_000)
    }

    @Test func aLogThatIsBusySaysSoAndTakesTheEventsLater() async throws {
        let door = try Door()
        let told = Told()
        let hold = DispatchSemaphore(value: 0)
        let isHeld = DispatchSemaphore(value: 0)
        door.collector.collect(bytes(search("first")), as: .json, source: "test") { _ in
            isHeld.signal()
            hold.wait()
        }
        await withCheckedContinuation { continuation in
            let thread = Thread {
                isHeld.wait()
                continuation.resume()
            }
            thread.start()
        }
        // The writer answers the first one and goes no further: these wait, until no more of them may.
        let query = String(repeating: "q", count: 900_000)
        let large = (0..<10).map { search("\($0)").replacing("\"query\":\"", with: "\"query\":\"\(query)") }
            .joined(separator: "\n")
        var refused = 0
        for _ in 0..<10 {
            door.collector.collect(bytes(large), as: .ndjson, source: "test") { told.give($0) }
        }
        for result in told.all(0) {
            guard case .failure(.log(.busy(let waiting))) = result else {
                Issue.record("\(result)")
                continue
            }
            #expect(waiting <= EmbeddedLog.queueBytes)
            refused += 1
        }
        #expect((2...4).contains(refused), "\(refused) of 10 bodies of 9 MB, where 64 MiB may wait")
        hold.signal()
        let results = told.all(10)
        #expect(results.filter { (try? $0.get().accepted) == 10 }.count == 10 - refused)
        #expect(try await door.collect(search("later"), as: .json).accepted == 1)
        #expect(door.log.cut().totals.accepted == Int64(2 + 10 * (10 - refused)), "refused events were stored")
        #expect(
            door.metrics.text().contains(
                #"cartograph_events_accepted_total{type="search"} \#(2 + 10 * (10 - refused))"#))
    }
}

/// Events are taken from the body where they stand.
@Suite struct InPlaceTests {
    private func judged(_ door: Door, _ body: [UInt8], _ format: BodyFormat) throws -> AppendBatch {
        try door.collector.judge(PaddedBytes(copying: body), format, "test").0
    }

    @Test(arguments: [
        // Every % is an event.
        "[%]", " [ % ] ", "[\n  %\n]\n", "[%,%,%]", "[ %\t,\r\n %\n\n,%   ]", "%", "%\r\n", "%\n%\r\n\n%", "[% x,%]",
    ])
    func acceptedEventsAreNotCopied(_ shape: String) async throws {
        let door = try Door()
        var events: [String] = []
        var body = ""
        for character in shape {
            if character == "%" {
                events.append(search("\(events.count)"))
                body += events[events.count - 1]
            } else {
                body.append(character)
            }
        }
        let batch = try judged(door, Array(body.utf8), .either)
        let rejected = shape.contains("x") ? 1 : 0
        #expect(batch.accepted == events.count - rejected && batch.quarantined == rejected)
        if rejected == 0 { #expect(batch.copiedBytes == 0) }
        // They are the very bytes of the body, without the space around them.
        let result = try await door.collect(body, as: .either)
        #expect(result.accepted == events.count - rejected)
        let stored = try door.stored([.searches]).map { String(decoding: $0, as: UTF8.self) }
        #expect(stored == Array(events.dropFirst(rejected)))
    }

    @Test func onlyRejectedEventsAreCopiedWithTheirReason() throws {
        let door = try Door()
        let body = (0..<50).map { $0 % 10 == 3 ? "bad" : search("\($0)") }.joined(separator: "\n")
        let batch = try judged(door, Array(body.utf8), .ndjson)
        #expect(batch.accepted == 45 && batch.quarantined == 5)
        #expect(batch.copiedBytes == 5 * (2 + "not_json".utf8.count + 2 + "test".utf8.count + 3))
        #expect(batch.received == 50)
    }
}
