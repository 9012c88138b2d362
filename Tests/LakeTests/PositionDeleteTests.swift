import Engine
import Foundation
import Iceberg
import Lake
import Storage
import Testing

/// A table by day whose files, and files of deletes, the engine writes.
private final class DeleteFolder {
    let path: String
    let catalog: SQLiteCatalog
    var table: Table

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/deletes-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        catalog = try SQLiteCatalog(path: path + "/catalog.sqlite", warehouse: try Location.url(forPath: path))
        try catalog.createNamespace("shop")
        let schema = Schema(assigningIDs: [ColumnDefinition("id", .long), ColumnDefinition("day", .date)])
        table = try catalog.createTable(
            TableIdentifier("shop", "orders"), schema: schema,
            spec: PartitionSpec(of: schema, by: [("day", .identity)]))
        try FileManager.default.createDirectory(
            atPath: try Location.path(of: table.dataLocation), withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func location(_ name: String) -> String { table.dataLocation + "/\(name).parquet" }

    private func write(_ select: String, _ ids: String, _ name: String, day: Int32) throws -> DataFile {
        let target = SQL.literal(try Location.path(of: location(name)))
        let rows = try DuckDB().connect().execute("COPY (\(select)) TO \(target) (FORMAT parquet, FIELD_IDS {\(ids)})")
        return DataFile(
            location: location(name), partition: [.date(day)], recordCount: Int64(rows),
            fileSizeInBytes: try catalog.storage.size(of: location(name)))
    }

    /// A file of ten rows, whose ids are 10 times the day and up.
    func data(_ name: String, day: Int32, from first: Int) throws -> DataFile {
        try write(
            "SELECT i::BIGINT AS id, DATE '1970-01-01' + \(day) AS day FROM range(\(first), \(first + 10)) t(i)",
            "id: 1, day: 2", name, day: day)
    }

    /// A file of the positions of rows in files.
    func positions(_ name: String, day: Int32, _ places: [(file: String, row: Int)], of target: String? = nil) throws
        -> DataFile
    {
        let rows = places.map { "(\(SQL.literal(location($0.file))), \($0.row)::BIGINT)" }.joined(separator: ", ")
        var file = try write(
            "SELECT * FROM (VALUES \(rows)) t(file_path, pos)", "file_path: 2147483546, pos: 2147483545", name, day: day
        )
        file.content = .positionDeletes
        file.referencedDataFile = target.map(location)
        return file
    }

    func ids() throws -> [Int64] {
        try DuckDB().connect().query("SELECT id FROM (\(try LakeTable(table).scanSQL())) ORDER BY id").rows
            .compactMap { $0[0].integer }
    }
}

@Suite struct PositionDeleteTests {
    @Test func positionsCountForFilesOfTheirPartitionAndForTheOneThatTheyAreFor() throws {
        let folder = try DeleteFolder()
        try folder.table.append([
            try folder.data("a", day: 1, from: 0), try folder.data("b", day: 2, from: 10),
            try folder.data("c", day: 2, from: 20),
        ])
        try folder.table.append([
            // Of the other day only what lies there counts, although the plan has both files.
            try folder.positions("all-of-1", day: 1, [("a", 0), ("b", 1)]),
            try folder.positions("all-of-2", day: 2, [("b", 2), ("c", 3)]),
            // What is for one file counts for that one.
            try folder.positions("only-b", day: 2, [("b", 4), ("c", 5)], of: "b"),
        ])
        let gone: Set<Int64> = [0, 12, 23, 14]
        #expect(try folder.ids() == (0..<30).filter { !gone.contains($0) })
        let filtered = try LakeTable(folder.table).plan(where: .equal("day", .date(2)))
        #expect(filtered.tasks.map(\.deletes.count).sorted() == [1, 2])
    }

    /// As some writers leave them after the partition spec has changed.
    @Test func positionsUnderAnotherSpecThanTheirFileAreAnErrorAndOldOnesAreNot() throws {
        let folder = try DeleteFolder()
        try folder.table.append([try folder.data("a", day: 1, from: 0), try folder.data("b", day: 2, from: 10)])
        try folder.table.append([try folder.positions("right", day: 1, [("a", 0), ("gone", 1)])])
        try folder.table.updateSpec { spec in
            try spec.removeField("day")
            try spec.addField("id", .bucket(2))
        }
        #expect(try folder.ids() == Array(1..<20))
        let specID = folder.table.spec.specID
        var dangling = try folder.positions("dangling", day: 1, [("gone", 3)])
        (dangling.specID, dangling.partition) = (specID, [.int(0)])
        try folder.table.append([dangling])
        #expect(try folder.ids() == Array(1..<20))
        var stray = try folder.positions("stray", day: 1, [("b", 2), ("gone", 3)])
        (stray.specID, stray.partition) = (specID, [.int(1)])
        try folder.table.append([stray])
        for filter in [RowFilter.always(true), .equal("day", .date(2)), .equal("id", .long(12))] {
            #expect {
                let scan = try LakeTable(folder.table).scanSQL(where: filter)
                _ = try DuckDB().connect().query("SELECT count(*) FROM (\(scan))")
            } throws: { error in
                ["/stray.parquet", "/b.parquet", "another partition"].allSatisfy("\(error)".contains)
            }
        }
        var compaction = Compaction(folder.table, try DuckDB().connect())
        #expect(throws: EngineError.self) { try compaction.run() }
        // Where none of the files that are read is meant, nothing is in doubt.
        let other = try LakeTable(folder.table).scanSQL(where: .equal("day", .date(1)))
        #expect(try DuckDB().connect().query("SELECT id FROM (\(other))").rows.count == 9)
    }

    @Test func positionsForAFileOfAnotherPartitionAreAnErrorWithBothNames() throws {
        let folder = try DeleteFolder()
        try folder.table.append([try folder.data("a", day: 1, from: 0)])
        try folder.table.append([try folder.positions("stray", day: 2, [("a", 0)], of: "a")])
        #expect {
            try folder.ids()
        } throws: { error in
            ["/stray.parquet", "/a.parquet", "another partition"].allSatisfy("\(error)".contains)
        }
    }
}
