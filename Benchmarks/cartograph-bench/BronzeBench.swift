import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Storage

/// Measures of the way from the log into committed bronze tables.
extension InProcess {
    /// How often the log repeats the simulated events, so that files get as large as they do in a busy shop.
    private static let repeats = 4

    /// Rows a processor second into committed Parquet: reading the log, decoding, writing, syncing, committing.
    ///
    /// - Parameter only: a topic to measure alone, or "all" for all together; nil for all together, the most frequent and
    ///   the largest events.
    func bronze(only: String?) throws -> [Measure] {
        let decoder = EventDecoder()
        let row = EventBatch(capacity: 1)
        var byTopic: [Topic: [Int]] = [:]
        for index in 0..<events.count {
            row.removeAll()
            guard decoder.decode(events.event(index), into: row) == nil else {
                throw BenchError("a simulated event was rejected")
            }
            byTopic[row.type(0).topic, default: []].append(index)
        }
        func alone(_ name: String) throws -> [Int] {
            guard let topic = Topic(name: name), let indices = byTopic[topic] else {
                throw BenchError("there are no simulated events in \"\(name)\"")
            }
            return indices
        }
        if only == "all" { return try bronze("all topics", Array(0..<events.count)) }
        if let only { return try bronze(only, alone(only)) }
        return try bronze("all topics", Array(0..<events.count)) + bronze("clicks", alone("clicks"))
            + bronze("clicks with zstd 1", alone("clicks"), .zstd(1)) + bronze("purchases", alone("purchases"))
    }

    private func bronze(
        _ name: String, _ indices: [Int], _ compression: BronzeWriter.Limits.Compression = .byPlace
    ) throws -> [Measure] {
        try withFolder { folder in
            let log = try EmbeddedLog(folder: folder + "/log", partitions: InProcess.partitions)
            defer { log.close() }
            // Few events are repeated until a round is worth a measure, but not beyond what the log takes quickly.
            let repeats = min(64, max(InProcess.repeats, InProcess.repeats * events.count / 4 / indices.count))
            let rows = indices.count * repeats
            let batches = try batches(of: [1_000], indices)
            let lake = folder + "/lake"
            let catalog = try SQLiteCatalog(path: lake + "/catalog.sqlite", warehouse: lake)
            // One writer for all runs, as the platform has one: what it learnt and the memory that it has touched stay.
            var limits = BronzeWriter.Limits()
            limits.compression = compression
            let writer = BronzeWriter(log: log, catalog: catalog, limits: limits)
            var cpu: [Double] = []
            var wall: [Double] = []
            for run in 0...runs {
                for _ in 0..<repeats {
                    for batch in batches { _ = try log.appendAndWait(batch) }
                }
                let cut = log.cut()
                let (spentBefore, began) = (Clocks.ownCPU(), Clocks.now())
                let moved = try writer.drain(to: cut)
                let (spent, took) = (Clocks.ownCPU() - spentBefore, Clocks.now() - began)
                guard moved.rowCount == rows else { throw BenchError("\(moved.rowCount) of \(rows) rows moved") }
                guard run > 0 else { continue }
                cpu.append(Double(rows) / (Double(spent) / 1e9))
                wall.append(Double(rows) / (Double(took) / 1e9))
            }
            let fresh = try bytes(catalog) / Double(rows * (runs + 1))
            let joining = try join(catalog)
            let joined = try bytes(catalog) / Double(rows * (runs + 1))
            return [
                Measure(bench: "lake", measure: "bronze, \(name)", Spread(cpu), unit: "rows/cpu-s"),
                Measure(bench: "lake", measure: "bronze, \(name), wall", Spread(wall), unit: "rows/s"),
                Measure(bench: "lake", measure: "bronze, \(name), fresh files", value: fresh, unit: "bytes/row"),
                Measure(
                    bench: "lake", measure: "bronze, \(name), joined", value: joined, unit: "bytes/row"),
                Measure(
                    bench: "lake", measure: "bronze, \(name), compaction",
                    value: Double(joining.rows) / (Double(joining.spent) / 1e9), unit: "rows/cpu-s"),
            ]
        }
    }

    /// Joins the fresh files of all tables; returns their rows and the processor's nanoseconds.
    private func join(_ catalog: SQLiteCatalog) throws -> (rows: Int64, spent: UInt64) {
        let connection = try DuckDB().connect()
        var limits = Compaction.Limits()
        limits.filesMin = 2
        limits.newestFilesMin = 2
        limits.smallFileBytes = limits.targetFileBytes
        var rows: Int64 = 0
        let before = Clocks.ownCPU()
        for table in try catalog.listTables(in: "bronze") {
            var compaction = Compaction(try catalog.loadTable(table), connection, limits)
            rows += try compaction.run().rows
        }
        return (rows, Clocks.ownCPU() - before)
    }

    private func bytes(_ catalog: SQLiteCatalog) throws -> Double {
        var bytes: Int64 = 0
        for table in try catalog.listTables(in: "bronze") {
            bytes += try catalog.loadTable(table).files().reduce(0) { $0 + $1.fileSizeInBytes }
        }
        return Double(bytes)
    }
}
