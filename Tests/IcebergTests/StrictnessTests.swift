import Foundation
import Iceberg
import Storage
import Testing

@Suite("What is there but wrong is not taken for absent")
struct StrictnessTests {
    private static let second = """
        {"format-version":2,"table-uuid":"u","location":"file:///t","last-sequence-number":7,"last-updated-ms":10,
         "last-column-id":2,"current-schema-id":3,"schemas":[{"type":"struct","schema-id":3,"identifier-field-ids":[1],
         "fields":[{"id":1,"name":"x","required":true,"type":"long","doc":"d","initial-default":7,"write-default":8},
         {"id":2,"name":"y","required":false,"type":"string"}]}],"default-spec-id":1,
         "partition-specs":[{"spec-id":1,"fields":[{"source-id":1,"field-id":1000,"name":"x_t","transform":"truncate[10]"}]}],
         "last-partition-id":1000,"sort-orders":[{"order-id":0,"fields":[]}],"default-sort-order-id":0,
         "properties":{"k":"v"},"current-snapshot-id":5,"snapshots":[{"snapshot-id":5,"timestamp-ms":9,
         "sequence-number":7,"manifest-list":"file:///l","summary":{"operation":"append"}}],
         "refs":{"main":{"snapshot-id":5,"type":"branch"}}}
        """

    private func read(_ from: String, _ to: String) throws -> TableMetadata {
        try #require(Self.second.contains(from), "\(from) is not in the metadata")
        return try TableMetadata(parsing: Array(Self.second.replacing(from, with: to).utf8))
    }

    @Test("Defaults, docs and identifiers are kept")
    func kept() throws {
        let metadata = try TableMetadata(parsing: Array(Self.second.utf8))
        let again = String(decoding: metadata.encoded(), as: UTF8.self)
        for kept in [
            #""initial-default":7"#, #""write-default":8"#, #""doc":"d""#, #""identifier-field-ids":[1]"#,
        ] {
            #expect(again.contains(kept))
        }
    }

