import Iceberg
import Testing

@Suite("Schemas and table metadata")
struct SchemaTests {
    static let nested = Schema(assigningIDs: [
        ColumnDefinition("event_id", .string, required: true, doc: "who \"it\" is\n\u{1}"),
        ColumnDefinition(
            "items",
            .list(
                .struct([
                    ColumnDefinition("product_id", .string, required: true),
                    ColumnDefinition("unit_price", .decimal(precision: 18, scale: 4)),
                ]), elementRequired: true)),
        ColumnDefinition("tags", .map(key: .string, value: .list(.int, elementRequired: false), valueRequired: false)),
        ColumnDefinition("at", .timestamptz, required: true),
        ColumnDefinition("fingerprint", .primitive(.fixed(20))),
    ])

    private func reread(_ metadata: TableMetadata) throws -> TableMetadata {
        try TableMetadata(parsing: metadata.encoded())
    }

    @Test("Ids go to the columns first and then to what is inside them")
    func assignment() {
        let schema = Self.nested
        #expect(schema.fields.map(\.id) == [1, 2, 3, 4, 5])
        let ids = [
            "items.element", "items.element.product_id", "items.element.unit_price", "tags.key", "tags.value",
            "tags.value.element",
        ].map { schema.field(named: $0)?.id }
        #expect(ids == [6, 7, 8, 9, 10, 11])
        #expect(schema.highestFieldID == 11)
        #expect(schema.field(id: 8)?.name == "unit_price")
        #expect(schema.field(named: "items.product_id") == nil)
    }

    @Test("Partition fields are named and numbered as other writers do, and must fit a column")
    func specs() throws {
        let spec = try PartitionSpec(
            of: Self.nested, by: [("at", .day), ("event_id", .bucket(8)), ("event_id", .identity)])
        #expect(spec.fields.map(\.name) == ["at_day", "event_id_bucket", "event_id"])
        #expect(spec.fields.map(\.fieldID) == [1000, 1001, 1002])
        #expect(spec.fields.map(\.sourceID) == [4, 1, 1])
        #expect(kind { _ = try PartitionSpec(of: Self.nested, by: [("items", .identity)]) } == .badRequest)
        #expect(kind { _ = try PartitionSpec(of: Self.nested, by: [("nope", .identity)]) } == .badRequest)
    }

    @Test("Metadata of a table comes back from its JSON as it went in")
    func roundtrip() throws {
        var metadata = try TableMetadata(
            location: "file:///lake/shop/ö \"t\"", schema: Self.nested,
            spec: PartitionSpec(of: Self.nested, by: [("at", .hour)]),
            properties: ["a.b": "c\\d\u{1F}", "ü": "\u{1F600}"],
            nowMilliseconds: 1_700_000_000_123)
        #expect(try reread(metadata) == metadata)
        metadata.snapshots = [
            Snapshot(
                id: 9_007_199_254_740_993, parentID: nil, sequenceNumber: 1, timestampMilliseconds: 5,
                manifestList: "file:///m.avro", summary: ["operation": "append", "offsets": "{\"0\":1}"], schemaID: 0)
        ]
        metadata.lastSequenceNumber = 1
        #expect(try reread(metadata).snapshots.first?.id == 9_007_199_254_740_993)
        #expect(try reread(metadata).snapshots == metadata.snapshots)
    }

