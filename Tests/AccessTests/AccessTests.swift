import Access
import Foundation
import Testing

@Suite struct AccessTests {
    @Test("without a key and a token everybody may write, but no page of another site")
    func open() throws {
        let workspace = Workspace()
        let access = WriteAccess(token: nil, keys: try workspace.store(), origins: ["https://shop.example"])
        #expect(access.grant(nil, origin: nil).refusal == nil)
        #expect(access.grant("anything", origin: nil).refusal == nil)
        #expect(access.grant(nil, origin: "https://shop.example").refusal == nil)
        #expect(access.grant(nil, origin: "https://elsewhere.example").refusal == .wrongOrigin)
        // A made-up key is no way around it.
        for shown in ["ck_x", "ck_", "anything"] {
            #expect(access.grant(shown, origin: "https://elsewhere.example").refusal == .wrongOrigin)
        }
    }

    @Test("with a key nobody writes without, also after it was revoked")
    func needed() throws {
        let workspace = Workspace()
        let key = try workspace.add()
        let store = try workspace.store()
        let access = WriteAccess(token: nil, keys: store)
        #expect(access.grant(nil, origin: nil).refusal == .missing)
        #expect(access.grant("", origin: nil).refusal == .missing)
        #expect(access.grant("token", origin: nil).refusal == .unknown)
        #expect(try access.grant(key.text, origin: nil).get().keyID == key.id)
        // The id alone, another's secret, a key that was never made.
        #expect(access.grant("ck_\(key.id)_\(WriteKey.generate().secret)", origin: nil).refusal == .unknown)
        #expect(access.grant("ck_\(key.id)_", origin: nil).refusal == .unknown)
        #expect(access.grant(WriteKey.generate().text, origin: nil).refusal == .unknown)
        #expect(access.grant(key.text + "x", origin: nil).refusal == .unknown)

        try workspace.file.change { $0[0].revoke() }
        store.look()
        #expect(access.grant(key.text, origin: nil).refusal == .revoked(id: key.id))
        #expect(access.grant(nil, origin: nil).refusal == .missing)
    }

    @Test("the token writes without limits, and nobody without it")
    func token() throws {
        let workspace = Workspace()
        let access = WriteAccess(token: "sesame", ownToken: "own", keys: try workspace.store())
        #expect(access.grant(nil, origin: nil).refusal == .missing)
        #expect(access.grant("sesam", origin: nil).refusal == .unknown)
        for _ in 0..<100 { try access.grant("sesame", origin: nil).get().settle(events: 1_000_000) }
        #expect(try access.grant("own", origin: nil).get().keyID == nil)
        // A server that has only a secret of its own is open.
        #expect(
            WriteAccess(token: nil, ownToken: "own", keys: try workspace.store()).grant(nil, origin: nil).refusal == nil
        )
    }

    @Test("a key's origins decide which pages may use it and read the answers")
    func origins() throws {
        let workspace = Workspace()
        let shop = try workspace.add(origins: ["https://shop.example"])
        let any = try workspace.add(origins: ["*"])
        let server = try workspace.add()
        let access = WriteAccess(token: nil, keys: try workspace.store())
        #expect(access.grant(shop.text, origin: "https://shop.example").refusal == nil)
        #expect(access.grant(shop.text, origin: nil).refusal == nil)
        #expect(access.grant(shop.text, origin: "https://evil.example").refusal == .wrongOrigin)
        #expect(access.grant(any.text, origin: "https://evil.example").refusal == nil)
        #expect(access.grant(server.text, origin: "https://shop.example").refusal == .wrongOrigin)
        #expect(access.allows(origin: "https://shop.example", credential: shop.text))
        #expect(!access.allows(origin: "https://other.example", credential: shop.text))
        // A preflight shows no key: some key's pages may ask.
        #expect(access.allows(origin: "https://shop.example", credential: nil))
    }

    @Test("a running server takes over what changes in the file, and keeps what was used")
    func reload() throws {
        let workspace = Workspace()
        let key = try workspace.add(rate: 10, burst: 10)
        let store = try workspace.store()
        let access = WriteAccess(token: nil, keys: store)
        let pending = try access.grant(key.text, origin: nil).get()
        let second = try workspace.add()
        #expect(access.grant(second.text, origin: nil).refusal == .unknown)
        try workspace.file.change { $0[0].burst = 5 }
        store.look()
        #expect(access.grant(second.text, origin: nil).refusal == nil)
        // Settled after the change: it counts where it was taken.
        pending.settle(events: 5)
        #expect(store.usedToday()[key.id] == 5)
        #expect((0..<10).compactMap { _ in try? access.grant(key.text, origin: nil).get() }.count == 1)
        #expect(workspace.reports.isEmpty)
    }

    @Test(
        "a damaged key file is said once, and the last good keys stay",
        arguments: [
            "", "{", "{\"version\":1,\"keys\":[{\"id\":\"ab\"", "{\"version\":2,\"keys\":[]}", "[]",
            "{\"version\":1,\"keys\":[{\"id\":\"ab\",\"label\":\"a\",\"sha256\":\"00\",\"created_at\":\"\",\"origins\":[]}]}",
        ])
    func damaged(_ text: String) throws {
        let workspace = Workspace()
        let key = try workspace.add()
        let store = try workspace.store()
        let access = WriteAccess(token: nil, keys: store)
        let good = try Data(contentsOf: URL(fileURLWithPath: workspace.file.path))
        try text.write(toFile: workspace.file.path, atomically: false, encoding: .utf8)
        for _ in 0..<3 { store.look() }
        #expect(workspace.reports.count == 1)
        #expect(workspace.reports.first?.contains("keys.json is damaged") == true)
        #expect(access.grant(key.text, origin: nil).refusal == nil)
        #expect(access.grant(nil, origin: nil).refusal == .missing)
        // A start with it is refused: nobody's right is known.
        #expect(throws: AccessError.self) { try workspace.store() }
        #expect(throws: AccessError.self) { try workspace.file.change { _ in } }
        try good.write(to: URL(fileURLWithPath: workspace.file.path))
        store.look()
        #expect(access.grant(key.text, origin: nil).refusal == nil)
    }

    @Test("a key file that is gone does not open the door")
    func gone() throws {
        let workspace = Workspace()
        try workspace.add()
        let store = try workspace.store()
        try FileManager.default.removeItem(atPath: workspace.file.path)
        store.look()
        #expect(WriteAccess(token: nil, keys: store).grant(nil, origin: nil).refusal == .missing)
        #expect(workspace.reports.first?.contains("is gone") == true)
    }

    @Test("keys that are added at the same time are all there")
    func concurrentChanges() async throws {
        let workspace = Workspace()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { try workspace.add() } }
            try await group.waitForAll()
        }
        #expect(try workspace.file.read()?.count == 20)
    }

    @Test("a change that fails leaves the file as it was")
    func failedChange() throws {
        let workspace = Workspace()
        try workspace.add()
        let before = try workspace.file.read()
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try workspace.file.change { records in
                records.removeAll()
                throw Stop()
            }
        }
        #expect(try workspace.file.read() == before)
    }
}
