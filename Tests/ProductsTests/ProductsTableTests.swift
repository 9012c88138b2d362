import Engine
import Foundation
import Iceberg
import Lake
import Products
import Testing

@Suite struct ProductsTableTests {
    private let folder = NSTemporaryDirectory() + "products-" + UUID().uuidString
    private static let now: Int64 = 1_773_273_600_000_000

    private func open() throws -> (SQLiteCatalog, ProductsTable, Connection) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let catalog = try SQLiteCatalog(path: folder + "/catalog.sqlite", warehouse: folder)
        let connection = try DuckDB().connect()
        return (catalog, ProductsTable(catalog, connection), connection)
    }

    private func list(_ text: String) throws -> ProductList {
        try ProductListTests.list("product_id,category\n" + text)
    }

    private func history(_ table: ProductsTable, _ product: String) throws -> [String] {
        try table.history(of: product).map {
            "\($0.category ?? "-") \($0.validFrom ?? "ever") \($0.validTo ?? "on") \($0.source)"
        }
    }

    @Test func onlyNewsIsKept() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (catalog, table, connection) = try open()
        #expect(try table.lastImport() == nil && table.categories().isEmpty && table.history(of: "a").isEmpty)
        let first = try list("a,shoes\nb,\nit's,'toys'\n")
        #expect(try table.add(first, from: "2026-03-01", source: "1", now: Self.now) == .init(added: 3))
        let snapshot = try catalog.loadTable(ProductsTable.identifier).currentSnapshot?.id
        #expect(try table.add(first, from: "2026-03-02", source: "2", now: Self.now + 1) == .init(known: 3))
        #expect(try table.add(first, from: "2026-01-01", source: "2", now: Self.now + 1) == .init(known: 3))
        #expect(
            try catalog.loadTable(ProductsTable.identifier).currentSnapshot?.id == snapshot, "no commit without news")

        // The clock stands still, and still this is the later one. What is left out stays.
        let second = try list("a,boots\nb,bags\nc,shoes\n")
        #expect(
            try table.add(second, from: "2026-03-05", source: "2", now: Self.now) == .init(added: 1, changed: 2))
        let scan = try LakeTable(catalog.loadTable(ProductsTable.identifier)).scanSQL()
        #expect(
            try connection.query("SELECT count(*), count(DISTINCT imported_at) FROM (\(scan))").rows[0].map(\.text) == [
                "6", "2",
            ])
        #expect(try history(table, "a") == ["shoes ever 2026-03-05 1", "boots 2026-03-05 on 2"])
        #expect(try history(table, "b") == ["- ever 2026-03-05 1", "bags 2026-03-05 on 2"])
        #expect(try history(table, "it's") == ["'toys' ever on 1"])
        #expect(
            try table.categories().map { "\($0.category ?? "-") \($0.products)" }
                == ["'toys' 1", "bags 1", "boots 1", "shoes 1"])
        #expect(try table.lastImport()?.source == "2")
    }

    @Test func theListThatIsTakenInLastCountsFromItsDayOn() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (_, table, _) = try open()
        try table.add(try list("a,one\n"), from: "2026-03-01", source: "1", now: Self.now)
        try table.add(try list("a,two\n"), from: "2026-03-10", source: "2", now: Self.now + 1)
        try table.add(try list("a,three\n"), from: "2026-03-20", source: "3", now: Self.now + 2)
        // The past is corrected, and with it all that came after.
        try table.add(try list("a,four\n"), from: "2026-03-05", source: "4", now: Self.now + 3)
        #expect(try history(table, "a") == ["one ever 2026-03-05 1", "four 2026-03-05 on 4"])
        // What held before is news again when it is to hold longer.
        #expect(
            try table.add(try list("a,one\n"), from: "2026-03-07", source: "5", now: Self.now + 4)
                == .init(changed: 1))
        #expect(
            try history(table, "a")
                == ["one ever 2026-03-05 1", "four 2026-03-05 2026-03-07 4", "one 2026-03-07 on 5"])
        #expect(
            try table.add(try list("a,one\n"), from: "2026-01-01", source: "6", now: Self.now + 5)
                == .init(changed: 1), "four has to go")
        #expect(try history(table, "a") == ["one ever 2026-01-01 1", "one 2026-01-01 on 6"])
        try table.add(try list("a,five\n"), from: ProductsTable.beginning, source: "7", now: Self.now + 6)
        #expect(try history(table, "a") == ["five ever on 7"])
    }

    @Test func whatAListHasNoColumnForStays() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (_, table, _) = try open()
        try table.add(
            try ProductListTests.list("id,name,category,brand\na,Shoe,shoes,Acme\n"), from: "2026-03-01", source: "1",
            now: Self.now)
        #expect(
            try table.add(
                try ProductListTests.list("id,name\na,Boot\nb,New\n"), from: "2026-03-02", source: "2",
                now: Self.now + 1) == .init(added: 1, changed: 1))
        let last = try #require(try table.history(of: "a").last)
        #expect((last.name, last.category, last.brand) == ("Boot", "shoes", "Acme"))
        let other = try #require(try table.history(of: "b").last)
        #expect((other.name, other.category) == ("New", nil))
    }
}
