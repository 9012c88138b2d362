import Iceberg
import Storage

/// A file to be read, and what is known of the table that it belongs to.
struct FuzzCase {
    var format: IcebergFormat
    var bytes: [UInt8]
    var judge: RoundTripJudge
    /// Set where the file must be refused.
    var mustBeRefused: String?
}

/// Whole files of every format, and the damage that is done to them.
struct IcebergCorpus {
    /// A manifest and its table.
    private struct Manifest {
        var parts: AvroParts
        var judge: RoundTripJudge

        init(_ parts: AvroParts, _ metadata: TableMetadata) {
            self.parts = parts
            let specID = parts.header("partition-spec-id").flatMap { Int($0) } ?? metadata.defaultSpecID
            judge = RoundTripJudge(metadata: metadata, specID: specID)
        }
    }

    /// What every run begins with.
    let bombs: [FuzzCase]
    private let judge: RoundTripJudge
    private let texts: [[UInt8]]
    private let mappings: [[UInt8]]
    private let manifests: [Manifest]
    private let deletes: [Manifest]
    private let lists: [AvroParts]
    private let values: [AvroParts]

    init() throws {
        let metadata = try Self.table()
        let seeds = try IcebergSeeds().tables
        judge = RoundTripJudge(metadata: metadata, specID: metadata.defaultSpecID)
        texts =
            [metadata.encoded(), Array(Self.versionOne.utf8), Array(Self.versionTwo.utf8)] + seeds.map(\.text)
        mappings = [Array(NameMapping(of: metadata.currentSchema).encoded().utf8), Array(Self.mapping.utf8)]
        let codec = ManifestCodec(metadata)
        let specID = metadata.defaultSpecID
        let data = try codec.write(Self.entries(.data), specID: specID, snapshotID: 42, to: "file:///t/m.avro")
        let deletion = try codec.write(
            Self.entries(.deletes), content: .deletes, specID: specID, snapshotID: 42, to: "file:///t/d.avro")
        let list = try ManifestList.encode(
            [data.manifest, deletion.manifest], snapshotID: 42, parentID: nil, sequenceNumber: 9)
        let ours = try AvroParts(data.object.bytes)
        manifests = [Manifest(ours, metadata)] + seeds.map { Manifest($0.data, $0.metadata) }
        deletes =
            [Manifest(try AvroParts(deletion.object.bytes), metadata)]
            + seeds.compactMap { seed in seed.deletes.map { Manifest($0, seed.metadata) } }
        lists = [try AvroParts(list)] + seeds.map(\.list)
        values = [try AvroParts(try Self.everything()), try AvroParts(try Self.nested()), ours] + seeds.map(\.data)
        let judge = judge
        bombs = Bombs.all(metadata: metadata.encoded(), manifest: ours).map {
            FuzzCase(format: $0.format, bytes: $0.bytes, judge: judge, mustBeRefused: $0.name)
        }
    }

    /// A file of some format, damaged in up to six places or not at all.
    func damaged(_ random: inout IcebergRandom) -> FuzzCase {
        let format = random.pick(IcebergFormat.allCases)
        var damage = Damage(random: random)
        let bytes: [UInt8]
        var judge = judge
        switch format {
        case .metadata:
            let text = damage.text(random.pick(texts))
            bytes =
                random.oneIn(8) ? damage.few(Compression.gzip(text)) : random.oneIn(4) ? Compression.gzip(text) : text
        case .nameMapping: bytes = damage.text(random.pick(mappings))
        case .manifest, .deletes:
            let manifest = random.pick(format == .manifest ? manifests : deletes)
            judge = manifest.judge
            bytes = damage.avro(manifest.parts)
        case .manifestList: bytes = damage.avro(random.pick(lists))
        case .avro: bytes = damage.avro(random.pick(values))
        case .singleValue: bytes = damage.value()
        }
        return FuzzCase(format: format, bytes: bytes, judge: judge)
    }

    // MARK: - What is damaged

    private static let columns: [(name: String, type: ColumnType, value: IcebergValue)] = [
        ("flag", .boolean, .boolean(true)), ("count", .int, .int(-5)), ("total", .long, .long(.min)),
        ("ratio", .primitive(.float), .float(0.5)), ("score", .primitive(.double), .double(-2.5)),
        ("price", .decimal(precision: 38, scale: 10), .decimal(-12_345_678)), ("day", .date, .date(-1)),
        ("time", .time, .time(5)), ("local", .timestamp, .timestamp(-1)), ("at", .timestamptz, .timestamptz(1)),
        ("name", .string, .string("Hà Nội, phở bò")), ("id", .uuid, .uuid(Array(1...16))),
        ("code", .primitive(.fixed(3)), .binary([1, 2, 3])), ("blob", .binary, .binary([0xFF])),
    ]

