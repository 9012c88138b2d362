import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Storage
import Testing

/// Columns that come, go and change their names while bronze is written.
@Suite struct BronzeEvolutionTests {
    private let midnight: Int64 = 1_767_312_000_000_000

    /// Purchases and clicks with any members beside those that they need.
    private func purchase(_ id: String, _ members: String = "") -> String {
        """
        {"type":"purchase","event_id":"\(id)","user_id":"u","session_id":"s","items":[{"product_id":"p","quantity":2,\
        "unit_price":"1.50"}],"total_amount":"3.00","currency":"USD","ts":"2026-01-01T10:00:00Z"\(members)}
        """
    }

    private func table(_ folder: BronzeFolder) throws -> Table {
        try folder.catalog.loadTable(TableIdentifier("bronze", "purchases"))
    }

    /// A schema change by somebody else: as another engine does it through the catalog.
    private func change(
        _ folder: BronzeFolder, _ table: Table, _ body: (inout [NestedField], inout Int) -> Void
    ) throws {
        var metadata = table.metadata
        var schema = metadata.currentSchema
        body(&schema.fields, &metadata.lastColumnID)
        schema.schemaID = (metadata.schemas.map(\.schemaID).max() ?? 0) + 1
        metadata.schemas.append(schema)
        metadata.currentSchemaID = schema.schemaID
        _ = try folder.catalog.commit(table.identifier, replacing: table.version, with: metadata)
    }

    private func rows(_ folder: BronzeFolder, _ columns: String) throws -> [String] {
        try DuckDB().connect().query(
            """
            SELECT event_id, \(columns) FROM (\(try LakeTable(try table(folder)).scanSQL()))
            ORDER BY received_at, log_partition, log_offset
            """
        ).rows.map { $0.map(\.text).joined(separator: " ") }
    }

