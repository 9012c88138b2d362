import Engine
import Testing

/// Orders with items, in memory: every kind of cell that a source can write.
private final class Orders: RowSource {
    struct Refused: Error, Equatable { let row: Int }

    let columns = [
        Column("id", .string), Column("amount", .decimal(width: 18, scale: 4)), Column("count", .int32),
        Column("at", .timestamptz), Column("paid", .bool),
        Column("items", .list(.structure([Column("product", .string), Column("quantity", .int32)]))),
    ]
    let rowCountEstimate: Int?
    let rowCount: Int
    let failsAt: Int?
    private var next = 0
    private let names: [[UInt8]]

    init(_ rowCount: Int, failsAt: Int? = nil) {
        self.rowCount = rowCount
        self.failsAt = failsAt
        rowCountEstimate = rowCount
        // Lengths 0 to 29 cross the border of 12 bytes between text in the cell and text by pointer.
        names = (0..<30).map { length in (0..<length).map { UInt8(97 + ($0 + length) % 26) } }
    }

    func begin() { next = 0 }

    func fill(_ chunk: inout ChunkWriter) throws -> Int {
        let count = min(chunk.capacity, rowCount - next)
        guard count > 0 else { return 0 }
        if let failsAt, next + count > failsAt { throw Refused(row: failsAt) }
        let ids = chunk.column(0).strings
        let amounts = chunk.column(1).values(as: Int64.self)
        let counts = chunk.column(2).values(as: Int32.self)
        let times = chunk.column(3).values(as: Int64.self)
        let paid = chunk.column(4).values(as: UInt8.self)
        let countNulls = chunk.column(2).nulls
        let items = chunk.column(5)
        items.reserveChildren(count * 2)
        let (lists, products) = (items.lists, items.children.field(0))
        let quantities = items.children.field(1).values(as: Int32.self)
        var child = 0
        for row in 0..<count {
            let number = next + row
            names[number % 30].withUnsafeBufferPointer { text in
                if let start = text.baseAddress { ids.reference(row, start, text.count) }
            }
            amounts[row] = Int64(number) * 10_000 + 5
            counts[row] = Int32(number)
            if number % 3 == 0 { countNulls.setNull(row) }
            times[row] = Int64(number) * 1_000_000
            paid[row] = number % 2 == 0 ? 1 : 0
            lists[row] = ListEntry(offset: child, count: number % 3)
            for item in 0..<number % 3 {
                names[20].withUnsafeBufferPointer { text in
                    if let start = text.baseAddress { products.copyString(child, start, text.count) }
                }
                quantities[child] = Int32(item + 1)
                child += 1
            }
        }
        items.setChildCount(child)
        next += count
        return count
    }
}

@Suite struct RowSourceTests {
    @Test func everyRowArrivesWithEveryCell() throws {
        let connection = try DuckDB(.init(threads: 2)).connect()
        try connection.register(Orders(10_000), as: "orders")
        let row = try connection.query(
            """
            SELECT count(*), sum(amount), count(count), max("at"), count(*) FILTER (WHERE paid), sum(length(id)),
                   sum(len(items)), sum(list_sum([i.quantity for i in items])), count(DISTINCT id), max(items[1].product)
            FROM orders
            """
        ).rows[0]
        let numbers = Array(0..<10_000)
        #expect(
            row == [
                .integer(10_000), .decimal(unscaled: Int128(numbers.reduce(0) { $0 + $1 * 10_000 + 5 }), scale: 4),
                .integer(Int64(numbers.count { $0 % 3 != 0 })), .timestamp(microseconds: 9_999_000_000),
                .integer(5000), .integer(Int64(numbers.reduce(0) { $0 + $1 % 30 })),
                .integer(Int64(numbers.reduce(0) { $0 + $1 % 3 })),
                .integer(Int64(numbers.reduce(0) { $0 + [0, 1, 3][$1 % 3] })), .integer(30),
                .string("uvwxyzabcdefghijklmn"),
            ])
    }

    @Test func aSourceCanBeReadAgainAndReplaced() throws {
        let connection = try DuckDB().connect()
        try connection.register(Orders(3000), as: "orders")
        #expect(try connection.query("SELECT count(*) FROM orders").first == .integer(3000))
        #expect(try connection.query("SELECT count(*) FROM orders").first == .integer(3000))
        try connection.register(Orders(5), as: "orders")
        #expect(try connection.query("SELECT count(*) FROM orders").first == .integer(5))
        try connection.unregister("orders")
        #expect(throws: EngineError.self) { try connection.query("SELECT count(*) FROM orders") }
    }

    @Test func anAbandonedScanDoesNotBlockTheNext() throws {
        let connection = try DuckDB().connect()
        try connection.register(Orders(100_000), as: "orders")
        #expect(try connection.query("SELECT id FROM orders", rowsMax: 1).rows.count == 1)
        #expect(try connection.query("SELECT count(*) FROM orders").first == .integer(100_000))
    }

    @Test func twoScansAtOnceAreRefused() throws {
        let connection = try DuckDB().connect()
        try connection.register(Orders(10), as: "orders")
        let error = #expect(throws: EngineError.self) {
            try connection.query("SELECT count(*) FROM orders a, orders b")
        }
        #expect(error?.description.contains("scanned once") == true)
    }

    @Test func whatASourceThrowsIsTheStatementsError() throws {
        let connection = try DuckDB().connect()
        try connection.register(Orders(10_000, failsAt: 5000), as: "orders")
        #expect(throws: Orders.Refused(row: 5000)) { try connection.query("SELECT count(*) FROM orders") }
        // The connection is still good.
        #expect(try connection.query("SELECT 1").first == .integer(1))
    }
}
