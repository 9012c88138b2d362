import Foundation
import Synchronization

/// A folder of its own for what one database spills: two databases in one folder would write into each other's files.
///
/// It goes with the database. What a killed process left behind goes when the next database is opened beside it.
final class SpillFolder: Sendable {
    /// Its path.
    let path: String

    private static let prefix = "spill-"
    private static let counter = Atomic<Int>(0)

    init(in parent: String) throws {
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        path = "\(parent)/\(Self.prefix)\(getpid())-\(number)"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw EngineError(.io, "the engine's temporary folder \(path) cannot be made: \(error)")
        }
        Self.removeAbandoned(in: parent)
    }

    deinit {
        // Should this fail, the next database's look finds it.
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func removeAbandoned(in parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix(prefix) {
            guard let text = name.dropFirst(prefix.count).split(separator: "-").first, let owner = pid_t(text),
                owner != getpid(), kill(owner, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(atPath: parent + "/" + name)
        }
    }
}
