import Foundation
import Iceberg
import Testing

/// What PyIceberg wrote (Fixtures/make_fixtures.py), read by us and held against what PyIceberg says of it.
@Suite("Files of PyIceberg")
struct PyIcebergTests {
    private static func bytes(_ name: String) throws -> [UInt8] {
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        return Array(try Data(contentsOf: folder.appending(path: name)))
    }

    private static func expected(_ part: String) throws -> JSON {
        try #require(try JSON(parsing: bytes("expected.json"))[part])
    }

    private static func unhexed(_ json: JSON) throws -> [UInt8]? {
        guard let text = json.string else { return nil }
        let digits = Array(text.utf8)
        return try stride(from: 0, to: digits.count, by: 2).map { index in
            try #require(UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16))
        }
    }

    private static func hexed(_ bytes: [UInt8]) -> String { IcebergValue.binary(bytes).description }

    @Test("Every transform gives PyIceberg's values for every type, and applies where PyIceberg's does")
    func transforms() throws {
        var cases = 0
        for row in try #require(Self.expected("transforms").array) {
            let schema = try Schema(
                json: JSON(
                    parsing: Array(
                        """
                        {"type":"struct","fields":[{"id":1,"name":"x","required":false,"type":"\(try row.string("type"))"}]}
                        """.utf8)))
            let type = try #require(schema.fields.first?.type)
            let transform = Transform(named: try row.string("transform"))
            let accepts = try row.boolean(ifPresent: "accepts")
            #expect(transform.accepts(type) == accepts, "\(transform) of \(type)")
            for pair in try row.array("cases") {
                let pair = try #require(pair.array)
                let value = try SingleValue.decode(try #require(try Self.unhexed(pair[0])), as: type)
                let made = try transform.apply(value)
                #expect(SingleValue.encode(value) == (try Self.unhexed(pair[0])))
                #expect(SingleValue.encode(made) == (try Self.unhexed(pair[1])), "\(transform) of \(type) \(value)")
                if made != .null {
                    #expect(
                        try SingleValue.decode(SingleValue.encode(made) ?? [], as: transform.resultType(of: type))
                            == made)
                }
                cases += 1
            }
        }
        #expect(cases > 300)
    }

    @Test("Manifests of both versions, of data and of deletes, with every compression, say what PyIceberg says")
    func manifests() throws {
        let metadata = try TableMetadata(parsing: try Self.bytes("metadata-v2.json"))
        let codec = ManifestCodec(metadata)
        let golden = try Self.expected("manifests")
        var read: Set<String> = []
        for list in ["list-v1.avro", "list-v2.avro"] {
            for manifest in try ManifestList.read(try Self.bytes(list), at: list) {
                let name = String(manifest.location.split(separator: "/").last ?? "")
                read.insert(name)
                let expected = try #require(golden[name])
                try check(manifest, expected)
                let entries = try codec.read(try Self.bytes(name), of: manifest)
                let rows = try expected.array("entries")
                try #require(entries.count == rows.count)
                for (entry, row) in zip(entries, rows) { try check(entry, row) }
            }
        }
        #expect(read == Set((golden.members ?? []).map(\.name)))
        #expect(read.count == 6)
    }

    private func check(_ manifest: ManifestFile, _ expected: JSON) throws {
        #expect(manifest.sequenceNumber == (try expected.integer("sequence")))
        #expect(manifest.minSequenceNumber == (try expected.integer("min-sequence")))
        #expect(manifest.content.rawValue == (try expected.integer("content")))
        #expect(manifest.specID == (try expected.integer("spec")))
        let files = [manifest.addedFiles, manifest.existingFiles, manifest.deletedFiles].compactMap(\.self)
        #expect(files == (try expected.integers("counts")))
        let rows = [manifest.addedRows, manifest.existingRows, manifest.deletedRows].compactMap(\.self)
        #expect(rows == (try expected.integers("rows")))
        let summaries = try expected.array("summaries").map { try #require($0.array) }
        try #require(manifest.partitions.count == summaries.count)
        for (summary, row) in zip(manifest.partitions, summaries) {
            #expect(summary.containsNull == row[0].boolean)
            #expect(summary.containsNaN == row[1].boolean)
            #expect(summary.lowerBound == (try Self.unhexed(row[2])))
            #expect(summary.upperBound == (try Self.unhexed(row[3])))
        }
    }

    private func check(_ entry: ManifestEntry, _ row: JSON) throws {
        let file = entry.file
        #expect(entry.status.rawValue == (try row.integer("status")))
        #expect(String(entry.snapshotID) == (try row.string("snapshot")))
        #expect(entry.sequenceNumber == (try row.integer(ifPresent: "sequence")))
        #expect(entry.fileSequenceNumber == (try row.integer(ifPresent: "file-sequence")))
        #expect(file.content.rawValue == (try row.integer("content")))
        #expect(file.location == (try row.string("path")))
        #expect(file.recordCount == (try row.integer("records")))
        #expect(file.fileSizeInBytes == (try row.integer("bytes")))
        #expect(file.equalityIDs == (try row.integers("equality-ids")))
        #expect(file.splitOffsets == [4, 512])
        #expect(file.keyMetadata == [7, 8])
        #expect(file.sortOrderID == (file.content == .data ? 5 : nil))
        #expect(file.columnSizes == [2: 50, 11: 60])
        #expect(file.nanValueCounts == [4: 0, 5: 2])
        for (name, bounds) in [("lower", file.lowerBounds), ("upper", file.upperBounds)] {
            let expected = try row.strings(name)
            #expect(Dictionary(uniqueKeysWithValues: bounds.map { (String($0), Self.hexed($1)) }) == expected)
        }
        for member in try row.members("nulls") {
            #expect(Int(member.name).flatMap { file.nullValueCounts[$0] } == member.value.int64)
        }
        for (value, expected) in zip(file.partition, try row.array("partition")) {
            switch expected {
            case .null: #expect(value == .null)
            case .boolean(let boolean): #expect(value == .boolean(boolean))
            default: #expect(value.description == expected.string)
            }
        }
    }

    @Test(
        "Metadata of versions 1 and 2, and compressed, is one table; what was read is written back and reads the same")
    func metadata() throws {
        let second = try TableMetadata(parsing: try Self.bytes("metadata-v2.json"))
        #expect(try TableMetadata(parsing: try Self.bytes("00007-x.gz.metadata.json")) == second)
        #expect(try TableMetadata(parsing: second.encoded()) == second)
        #expect(second.currentSchema.identifierFieldIDs == [11, 2])
        #expect(second.currentSchema.field(id: 2)?.doc == "how \"many\"\n")
        #expect(second.currentSchema.field(named: "items.element.price")?.type == .decimal(precision: 9, scale: 2))
        #expect(second.currentSchema.field(named: "tags.value.element")?.id == 22)
        #expect(second.defaultSpec.fields.count == 15)
        #expect(
            second.sortOrders.last
                == SortOrder(
                    orderID: 5,
                    fields: [
                        SortField(sourceID: 10, transform: .day, direction: .descending, nullOrder: .last),
                        SortField(sourceID: 11, transform: .bucket(4), direction: .ascending, nullOrder: .first),
                    ]))
        #expect(second.properties == ["a": "b", "ü": "\"\\\n"])
        #expect(second.currentSnapshotID == 3_051_729_675_574_597_004)
        #expect(second.snapshots.map(\.sequenceNumber) == [1, 9])
        #expect(String(decoding: second.encoded(), as: UTF8.self).contains("\"max-ref-age-ms\":99"))
        // Version 1 has no sequence numbers, and PyIceberg gives it the one spec that it has; all else is the same.
        var first = try TableMetadata(parsing: try Self.bytes("metadata-v1.json"))
        #expect(first.formatVersion == 1)
        #expect(first.snapshots.map(\.sequenceNumber) == [0, 0])
        #expect(first.partitionSpecs == [PartitionSpec(specID: 0, fields: second.defaultSpec.fields)])
        (first.partitionSpecs, first.defaultSpecID) = (second.partitionSpecs, second.defaultSpecID)
        first.formatVersion = 2
        first.lastSequenceNumber = 9
        first.snapshots = zip(first.snapshots, [1, 9]).map { old, number in
            Snapshot(
                id: old.id, parentID: old.parentID, sequenceNumber: number,
                timestampMilliseconds: old.timestampMilliseconds, manifestList: old.manifestList, summary: old.summary,
                schemaID: old.schemaID)
        }
        #expect(first == second)
    }

    @Test("The mapping of a schema's names is the one PyIceberg makes")
    func nameMapping() throws {
        let metadata = try TableMetadata(parsing: try Self.bytes("metadata-v2.json"))
        let mapping = try NameMapping(parsing: String(decoding: try Self.bytes("name-mapping.json"), as: UTF8.self))
        #expect(mapping == NameMapping(of: metadata.currentSchema))
        #expect(mapping.fieldID(of: ["tags", "value", "element"]) == 22)
    }

    @Test("Damage to any byte of a manifest of any compression gives an error or entries, never a crash")
    func damage() throws {
        let codec = ManifestCodec(try TableMetadata(parsing: try Self.bytes("metadata-v2.json")))
        let manifests = try ManifestList.read(try Self.bytes("list-v2.avro"), at: "list")
        for manifest in manifests {
            let whole = try Self.bytes(String(manifest.location.split(separator: "/").last ?? ""))
            // The header is mostly text; the blocks behind it are where sizes and values are.
            for index in stride(from: whole.count - 1, through: whole.count - 900, by: -1) {
                var bytes = whole
                bytes[index] ^= UInt8(1 << (index % 8))
                do {
                    _ = try codec.read(bytes, of: manifest)
                } catch {
                    #expect(error is IcebergError)
                }
                #expect(kind { _ = try codec.read(Array(whole[..<index]), of: manifest) } == .malformed, "\(index)")
            }
        }
    }
}
