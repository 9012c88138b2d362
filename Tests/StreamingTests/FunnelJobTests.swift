import Events
import Foundation
import Streaming
import Testing

/// The funnel beside its definition, computed from all events of a session at once.
@Suite struct FunnelJobTests {
    struct Event {
        let type: EventType
        let session: UInt64
        let at: Int64
    }

    private func run(_ events: [Event], zone: String = "UTC") throws -> [Int32: FunnelTotals] {
        var calendar = try #require(BusinessCalendar(zoneNamed: zone))
        var job = FunnelJob()
        for event in events { job.add(event.type, session: event.session, at: event.at, calendar: &calendar) }
        return job.days.filter { $0.value != FunnelTotals() }
    }

    private func expected(_ events: [Event], zone: String = "UTC") throws -> [Int32: FunnelTotals] {
        var calendar = try #require(BusinessCalendar(zoneNamed: zone))
        var days: [Int32: FunnelTotals] = [:]
        for (_, session) in Dictionary(grouping: events, by: \.session) {
            guard let view = session.filter({ $0.type == .click }).map(\.at).min() else { continue }
            var totals = days[calendar.day(of: view)] ?? FunnelTotals()
            totals.views += 1
            if let cart = session.filter({ $0.type == .cart && $0.at >= view }).map(\.at).min() {
                totals.carts += 1
                if session.contains(where: { $0.type == .purchase && $0.at >= cart }) { totals.purchases += 1 }
            }
            days[calendar.day(of: view)] = totals
        }
        return days
    }

    private let midnight: Int64 = 1_767_225_600_000_000

    private func random(_ seed: UInt64, sessions: Int, cartsPerSession: Int) -> [Event] {
        var random = SplitMix(seed: seed)
        var events: [Event] = []
        for session in 1...sessions {
            let start = midnight + Int64(random.below(86_400)) * 1_000_000
            for _ in 0..<random.below(6) {
                events.append(
                    Event(type: .click, session: UInt64(session), at: start + Int64(random.below(7_200)) * 1_000_000))
            }
            for _ in 0..<random.below(cartsPerSession + 1) {
                events.append(
                    Event(type: .cart, session: UInt64(session), at: start + Int64(random.below(7_200)) * 1_000_000))
            }
            for _ in 0..<random.below(3) {
                events.append(
                    Event(type: .purchase, session: UInt64(session), at: start + Int64(random.below(7_200)) * 1_000_000)
                )
            }
        }
        return events
    }

    @Test(arguments: 1...20) func inOrderItEqualsItsDefinition(seed: UInt64) throws {
        let events = random(seed, sessions: 400, cartsPerSession: 6).sorted { $0.at < $1.at }
        #expect(try run(events) == expected(events))
    }

    @Test(arguments: 1...20) func shuffledWithOneCartASessionItEqualsItsDefinition(seed: UInt64) throws {
        var chance = SplitMix(seed: seed &+ 99)
        let events = chance.shuffled(random(seed, sessions: 400, cartsPerSession: 1))
        #expect(try run(events) == expected(events))
    }

    @Test func aSessionCountsOnTheBusinessDayOfItsFirstViewEvenWhenThatComesLast() throws {
        let events = [
            Event(type: .click, session: 1, at: midnight + 600_000_000),
            Event(type: .cart, session: 1, at: midnight + 700_000_000),
            Event(type: .click, session: 1, at: midnight - 60_000_000),
        ]
        let day = Int32(midnight / 86_400_000_000)
        let days = try run(events)
        #expect(days[day - 1]?.views == 1)
        #expect(days[day - 1]?.carts == 1)
        #expect(days[day] == nil)
        // In Kolkata, five and a half hours ahead, both are the same day.
        #expect(try run(events, zone: "Asia/Kolkata")[day]?.views == 1)
    }

    @Test func aPurchaseBeforeTheCartIsNoStep() throws {
        let events = [
            Event(type: .click, session: 1, at: midnight), Event(type: .purchase, session: 1, at: midnight + 1),
            Event(type: .cart, session: 1, at: midnight + 2),
        ]
        let totals = try #require(try run(events).values.first)
        #expect(totals.carts == 1)
        #expect(totals.purchases == 0)
    }
}