    private static func table() throws -> TableMetadata {
        var definitions = columns.map { ColumnDefinition($0.name, $0.type, doc: "the \"\($0.name)\"\n") }
        definitions.append(
            ColumnDefinition(
                "items",
                .list(
                    .struct([
                        ColumnDefinition("sku", .string, required: true),
                        ColumnDefinition("tags", .map(key: .string, value: .int, valueRequired: false)),
                    ]), elementRequired: true)))
        let schema = Schema(assigningIDs: definitions)
        var metadata = try TableMetadata(
            location: "file:///lake/t", schema: schema,
            spec: PartitionSpec(of: schema, by: columns.map { ($0.name, .identity) }), properties: ["a": "b\u{1}ü"],
            nowMilliseconds: 1_700_000_000_000)
        metadata.tableUUID = "f79c3e09-677c-4bbd-a479-3f349cb785e7"
        metadata.sortOrders.append(
            try SortOrder(of: schema, by: [("at", .day, .descending, .last), ("name", .bucket(4), .ascending, .first)]))
        metadata.sortOrders.append(
            try SortOrder(
                of: schema,
                by: [("name", .identity, .ascending, .last), ("total", .identity, .descending, .first)]))
        metadata.sortOrders[2].orderID = 2
        for number in 1...3 as ClosedRange<Int64> {
            metadata.snapshots.append(
                Snapshot(
                    id: 9_007_199_254_740_993 + number, parentID: number > 1 ? 9_007_199_254_740_992 + number : nil,
                    sequenceNumber: number, timestampMilliseconds: 1_700_000_000_000 + number,
                    manifestList: "file:///lake/t/metadata/\(number).avro",
                    summary: ["operation": "append", "total-records": "\(number)"], schemaID: 0))
        }
        metadata.lastSequenceNumber = 3
        return metadata
    }

    /// As version 1 writers left it: no ids where there was only one of something, manifests in the snapshot.
    private static let versionOne = """
        {"format-version":1,"location":"file:///t","last-updated-ms":1700000000000,"last-column-id":3,
         "schema":{"type":"struct","fields":[{"id":1,"name":"day","required":true,"type":"date"},
         {"id":2,"name":"price","required":false,"type":"decimal(9,2)","doc":"d","initial-default":"1.50"},
         {"id":3,"name":"code","required":false,"type":"fixed[4]"}]},
         "partition-spec":[{"source-id":1,"name":"day_month","transform":"month"},
         {"source-id":2,"name":"z","transform":"zorder[3]"}],"properties":{"owner":"x"},
         "current-snapshot-id":5,"snapshots":[{"snapshot-id":5,"timestamp-ms":1600000000000,
         "manifests":["file:///t/metadata/a.avro","file:///t/metadata/b.avro"]}],"snapshot-log":[]}
        """

    /// With what newer and other writers add.
    private static let versionTwo = """
        {"format-version":2,"table-uuid":"u","location":"file:///t","last-sequence-number":7,"last-updated-ms":10,
         "last-column-id":1,"current-schema-id":3,"schemas":[{"type":"struct","schema-id":3,"identifier-field-ids":[1],
         "fields":[{"id":1,"name":"x","required":true,"type":"decimal(9,2)"}]}],"default-spec-id":1,
         "partition-specs":[{"spec-id":0,"fields":[]},{"spec-id":1,"fields":[{"source-id":1,"field-id":1000,
         "name":"x_trunc","transform":"truncate[10]"}]}],"last-partition-id":1000,"sort-orders":[{"order-id":1,"fields":
         [{"transform":"identity","source-id":1,"direction":"asc","null-order":"nulls-first"}]}],
         "default-sort-order-id":1,"current-snapshot-id":3051729675574597005,"snapshots":[{"snapshot-id":
         3051729675574597005,"timestamp-ms":9,"sequence-number":7,"manifest-list":"file:///l","summary":
         {"operation":"append"},"x-ours":[1.50,{"deep":null}]}],"statistics":[{"snapshot-id":1e3,"blob":"\\u00e9"}],
         "refs":{"main":{"snapshot-id":3051729675574597005,"type":"branch","min-snapshots-to-keep":4},
         "t":{"snapshot-id":3051729675574597005,"type":"tag"}}}
        """

