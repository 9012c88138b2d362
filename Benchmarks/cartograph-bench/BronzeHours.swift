import Dispatch
import Engine
import EventLog
import Foundation
import Iceberg
import Lake
import Storage
import Synchronization

/// Hours of small commits in minutes: what bronze comes to when nobody stops it.
extension InProcess {
    /// Windows that the run is cut into; times of the first and the last are compared.
    private static let windows = 10

    /// Time, files, snapshots and metadata of many commits, a second of a quiet shop each, with the upkeep beside them.
    func bronzeHours(commits: Int) throws -> [Measure] {
        try withFolder { folder in
            let log = try EmbeddedLog(folder: folder + "/log", partitions: InProcess.partitions)
            defer { log.close() }
            let catalog = try SQLiteCatalog(path: folder + "/lake/catalog.sqlite", warehouse: folder + "/lake")
            let writer = BronzeWriter(log: log, catalog: catalog)
            let isDone = Atomic<Bool>(false)
            let lost = Atomic<Int>(0)
            let failure = Mutex<(any Error)?>(nil)
            let ended = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                do {
                    var settings = DuckDB.Settings()
                    settings.memoryLimitBytes = 96 << 20
                    let upkeep = BronzeUpkeep(catalog: catalog, connection: try DuckDB(settings).connect())
                    while !isDone.load(ordering: .acquiring) {
                        do {
                            try upkeep.care()
                        } catch let error as IcebergError where error.kind == .conflict {
                            // The writer, which never pauses here, was faster every time; a server tries again, too.
                            lost.add(1, ordering: .relaxed)
                        }
                    }
                } catch {
                    failure.withLock { $0 = error }
                }
                ended.signal()
            }
            let batches = try batches(of: [64])
            var seconds: [Double] = []
            var most = (files: 0.0, snapshots: 0.0, metadata: 0.0)
            for number in 0..<commits {
                _ = try log.appendAndWait(batches[number % batches.count])
                let began = Clocks.now()
                _ = try writer.drain(to: log.cut())
                seconds.append(Double(Clocks.now() - began) / 1e9)
                guard number % InProcess.windows == InProcess.windows - 1 else { continue }
                let clicks = try catalog.loadTable(TableIdentifier("bronze", "clicks"))
                most.files = max(most.files, Double(try clicks.files().count))
                most.snapshots = max(most.snapshots, Double(clicks.metadata.snapshots.count))
                most.metadata = max(most.metadata, Double(try catalog.storage.size(of: clicks.metadataLocation)))
            }
            isDone.store(true, ordering: .releasing)
            ended.wait()
            if let error = failure.withLock({ $0 }) { throw error }
            let clicks = try catalog.loadTable(TableIdentifier("bronze", "clicks"))
            let window = max(1, commits / InProcess.windows)
            func measure(_ name: String, _ value: Double, _ unit: String) -> Measure {
                Measure(bench: "hours", measure: name, value: value, unit: unit)
            }
            return [
                Measure(
                    bench: "hours", measure: "the first \(window) of \(commits) commits",
                    Spread(seconds.prefix(window).map { $0 * 1_000 }), unit: "ms"),
                Measure(
                    bench: "hours", measure: "the last \(window) of \(commits) commits",
                    Spread(seconds.suffix(window).map { $0 * 1_000 }), unit: "ms"),
                measure("files of a day at most", most.files, "files"),
                measure("files of a day at the end", Double(try clicks.files().count), "files"),
                measure("upkeep that came too late", Double(lost.load(ordering: .relaxed)), "runs"),
                measure("snapshots at most", most.snapshots, "snapshots"),
                measure("metadata at most", most.metadata, "bytes"),
            ]
        }
    }
}
