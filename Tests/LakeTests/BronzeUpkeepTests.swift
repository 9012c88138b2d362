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
        let rounds = Atomic<Int>(0)
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
                    rounds.add(1, ordering: .relaxed)
                }
                try upkeep.care()
            } catch {
                failure.withLock { $0 = error }
            }
            ended.signal()
        }
        let writer = try folder.writer()
        var most = (files: 0, snapshots: 0, metadata: Int64(0))
        for commit in 0..<commits {
            try folder.click(["e\(commit)"], at: midnight + Int64(commit))
            #expect(try writer.drain(to: folder.log.cut()).rowCount == 1)
            guard commit % 20 == 19 else { continue }
            let table = try folder.table()
            most.files = max(most.files, try table.files().count)
            most.snapshots = max(most.snapshots, table.metadata.snapshots.count)
            most.metadata = max(most.metadata, try catalog.storage.size(of: table.metadataLocation))
        }
        isDone.store(true, ordering: .releasing)
        ended.wait()
        if let error = failure.withLock({ $0 }) { throw error }
        #expect(rounds.load(ordering: .relaxed) > 0)
        let rows = try folder.rows()
        #expect(rows.count == commits)
        #expect(Set(rows.map { $0.split(separator: " ")[0] }).count == commits)
        let table = try folder.table()
        // Up to sixteen files of a size wait to be joined, of a few sizes.
        #expect(try table.files().count < 48)
        // Without the upkeep there would be one for each commit; how far it falls behind is the machine's affair.
        #expect(most.files < commits - 50)
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
