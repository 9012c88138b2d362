import EventLog
import Events
import Foundation
import Streaming
import Testing

@Suite struct LiveFeedTests {
    @Test(.timeLimit(.minutes(1))) func aRunnerPublishesTheWholeLogAndEndsItsListeners() async throws {
        let fixture = try StreamFixture(events: 5_000)
        let runner = StreamRunner(log: fixture.log, settings: fixture.settings) { Issue.record("\($0)") }
        var listener = try #require(runner.feed.listen())
        runner.start()
        let goal = fixture.log.cut().commit
        var copy: JSONValue?
        for await _ in listener.wakes {
            guard let message = try listener.next() else { continue }
            copy = try LiveFeedTests.take(message, copy)
            if case .object(let view)? = copy, view["\"commit\""] == .scalar("\(goal)") { break }
        }
        var other = try #require(runner.feed.listen())
        runner.stop()
        var last = 0
        for await _ in other.wakes where try other.next() != nil { last += 1 }
        // Ends, and a listener that was slow is told of the newest view only.
        #expect(last <= 1)
        #expect(runner.feed.listen() == nil)
        #expect(try CheckpointStore(path: fixture.settings.checkpointPath).sequences().count == 1)
    }

    /// What a client has after a message.
    private static func take(_ message: LiveMessage, _ copy: JSONValue?) throws -> JSONValue? {
        guard message.isDiff else { return try JSONValue(message.json) }
        guard case .object(let parts) = try JSONValue(message.json) else { return nil }
        return try JSONValue.apply(try #require(parts["\"changes\""]), to: copy)
    }

    /// Views of a shop that sells, at one moment after another.
    private final class Shop {
        var view: LiveView
        var numbers: SplitMix

        init(seed: UInt64) throws {
            let fixture = try StreamFixture(events: 20_000, seed: seed)
            let stream = try fixture.applied()
            view = stream.view(
                now: EmbeddedLog.wallClock() - 3_500_000_000, commit: 1, cut: fixture.log.cut(), eventsPerSecond: 1,
                freshness: LiveView.Freshness())
            numbers = SplitMix(seed: seed)
            // Its events are of one minute; a shop has sold for an hour.
            if let minute = view.minutes.last {
                view.minutes = (0..<60).map {
                    var other = minute
                    other.minute = "2025-01-01T00:\($0 + 10):00Z"
                    return other
                }
            }
        }

        private func below(_ count: Int) -> Int { Int(numbers.next() % UInt64(count)) }

        /// Some of what can change does.
        func goOn() {
            view.commit += 1
            view.at = Timestamp.text(1_700_000_000_000_000 + view.commit * 100_000)
            view.eventsPerSecond = Double(below(1_000)) / 7
            view.today.orders += Int64(below(3))
            for _ in 0..<below(5) where !view.minutes.isEmpty {
                let minute = below(view.minutes.count)
                view.minutes[minute].clicks += 1
                for channel in view.minutes[minute].channels.keys where below(2) == 0 {
                    view.minutes[minute].channels[channel]?.clicks += 1
                }
            }
            if below(5) == 0, var minute = view.minutes.last {
                view.minutes.removeFirst()
                minute.minute = "2026-01-01T00:00:00.\(view.commit)Z"
                minute.channels["website"] = nil
                view.minutes.append(minute)
            }
            if below(3) == 0 { view.topProducts.shuffle(using: &numbers) }
            if below(6) == 0, view.topProducts.count > 2 { view.topProducts.removeLast() }
            if below(6) == 0, var product = view.topProducts.first {
                product.productID = "\"p\\ \u{1F600}\(view.commit)"
                view.topProducts.append(product)
            }
            view.freshness.lastBatchAt = below(3) == 0 ? nil : "2026-01-01T00:00:00Z"
            if below(8) == 0 { view.anomalies.waitsFor = below(2) == 0 ? nil : "events" }
        }
    }

    @Test(arguments: 1...8) func whoeverSkipsVersionsEndsWithTheWholeView(seed: UInt64) throws {
        let shop = try Shop(seed: seed)
        let feed = LiveFeed()
        feed.publish(shop.view, AnomalyReport(), FraudReport())
        // One that takes every message, one that takes some, and one that stays away for longer than versions are kept.
        var listeners = [try #require(feed.listen()), try #require(feed.listen()), try #require(feed.listen())]
        let paces = [1, 7, LiveFeed.versionsKept + 3]
        var copies = [JSONValue?](repeating: nil, count: 3)
        var wholes = [0, 0, 0]
        for step in 0..<(3 * (LiveFeed.versionsKept + 3)) {
            for index in 0..<3 where step % paces[index] == 0 {
                let message = try #require(try listeners[index].next())
                if !message.isDiff { wholes[index] += 1 }
                copies[index] = try LiveFeedTests.take(message, copies[index])
                #expect(copies[index] == (try JSONValue(try #require(try feed.latest()))), "listener \(index), \(step)")
                #expect(try listeners[index].next() == nil)
            }
            shop.goOn()
            feed.publish(shop.view, AnomalyReport(), FraudReport())
        }
        #expect(wholes == [1, 1, 3])
    }

    @Test func changesAreFewBytes() throws {
        let shop = try Shop(seed: 3)
        let feed = LiveFeed()
        feed.publish(shop.view, AnomalyReport(), FraudReport())
        var listener = try #require(feed.listen())
        let whole = try #require(try listener.next()).json.count
        var sizes: [Int] = []
        for _ in 0..<50 {
            shop.goOn()
            feed.publish(shop.view, AnomalyReport(), FraudReport())
            sizes.append(try #require(try listener.next()).json.count)
        }
        sizes.sort()
        print("live view: \(whole) bytes whole, \(sizes[25]) bytes of changes in the middle, \(sizes[49]) at most")
        #expect(sizes[25] * 10 < whole)
    }

    @Test func whatDiffersInItsMomentOnlyIsNoMessage() throws {
        let shop = try Shop(seed: 4)
        let feed = LiveFeed()
        feed.publish(shop.view, AnomalyReport(), FraudReport())
        var listener = try #require(feed.listen())
        _ = try #require(try listener.next())
        shop.view.at = "2027-01-01T00:00:00Z"
        feed.publish(shop.view, AnomalyReport(), FraudReport())
        #expect(try listener.next() == nil)
        // Who asks for the view is told the moment all the same.
        #expect(String(decoding: try #require(try feed.latest()), as: UTF8.self).contains("\"at\":\"2027-"))
        shop.goOn()
        feed.publish(shop.view, AnomalyReport(), FraudReport())
        #expect(try listener.next()?.isDiff == true)
    }

    @Test func aListenerGoesOnWhereItWasWhileThatIsKept() throws {
        let shop = try Shop(seed: 5)
        let feed = LiveFeed()
        feed.publish(shop.view, AnomalyReport(), FraudReport())
        var first = try #require(feed.listen())
        let message = try #require(try first.next())
        let copy = try JSONValue(message.json)
        shop.goOn()
        feed.publish(shop.view, AnomalyReport(), FraudReport())
        var again = try #require(feed.listen(since: message.id))
        let changes = try #require(try again.next())
        #expect(changes.isDiff)
        #expect(try LiveFeedTests.take(changes, copy) == JSONValue(try #require(try feed.latest())))
        for id in [
            "", "1", "-1", message.id + "9", "x" + message.id, "\(message.id.prefix(3))--1", "9999999999999999999-1",
        ] {
            var stranger = try #require(feed.listen(since: id))
            #expect(try stranger.next()?.isDiff == false, "\(id)")
        }
        for _ in 0..<LiveFeed.versionsKept {
            shop.goOn()
            feed.publish(shop.view, AnomalyReport(), FraudReport())
        }
        var late = try #require(feed.listen(since: message.id))
        #expect(try late.next()?.isDiff == false)
    }

    @Test func noMoreListenThanMay() throws {
        let feed = LiveFeed()
        let listeners = try (0..<LiveFeed.listeners).map { _ in try #require(feed.listen()) }
        #expect(feed.listen() == nil)
        withExtendedLifetime(listeners) {}
        feed.close()
    }
}
