import Access
import Foundation
import Testing

@Suite struct LimitTests {
    @Test("a bucket lets its burst through, then its rate, and says truly when there is more")
    func bucket() throws {
        let workspace = Workspace()
        let key = try workspace.add(rate: 10, burst: 20)
        let access = WriteAccess(token: nil, keys: try workspace.store())
        for _ in 0..<20 { try access.grant(key.text, origin: nil).get().settle(events: 1) }
        let refusal = try #require(access.grant(key.text, origin: nil).refusal)
        #expect(refusal == .overRate(id: key.id, rate: 10, retryAfterSeconds: 1))
        workspace.pass(seconds: 1)
        for _ in 0..<10 { try access.grant(key.text, origin: nil).get().settle(events: 1) }
        #expect(access.grant(key.text, origin: nil).refusal != nil)
        // A pause fills it to the burst and no further.
        workspace.pass(seconds: 3_600)
        for _ in 0..<20 { try access.grant(key.text, origin: nil).get().settle(events: 1) }
        #expect(access.grant(key.text, origin: nil).refusal != nil)
    }

    @Test("a request is taken whole, and what it took too much is waited for")
    func debt() throws {
        let workspace = Workspace()
        let key = try workspace.add(rate: 100, burst: 100)
        let access = WriteAccess(token: nil, keys: try workspace.store())
        try access.grant(key.text, origin: nil).get().settle(events: 1_000)
        // 900 owed and one needed, at 100 a second.
        let refusal = try #require(access.grant(key.text, origin: nil).refusal)
        #expect(refusal.retryAfterSeconds == 10)
        workspace.pass(seconds: 9)
        #expect(access.grant(key.text, origin: nil).refusal?.retryAfterSeconds == 1)
        workspace.pass(seconds: 1)
        #expect(access.grant(key.text, origin: nil).refusal == nil)
    }

    @Test("requests that are in progress at once count before they are settled")
    func concurrent() throws {
        let workspace = Workspace()
        let key = try workspace.add(rate: 1, burst: 5, daily: 1_000)
        let access = WriteAccess(token: nil, keys: try workspace.store())
        let grants = (0..<8).compactMap { _ in try? access.grant(key.text, origin: nil).get() }
        #expect(grants.count == 5)
        // What is repeated or refused later takes nothing.
        for grant in grants { grant.settle(events: 0) }
        #expect((0..<8).compactMap { _ in try? access.grant(key.text, origin: nil).get() }.count == 5)
    }

    @Test("a quota ends with the UTC day, and a repeat takes nothing of it")
    func quota() throws {
        let workspace = Workspace(now: Workspace.midnight - 90 * Workspace.second)
        let key = try workspace.add(daily: 100)
        let store = try workspace.store()
        let access = WriteAccess(token: nil, keys: store)
        try access.grant(key.text, origin: nil).get().settle(events: 60)
        try access.grant(key.text, origin: nil).get().settle(events: 0)
        #expect(store.usedToday() == [key.id: 60])
        try access.grant(key.text, origin: nil).get().settle(events: 60)
        let refusal = try #require(access.grant(key.text, origin: nil).refusal)
        #expect(refusal == .overQuota(id: key.id, daily: 100, retryAfterSeconds: 90))
        #expect(refusal.message.contains("midnight UTC"))
        workspace.pass(seconds: 89.5)
        #expect(access.grant(key.text, origin: nil).refusal?.retryAfterSeconds == 1)
        workspace.pass(seconds: 0.5)
        #expect(access.grant(key.text, origin: nil).refusal == nil)
    }

    @Test("a request over midnight counts on the day that it ends")
    func overMidnight() throws {
        let workspace = Workspace(now: Workspace.midnight - 1)
        let key = try workspace.add(daily: 100)
        let store = try workspace.store()
        let access = WriteAccess(token: nil, keys: store)
        let late = try access.grant(key.text, origin: nil).get()
        let repeated = try access.grant(key.text, origin: nil).get()
        workspace.pass(seconds: 1)
        late.settle(events: 40)
        repeated.settle(events: 0)
        #expect(store.usedToday() == [key.id: 39])
    }

    @Test("what was used today survives a restart; yesterday's does not")
    func restart() throws {
        let workspace = Workspace()
        let key = try workspace.add(daily: 100)
        var store = try workspace.store()
        try WriteAccess(token: nil, keys: store).grant(key.text, origin: nil).get().settle(events: 99)
        try store.close()
        store = try workspace.store()
        let access = WriteAccess(token: nil, keys: store)
        try access.grant(key.text, origin: nil).get().settle(events: 1)
        #expect(access.grant(key.text, origin: nil).refusal != nil)
        try store.close()
        workspace.pass(seconds: 86_400)
        store = try workspace.store()
        #expect(store.usedToday() == [key.id: 0])
    }

    @Test("a crash forgets at most the seconds since the counts were last written")
    func crash() throws {
        let workspace = Workspace()
        let key = try workspace.add()
        let store = try workspace.store()
        let access = WriteAccess(token: nil, keys: store)
        for _ in 0..<10 {
            try access.grant(key.text, origin: nil).get().settle(events: 10)
            workspace.pass(seconds: 1)
            store.look()
        }
        // Not closed: as after a kill.
        let after = try workspace.store().usedToday()[key.id] ?? 0
        #expect(after >= 100 - Int64(KeyStore.usageSeconds) * 10 && after <= 100)
        #expect(after > 0)
    }

    @Test("a damaged file of counts is said, with what to do")
    func damagedUsage() throws {
        let workspace = Workspace()
        try workspace.add()
        try "{\"days".write(toFile: workspace.folder + "/usage.json", atomically: false, encoding: .utf8)
        let error = #expect(throws: AccessError.self) { try workspace.store() }
        #expect(error?.description.contains("usage.json is damaged") == true)
    }
}
