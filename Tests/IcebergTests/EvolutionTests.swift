import Foundation
import Iceberg
import Testing

@Suite("Evolution of schemas and specs")
struct EvolutionTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    private func nested() throws -> Table {
        let schema = Schema(assigningIDs: [
            ColumnDefinition("id", .long, required: true), ColumnDefinition("n", .int),
            ColumnDefinition("price", .decimal(precision: 9, scale: 2)), ColumnDefinition("f", .float),
            ColumnDefinition(
                "items",
                .list(
                    .struct([ColumnDefinition("sku", .string), ColumnDefinition("count", .int)]), elementRequired: true)
            ),
            ColumnDefinition(
                "tags",
                .map(
                    key: .struct([ColumnDefinition("k", .int)]), value: .struct([ColumnDefinition("v", .int)]),
                    valueRequired: false)),
            ColumnDefinition("address", .struct([ColumnDefinition("city", .string)])),
        ])
        return try workspace.catalog.createTable(
            TableIdentifier("shop", "nested"), schema: schema, spec: PartitionSpec(of: schema, by: [("n", .identity)]))
    }

    @Test("Columns are added, renamed, widened, moved and dropped at any depth, and keep their ids")
    func changes() throws {
        var table = try nested()
        let before = table.schema
        let last = table.metadata.lastColumnID
        try table.updateSchema { schema in
            try schema.addColumn("note", .list(.string, elementRequired: false), at: .after("id"), doc: "free text")
            try schema.addColumn("colour", .string, in: "items", at: .first)
            try schema.addColumn("w", .long, in: "tags.value")
            try schema.renameColumn("address.city", to: "town")
            try schema.promoteColumn("items.element.count", to: .long)
            try schema.promoteColumn("price", to: .decimal(precision: 18, scale: 2))
            try schema.promoteColumn("f", to: .double)
            try schema.moveColumn("f", to: .before("id"))
            try schema.makeOptional("id")
            try schema.setDoc("n", "a number")
        }
        let schema = table.schema
        #expect(schema.fields.map(\.name) == ["f", "id", "note", "n", "price", "items", "tags", "address"])
        #expect(schema.field(named: "note")?.id == last + 1)
        #expect(schema.field(named: "note.element")?.id == last + 2)
        #expect(schema.field(named: "items.element.colour")?.id == last + 3)
        #expect(schema.field(named: "tags.value.w")?.id == last + 4)
        #expect(schema.field(named: "address.town")?.id == before.field(named: "address.city")?.id)
        #expect(schema.field(named: "items.element.count")?.type == .long)
        #expect(schema.field(named: "price")?.type == .decimal(precision: 18, scale: 2))
        #expect(schema.field(named: "id")?.required == false)
        #expect(schema.field(named: "n")?.doc == "a number")
        #expect(table.metadata.schemas.count == 2)
        #expect(table.metadata.lastColumnID == last + 4)

        try table.updateSchema { schema in try schema.dropColumn("note") }
        try table.updateSchema { schema in try schema.addColumn("note", .string) }
        #expect(table.schema.field(named: "note")?.id == last + 5)
        let reopened = try workspace.catalog.loadTable(table.identifier)
        #expect(reopened.schema == table.schema)
    }

    @Test("What the specification forbids is refused, and nothing is committed")
    func refusals() throws {
        var table = try nested()
        let version = table.version
        let refused: [(inout SchemaUpdate) throws -> Void] = [
            { try $0.addColumn("id", .long) }, { try $0.addColumn("", .long) },
            { try $0.addColumn("x", .long, in: "n") },
            { try $0.addColumn("x", .long, in: "nowhere") }, { try $0.addColumn("x", .long, in: "tags.key") },
            { try $0.dropColumn("n") }, { try $0.dropColumn("items.element") }, { try $0.dropColumn("tags.key.k") },
            { try $0.renameColumn("id", to: "n") }, { try $0.renameColumn("items.element", to: "item") },
            { try $0.promoteColumn("id", to: .int) }, { try $0.promoteColumn("n", to: .string) },
            { try $0.promoteColumn("price", to: .decimal(precision: 18, scale: 3)) },
            { try $0.promoteColumn("price", to: .decimal(precision: 8, scale: 2)) },
            { try $0.promoteColumn("tags.key.k", to: .long) }, { try $0.moveColumn("id", to: .after("city")) },
            { try $0.setIdentifier(["n"]) },
            {
                try $0.setIdentifier(["id"])
                try $0.makeOptional("id")
            },
            {
                try $0.setIdentifier(["id"])
                try $0.dropColumn("id")
            },
        ]
        for (number, change) in refused.enumerated() {
            #expect(kind { try table.updateSchema(change) } == .badRequest, "change \(number)")
        }
        #expect(try workspace.catalog.load(table.identifier) == version)
    }

    @Test("A change that meets another is made on top of it, or refused by what it found")
    func concurrent() throws {
        var first = try nested()
        var second = first
        var third = first
        try first.updateSchema { try $0.addColumn("one", .long) }
        try second.updateSchema { try $0.addColumn("two", .long) }
        #expect(second.schema.fields.map(\.name).suffix(2) == ["one", "two"])
        #expect(Set(second.schema.fields.map(\.id)).count == second.schema.fields.count)
        #expect(kind { try third.updateSchema { try $0.addColumn("one", .long) } } == .badRequest)
    }

    @Test("A lost answer does not add a column twice")
    func lostAnswer() throws {
        let catalog = UnreliableCatalog(workspace.catalog, [.lostAfter, .lostBefore])
        var table = try workspace.table(catalog: catalog)
        try table.updateSchema { try $0.addColumn("one", .long) }
        try table.updateSchema { try $0.addColumn("two", .long) }
        #expect(table.schema.fields.map(\.name).suffix(2) == ["one", "two"])
        #expect(table.metadata.metadataLog.count == 2)
    }

    @Test("A sort order is replaced, and found again; its columns cannot be dropped")
    func sortOrders() throws {
        var table = try nested()
        func replace(_ parts: [(String, Transform, SortField.Direction, SortField.NullOrder)]) throws {
            var update = TableUpdate(table)
            update.replaceSortOrder(by: parts)
            try table.commit(update)
        }
        try replace([("f", .identity, .descending, .last)])
        #expect(table.metadata.defaultSortOrderID == 1)
        #expect(kind { try table.updateSchema { try $0.dropColumn("f") } } == .badRequest)
        try replace([])
        #expect(table.metadata.defaultSortOrderID == 0)
        try table.updateSchema { try $0.renameColumn("f", to: "g") }
        try replace([("g", .identity, .descending, .last)])
        #expect(table.metadata.defaultSortOrderID == 1 && table.metadata.sortOrders.count == 2)
        #expect(kind { try replace([("f", .identity, .ascending, .first)]) } == .badRequest)
        #expect(try workspace.catalog.load(table.identifier).metadata == table.metadata)
    }

    @Test("A name mapping follows the columns' names")
    func nameMapping() throws {
        var table = try nested()
        try table.setProperties([NameMapping.property: NameMapping(of: table.schema).encoded()])
        let id = try #require(table.schema.field(named: "f")?.id)
        try table.updateSchema { schema in
            try schema.renameColumn("f", to: "g")
            try schema.addColumn("fresh", .long)
        }
        let mapping = try #require(try NameMapping(of: table.metadata))
        #expect(mapping.fieldID(of: ["f"]) == id && mapping.fieldID(of: ["g"]) == id)
        #expect(mapping.fieldID(of: ["fresh"]) == table.schema.field(named: "fresh")?.id)
    }

    @Test("Partition fields come and go; what was there before gets its id again")
    func specs() throws {
        var table = try workspace.table()
        try table.append([try workspace.file("a", day: 1, of: table)])
        try table.updateSpec { spec in
            try spec.addField("id", .bucket(8))
            try spec.renameField("day", to: "by_day")
        }
        #expect(table.spec.specID == 1)
        #expect(table.spec.fields.map(\.fieldID) == [1000, 1001])
        #expect(table.spec.fields.map(\.name) == ["by_day", "id_bucket"])
        try table.updateSpec { try $0.removeField("by_day") }
        #expect(table.spec.fields.map(\.fieldID) == [1001])
        #expect(table.metadata.lastPartitionID == 1001)
        var file = try workspace.file("b", of: table)
        (file.specID, file.partition) = (table.spec.specID, [.int(3)])
        try table.append([file])
        try table.updateSpec { spec in
            try spec.removeField("id_bucket")
            try spec.addField("day", .identity)
        }
        #expect(table.spec.specID == 0)
        #expect(workspace.names(try table.files()) == ["a", "b"])
        #expect(try table.plan(where: .equal("day", .date(2))).tasks.map(\.file.location) == [file.location])
        for change: (inout SpecUpdate) throws -> Void in [
            { try $0.addField("day", .identity) }, { try $0.addField("amount", .hour) },
            { try $0.addField("missing", .identity) }, { try $0.removeField("missing") },
            { try $0.addField("id", .bucket(3), name: "amount") }, { try $0.addField("id", .bucket(0)) },
        ] { #expect(kind { try table.updateSpec(change) } == .badRequest) }
    }
}