    private static let mapping = """
        [{"field-id":1,"names":["flag","Flag"]},{"names":["gone"]},{"field-id":15,"names":["items","old items"],"fields":
         [{"field-id":16,"names":["element","array"],"fields":[{"field-id":17,"names":["sku.x"]}]}]},
         {"field-id":2,"names":[]}]
        """

    private static func entries(_ content: ManifestFile.Content) -> [ManifestEntry] {
        let partition = columns.map(\.value)
        func file(_ name: String, _ partition: [IcebergValue]) -> DataFile {
            DataFile(
                content: content == .data ? .data : .positionDeletes, location: "file:///t/data/\(name)",
                partition: partition, recordCount: 7, fileSizeInBytes: 99, columnSizes: [1: 2, 11: 3],
                valueCounts: [1: 7, 2: 7], nullValueCounts: [1: 0], nanValueCounts: [4: 1],
                lowerBounds: [2: [1, 2, 3, 4], 11: Array("Hà".utf8)], upperBounds: [2: [9, 9, 9, 9]],
                splitOffsets: [4, 50], sortOrderID: 0,
                referencedDataFile: content == .data ? nil : "file:///t/data/other")
        }
        var last = file("c", partition.map { _ in .null })
        if content == .deletes {
            (last.content, last.equalityIDs, last.referencedDataFile) = (.equalityDeletes, [11, 2], nil)
        }
        return [
            ManifestEntry(status: .added, snapshotID: 42, file: file("a", partition)),
            ManifestEntry(
                status: .existing, snapshotID: 7, sequenceNumber: 3, fileSequenceNumber: 2, file: file("b", partition)),
            ManifestEntry(status: .deleted, snapshotID: 42, sequenceNumber: 4, fileSequenceNumber: 4, file: last),
        ]
    }

    /// An Avro file of types in types, with nothing in some of them.
    private static func nested() throws -> [UInt8] {
        let schema = """
            {"type":"record","name":"r","fields":[
             {"name":"a","type":{"type":"array","items":{"type":"array","items":["null",{"type":"map","values":
              {"type":"array","items":"null"}}]}}},
             {"name":"e","type":{"type":"array","items":{"type":"record","name":"nothing","fields":[]}}},
             {"name":"o","type":["null",{"type":"record","name":"one","fields":[{"name":"two","type":["null",
              {"type":"record","name":"three","fields":[{"name":"four","type":["null","string"]}]}]}]}]}]}
            """
        let long = String(repeating: "ü", count: 3_000)
        let values: [AvroValue] = [
            .record([
                .array([.array([.null, .map([AvroEntry(key: "", value: .array([.null, .null]))])]), .array([])]),
                .array([.record([]), .record([]), .record([])]), .record([.record([.string(long)])]),
            ]),
            .record([.array([]), .array([]), .record([.record([.null])])]),
            .record([.array([]), .array([]), .record([.null])]), .record([.array([]), .array([]), .null]),
        ]
        let text = Array(schema.utf8)
        return try AvroFile.encode(
            values, schema: try AvroSchema(json: try JSON(parsing: text)), schemaText: text, metadata: [], codec: .none)
    }

    /// An Avro file with every Avro type.
    private static func everything() throws -> [UInt8] {
        let schema = """
            {"type":"record","name":"r","namespace":"a.b","fields":[
             {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int","field-id":7},
             {"name":"l","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"f","type":"float"},
             {"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
             {"name":"x","type":{"type":"fixed","name":"three","size":3}},{"name":"x2","type":"three"},
             {"name":"e","type":{"type":"enum","name":"suit","symbols":["a","b"]}},
             {"name":"a","type":{"type":"array","items":["null","long"]}},
             {"name":"m","type":{"type":"map","values":"string"}},
             {"name":"o","type":["null",{"type":"record","name":"inner","fields":[{"name":"z","type":"int"}]}]}]}
            """
        let value = AvroValue.record([
            .null, .boolean(true), .int(.min), .long(.max), .float(1.5), .double(-0.25), .bytes([0, 255]),
            .string("héllo"), .bytes([1, 2, 3]), .bytes([4, 5, 6]), .enumeration(1),
            .array([.null, .long(.min), .long(-1)]), .map([AvroEntry(key: "k", value: .string(""))]),
            .record([.int(.min)]),
        ])
        let text = Array(schema.utf8)
        return try AvroFile.encode(
            [value, value], schema: try AvroSchema(json: try JSON(parsing: text)), schemaText: text,
            metadata: [("who", [1])], codec: .none)
    }
}
