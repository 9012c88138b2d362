import Storage

extension ObjectStorage {
    /// Removes files that no table refers to. One that cannot be removed is left: it costs space and nothing else, and
    /// orphan removal finds it.
    package func discard(_ locations: some Sequence<String>) {
        let all = Array(locations)
        for start in stride(from: 0, to: all.count, by: AtOnce.deletes) {
            do { try delete(Array(all[start...].prefix(AtOnce.deletes))) } catch { continue }
        }
    }

    /// Creates objects, those of different folders at the same time: what a commit waits for is mostly the disk's
    /// syncs. When one fails, all are removed again.
    func createAtOnce(_ objects: [NewObject]) throws {
        let folders = Dictionary(grouping: objects) { $0.location.prefix(upTo: Location.nameStart(in: $0.location)) }
        do {
            _ = try folders.values.mapAtOnce(upTo: AtOnce.writes) { objects in try create(objects) }
        } catch {
            discard(objects.map(\.location))
            throw error
        }
    }
}

/// How much is asked of the storage at the same time.
enum AtOnce {
    /// Folders that are written to.
    static let writes = 8
    /// Objects that are read.
    static let reads = 8
    /// Objects that are deleted by one request, where the storage can.
    static let deletes = 1_000
}

extension Location {
    /// Where the last component begins.
    fileprivate static func nameStart(in location: String) -> String.Index {
        location.utf8.lastIndex(of: UInt8(ascii: "/")) ?? location.startIndex
    }
}
