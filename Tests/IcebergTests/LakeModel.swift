import Foundation
import Iceberg
import Storage
import Synchronization

/// What a table should say after a random life: plain sets of file names.
struct LakeModel {
    /// What a snapshot says.
    struct Files: Equatable {
        /// The day that each file belongs to, by its name.
        var days: [String: Int32] = [:]
        /// The delete files that hold for each file, by its name.
        var deletes: [String: Set<String>] = [:]

        /// Takes a file out, and with it what is deleted from it.
        mutating func remove(_ name: String) {
            days[name] = nil
            deletes[name] = nil
        }
    }

    var live = Files()
    /// What each snapshot that is kept says.
    var snapshots: [Int64: Files] = [:]
    /// The main branch's states, oldest first, as far as they are kept.
    var history: [Int64] = []
    /// Tags by name.
    var tags: [String: Int64] = [:]
    var columns: [String] = ["id", "amount", "day"]
    var parents: [Int64: Int64] = [:]
}

/// A catalog that loses requests and answers by chance.
final class FlakyCatalog: ForwardingCatalog {
    let inner: any Catalog
    private let random: Mutex<SeededGenerator>
    private let chance: Mutex<Int> = Mutex(0)

    init(_ inner: any Catalog, seed: UInt64) {
        self.inner = inner
        random = Mutex(SeededGenerator(seed: seed))
    }

    /// Of a hundred commits, so many lose their request, and so many their answer; as many are refused.
    func lose(_ percent: Int) { chance.withLock { $0 = percent } }

    func commit(_ commits: [TableCommit]) throws -> [TableVersion] {
        let percent = chance.withLock { $0 }
        let number = random.withLock { Int.random(in: 0..<100, using: &$0) }
        if number < percent { throw IcebergError(.uncertain, "the request was lost") }
        if number < 2 * percent {
            _ = try inner.commit(commits)
            throw IcebergError(.uncertain, "the answer was lost")
        }
        if number < 3 * percent { throw IcebergError(.conflict, "refused by chance") }
        return try inner.commit(commits)
    }
}
