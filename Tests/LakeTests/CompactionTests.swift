import Engine
import Foundation
import Iceberg
import Lake
import Storage
import Synchronization
import Testing

/// Tables with many small files, in a temporary folder.
final class CompactionFolder {
    let path: String
    let catalog: SQLiteCatalog
    let connection: Connection
    private let writer: TableWriter

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/compaction-\(UUID().uuidString)"
        catalog = try SQLiteCatalog(path: path + "/catalog.sqlite", warehouse: path)
        connection = try DuckDB().connect()
        writer = TableWriter(connection)
        try catalog.createNamespace("t")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A table of numbers by day, with a file for each number from 0 to `count` on each of the days.
    func table(_ name: String, files count: Int, days: [Int32]) throws -> Table {
        let schema = Schema(assigningIDs: [
            ColumnDefinition("day", .date), ColumnDefinition("n", .long), ColumnDefinition("text", .string),
        ])
        var table = try catalog.createTable(
            TableIdentifier("t", name), schema: schema, spec: PartitionSpec(of: schema, by: [("day", .identity)]))
        for number in 0..<count { for day in days { try add(number, day: day, to: &table) } }
        return table
    }

    func add(_ number: Int, day: Int32, to table: inout Table) throws {
        let rows = "SELECT DATE '1970-01-01' + \(day) AS day, \(number) AS n, 'row \(number)' AS text"
        try writer.write(
            rows, into: &table, mode: .append, partitioning: .one(PartitionKey([.date(day)], specID: 0)),
            summary: ["cartograph.offsets": "up to \(number)", "cartograph.days": "\(day)"])
    }

    func numbers(_ table: Table) throws -> [String] {
        try connection.query("SELECT day, n, text FROM (\(try LakeTable(table).scanSQL())) ORDER BY day, n").rows.map {
            $0.map(\.text).joined(separator: " ")
        }
    }

    /// The Parquet files in a table's folder, whether or not the table has them.
    func stored(_ table: Table) throws -> Int {
        try catalog.storage.list(prefix: table.dataLocation).filter { $0.location.hasSuffix(".parquet") }.count
    }
}

@Suite struct CompactionTests {
    @Test func aPlanChangesNothingAndARunDoesWhatThePlanSaid() throws {
        let folder = try CompactionFolder()
        let table = try folder.table("planned", files: 7, days: [10, 11])
        var compaction = Compaction(table, folder.connection)
        let before = try folder.numbers(table)
        let plan = try compaction.plan()
        // The newest day has too few files of its own to be touched.
        #expect(plan.groups.map(\.partition.values) == [[.date(10)]])
        #expect(plan.files == 7)
        #expect(plan.rows == 7)
        #expect(plan.tableFiles == 14)
        #expect(try folder.catalog.loadTable(table.identifier).currentSnapshot == table.currentSnapshot)
        var seen: [Compaction.Progress] = []
        let report = try compaction.run { seen.append($0) }
        #expect(report.joinedFiles == 7)
        #expect(report.newFiles == 1)
        #expect(report.rows == 7)
        #expect(seen.map(\.groupsDone) == [0, 1])
        #expect(seen.last?.bytesDone == plan.bytes)
        #expect(try compaction.table.files().count == 8)
        #expect(try folder.numbers(compaction.table) == before)
        // What the table says of its state is said on; what the last commit changed is not said again.
        let snapshot = try #require(compaction.table.currentSnapshot)
        #expect(snapshot.operation == .replace)
        #expect(snapshot.summary["cartograph.offsets"] == "up to 6")
        #expect(snapshot.summary["cartograph.days"] == nil)
        // Nothing is left to do.
        #expect(try compaction.run().groups == 0)
        #expect(try compaction.plan().groups.isEmpty)
    }

    @Test func theNewestDayIsJoinedOnceItHasEnoughFilesOfOneSize() throws {
        let folder = try CompactionFolder()
        var limits = Compaction.Limits()
        limits.newestFilesMin = 8
        let table = try folder.table("newest", files: 8, days: [10])
        var compaction = Compaction(table, folder.connection, limits)
        #expect(try compaction.run().joinedFiles == 8)
        #expect(try compaction.table.files().count == 1)
    }

    @Test func itCanBeStoppedBetweenGroupsAndGoesOnWhereItWas() throws {
        struct Enough: Error {}
        let folder = try CompactionFolder()
        let table = try folder.table("stopped", files: 6, days: [1, 2, 3, 4])
        let before = try folder.numbers(table)
        var compaction = Compaction(table, folder.connection)
        #expect(throws: Enough.self) { try compaction.run { if $0.groupsDone == 1 { throw Enough() } } }
        var current = try folder.catalog.loadTable(table.identifier)
        #expect(try current.files().count == 19)
        #expect(try folder.numbers(current) == before)
        #expect(try Compaction(current, folder.connection).plan().groups.count == 2)
        #expect(try compaction.run().groups == 2)
        try current.refresh()
        #expect(try current.files().count == 9)
        #expect(try folder.numbers(current) == before)
    }

