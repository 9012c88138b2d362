import Engine
import Foundation
import Testing

/// A folder that is gone after the test.
private final class Folder {
    let path: String
    init() throws {
        path = NSTemporaryDirectory() + "engine-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct ParquetExportTests {
    static let select = """
        SELECT i::BIGINT AS id, CASE WHEN i > 2 THEN 'name ' || i END AS "a name", (i * 1.25)::DECIMAL(18,4) AS amount,
               [{'product': 'p' || i, 'quantity': i::INT}] AS items, i::DOUBLE AS ratio,
               TIMESTAMPTZ '2026-03-01 00:00:00Z' + i * INTERVAL 1 HOUR AS at
        FROM range(10) t(i)
        """
    static let fields = [
        FieldID("id", 1), FieldID("a name", 2), FieldID("amount", 3),
        FieldID(
            "items", 4, children: [FieldID("element", 5, children: [FieldID("product", 6), FieldID("quantity", 7)])]),
        FieldID("ratio", 8), FieldID("at", 9),
    ]

    @Test func aFileCarriesFieldIDsAndSaysWhatIsInIt() throws {
        let folder = try Folder()
        let connection = try DuckDB().connect()
        let path = folder.path + "/it's.parquet"
        let files = try connection.copyToParquet(select: Self.select, to: path, fieldIDs: Self.fields)
        #expect(files.count == 1)
        #expect(files[0].path == path)
        #expect(files[0].rowCount == 10)
        #expect(files[0].byteCount == (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int))
        let columns = files[0].columns
        #expect(columns[["id"]]?.minimum == "0")
        #expect(columns[["a name"]]?.nullCount == 3)
        #expect(columns[["a name"]]?.maximum == "name 9")
        #expect(columns[["amount"]]?.maximum == "11.2500")
        #expect(columns[["items", "element", "quantity"]]?.maximum == "9")
        #expect(columns[["at"]]?.minimum == "2026-03-01 00:00:00+00")
        #expect(columns[["ratio"]]?.nullCount == 0)
        #expect(columns[["ratio"]]?.minimum == nil, "bounds on floats are unreliable")
        let ids = try connection.query(
            "SELECT name, field_id FROM parquet_schema(\(SQL.literal(path))) WHERE field_id IS NOT NULL ORDER BY 2")
        #expect(
            ids["name"]?.map(\.text) == [
                "id", "a name", "amount", "items", "element", "product", "quantity", "ratio", "at",
            ])
    }

    @Test func aPartitionColumnMakesAFilePerValueAndIsNotWritten() throws {
        let folder = try Folder()
        let connection = try DuckDB().connect()
        let select = "SELECT *, CASE WHEN id < 9 THEN (id % 2)::VARCHAR END AS half FROM (\(Self.select))"
        let files = try connection.copyToParquet(
            select: select, to: folder.path, fieldIDs: Self.fields, options: .init(partitionColumn: "half"))
        let counts = Dictionary(grouping: files, by: \.partitionValue).mapValues { $0.reduce(0) { $0 + $1.rowCount } }
        #expect(counts == ["0": 5, "1": 4, nil: 1])
        let columns = try connection.query(
            "SELECT * FROM read_parquet(\(SQL.list(files.map(\.path))), hive_partitioning = false)")
        #expect(columns.columns == ["id", "a name", "amount", "items", "ratio", "at"])
        #expect(columns.rows.count == 10)
    }

    @Test func aPartitionedStatementWithoutRowsWritesNothing() throws {
        let folder = try Folder()
        let connection = try DuckDB().connect()
        let files = try connection.copyToParquet(
            select: "SELECT *, 1 AS half FROM (\(Self.select)) WHERE id > 99", to: folder.path, fieldIDs: Self.fields,
            options: .init(partitionColumn: "half"))
        #expect(files.isEmpty)
    }

    @Test func aFolderThatCannotBeWrittenIsAnErrorWithItsName() throws {
        let connection = try DuckDB().connect()
        let error = #expect(throws: EngineError.self) {
            try connection.copyToParquet(select: "SELECT 1 AS a", to: "/nowhere/a.parquet", fieldIDs: [FieldID("a", 1)])
        }
        #expect(error?.kind == .io)
        #expect(error?.description.contains("/nowhere/a.parquet") == true)
    }
}
