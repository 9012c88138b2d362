import Engine
import EventLog
import Foundation
import Iceberg
import Lake
import Storage
import Synchronization
import Testing

/// Hours of small commits with the upkeep beside them.
@Suite struct BronzeUpkeepTests {
    private let midnight: Int64 = 1_767_312_000_000_000

    @Test func manySmallCommitsBesideTheUpkeepLeaveBoundedFilesSnapshotsAndMetadata() throws {
        let folder = try BronzeFolder()
        let commits = 300
        let isDone = Atomic<Bool>(false)
        let failure = Mutex<(any Error)?>(nil)
        let rounds = Rounds()
        let ended = DispatchSemaphore(value: 0)
        let catalog = folder.catalog
        Thread.detachNewThread {
            do {
                var limits = BronzeUpkeep.limits
                limits.snapshotsMax = 40
                limits.snapshotsKept = 20
                limits.snapshotSecondsKept = 0
                let upkeep = BronzeUpkeep(catalog: catalog, connection: try DuckDB().connect(), limits: limits)
                while !isDone.load(ordering: .acquiring) {
                    try upkeep.care()
                    rounds.end()
                }
                try upkeep.care()
            } catch {
                failure.withLock { $0 = error }
            }
            rounds.close()
            ended.signal()
        }
        let writer = try folder.writer()
        var most = (files: 0, snapshots: 0, metadata: Int64(0))
        for commit in 0..<commits {
            try folder.click(["e\(commit)"], at: midnight + Int64(commit))
            #expect(try writer.drain(to: folder.log.cut()).rowCount == 1)
            guard commit % 20 == 19 else { continue }
            // On a machine of any speed the upkeep is at most the commits of two rounds behind: a whole one has passed.
            rounds.waitForWholeOne()
            let table = try folder.table()
            most.files = max(most.files, try table.files().count)
            most.snapshots = max(most.snapshots, table.metadata.snapshots.count)
            most.metadata = max(most.metadata, try catalog.storage.size(of: table.metadataLocation))
        }
        isDone.store(true, ordering: .releasing)
        ended.wait()
        if let error = failure.withLock({ $0 }) { throw error }
        let rows = try folder.rows()
        #expect(rows.count == commits)
        #expect(Set(rows.map { $0.split(separator: " ")[0] }).count == commits)
        let table = try folder.table()
        // Up to sixteen files of a size wait to be joined, of a few sizes.
        #expect(try table.files().count < 48)
        #expect(most.files < 48 + 40)
        #expect(most.snapshots < 150)
        #expect(table.metadata.snapshots.count <= 60)
        // What nothing refers to is gone: data files of forgotten snapshots, manifests, old metadata.
        let stored = try catalog.storage.list(prefix: table.location)
        #expect(stored.filter { $0.location.hasSuffix(".metadata.json") }.count <= 26)
        #expect(stored.filter { $0.location.contains("/snap-") }.count < 150)
        #expect(stored.filter { $0.location.hasSuffix(".parquet") }.count < commits)
        // A writer that starts now goes on where the table says.
        try folder.click(["last"], at: midnight + 1_000)
        #expect(try folder.writer().drain(to: folder.log.cut()).rowCount == 1)
    }
}

/// The rounds of an upkeep on another thread, for a writer that must not run away from it.
private final class Rounds: @unchecked Sendable {
    private let condition = NSCondition()
    private var ended = 0
    private var isClosed = false

    func end() {
        condition.withLock { ended += 1 }
        condition.broadcast()
    }

    /// There are no more.
    func close() {
        condition.withLock { isClosed = true }
        condition.broadcast()
    }

    /// Waits until a round that began after this call has ended.
    func waitForWholeOne() {
        condition.lock()
        defer { condition.unlock() }
        let target = ended + 2
        while ended < target && !isClosed { condition.wait() }
    }
}