    @Test(
        "Metadata with one wrong member is refused by name",
        arguments: [
            // Read as absent, each of these would make an empty table or another one.
            (#""current-snapshot-id":5"#, #""current-snapshot-id":"5""#),
            (#""current-snapshot-id":5"#, #""current-snapshot-id":5.0"#),
            (#""current-snapshot-id":5"#, #""current-snapshot-id":55"#),
            (#""current-snapshot-id":5"#, #""current-snapshot-id":-1"#), (#""current-snapshot-id":5,"#, ""),
            (#""snapshots":["#, #""snapshots":{},"x":["#), (#""refs":{"#, #""refs":[],"x":{"#),
            (#""sequence-number":7,"man"#, #""sequence-number":8,"man"#),
            (#""sequence-number":7,"man"#, #""sequence-number":-1,"man"#), (#""manifest-list":"file:///l","#, ""),
            (#"{"operation":"append"}"#, #"{"operation":1}"#), (#"{"k":"v"}"#, #"{"k":null}"#),
            (#""required":true"#, #""required":"true""#), (#""required":true"#, #""required":false"#),
            (#""type":"long""#, #""type":"double""#), (#""id":1,"#, #""id":2147483448,"#),
            (#""identifier-field-ids":[1]"#, #""identifier-field-ids":[2]"#),
            (#""identifier-field-ids":[1]"#, #""identifier-field-ids":["1"]"#),
            (#""default-spec-id":1"#, #""default-spec-id":0"#), (#""spec-id":1,"#, #""spec-id":1,"spec-id":1,"#),
            (#""last-sequence-number":7"#, #""last-sequence-number":null"#),
            (#""sort-orders":[{"order-id":0"#, #""sort-orders":[{"order-id":1"#),
            (#""default-sort-order-id":0"#, #""default-sort-order-id":3"#),
            (#""sort-orders":[{"order-id":0,"fields":[]}],"default-sort-order-id":0"#, #""default-sort-order-id":1"#),
            (#""partition-specs":[{"spec-id":1,"fields":"#, #""partition-spec":[],"x":[{"spec-id":1,"fields":"#),
            (#""location":"file:///t","#, #""location":"file:///t","location":"file:///other","#),
        ])
    func wrong(_ from: String, _ to: String) throws {
        #expect(kind { _ = try read(from, to) } == .malformed)
    }

    @Test("What a later format has is refused as such")
    func later() throws {
        for (from, to) in [
            (#""format-version":2"#, #""format-version":3"#), (#""format-version":2"#, #""format-version":0"#),
            (#""type":"long""#, #""type":"variant""#),
            (#""type":"long""#, #""type":"timestamptz_ns""#), (#""source-id":1"#, #""source-ids":[1],"source-id":1"#),
        ] {
            #expect(kind { _ = try read(from, to) } == .unsupported, "\(to)")
        }
    }

    @Test("Ids count on from those in use, whatever the counters say")
    func counters() throws {
        #expect(try read(#""last-column-id":2"#, #""last-column-id":1"#).lastColumnID == 2)
        #expect(try read(#""last-partition-id":1000"#, #""last-partition-id":5"#).lastPartitionID == 1000)
    }

    @Test("JSON that is too deep, has too long a number or a name twice is refused")
    func json() throws {
        func read(_ text: String) -> IcebergError.Kind? { kind { _ = try JSON(parsing: Array(text.utf8)) } }
        #expect(read(String(repeating: "[", count: 63) + String(repeating: "]", count: 63)) == nil)
        #expect(read(String(repeating: "[", count: 65) + String(repeating: "]", count: 65)) == .malformed)
        #expect(read(String(repeating: "9", count: 400)) == nil)
        #expect(read(String(repeating: "9", count: 401)) == .malformed)
        #expect(read(#"{"a":1,"b":{"a":1}}"#) == nil)
        #expect(read(#"{"a":1,"b":2,"\u0061":3}"#) == .malformed)
        let many = (0..<40).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(read("{\(many)}") == nil)
        #expect(read("{\(many),\"k7\":1}") == .malformed)
        let exact = try JSON(parsing: Array("[9223372036854775807,9007199254740993,9223372036854775808]".utf8))
        #expect(exact.array?.map(\.int64) == [.max, 9_007_199_254_740_993, nil])
    }

    @Test("A partition spec of version 1 numbers its fields from 1000, all or none")
    func partitionFieldIDs() throws {
        func spec(_ text: String) throws -> PartitionSpec {
            try PartitionSpec(json: try JSON(parsing: Array(text.utf8)), specID: 0)
        }
        let none = #"[{"source-id":1,"name":"a","transform":"day"},{"source-id":2,"name":"b","transform":"void"}]"#
        #expect(try spec(none).fields.map(\.fieldID) == [1000, 1001])
        let some = none.replacing(#""name":"a""#, with: #""field-id":1000,"name":"a""#)
        #expect(kind { _ = try spec(some) } == .malformed)
        let twice = some.replacing(#""name":"b""#, with: #""field-id":1000,"name":"b""#)
        #expect(kind { _ = try spec(twice) } == .malformed)
        #expect(kind { _ = try spec(none.replacing(#""b""#, with: #""a""#)) } == .malformed)
    }

    @Test("Transforms are for the types of the specification's table")
    func transforms() throws {
        let schema = SchemaTests.nested
        for (column, transform) in [("event_id", Transform.day), ("fingerprint", .truncate(3)), ("at", .truncate(3))] {
            #expect(kind { _ = try PartitionSpec(of: schema, by: [(column, transform)]) } == .badRequest)
            #expect(
                kind { _ = try SortOrder(of: schema, by: [(column, transform, .ascending, .first)]) } == .badRequest)
        }
        #expect(Transform(named: "bucket[2147483648]") == .unknown("bucket[2147483648]"))
        #expect(Transform(named: "bucket[+4]") == .unknown("bucket[+4]"))
        #expect(Transform(named: "truncate[1 6]") == .unknown("truncate[1 6]"))
    }

    @Test("Snapshots of old version 1 tables list their manifests themselves")
    func inlineManifests() throws {
        let workspace = try Workspace()
        let location = workspace.path + "/m.avro"
        try workspace.storage.create([1, 2, 3], at: location)
        let text = """
            {"snapshot-id":5,"timestamp-ms":1,"manifests":["\(location)"]}
            """
        let snapshot = try Snapshot(json: try JSON(parsing: Array(text.utf8)), formatVersion: 1)
        let manifests = try ManifestList.of(snapshot, from: workspace.storage)
        #expect(manifests.map(\.location) == [location])
        #expect(manifests.map(\.length) == [3])
        #expect(manifests.map(\.sequenceNumber) == [0])
        #expect(manifests.allSatisfy { $0.mayHaveLiveFiles && $0.addedSnapshotID == 5 && $0.content == .data })
    }

    @Test("A manifest list that lost its manifests is not an empty snapshot")
    func emptyList() throws {
        let workspace = try Workspace()
        let location = workspace.path + "/list.avro"
        try workspace.storage.create(
            try ManifestList.encode([], snapshotID: 1, parentID: nil, sequenceNumber: 1), at: location)
        func snapshot(_ files: String, _ rows: String) -> Snapshot {
            Snapshot(
                id: 1, parentID: nil, sequenceNumber: 1, timestampMilliseconds: 1, manifestList: location,
                summary: ["total-data-files": files, "total-records": rows], schemaID: 0)
        }
        #expect(try ManifestList.of(snapshot("0", "0"), from: workspace.storage) == [])
        #expect(kind { _ = try ManifestList.of(snapshot("3", "30"), from: workspace.storage) } == .malformed)
    }

    @Test("Two values are one partition only when they are the same bits")
    func equality() {
        #expect(IcebergValue.string("é") != .string("e\u{301}"))
        #expect(IcebergValue.double(.nan) == .double(-.nan))
        #expect(IcebergValue.float(0) != .float(-0.0))
        #expect(IcebergValue.int(1) != .long(1))
        let keys: Set = [
            PartitionKey([.string("é")]), PartitionKey([.string("e\u{301}")]), PartitionKey([.float(.nan)]),
        ]
        #expect(keys.contains(PartitionKey([.float(-.nan)])))
        #expect(keys.count == 3)
    }

    @Test("Values are in the order that the specification sorts by, and widen with their column")
    func order() throws {
        let doubles: [Double] = [-.nan, -.infinity, -1, -0.0, 0, 1, .infinity, .nan]
        for (one, first) in doubles.enumerated() {
            for (other, second) in doubles.enumerated() {
                #expect(IcebergValue.double(first).precedes(.double(second)) == (one < other))
            }
        }
        #expect(IcebergValue.binary([0x7F]).precedes(.binary([0x80])) == true)
        #expect(IcebergValue.string("\u{FFFF}").precedes(.string("\u{10000}")) == true)
        #expect(IcebergValue.int(1).precedes(.long(2)) == nil)
        #expect(IcebergValue.int(-7).promoted(to: .long) == .long(-7))
        #expect(IcebergValue.float(0.5).promoted(to: .double) == .double(0.5))
        #expect(IcebergValue.long(1).promoted(to: .int) == nil)
        // A bound that was written before its column was widened.
        #expect(SingleValue.bound([0xFB, 0xFF, 0xFF, 0xFF], as: .long) == .long(-5))
        #expect(SingleValue.bound([0, 0, 0, 0x3F], as: .double) == .double(0.5))
        #expect(SingleValue.bound([5], as: .decimal(precision: 38, scale: 2)) == .decimal(5))
        // What bounds nothing.
        #expect(SingleValue.bound([1, 2, 3], as: .long) == nil)
        #expect(SingleValue.bound(SingleValue.encode(.double(.nan)), as: .double) == nil)
        #expect(SingleValue.bound(nil, as: .long) == nil)
    }
}
