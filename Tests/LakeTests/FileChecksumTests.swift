import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Storage
import Testing

/// Bits that flip in files after they were written.
@Suite struct FileChecksumTests {
    private let midnight: Int64 = 1_767_312_000_000_000

    /// Bronze tables of a few files that the writer made and one that the engine made from others.
    private func lake() throws -> (folder: BronzeFolder, table: Table) {
        let folder = try BronzeFolder()
        let writer = try folder.writer()
        for commit in 0..<6 {
            try folder.click((0..<500).map { "event-\(commit)-\($0)" }, at: midnight + Int64(commit))
            _ = try writer.drain(to: folder.log.cut())
            guard commit == 3 else { continue }
            var limits = Compaction.Limits()
            limits.newestFilesMin = 4
            var compaction = Compaction(try folder.table(), try DuckDB().connect(), limits)
            #expect(try compaction.run().joinedFiles == 4)
        }
        return (folder, try folder.table())
    }

    /// Flips a bit of a file while `body` runs.
    private func flipping<Result>(
        bit: Int, of file: DataFile, _ body: () throws -> Result
    ) throws -> Result {
        let path = try Location.path(of: file.location)
        let sound = try Data(contentsOf: URL(fileURLWithPath: path))
        var damaged = sound
        damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        try damaged.write(to: URL(fileURLWithPath: path))
        defer { try? sound.write(to: URL(fileURLWithPath: path)) }
        return try body()
    }

    private func sum(_ table: Table, _ connection: Connection) throws -> String {
        try connection.query(
            "SELECT count(*), sum(hash(COLUMNS(*)::VARCHAR)) FROM (\(try LakeTable(table).scanSQL()))"
        ).rows[0].map(\.text).joined(separator: " ")
    }

    @Test func everyFlippedBitIsSeenAndItsFileNamed() throws {
        let (folder, table) = try lake()
        let files = try table.files()
        #expect(files.count == 3)
        #expect(try LakeTable(table).checkFiles().checked == 3)
        #expect(try LakeTable(table).checkFiles().problems == [])
        let connection = try DuckDB().connect()
        let sound = try sum(table, connection)
        var silent = 0
        var random = SystemRandomNumberGenerator()
        for round in 0..<60 {
            let file = files[round % files.count]
            let bit = Int.random(in: 0..<Int(file.fileSizeInBytes) * 8, using: &random)
            try flipping(bit: bit, of: file) {
                let found = try LakeTable(table).checkFiles()
                #expect(found.problems.count == 1 && found.problems[0].contains(file.location), "bit \(bit)")
                // What a reader makes of it that does not look at the sum: other values, as if nothing were wrong.
                if let read = try? sum(table, connection), read != sound { silent += 1 }
            }
        }
        #expect(silent > 0, "the checksums would guard against nothing")
        #expect(try LakeTable(table).checkFiles().problems == [])
        withExtendedLifetime(folder) {}
    }

    @Test func compactionLeavesADamagedFileAloneAndNamesIt() throws {
        let (folder, table) = try lake()
        let connection = try DuckDB().connect()
        let before = try folder.rows()
        var limits = Compaction.Limits()
        limits.newestFilesMin = 2
        let files = try table.files()
        let victim = try #require(files.min { $0.fileSizeInBytes < $1.fileSizeInBytes })
        try flipping(bit: Int(victim.fileSizeInBytes) * 4, of: victim) {
            var compaction = Compaction(table, connection, limits)
            let error = #expect(throws: DamagedFileError.self) { try compaction.run() }
            #expect(error?.description.contains(victim.location) == true)
            // Where there are others to join, they are joined.
            let left = try folder.table().files()
            #expect(left.contains { $0.location == victim.location })
        }
        #expect(try folder.rows() == before)
        var compaction = Compaction(try folder.table(), connection, limits)
        _ = try compaction.run()
        #expect(try folder.rows() == before)
    }

    @Test func filesOfOtherWritersAreNotChecked() throws {
        let (folder, table) = try lake()
        var file = try #require(try table.files().first)
        let plain = file.location.replacingOccurrences(of: ".crc32c-", with: ".")
        try FileManager.default.copyItem(
            atPath: try Location.path(of: file.location), toPath: try Location.path(of: plain))
        file.location = plain
        #expect(FileChecksum.stated(by: plain) == nil)
        #expect(try !FileChecksum.check(file, of: table.identifier, in: folder.catalog.storage))
    }
}
