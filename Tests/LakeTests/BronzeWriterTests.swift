import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Storage
import Synchronization
import Testing

/// A log and a lake in a temporary folder, with a clock that the test sets.
final class BronzeFolder {
    let path: String
    let log: EmbeddedLog
    let catalog: SQLiteCatalog
    private let clock: Clock

    private final class Clock: Sendable {
        let micros = Mutex<Int64>(0)
    }

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/lake-\(UUID().uuidString)"
        let clock = Clock()
        self.clock = clock
        log = try EmbeddedLog(folder: path + "/log", partitions: 2, clock: { clock.micros.withLock { $0 } })
        try FileManager.default.createDirectory(atPath: path + "/lake", withIntermediateDirectories: true)
        catalog = try SQLiteCatalog(
            path: path + "/lake/catalog.sqlite", warehouse: try Location.url(forPath: path + "/lake"))
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    func writer() throws -> BronzeWriter {
        BronzeWriter(log: log, catalog: catalog)
    }

    /// Appends one commit of clicks, received at an instant.
    func click(_ ids: [String], at instant: Int64) throws {
        try append(
            ids.map { id in
                """
                {"type":"click","event_id":"\(id)","user_id":"u-\(id)","session_id":"s","product_id":"p",\
                "ts":"2026-01-01T10:00:00Z","page":"/","referrer":"","dwell_ms":7,"campaign":"a campaign long enough"}
                """
            }, to: .clicks, at: instant)
    }

    /// Appends one commit of events, received at an instant.
    func append(_ events: [String], to topic: Topic, at instant: Int64) throws {
        clock.micros.withLock { $0 = instant }
        let batch = AppendBatch(partitions: 2)
        for json in events {
            batch.received += 1
            PaddedBytes(copying: Array(json.utf8)).withBytes { batch.add($0, to: topic, key: KeyHash(json)) }
        }
        _ = try log.appendAndWait(batch)
    }

    func table() throws -> Table { try catalog.loadTable(TableIdentifier("bronze", "clicks")) }

    /// Every row as the engine reads it, in the order of the log.
    func rows() throws -> [String] {
        let connection = try DuckDB().connect()
        return try connection.query(
            """
            SELECT event_id, dwell_ms, campaign, channel, log_partition, log_offset, epoch_us(received_at)
            FROM (\(try LakeTable(try table()).scanSQL())) ORDER BY received_at, log_partition, log_offset
            """
        ).rows.map { $0.map(\.text).joined(separator: " ") }
    }
}

@Suite struct BronzeWriterTests {
    private let midnight: Int64 = 1_767_312_000_000_000

    @Test func everyRecordIsCommittedOnceHoweverOftenItIsDrainedAndByWhom() throws {
        let folder = try BronzeFolder()
        try folder.click(["a", "b", "c"], at: midnight)
        let first = try folder.writer()
        #expect(try first.drain(to: folder.log.cut()).rowCount == 3)
        #expect(try first.drain(to: folder.log.cut()).rowCount == 0)
        #expect(try folder.table().history.count == 1)
        try folder.click(["d"], at: midnight + 1)
        // A writer that starts later, as after a crash, goes on where the table says.
        let second = try folder.writer()
        #expect(try second.drain(to: folder.log.cut()).rowCount == 1)
        let rows = try folder.rows()
        #expect(rows.count == 4)
        #expect(Set(rows.map { $0.prefix(1) }) == ["a", "b", "c", "d"])
        #expect(rows.allSatisfy { $0.contains(" 7 a campaign long enough ") })
        // The first writer does not know of the second's commit, and must not write its record again.
        try folder.click(["e"], at: midnight + 2)
        #expect(throws: (any Error).self) { try first.drain(to: folder.log.cut()) }
        #expect(try first.drain(to: folder.log.cut()).rowCount == 1)
        #expect(try folder.rows().dropLast() == rows[...])
        let covered = try BronzeWriter.coveredOffsets(folder.catalog, partitions: 2)
        #expect(covered == folder.log.cut().offsets)
    }

    @Test func aCutIsNeverPassed() throws {
        let folder = try BronzeFolder()
        try folder.click(["a"], at: midnight)
        let cut = folder.log.cut()
        try folder.click(["b"], at: midnight + 1)
        #expect(try folder.writer().drain(to: cut).rowCount == 1)
        #expect(try folder.rows().count == 1)
    }

    @Test func filesEndAtMidnightSoThatEachHoldsOnePartition() throws {
        let folder = try BronzeFolder()
        try folder.click(["a", "b"], at: midnight - 2)
        try folder.click(["c", "d", "e"], at: midnight)
        try folder.click(["f"], at: midnight + 86_400_000_000)
        #expect(try folder.writer().drain(to: folder.log.cut()).rowCount == 6)
        let files = try folder.table().files()
        #expect(Set(files.map(\.partition)) == [[.date(20_454)], [.date(20_455)], [.date(20_456)]])
        #expect(files.map(\.recordCount).sorted() == [1, 2, 3])
        #expect(try folder.rows().count == 6)
    }

    @Test func tidyingUpJoinsFilesAndLosesNeitherRowsNorOffsets() throws {
        let folder = try BronzeFolder()
        let writer = try folder.writer()
        for commit in 0..<65 {
            try folder.click(["e\(commit)"], at: midnight + Int64(commit))
            _ = try writer.drain(to: folder.log.cut())
        }
        let before = try folder.rows()
        #expect(try folder.table().files().count == 65)
        try BronzeUpkeep(catalog: folder.catalog, connection: try DuckDB().connect()).care()
        #expect(try folder.table().files().count == 1)
        #expect(try folder.rows() == before)
        try folder.click(["last"], at: midnight + 100)
        #expect(try folder.writer().drain(to: folder.log.cut()).rowCount == 1)
        #expect(try folder.rows().count == 66)
    }

    @Test func aTableThatSomethingElseWroteToIsNotTouched() throws {
        let folder = try BronzeFolder()
        try folder.click(["a"], at: midnight)
        _ = try folder.writer().drain(to: folder.log.cut())
        var table = try folder.table()
        try table.replaceAll(with: [], summary: [:])
        try folder.click(["b"], at: midnight + 1)
        let error = #expect(throws: LakeTableError.self) { try folder.writer().drain(to: folder.log.cut()) }
        #expect(error?.description.contains("last written by something else") == true)
    }
}