    @Test func rowsAreOrderedWhenAsked() throws {
        let folder = try CompactionFolder()
        var table = try folder.table("ordered", files: 0, days: [])
        for number in [4, 2, 5, 1, 3] { try folder.add(number, day: 1, to: &table) }
        try folder.add(9, day: 2, to: &table)
        var limits = Compaction.Limits()
        limits.order = .columns(["n"])
        var compaction = Compaction(table, folder.connection, limits)
        try compaction.run()
        let joined = try #require(try compaction.table.files().first { $0.recordCount == 5 })
        let path = try Location.path(of: joined.location)
        let rows = try folder.connection.query("SELECT n FROM read_parquet('\(path)')").rows
        #expect(rows.map { $0[0] } == [.integer(1), .integer(2), .integer(3), .integer(4), .integer(5)])
        limits.order = .columns(["nothing"])
        try folder.add(0, day: 1, to: &table)
        for number in 10..<15 { try folder.add(number, day: 1, to: &table) }
        var wrong = Compaction(table, folder.connection, limits)
        #expect(throws: LakeTableError.self) { try wrong.run() }
    }

    @Test func filesThatShrinkWhenTheyAreJoinedComeOutAtTheSizeThatIsWanted() throws {
        let folder = try CompactionFolder()
        var table = try folder.table("shrinking", files: 0, days: [])
        let target: Int64 = 100_000
        try table.setProperties(["write.target-file-size-bytes": String(target)])
        // As fresh files of bronze are: not compressed, and far larger than what becomes of them.
        let data = try Location.path(of: table.dataLocation)
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        func addFresh(_ files: Int) throws {
            let fields = "{day: 1, n: 2, text: 3}"
            for number in 0..<files {
                let path = data + "/fresh-\(UUID().uuidString).parquet"
                try folder.connection.execute(
                    "COPY (SELECT DATE '1970-01-02' AS day, i AS n, "
                        + "md5((i * 7919 + \(number) * 104729 + \(files))::VARCHAR) || repeat(' and more', 8) AS text "
                        + "FROM range(500) t(i)) TO '\(path)' (FORMAT parquet, COMPRESSION uncompressed, FIELD_IDS \(fields))"
                )
                let location = try Location.url(forPath: path)
                let size = try folder.catalog.storage.size(of: location)
                try table.append([
                    DataFile(
                        location: location, partition: [.date(1)], recordCount: 500, fileSizeInBytes: size)
                ])
            }
        }
        try addFresh(5)
        try folder.add(1, day: 2, to: &table)
        var compaction = Compaction(table, folder.connection)
        // Nothing tells yet how large they become.
        let first = try compaction.run()
        #expect(first.newFiles > 0 && first.newBytes * 3 < first.joinedBytes, "\(first)")
        try table.refresh()
        try addFresh(80)
        compaction = Compaction(table, folder.connection)
        let report = try compaction.run()
        let sizes = try compaction.table.files().map(\.fileSizeInBytes).sorted()
        #expect(report.newFiles >= 2 && report.newBytes * 3 < report.joinedBytes, "\(report)")
        // Packed by their own sizes they would be a third of it, and less. The last one takes what is left.
        for size in sizes.suffix(report.newFiles - 1) {
            #expect((target * 3 / 4...target * 3 / 2).contains(size), "\(sizes)")
        }
    }

    @Test func commitsOfOthersMeanwhileAreFollowedAndKeptWhole() throws {
        let folder = try CompactionFolder()
        let table = try folder.table("beside", files: 6, days: [1, 2, 3])
        var other = try folder.catalog.loadTable(table.identifier)
        var compaction = Compaction(table, folder.connection)
        // Another writer commits before each group's commit, which has to follow it and say on what it said.
        let report = try compaction.run { progress in
            try folder.add(100 + progress.groupsDone, day: 3, to: &other)
        }
        #expect(report.groups == 2)
        #expect(report.conflicts == 2)
        try other.refresh()
        #expect(other.currentSnapshot?.summary["cartograph.offsets"] == "up to 102")
        #expect(try other.files().reduce(0) { $0 + $1.recordCount } == 21)
        try compaction.run()
        #expect(compaction.table.currentSnapshot?.summary["cartograph.offsets"] == "up to 102")
        #expect(try folder.numbers(compaction.table).count == 21)
    }

    @Test func aGroupWhoseFilesAnotherReplacedIsLeftOutAndLeavesNothingBehind() throws {
        let folder = try CompactionFolder()
        let table = try folder.table("replaced", files: 6, days: [1, 2])
        var limits = Compaction.Limits()
        limits.newestFilesMin = 5
        var compaction = Compaction(table, folder.connection, limits)
        var other = try folder.catalog.loadTable(table.identifier)
        let report = try compaction.run { progress in
            guard progress.groupsDone == 0 else { return }
            // As an erasure does: each file of both days is another one now, with one row less.
            try other.replaceAll(with: [], summary: ["cartograph.offsets": "erased"])
        }
        #expect(report.groups == 0)
        #expect(report.skippedGroups == 2)
        #expect(try folder.catalog.loadTable(table.identifier).files().isEmpty)
        // The files of the old snapshots are there, and none of the compaction's.
        #expect(try folder.stored(table) == 12)
    }
}

