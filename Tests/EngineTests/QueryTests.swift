import Engine
import Foundation
import Testing

@Suite struct QueryTests {
    @Test func everyTypeComesBackExactly() throws {
        let row = try DuckDB().connect().query(
            """
            SELECT NULL, true, 42::TINYINT, 9223372036854775807, 170141183460469231731687303715884105727::HUGEINT,
                   1.5::DOUBLE, -0.05::DECIMAL(4,2), 12345678901234567890123456789012.3456::DECIMAL(38,4),
                   'text', 'longer than twelve bytes', '\\xAA\\x01'::BLOB, DATE '1969-12-31',
                   TIMESTAMPTZ '2026-03-01 12:00:00.25+02', [1, NULL], {'a': 1, 'b': 'x'}, MAP {'k': 7},
                   'b'::ENUM('a', 'b'), 'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::UUID, TIME '10:00:00.5'
            """
        ).rows[0]
        #expect(
            row == [
                .null, .bool(true), .integer(42), .integer(.max), .decimal(unscaled: .max, scale: 0),
                .double(1.5), .decimal(unscaled: -5, scale: 2),
                .decimal(unscaled: 123_456_789_012_345_678_901_234_567_890_123_456, scale: 4),
                .string("text"), .string("longer than twelve bytes"), .blob([0xAA, 1]), .date(days: -1),
                .timestamp(microseconds: 1_772_359_200_250_000), .list([.integer(1), .null]),
                .structure([.init(name: "a", value: .integer(1)), .init(name: "b", value: .string("x"))]),
                .structure([.init(name: "k", value: .integer(7))]),
                .string("b"), .string("eeccb8c5-9943-b2bb-bb5e-222f4e14b687"), .string("10:00:00.5"),
            ])
    }

    @Test func parametersArriveAsTheyWere() throws {
        let values: [Value] = [
            .null, .bool(false), .integer(-7), .double(0.25), .decimal(unscaled: -123_456, scale: 4),
            .string("it's \"quoted\""), .blob([0, 255]), .date(days: 20_000), .timestamp(microseconds: 1),
        ]
        let marks = values.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let row = try DuckDB().connect().query("SELECT \(marks)", values).rows[0]
        #expect(row == values)
    }

    @Test func aWrongNumberOfParametersIsRefused() throws {
        let connection = try DuckDB().connect()
        #expect(throws: EngineError.self) { try connection.query("SELECT ?", []) }
    }

    @Test func rowsPastTheBoundAreLeftOutAndSaidSo() throws {
        let connection = try DuckDB().connect()
        let result = try connection.query("SELECT * FROM range(1000000000)", rowsMax: 3)
        #expect(result.rows.count == 3)
        #expect(result.isTruncated)
        #expect(try connection.query("SELECT * FROM range(3)", rowsMax: 3).isTruncated == false)
    }

    @Test func aWrongStatementNamesItself() throws {
        let connection = try DuckDB().connect()
        let error = #expect(throws: EngineError.self) { try connection.query("SELECT *\n   FROM nowhere") }
        #expect(error?.kind == .statement)
        #expect(error?.description.contains("SELECT * FROM nowhere") == true)
    }

    @Test func anErrorAfterTheFirstRowsIsNotMistakenForTheEnd() throws {
        let connection = try DuckDB().connect()
        #expect(throws: EngineError.self) {
            try connection.query(
                "SELECT CAST(CASE WHEN i < 500000 THEN '1' ELSE 'x' END AS INT) FROM range(1000000) t(i)",
                rowsMax: 2_000_000)
        }
    }

    @Test func theClockIsUTC() throws {
        let connection = try DuckDB().connect()
        #expect(try connection.query("SELECT current_setting('TimeZone')").first == .string("UTC"))
    }

    @Test func anInterruptStopsAStatementFromAnotherThread() throws {
        let connection = try DuckDB().connect()
        let interrupter = connection.interrupter
        let isOver = DispatchSemaphore(value: 0)
        // A thread of its own: tasks share a few threads, which statements of other tests may hold. The interrupt has
        // to fall into the statement: it is repeated until the statement has failed.
        let thread = Thread {
            while isOver.wait(timeout: .now() + .milliseconds(5)) == .timedOut { interrupter.interrupt() }
        }
        thread.start()
        defer { isOver.signal() }
        let error = #expect(throws: EngineError.self) {
            try connection.query(
                "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 1")
        }
        #expect(error?.kind == .interrupted)
    }

    @Test func aStatementPastTheMemoryLimitSaysWhichLimit() throws {
        let connection = try DuckDB(.init(memoryLimitBytes: 8 << 20)).connect()
        let error = #expect(throws: EngineError.self) {
            try connection.query("SELECT list(i) FROM range(100000000) t(i)")
        }
        #expect(error?.kind == .outOfMemory)
        #expect(error?.description.contains("8 MiB") == true)
    }

    @Test func jsonKeepsNumbersExact() throws {
        let result = try DuckDB().connect().query(
            """
            SELECT 9007199254740993 AS n, 0.10::DECIMAL(18,4) AS m, 'a"b\\c' || chr(10) AS t, NULL AS z,
                   TIMESTAMPTZ '2026-03-01 10:00:00Z' AS at, 'NaN'::DOUBLE AS x, [DATE '2026-03-01'] AS days
            """)
        #expect(
            result.json()
                == #"[{"n":9007199254740993,"m":"0.1000","t":"a\"b\\c\n","z":null,"at":"2026-03-01T10:00:00Z","#
                + #""x":null,"days":["2026-03-01"]}]"#)
    }

    @Test func aTableFitsTheTerminal() throws {
        let result = ResultSet(
            columns: ["name", "amount"],
            rows: [
                [.string("a long name that does not fit"), .decimal(unscaled: 125, scale: 1)], [.string("b"), .null],
            ])
        #expect(
            result.table(width: 20) == """
                name          amount
                ────────────  ──────
                a long name…    12.5
                b               NULL
                2 rows
                """)
    }

    @Test func datesBeforeTheEpochAndLeapDaysAreRight() {
        #expect(Value.date(days: -719_162).text == "0001-01-01")
        #expect(Value.date(days: 11_016).text == "2000-02-29")
        #expect(Value.timestamp(microseconds: -1).text == "1969-12-31 23:59:59.999999+00")
    }
}
