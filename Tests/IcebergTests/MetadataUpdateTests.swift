import Foundation
import Iceberg
import Storage
import Testing

@Suite("Metadata updates")
struct MetadataUpdateTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    private static let now: Int64 = 1_800_000_000_000

    private func update(_ json: String) throws -> MetadataUpdate {
        try MetadataUpdate(json: try JSON(parsing: Array(json.utf8)))
    }

    private func requirement(_ json: String) throws -> TableRequirement {
        try TableRequirement(json: try JSON(parsing: Array(json.utf8)))
    }

    private func text(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func empty() throws -> TableMetadata { try workspace.table("t\(Int.random(in: 1...Int.max))").metadata }

    private func snapshot(_ id: Int64, parent: Int64? = nil, sequence: Int64) -> String {
        """
        {"action":"add-snapshot","snapshot":{"snapshot-id":\(id),\(parent.map { "\"parent-snapshot-id\":\($0)," } ?? "")
        "sequence-number":\(sequence),"timestamp-ms":\(Self.now - 1000 + id),"manifest-list":"file:///l\(id)",
        "summary":{"operation":"append"},"schema-id":0}}
        """
    }

    private func main(_ id: Int64) -> String {
        #"{"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":\#(id)}"#
    }

    private func applied(_ updates: [String], to base: TableMetadata) throws -> TableMetadata {
        try base.applying(try updates.map(update), nowMilliseconds: Self.now)
    }

    @Test(
        "Every update is written as it is read",
        arguments: [
            #"{"action":"assign-uuid","uuid":"9c12d441-03fe-4693-9a96-a0705ddf69c1"}"#,
            #"{"action":"upgrade-format-version","format-version":2}"#,
            #"{"action":"set-current-schema","schema-id":-1}"#,
            #"{"action":"add-spec","spec":{"spec-id":3,"fields":[{"source-id":1,"name":"b","transform":"bucket[4]"}]}}"#,
            #"{"action":"set-default-spec","spec-id":-1}"#,
            #"{"action":"set-default-sort-order","sort-order-id":0}"#,
            #"{"action":"set-snapshot-ref","ref-name":"t","snapshot-id":4,"type":"tag","max-ref-age-ms":9}"#,
            #"{"action":"remove-snapshots","snapshot-ids":[1,2]}"#,
            #"{"action":"remove-snapshot-ref","ref-name":"t"}"#,
            #"{"action":"set-location","location":"s3://b/t"}"#,
            #"{"action":"set-properties","updates":{"a":"b"}}"#,
            #"{"action":"remove-properties","removals":["a"]}"#,
            #"{"action":"set-statistics","snapshot-id":4,"statistics":{"snapshot-id":4,"statistics-path":"p","file-size-in-bytes":1}}"#,
            #"{"action":"remove-statistics","snapshot-id":4}"#,
            #"{"action":"remove-partition-statistics","snapshot-id":4}"#,
            #"{"action":"remove-partition-specs","spec-ids":[1]}"#,
            #"{"action":"remove-schemas","schema-ids":[1]}"#,
        ])
    func roundTrip(_ json: String) throws {
        let update = try update(json)
        #expect(text { update.write(to: &$0) } == json)
    }

    @Test(
        "Every requirement is written as it is read",
        arguments: [
            #"{"type":"assert-create"}"#, #"{"type":"assert-table-uuid","uuid":"u"}"#,
            #"{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null}"#,
            #"{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":7}"#,
            #"{"type":"assert-last-assigned-field-id","last-assigned-field-id":3}"#,
            #"{"type":"assert-current-schema-id","current-schema-id":0}"#,
            #"{"type":"assert-last-assigned-partition-id","last-assigned-partition-id":1000}"#,
            #"{"type":"assert-default-spec-id","default-spec-id":0}"#,
            #"{"type":"assert-default-sort-order-id","default-sort-order-id":0}"#,
        ])
    func requirementRoundTrip(_ json: String) throws {
        let requirement = try requirement(json)
        #expect(text { requirement.write(to: &$0) } == json)
    }

    @Test("Requirements hold for the table they were made for, and no other")
    func requirements() throws {
        let table = try empty()
        let identifier = TableIdentifier("shop", "t")
        for (good, bad) in [
            (TableRequirement.tableUUID(table.tableUUID.uppercased()), TableRequirement.tableUUID("x")),
            (.reference("main", snapshotID: nil), .reference("main", snapshotID: 1)),
            (.lastAssignedFieldID(3), .lastAssignedFieldID(2)), (.currentSchemaID(0), .currentSchemaID(1)),
            (.lastAssignedPartitionID(1000), .lastAssignedPartitionID(999)), (.defaultSpecID(0), .defaultSpecID(1)),
            (.defaultSortOrderID(0), .defaultSortOrderID(1)),
        ] {
            try good.check(table, of: identifier)
            #expect(kind { try bad.check(table, of: identifier) } == .conflict)
            #expect(kind { try good.check(nil, of: identifier) } == .notFound)
        }
        try TableRequirement.create.check(nil, of: identifier)
        #expect(kind { try TableRequirement.create.check(table, of: identifier) } == .conflict)
    }

    @Test("-1 means what was added last, a schema that is there already included")
    func lastAdded() throws {
        let base = try empty()
        let field = #"{"id":9,"name":"more","required":false,"type":"long"}"#
        let schema = #"{"action":"add-schema","schema":{"type":"struct","schema-id":77,"fields":[\#(field)]}}"#
        let current = #"{"action":"set-current-schema","schema-id":-1}"#
        let unpartitioned = [
            #"{"action":"add-spec","spec":{"fields":[]}}"#, #"{"action":"set-default-spec","spec-id":-1}"#,
        ]
        let next = try applied([schema, current] + unpartitioned, to: base)
        #expect(next.currentSchemaID == 1 && next.lastColumnID == 9 && next.defaultSpecID == 1)
        let again = try applied([schema, current] + unpartitioned, to: next)
        #expect(again == next)
        #expect(kind { _ = try applied([current], to: base) } == .badRequest)
    }

    @Test("Partition fields without ids get those of the same field before, or new ones")
    func partitionIDs() throws {
        let base = try empty()
        let next = try applied(
            [
                #"""
                {"action":"add-spec","spec":{"fields":[{"source-id":3,"name":"day","transform":"identity"},
                {"source-id":1,"name":"id_bucket","transform":"bucket[8]"}]}}
                """#, #"{"action":"set-default-spec","spec-id":-1}"#,
            ], to: base)
        #expect(next.defaultSpec.fields.map(\.fieldID) == [1000, 1001])
        #expect(next.lastPartitionID == 1001)
    }

    @Test("Snapshots a commit only passed through are not in the log of what was current")
    func passingSnapshots() throws {
        let base = try empty()
        let next = try applied(
            [snapshot(1, sequence: 1), main(1), snapshot(2, parent: 1, sequence: 2), main(2)], to: base)
        #expect(next.snapshots.map(\.id) == [1, 2])
        #expect(next.currentSnapshotID == 2 && next.lastSequenceNumber == 2)
        #expect(next.snapshotLog.map(\.snapshotID) == [2])
        let back = try applied([main(1)], to: next)
        #expect(back.snapshotLog.map(\.snapshotID) == [2, 1])
        let expired = try applied([#"{"action":"remove-snapshots","snapshot-ids":[2]}"#], to: back)
        #expect(expired.snapshotLog.map(\.snapshotID) == [1])
    }

    @Test(
        "What makes no sense is refused as a bad request",
        arguments: [
            #"{"action":"fly"}"#, #"{}"#, #"{"action":"upgrade-format-version","format-version":3}"#,
            #"{"action":"upgrade-format-version","format-version":1}"#, #"{"action":"assign-uuid","uuid":"no"}"#,
            #"{"action":"assign-uuid","uuid":"9c12d441-03fe-4693-9a96-a0705ddf69c1"}"#,
            #"{"action":"set-current-schema","schema-id":5}"#, #"{"action":"set-default-spec","spec-id":5}"#,
            #"{"action":"set-default-sort-order","sort-order-id":5}"#, #"{"action":"set-location","location":""}"#,
            #"{"action":"add-schema","schema":{"type":"struct","fields":[]}}"#,
            #"{"action":"add-schema","schema":{"type":"struct","fields":[{"id":1,"name":"v","required":false,"type":"variant"}]}}"#,
            #"{"action":"add-schema","schema":{"type":"struct","fields":[{"id":2147483647,"name":"v","required":false,"type":"int"}]}}"#,
            #"{"action":"add-spec","spec":{"fields":[{"source-id":44,"name":"x","transform":"identity"}]}}"#,
            #"{"action":"add-spec","spec":{"fields":[{"source-id":1,"name":"x","transform":"day"}]}}"#,
            #"{"action":"add-spec","spec":{"fields":[{"source-id":1,"name":"amount","transform":"bucket[2]"}]}}"#,
            #"{"action":"add-spec","spec":{"fields":[{"source-id":1,"field-id":1000,"name":"x","transform":"bucket[2]"}]}}"#,
            #"{"action":"add-spec","spec":{"fields":[{"source-id":1,"name":"x","transform":"magic"}]}}"#,
            #"{"action":"add-spec","spec":{"fields":[{"source-id":1,"field-id":2147483600,"name":"x","transform":"bucket[2]"}]}}"#,
            #"{"action":"add-sort-order","sort-order":{"order-id":1,"fields":[{"source-id":44,"transform":"identity","direction":"asc","null-order":"nulls-first"}]}}"#,
            #"{"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":5}"#,
            #"{"action":"set-snapshot-ref","ref-name":"x","type":"pigeon","snapshot-id":5}"#,
            #"{"action":"set-statistics","statistics":{"snapshot-id":4,"statistics-path":"p","file-size-in-bytes":1}}"#,
            #"{"action":"remove-partition-specs","spec-ids":[0]}"#, #"{"action":"remove-schemas","schema-ids":[0]}"#,
            #"{"action":"set-properties","updates":{"a":1}}"#,
            #"{"action":"set-properties","updates":{"format-version":"3"}}"#,
            #"{"action":"add-snapshot","snapshot":{"snapshot-id":1,"timestamp-ms":1,"summary":{"operation":"append"}}}"#,
            #"{"action":"add-snapshot","snapshot":{"snapshot-id":1,"sequence-number":1,"timestamp-ms":9000000000000,"manifest-list":"l","summary":{"operation":"append"}}}"#,
            #"{"action":"add-snapshot","snapshot":{"snapshot-id":1,"sequence-number":1,"timestamp-ms":1,"manifest-list":"l","summary":{"operation":"steal"}}}"#,
            #"{"action":"add-snapshot","snapshot":{"snapshot-id":1,"sequence-number":1,"timestamp-ms":1,"manifest-list":"l","schema-id":8,"summary":{"operation":"append"}}}"#,
        ])
    func nonsense(_ json: String) throws {
        let base = try empty()
        #expect(kind { _ = try applied([json], to: base) } == .badRequest)
    }

    @Test("A schema goes only when no partition spec needs a column that no other schema has")
    func neededSchema() throws {
        let schema = #"{"type":"struct","fields":[{"id":7,"name":"z","required":false,"type":"int"}]}"#
        let base = try applied(
            [
                #"{"action":"add-schema","schema":\#(schema)}"#, #"{"action":"set-current-schema","schema-id":-1}"#,
                #"{"action":"add-spec","spec":{"fields":[{"source-id":7,"name":"p","transform":"identity"}]}}"#,
                #"{"action":"set-current-schema","schema-id":0}"#,
            ], to: try empty())
        let (id, spec) = (try #require(base.schemas.last).schemaID, try #require(base.partitionSpecs.last).specID)
        let removal = #"{"action":"remove-schemas","schema-ids":[\#(id)]}"#
        #expect(kind { _ = try applied([removal], to: base) } == .badRequest)
        let both = [#"{"action":"remove-partition-specs","spec-ids":[\#(spec)]}"#, removal]
        #expect(try applied(both, to: base).schemas.count == 1)
    }

    @Test("A schema goes only when no snapshot was made with it, and never the current one; the error says which")
    func usedSchema() throws {
        let schema = #"{"type":"struct","fields":[{"id":1,"name":"id","required":false,"type":"string"}]}"#
        var base = try applied([snapshot(1, sequence: 1), main(1)], to: try empty())
        let used = try #require(base.snapshots[0].schemaID)
        base = try applied(
            [
                #"{"action":"add-schema","schema":\#(schema)}"#, #"{"action":"set-current-schema","schema-id":-1}"#,
            ], to: base)
        for (id, word) in [(used, "snapshot 1"), (base.currentSchemaID, "current")] {
            let removal = #"{"action":"remove-schemas","schema-ids":[\#(id)]}"#
            #expect {
                _ = try applied([removal], to: base)
            } throws: { error in
                guard let error = error as? IcebergError else { return false }
                return error.kind == .badRequest && error.message.contains(word) && error.message.contains("cannot be")
            }
        }
    }

    @Test("What was right for an older version only is a conflict")
    func stale() throws {
        let base = try applied([snapshot(1, sequence: 1), main(1)], to: try empty())
        #expect(kind { _ = try applied([snapshot(2, parent: 1, sequence: 1)], to: base) } == .conflict)
        #expect(kind { _ = try applied([snapshot(2, parent: 9, sequence: 2)], to: base) } == .conflict)
        #expect(kind { _ = try applied([#"{"action":"remove-snapshots","snapshot-ids":[1]}"#], to: base) } == .conflict)
    }

    @Test("Whatever updates are thrown at a table, what is accepted can be read back, and the base stays as it was")
    func randomUpdates() throws {
        var random = SeededGenerator(seed: 7)
        var accepted = 0
        var metadata = try empty()
        for round in 0..<3000 {
            let before = metadata
            let updates = (0..<Int.random(in: 1...4, using: &random)).map { _ in randomUpdate(&random, metadata) }
            guard let next = try? applied(updates, to: metadata) else {
                #expect(metadata == before)
                continue
            }
            let read = try TableMetadata(parsing: next.encoded())
            guard read == next else {
                Issue.record("round \(round): \(updates) is read back as something else")
                return
            }
            accepted += 1
            // What a client would send for the whole difference gets another copy of the table to the same state.
            let difference = MetadataDifference(from: metadata, to: next)
            for requirement in difference.requirements {
                try requirement.check(metadata, of: TableIdentifier("a", "b"))
            }
            var way = try metadata.applying(difference.updates, nowMilliseconds: Self.now)
            way.snapshotLog = next.snapshotLog
            if way != next {
                Issue.record("round \(round): \(updates) and its difference part ways: \(difference.updates)")
                return
            }
            metadata = next.snapshots.count > 40 ? try empty() : next
        }
        #expect(accepted > 500)
    }

    private func randomUpdate(_ random: inout SeededGenerator, _ metadata: TableMetadata) -> String {
        let some = Int.random(in: 0...6, using: &random)
        let id = metadata.snapshots.randomElement(using: &random)?.id ?? 3
        let other = Int64.random(in: 1...1_000_000, using: &random)
        let sequence = metadata.lastSequenceNumber + Int64.random(in: 0...3, using: &random)
        switch Int.random(in: 0...13, using: &random) {
        case 0:
            let columns = (1...(some + 1)).map { #"{"id":\#($0),"name":"c\#($0)","required":false,"type":"date"}"# }
            return #"{"action":"add-schema","schema":{"type":"struct","fields":[\#(columns.joined(separator: ","))]}}"#
        case 1: return #"{"action":"set-current-schema","schema-id":\#(some - 1)}"#
        case 2:
            return
                #"{"action":"add-spec","spec":{"fields":[{"source-id":\#(some),"name":"p\#(some)","transform":"year"}]}}"#
        case 3: return #"{"action":"set-default-spec","spec-id":\#(some - 1)}"#
        case 4, 5, 6: return snapshot(other, parent: some > 3 ? metadata.currentSnapshotID : nil, sequence: sequence)
        case 7: return main(id)
        case 8: return #"{"action":"set-snapshot-ref","ref-name":"r\#(some)","type":"tag","snapshot-id":\#(id)}"#
        case 9: return #"{"action":"remove-snapshots","snapshot-ids":[\#(id)]}"#
        case 10: return #"{"action":"remove-snapshot-ref","ref-name":"r\#(some)"}"#
        case 11: return #"{"action":"set-properties","updates":{"p\#(some)":"\#(other)"}}"#
        case 12: return #"{"action":"remove-properties","removals":["p\#(some)"]}"#
        default:
            return
                #"{"action":"set-statistics","statistics":{"snapshot-id":\#(id),"statistics-path":"p\#(other)","file-size-in-bytes":1}}"#
        }
    }
}
