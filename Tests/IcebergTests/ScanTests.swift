import Foundation
import Iceberg
import Storage
import Testing

@Suite("Scan planning")
struct ScanTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    private static let specs: [[(column: String, transform: Transform)]] = [
        [], [("level", .identity), ("name", .truncate(3))], [("id", .bucket(4)), ("at", .day)],
        [("at", .hour), ("amount", .truncate(100_000))], [("day", .month), ("name", .bucket(3))],
        [("at", .year), ("price", .identity), ("level", .void)], [("day", .year), ("code", .truncate(2))],
        [("at", .month), ("sold", .identity), ("id", .truncate(10))], [("day", .day), ("weight", .identity)],
    ]

    /// A table with a file of some rows of every partition of every spec, committed in several manifests.
    private func table(_ random: inout SeededGenerator) throws -> (Table, [String: [ScanRows.Row]]) {
        let schema = ScanRows.schema
        let types = Dictionary(uniqueKeysWithValues: schema.fields.map { ($0.id, $0.type) })
        var metadata = try TableMetadata(
            location: "file://" + workspace.path + "/scans", schema: schema, spec: .unpartitioned, properties: [:],
            nowMilliseconds: 1)
        metadata.partitionSpecs = try Self.specs.enumerated().map { number, parts in
            var spec = try PartitionSpec(of: schema, by: parts)
            spec.specID = number
            for index in spec.fields.indices { spec.fields[index].fieldID = 1_000 + number * 10 + index }
            return spec
        }
        var update = TableUpdate(creating: TableIdentifier("shop", "scans"), metadata)
        var content: [String: [ScanRows.Row]] = [:]
        for spec in metadata.partitionSpecs {
            let rows = (0..<60).map { _ in
                Dictionary(uniqueKeysWithValues: schema.fields.map { ($0.id, ScanRows.value($0, &random)) })
            }
            // NaN is no key: rows with it get a file each.
            let groups = try Dictionary(grouping: rows) { "\(try ScanRows.partition($0, spec, types))" }
            var files: [DataFile] = []
            for (number, group) in groups.sorted(by: { $0.key < $1.key }).enumerated() {
                let name = "mem://\(spec.specID)-\(number)"
                content[name] = group.value
                files.append(
                    try ScanRows.file(group.value, named: name, spec: spec, types: types, &random))
            }
            for start in stride(from: 0, to: files.count, by: 7) { update.append(Array(files[start...].prefix(7))) }
        }
        var round = Transaction(workspace.catalog)
        try round.stage(update)
        return (try round.commit()[0], content)
    }

    @Test(
        "A filtered plan has every file with a row that is meant, in thousands of random conditions",
        arguments: [1, 2] as [UInt64])
    func oracle(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (table, content) = try table(&random)
        #expect(Set(try table.plan().tasks.map(\.file.location)) == Set(content.keys))
        var (opened, needed, skippedManifests) = (0, 0, 0)
        for number in 0..<1_000 {
            let filter = ScanRows.expression(&random)
            let plan = try table.plan(where: filter)
            let files = Set(plan.tasks.map(\.file.location))
            let meant = Set(content.filter { $0.value.contains { ScanRows.truth(filter, $0) == true } }.keys)
            let missed = meant.subtracting(files)
            #expect(missed.isEmpty, "seed \(seed), condition \(number): \(filter) misses \(missed.sorted().prefix(3))")
            opened += files.count
            needed += meant.count
            skippedManifests += plan.counts.manifestsSkipped
        }
        // Most of what is opened is needed: without pruning this would be three times as many.
        #expect(Double(opened) < 1.6 * Double(needed), "opened \(opened), needed \(needed)")
        #expect(opened < 1_000 * content.count * 2 / 3)
        #expect(skippedManifests > 1_000)
    }

    private func file(
        _ name: String, _ partition: [IcebergValue] = [], spec: Int = 0, content: DataFile.Content = .data
    ) -> DataFile {
        DataFile(
            content: content, location: "mem://" + name, specID: spec, partition: partition, recordCount: 1,
            fileSizeInBytes: 1, equalityIDs: content == .equalityDeletes ? [1] : [])
    }

    private func names(_ plan: ScanPlan) -> [String] {
        plan.tasks.map { Location.name(of: $0.file.location) }.sorted()
    }

    @Test("Only the files of the days asked for are opened, and their manifests")
    func days() throws {
        var table = try workspace.table()
        for day in 0..<10 as CountableRange<Int32> { try table.append([file("d\(day)", [.date(day)])]) }
        try table.append([file("none", [.null])])
        func plan(_ filter: RowFilter) throws -> ScanPlan { try table.plan(where: filter) }
        let one = try plan(.equal("day", .date(3)))
        #expect(names(one) == ["d3"])
        #expect((one.counts.manifestsRead, one.counts.manifestsSkipped) == (1, 10))
        #expect(try names(plan(.greaterOrEqual("day", .date(8)))) == ["d8", "d9"])
        #expect(try names(plan(.greater("day", .date(8)))) == ["d9"])
        #expect(try names(plan(.less("day", .date(1)) || .isIn("day", [.date(5), .date(99)]))) == ["d0", "d5"])
        #expect(try names(plan(.isNull("day"))) == ["none"])
        #expect(try names(plan(!.isNull("day") && .less("day", .date(1)))) == ["d0"])
        #expect(try names(plan(!(.notEqual("day", .date(4))))) == ["d4"])
        #expect(try plan(.equal("day", .null)).tasks.isEmpty)
    }

    @Test("Bounds of files written before a promotion, cut strings, and files without statistics")
    func bounds() throws {
        let schema = Schema(fields: [
            NestedField(id: 1, name: "n", required: false, type: .long),
            NestedField(id: 2, name: "s", required: false, type: .string),
            NestedField(id: 3, name: "d", required: false, type: .decimal(precision: 38, scale: 2)),
        ])
        var table = try workspace.catalog.createTable(TableIdentifier("shop", "bounds"), schema: schema)
        var old = file("old")
        old.lowerBounds = [1: SingleValue.encode(.int(-5))!, 2: Array("aaaaaaaaaaaaaaaa".utf8), 3: [0xFF]]
        old.upperBounds = [1: SingleValue.encode(.int(5))!, 2: Array("aaaaaaaaaaaaaaab".utf8), 3: [0x01, 0x00]]
        var damaged = file("damaged")
        (damaged.lowerBounds, damaged.upperBounds) = ([1: [1, 2, 3], 2: [0xFF]], [1: [1, 2, 3], 2: [0xFF]])
        try table.append([old, damaged, file("bare")])
        func plan(_ filter: RowFilter) throws -> [String] { try names(table.plan(where: filter)) }
        #expect(try plan(.equal("n", .long(6))) == ["bare", "damaged"])
        #expect(try plan(.equal("n", .int(-5))) == ["bare", "damaged", "old"])
        #expect(try plan(.less("n", .long(-5))) == ["bare", "damaged"])
        #expect(try plan(.equal("s", .string("aaaaaaaaaaaaaaaazzz"))) == ["bare", "damaged", "old"])
        #expect(try plan(.startsWith("s", "aaaaaaaaaaaaaaaax")) == ["bare", "damaged", "old"])
        #expect(try plan(.startsWith("s", "b")) == ["bare", "damaged"])
        #expect(try plan(.less("d", .decimal(-1))) == ["bare", "damaged"])
        #expect(try plan(.greater("d", .decimal(255))) == ["bare", "damaged", "old"])
        #expect(kind { _ = try plan(.equal("n", .string("x"))) } == .badRequest)
        #expect(kind { _ = try plan(.equal("missing", .long(1))) } == .badRequest)
        #expect(kind { _ = try plan(.startsWith("n", "x")) } == .badRequest)
        var deep = RowFilter.isNull("n")
        for _ in 0..<300 { deep = .not(deep) }
        #expect(kind { _ = try plan(deep) } == .badRequest)
    }

    @Test("NaN is above all numbers: bounds, which leave it out, never exclude a file that may have it")
    func nan() throws {
        let schema = Schema(assigningIDs: [ColumnDefinition("x", .double)])
        var table = try workspace.catalog.createTable(TableIdentifier("shop", "nan"), schema: schema)
        func bounded(_ name: String, nans: Int64?) -> DataFile {
            var file = file(name)
            (file.valueCounts[1], file.nullValueCounts[1], file.nanValueCounts[1]) = (1, 0, nans)
            (file.lowerBounds[1], file.upperBounds[1]) = (
                SingleValue.encode(.double(1)), SingleValue.encode(.double(2))
            )
            return file
        }
        try table.append([bounded("none", nans: 0), bounded("some", nans: 1), bounded("unknown", nans: nil)])
        func plan(_ filter: RowFilter) throws -> [String] { try names(table.plan(where: filter)) }
        #expect(try plan(.greater("x", .double(9))) == ["some", "unknown"])
        #expect(try plan(.less("x", .double(1))) == [])
        #expect(try plan(.isNaN("x")) == ["some", "unknown"])
        #expect(try plan(.equal("x", .double(.nan))) == ["some", "unknown"])
        #expect(try plan(.greater("x", .double(.nan))) == [])
        #expect(try plan(.isNull("x")) == [])
    }
}