@Suite("Branches, tags and time travel")
struct ReferenceTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    private func commit(_ table: inout Table, _ change: (inout TableUpdate) -> Void) throws {
        var update = TableUpdate(table)
        change(&update)
        try table.commit(update)
    }

    @Test("A branch goes its own way, and the main branch can be moved forward to it")
    func branches() throws {
        var table = try workspace.table()
        let first = try table.append([try workspace.file("a", of: table)])
        try commit(&table) { $0.setReference("audit", isBranch: true) }
        let b = try workspace.file("b", of: table)
        try commit(&table) { $0.append([b], branch: "audit") }
        #expect(table.currentSnapshot == first)
        let branch = try #require(table.snapshot(named: "audit"))
        #expect(workspace.names(try table.files(at: branch)) == ["a", "b"])
        #expect(branch.summary["total-data-files"] == "2")
        #expect(table.history.count == 1)
        try commit(&table) { $0.fastForward(SnapshotReference.mainBranch, to: "audit") }
        #expect(table.currentSnapshot == branch)
        #expect(table.history.map(\.snapshotID) == [first.id, branch.id])
        try commit(&table) { $0.removeReference("audit") }
        #expect(table.snapshot(named: "audit") == nil)
        try commit(&table) { $0.append([], branch: "new") }
        #expect(table.snapshot(named: "new")?.parentID == branch.id)
    }

    @Test("Tags stay, names are checked, and what cannot be is refused")
    func refusals() throws {
        var table = try workspace.table()
        #expect(kind { try commit(&table) { $0.setReference("t", isBranch: false) } } == .notFound)
        let first = try table.append([try workspace.file("a", of: table)])
        let retention = ReferenceRetention(maxReferenceAgeMilliseconds: 1_000)
        try commit(&table) { $0.setReference("t", isBranch: false, retention: retention) }
        let second = try table.append([try workspace.file("b", of: table)])
        #expect(table.snapshot(named: "t") == first)
        let reopened = try workspace.catalog.loadTable(table.identifier)
        #expect(reopened.metadata.references["t"]?.retention == retention)
        let refused: [(IcebergError.Kind, (inout TableUpdate) -> Void)] = [
            (.alreadyExists, { $0.setReference("t", isBranch: false) }),
            (.badRequest, { $0.setReference("t", isBranch: true, replacing: true) }),
            (.badRequest, { $0.setReference("main", isBranch: false) }),
            (.badRequest, { $0.append([], branch: "t") }), (.badRequest, { $0.removeReference("main") }),
            (.notFound, { $0.removeReference("x") }), (.notFound, { $0.setReference("y", isBranch: false, to: 7) }),
            (.badRequest, { $0.fastForward("t", to: "main") }), (.notFound, { $0.fastForward("main", to: "x") }),
            (.badRequest, { $0.setRetention(ReferenceRetention(minSnapshotsToKeep: 2), of: "t") }),
            (.badRequest, { $0.setRetention(ReferenceRetention(minSnapshotsToKeep: 0), of: "main") }),
            (.notFound, { $0.setCurrentSnapshot(7) }), (.badRequest, { $0.rollback(to: 7) }),
        ]
        for (number, (expected, change)) in refused.enumerated() {
            #expect(kind { try commit(&table, change) } == expected, "change \(number)")
        }
        try commit(&table) { $0.setReference("t", isBranch: false, to: second.id, replacing: true) }
        #expect(table.snapshot(named: "t") == second)
    }

    @Test("Going back and forth is in the history, and time travel follows it")
    func rollback() throws {
        let clock = Clock()
        var table = try workspace.table()
        table.policy = CommitPolicy(now: { clock.tick() }, pause: { _ in })
        let first = try table.append([try workspace.file("a", of: table)])
        let second = try table.append([try workspace.file("b", of: table)])
        try table.rollback(to: first.id)
        #expect(workspace.names(try table.files()) == ["a"])
        #expect(table.history.map(\.snapshotID) == [first.id, second.id, first.id])
        #expect(kind { try table.rollback(to: second.id) } == .badRequest)
        try commit(&table) { $0.setCurrentSnapshot(second.id) }
        #expect(workspace.names(try table.files()) == ["a", "b"])
        for entry in table.history {
            let moment = Date(timeIntervalSince1970: Double(entry.timestampMilliseconds) / 1000 + 0.0001)
            #expect(table.snapshot(asOf: moment)?.id == entry.snapshotID)
        }
        let third = try table.append([try workspace.file("c", of: table)])
        #expect(third.parentID == second.id)
    }
}

/// A clock that goes on a second at each look.
final class Clock: Sendable {
    private let time = Counter(1_800_000_000_000)
    func tick() -> Int64 { time.add(1_000) }
    func set(forward milliseconds: Int64) { _ = time.add(milliseconds) }
}
