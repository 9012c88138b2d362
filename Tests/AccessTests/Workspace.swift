import Access
import Foundation
import Synchronization

/// A folder for keys, and clocks that stand still until they are moved.
final class Workspace: Sendable {
    /// 2026-01-02 00:00:00 UTC.
    static let midnight: Int64 = 1_767_312_000_000_000
    static let second: Int64 = 1_000_000

    let folder = NSTemporaryDirectory() + "cartograph-access-" + UUID().uuidString
    private let time: Mutex<Int64>
    private let said = Mutex<[String]>([])

    init(now: Int64 = Workspace.midnight + 12 * 3_600 * Workspace.second) { time = Mutex(now) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var file: KeyFile { KeyFile(folder: folder) }
    var clock: AccessClock {
        AccessClock(now: { [self] in time.withLock { $0 } }, uptime: { [self] in time.withLock { $0 } })
    }

    func pass(seconds: Double) { time.withLock { $0 += Int64(seconds * 1e6) } }

    /// The lines that the store reported.
    var reports: [String] { said.withLock { $0 } }

    func store() throws -> KeyStore {
        try KeyStore(folder: folder, clock: clock) { [self] line in said.withLock { $0.append(line) } }
    }

    @discardableResult
    func add(
        rate: Int? = nil, burst: Int? = nil, daily: Int? = nil, origins: [String] = []
    ) throws -> WriteKey {
        let key = WriteKey.generate()
        let record = try KeyRecord(key, label: "test", rate: rate, burst: burst, daily: daily, origins: origins)
        try file.change { $0.append(record) }
        return key
    }
}

extension Result where Success == WriteGrant, Failure == WriteRefusal {
    var refusal: WriteRefusal? {
        if case .failure(let refusal) = self { refusal } else { nil }
    }
}