    @Test func aColumnThatSomebodyAddsIsFilledFromTheNextCommitOnByTheSameWriter() throws {
        let folder = try BronzeFolder()
        let writer = try folder.writer()
        try folder.append([purchase("a", #","gift_wrap":true"#)], to: .purchases, at: midnight)
        _ = try writer.drain(to: folder.log.cut())
        try change(folder, try table(folder)) { fields, lastID in
            for (name, type) in [
                ("gift_wrap", IcebergType.boolean), ("note", .string), ("points", .int), ("visits", .long),
                ("weight", .double), ("fee", .decimal(precision: 10, scale: 2)), ("due", .date),
                ("seen_at", .timestamptz), ("big", .decimal(precision: 30, scale: 3)), ("share", .float),
            ] {
                lastID += 1
                fields.append(NestedField(id: lastID, name: name, required: false, type: type))
            }
        }
        let columns = "gift_wrap, note, points, visits, weight, fee, due, epoch_us(seen_at), big, share"
        // What fits, in any order and with escapes, what does not, what is null, what comes twice, and nothing.
        try folder.append(
            [
                purchase(
                    "b",
                    #","gift_wrap":true,"note":"caf\u00e9 \"x\"","points":-7,"visits":9007199254740993,"weight":1.5e3,"#
                        + #""fee":"12.30","due":"2026-02-28","seen_at":"2026-01-01T00:00:00+07:00","#
                        + #""big":123456789012345678901234567.125,"share":0.25"#),
                purchase(
                    "c",
                    #","gift_wrap":"yes","note":5,"points":3000000000,"visits":1.5,"weight":"heavy","fee":12.345,"#
                        + #""due":"2026-02-30","seen_at":"never","big":1e9,"share":[1]"#),
                purchase("d", #","gift_wrap":null,"note":{"a":"note"},"points":1,"points":2,"g\u0069ft_wrap":false"#),
                purchase("e"),
            ], to: .purchases, at: midnight + 1)
        #expect(try writer.drain(to: folder.log.cut()).rowCount == 4)
        let nothing = Array(repeating: "NULL", count: 10).joined(separator: " ")
        #expect(
            try rows(folder, columns).map { $0.replacing("1500.0 ", with: "1500 ") } == [
                "a \(nothing)",
                #"b true café "x" -7 9007199254740993 1500 12.30 2026-02-28 1767200400000000 "#
                    + "123456789012345678901234567.125 0.25",
                "c \(nothing)",
                "d false NULL 2 " + Array(repeating: "NULL", count: 7).joined(separator: " "),
                "e \(nothing)",
            ])
        // The event as it came has what did not fit.
        #expect(try rows(folder, "raw")[2].contains(#""weight":"heavy""#))
    }

    @Test func aColumnAddedDuringARoundIsMetByTheRoundsCommitWithNothingLostOrTwice() throws {
        let folder = try BronzeFolder()
        let writer = try folder.writer()
        for number in 0..<20 {
            try folder.append(
                [purchase("e\(number)", #","column\#(number / 4)":\#(number)"#)], to: .purchases,
                at: midnight + Int64(number))
            // The writer holds the version before: its commit meets the new one and reads its round again.
            if number % 4 == 0, number > 0 {
                try change(folder, try table(folder)) { fields, lastID in
                    lastID += 1
                    fields.append(
                        NestedField(id: lastID, name: "column\(number / 4)", required: false, type: .long))
                }
            }
            #expect(try writer.drain(to: folder.log.cut()).rowCount == 1)
        }
        let found = try rows(folder, "column1, column2, column3, column4")
        #expect(found.count == 20)
        for number in 0..<20 {
            let cells = (1...4).map { $0 == number / 4 ? "\(number)" : "NULL" }
            #expect(found[number] == "e\(number) \(cells.joined(separator: " "))")
        }
        // No file of a round that was read again is left over.
        let stored = try folder.catalog.storage.list(prefix: try table(folder).dataLocation)
        #expect(stored.filter { $0.location.hasSuffix(".parquet") }.count == (try table(folder).files().count))
    }

    @Test func aContractsColumnGoesOnUnderItsNewNameAndStaysAwayWhenDropped() throws {
        let folder = try BronzeFolder()
        let writer = try folder.writer()
        let members = #","coupon":"C1","country":"VN","tax":"0.10","ip":"::1""#
        try folder.append([purchase("a", members)], to: .purchases, at: midnight)
        _ = try writer.drain(to: folder.log.cut())
        try change(folder, try table(folder)) { fields, lastID in
            fields.removeAll { ["country", "ip"].contains($0.name) }
            for index in fields.indices where fields[index].name == "coupon" { fields[index].name = "voucher" }
            // Dropped and made anew as something else: it is the event's member of that name.
            lastID += 1
            fields.append(NestedField(id: lastID, name: "ip", required: false, type: .long))
            // Made wider.
            for index in fields.indices where fields[index].name == "tax" {
                fields[index].type = .decimal(precision: 38, scale: 4)
            }
        }
        try folder.append([purchase("b", members)], to: .purchases, at: midnight + 1)
        #expect(try writer.drain(to: folder.log.cut()).rowCount == 1)
        // A writer that starts later finds the same.
        try folder.append([purchase("c", members)], to: .purchases, at: midnight + 2)
        #expect(try folder.writer().drain(to: folder.log.cut()).rowCount == 1)
        #expect(try table(folder).schema.field(named: "country") == nil)
        #expect(
            try rows(folder, "voucher, tax, ip") == ["a C1 0.1000 NULL", "b C1 0.1000 NULL", "c C1 0.1000 NULL"])
    }

    @Test func aTableOfAnOlderVersionGetsTheContractsNewColumns() throws {
        let folder = try BronzeFolder()
        // A table as it would be without `coupon` in the contract, with a row in it.
        try folder.append([purchase("a", #","coupon":"C1""#)], to: .purchases, at: midnight)
        _ = try folder.writer().drain(to: folder.log.cut())
        let newer = try table(folder)
        var older = newer.metadata
        older.schemas = older.schemas.map { schema in
            var schema = schema
            schema.fields.removeAll { $0.name == "coupon" }
            return schema
        }
        _ = try folder.catalog.commit(newer.identifier, replacing: newer.version, with: older)
        #expect(try table(folder).schema.field(named: "coupon") == nil)
        try folder.append([purchase("b", #","coupon":"C2""#)], to: .purchases, at: midnight + 1)
        #expect(try folder.writer().drain(to: folder.log.cut()).rowCount == 1)
        let field = try #require(try table(folder).schema.field(named: "coupon"))
        #expect(!field.required)
        #expect(field.id > newer.metadata.lastColumnID)
        #expect(try rows(folder, "coupon") == ["a NULL", "b C2"])
    }

    @Test func aColumnThatEventsCannotFillStopsOnlyItsOwnTableAndSaysWhy() throws {
        let folder = try BronzeFolder()
        let writer = try folder.writer()
        try folder.append([purchase("a")], to: .purchases, at: midnight)
        _ = try writer.drain(to: folder.log.cut())
        try change(folder, try table(folder)) { fields, lastID in
            lastID += 1
            fields.append(NestedField(id: lastID, name: "must", required: true, type: .string))
        }
        try folder.append([purchase("b")], to: .purchases, at: midnight + 1)
        try folder.click(["x"], at: midnight + 2)
        let error = #expect(throws: LakeTableError.self) { try writer.drain(to: folder.log.cut()) }
        #expect(error?.description.contains("requires the column must") == true)
        #expect(throws: LakeTableError.self) { try writer.drain(to: folder.log.cut()) }
        #expect(try folder.rows().count == 1)
        try change(folder, try table(folder)) { fields, _ in
            for index in fields.indices where fields[index].name == "must" { fields[index].required = false }
        }
        #expect(try writer.drain(to: folder.log.cut()).rowCount == 1)
        #expect(try rows(folder, "must") == ["a NULL", "b NULL"])
    }
}