    @Test("Ids beyond 53 bits and fields of other writers survive being read and written")
    func foreignFields() throws {
        let text = """
            {"format-version":2,"table-uuid":"u","location":"file:///t","last-sequence-number":7,"last-updated-ms":10,
             "last-column-id":1,"current-schema-id":3,"schemas":[{"type":"struct","schema-id":3,"fields":[
             {"id":1,"name":"x","required":false,"type":"decimal(9,2)"}]}],"default-spec-id":0,
             "partition-specs":[{"spec-id":0,"fields":[]}],"last-partition-id":999,"sort-orders":[{"order-id":1,"fields":
             [{"transform":"identity","source-id":1,"direction":"asc","null-order":"nulls-first"}]}],
             "default-sort-order-id":1,"current-snapshot-id":3051729675574597005,"snapshots":[{"snapshot-id":
             3051729675574597005,"timestamp-ms":9,"sequence-number":7,"manifest-list":"file:///l","summary":
             {"operation":"append"},"x-ours":[1.50,{"deep":null}]}],"statistics":[{"snapshot-id":1e3}],
             "refs":{"main":{"snapshot-id":3051729675574597005,"type":"branch","min-snapshots-to-keep":4},
             "t":{"snapshot-id":3051729675574597005,"type":"tag"}}}
            """
        let metadata = try TableMetadata(parsing: Array(text.utf8))
        #expect(metadata.currentSnapshotID == 3_051_729_675_574_597_005)
        #expect(metadata.currentSchema.fields.first?.type == .decimal(precision: 9, scale: 2))
        let again = String(decoding: metadata.encoded(), as: UTF8.self)
        for kept in [
            "\"statistics\":[{\"snapshot-id\":1e3}]", "\"x-ours\":[1.50,{\"deep\":null}]",
            "\"min-snapshots-to-keep\":4",
            "3051729675574597005", "\"nulls-first\"", "\"decimal(9, 2)\"",
        ] {
            #expect(again.contains(kept), "\(kept) in \(again)")
        }
        #expect(try reread(metadata) == metadata)
    }

    @Test("A version 1 table is read, and would be written as version 2")
    func versionOne() throws {
        let text = """
            {"format-version":1,"location":"file:///t","last-updated-ms":10,"last-column-id":1,
             "schema":{"type":"struct","fields":[{"id":1,"name":"day","required":true,"type":"date"}]},
             "partition-spec":[{"source-id":1,"name":"day","transform":"identity"}],"current-snapshot-id":-1,"snapshots":[]}
            """
        let metadata = try TableMetadata(parsing: Array(text.utf8))
        #expect(metadata.currentSnapshot == nil)
        #expect(metadata.defaultSpec.fields.map(\.fieldID) == [1000])
        #expect(String(decoding: metadata.encoded(), as: UTF8.self).contains("\"format-version\":2"))
    }

    @Test(
        "What is not a table's metadata is refused by name",
        arguments: [
            ("", IcebergError.Kind.malformed), ("[]", .malformed), ("{\"format-version\":3}", .unsupported),
            ("{\"format-version\":2}", .malformed), ("{\"format-version\":\"2\"}", .malformed), ("{} {}", .malformed),
            (String(repeating: "[", count: 100_000), .malformed), ("{\"a\":01}", .malformed),
            ("\"\\ud800\"", .malformed),
            ("{\"a\":1,}", .malformed),
            (
                #"{"format-version":2,"location":"","last-updated-ms":1,"last-column-id":0,"table-uuid":"u","#
                    + #""last-sequence-number":9223372036854775807}"#, .malformed
            ), ("\"\u{1}\"", .malformed), ("nul", .malformed),
        ])
    func refused(_ text: String, _ expected: IcebergError.Kind) {
        #expect(kind { _ = try TableMetadata(parsing: Array(text.utf8)) } == expected)
    }

    @Test("Damaged metadata gives an error or a table, never a crash")
    func damagedMetadata() throws {
        var random = SeededGenerator(seed: 3)
        let original = try TableMetadata(
            location: "file:///t", schema: Self.nested, spec: PartitionSpec(of: Self.nested, by: [("at", .day)]),
            properties: ["k": "v"], nowMilliseconds: 1
        ).encoded()
        var refused = 0
        for _ in 0..<4000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.removeLast(bytes.count - index)
                }
                if bytes.isEmpty { break }
            }
            do { _ = try TableMetadata(parsing: bytes).encoded() } catch {
                #expect(error is IcebergError)
                refused += 1
            }
        }
        #expect(refused > 2000)
    }

    @Test("A schema whose ids or names clash is refused")
    func clashes() throws {
        let twice = Schema(fields: [
            NestedField(id: 1, name: "a", required: true, type: .int),
            NestedField(id: 1, name: "b", required: true, type: .int),
        ])
        let named = Schema(assigningIDs: [ColumnDefinition("a", .int), ColumnDefinition("a", .long)])
        for schema in [twice, named] {
            let made = kind {
                _ = try TableMetadata(
                    location: "file:///t", schema: schema, spec: .unpartitioned, properties: [:], nowMilliseconds: 0)
            }
            #expect(made == .malformed)
        }
    }
}
