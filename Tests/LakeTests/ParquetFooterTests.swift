import Engine
import Foundation
import Lake
import Storage
import Testing

/// A folder with one Parquet file that the engine wrote.
private final class FooterFolder {
    let path: String
    var file: String { path + "/file.parquet" }

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/footer-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try DuckDB().connect().execute(
            """
            COPY (SELECT i AS id, [i, NULL] AS list, {'a': i, 'b': 'x'} AS pair, MAP {'k': [i]} AS tags FROM range(1000) t(i))
            TO '\(file)' (FORMAT parquet, FIELD_IDS {
                id: 1, list: {__duckdb_field_id: 2, element: 3}, pair: {__duckdb_field_id: 4, a: 5, b: 6},
                tags: {__duckdb_field_id: 7, key: 8, value: {__duckdb_field_id: 9, element: 10}}})
            """)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func footer() throws -> ParquetFooter {
        let storage = LocalStorage()
        return try ParquetFooter(of: file, size: try storage.size(of: file), from: storage)
    }
}

@Suite struct ParquetFooterTests {
    @Test func aFooterSaysRowsAndColumnsWithTheIDsOfEveryPart() throws {
        let footer = try FooterFolder().footer()
        #expect(footer.rowCount == 1000)
        #expect(footer.columns.map(\.name) == ["id", "list", "pair", "tags"])
        #expect(footer.columns.map(\.fieldID) == [1, 2, 4, 7])
        guard case .primitive(.int64) = footer.columns[0].shape, case .list(let element) = footer.columns[1].shape,
            case .structure(let parts) = footer.columns[2].shape,
            case .map(let key, let value) = footer.columns[3].shape, case .list(let inner) = value.shape
        else {
            Issue.record("\(footer.columns)")
            return
        }
        #expect(element.fieldID == 3)
        #expect(parts.map(\.fieldID) == [5, 6] && parts.map(\.name) == ["a", "b"])
        #expect([key.fieldID, value.fieldID, inner.fieldID] == [8, 9, 10])
    }

    /// Whatever an enemy writes, there is a footer or an error.
    @Test func damagedFootersAreErrors() throws {
        let folder = try FooterFolder()
        let whole = try #require(FileManager.default.contents(atPath: folder.file))
        let length = Int(whole.suffix(8).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) })
        let start = whole.count - 8 - length
        var random = SystemRandomNumberGenerator()
        var refused = 0
        for round in 0..<1_000 {
            var bytes = whole
            if round.isMultiple(of: 4) {
                // Cut short, with a footer length that fits.
                let kept = Int.random(in: 0..<length, using: &random)
                bytes = whole.prefix(start + kept) + Self.fourBytes(kept) + whole.suffix(4)
            } else {
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    bytes[Int.random(in: start..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
                }
            }
            try bytes.write(to: URL(fileURLWithPath: folder.file))
            do {
                _ = try folder.footer()
            } catch let error as LakeTableError {
                #expect(error.description.contains("file.parquet"))
                refused += 1
            }
        }
        #expect(refused > 250)
    }

    private static func fourBytes(_ number: Int) -> Data {
        Data((0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
    }
}