/// Tables that another engine deletes rows from, by files of deletes.
@Suite struct CompactionOfDeletesTests {
    /// Commits a file of deletes for the partition of a day, as an engine that merges on read does.
    private func delete(
        _ rows: String, _ content: DataFile.Content, _ fields: [FieldID], equality: [Int] = [], day: Int32,
        _ folder: CompactionFolder, _ table: inout Table, name: String = UUID().uuidString
    ) throws {
        try table.refresh()
        let path = try Location.path(of: table.dataLocation) + "/delete-\(name).parquet"
        let written = try #require(
            try folder.connection.copyToParquet(select: rows, to: path, fieldIDs: fields).first)
        let file = DataFile(
            content: content, location: try Location.url(forPath: written.path), partition: [.date(day)],
            recordCount: Int64(written.rowCount), fileSizeInBytes: Int64(written.byteCount), equalityIDs: equality)
        var update = TableUpdate(table)
        update.addRowDelta([file], referencing: [])
        _ = try table.commit(update)
    }

    @Test func deleteFilesWhoseNamesOnlyLookAlikeAreTwo() throws {
        let folder = try CompactionFolder()
        var table = try folder.table("alike", files: 3, days: [1])
        // A letter with an accent, and a letter with an accent put on it: equal as Swift's strings are compared.
        for (number, name) in ["\u{e9}", "e\u{301}"].enumerated() {
            try delete(
                "SELECT \(number)::BIGINT AS n", .equalityDeletes, [FieldID("n", 2)], equality: [2], day: 1, folder,
                &table, name: name)
        }
        try table.refresh()
        let scan = try DamageSearch.Scan(all: LakeTable(table))
        #expect(scan.files.count == 5)
        #expect(try folder.numbers(table).map { $0.split(separator: " ")[1] } == ["2"])
    }

    private func deleteByValue(_ number: Int, _ folder: CompactionFolder, _ table: inout Table) throws {
        try delete(
            "SELECT \(number)::BIGINT AS n", .equalityDeletes, [FieldID("n", 2)], equality: [2], day: 1, folder, &table)
    }

    private func deleteByPosition(_ file: DataFile, _ folder: CompactionFolder, _ table: inout Table) throws {
        try delete(
            "SELECT '\(file.location)' AS file_path, 0::BIGINT AS pos", .positionDeletes,
            [FieldID("file_path", 2_147_483_546), FieldID("pos", 2_147_483_545)], day: 1, folder, &table)
    }

    @Test func deletedRowsLeaveTheFilesAndDeleteFilesThatAreForNothingLeaveTheTable() throws {
        let folder = try CompactionFolder()
        var table = try folder.table("deleted", files: 6, days: [1, 2])
        try deleteByValue(3, folder, &table)
        let newest = try #require(try table.plan().tasks.map(\.file).first { $0.partition == [.date(1)] })
        try deleteByPosition(newest, folder, &table)
        // Younger than the deletes, which are not for it.
        try folder.add(3, day: 1, to: &table)
        let before = try folder.numbers(table)
        #expect(before.count == 11)
        var compaction = Compaction(table, folder.connection)
        #expect(try compaction.plan().deleteFiles == 2)
        let report = try compaction.run()
        #expect(report.deletedRows == 2)
        #expect(report.deleteFiles == 2)
        #expect(try folder.numbers(compaction.table) == before)
        let plan = try compaction.table.plan()
        #expect(plan.deletes.isEmpty && plan.idleDeletes.isEmpty)
        #expect(try compaction.run().groups == 0)
    }

    @Test func whatIsDeletedByValueWhileAGroupIsWrittenStaysDeleted() throws {
        let folder = try CompactionFolder()
        let table = try folder.table("beside", files: 6, days: [1, 2])
        var other = table
        var compaction = Compaction(table, folder.connection)
        let report = try compaction.run { progress in
            if progress.groupsDone == 0 { try deleteByValue(3, folder, &other) }
        }
        #expect(report.groups == 1)
        try other.refresh()
        #expect(try folder.numbers(other).count == 11)
        // The next run has it gone from the files.
        #expect(try compaction.run().deletedRows == 1)
        #expect(try folder.numbers(compaction.table).count == 11)
        #expect(try compaction.table.plan().idleDeletes.isEmpty)
    }

    @Test func aGroupOfWhichRowsAreDeletedByPositionMeanwhileIsLeftOut() throws {
        let folder = try CompactionFolder()
        let table = try folder.table("positions", files: 6, days: [1, 2])
        let file = try #require(try table.files().first { $0.partition == [.date(1)] })
        var other = table
        var compaction = Compaction(table, folder.connection)
        let report = try compaction.run { progress in
            if progress.groupsDone == 0 { try deleteByPosition(file, folder, &other) }
        }
        #expect(report.groups == 0 && report.skippedGroups == 1)
        try other.refresh()
        #expect(try folder.numbers(other).count == 11)
        #expect(try compaction.run().deletedRows == 1)
        #expect(try folder.numbers(compaction.table).count == 11)
    }
}
