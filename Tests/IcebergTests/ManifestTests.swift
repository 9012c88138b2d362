import Iceberg
import Storage
import Testing

@Suite("Manifests")
struct ManifestTests {
    private static let columns: [(String, ColumnType, IcebergValue)] = [
        ("b", .boolean, .boolean(true)), ("i", .int, .int(-5)), ("l", .long, .long(.min)), ("f", .float, .float(.nan)),
        ("d", .double, .double(2.5)), ("dec", .decimal(precision: 18, scale: 4), .decimal(-12_345_678)),
        ("day", .date, .date(19_000)), ("t", .time, .time(5)), ("ts", .timestamp, .timestamp(-1)),
        ("tz", .timestamptz, .timestamptz(1)), ("s", .string, .string("Hà Nội")), ("u", .uuid, .uuid(Array(1...16))),
        ("fx", .primitive(.fixed(3)), .binary([1, 2, 3])), ("y", .binary, .binary([])),
        ("odd name.1", .string, .string("x")),
    ]

    private func metadata() throws -> TableMetadata {
        let schema = Schema(assigningIDs: Self.columns.map { ColumnDefinition($0.0, $0.1) })
        return try TableMetadata(
            location: "file:///t", schema: schema,
            spec: PartitionSpec(of: schema, by: Self.columns.map { ($0.0, .identity) }), properties: [:],
            nowMilliseconds: 1)
    }

    private func entry(_ status: ManifestEntry.Status, _ name: String, _ partition: [IcebergValue]) -> ManifestEntry {
        ManifestEntry(
            status: status, snapshotID: 42, sequenceNumber: status == .added ? nil : 3,
            fileSequenceNumber: status == .added ? nil : 2,
            file: DataFile(
                location: "file:///t/data/\(name)", partition: partition, recordCount: 7, fileSizeInBytes: 99,
                columnSizes: [1: 2, 200: 3], valueCounts: [1: 7], nullValueCounts: [1: 0], nanValueCounts: [4: 1],
                lowerBounds: [2: [1, 2, 3, 4]], upperBounds: [2: [9, 9, 9, 9]], splitOffsets: [4, 50], sortOrderID: 0))
    }

    private func written() throws -> (ManifestCodec, ManifestFile, [UInt8], [ManifestEntry]) {
        let codec = ManifestCodec(try metadata())
        let values = Self.columns.map(\.2)
        let entries = [
            entry(.added, "a", values), entry(.existing, "b", values.map { _ in .null }), entry(.deleted, "c", values),
        ]
        let (manifest, object) = try codec.write(entries, specID: 0, snapshotID: 42, to: "file:///t/metadata/m.avro")
        return (codec, manifest, object.bytes, entries)
    }

    @Test("Entries come back with every statistic and every type of partition value")
    func roundtrip() throws {
        let (codec, written, bytes, entries) = try written()
        var manifest = written
        manifest.sequenceNumber = 11
        let read = try codec.read(bytes, of: manifest)
        #expect(read.map(\.status) == [.added, .existing, .deleted])
        // NaN is not equal to itself, so files are compared without that partition value.
        func comparable(_ file: DataFile) -> DataFile {
            var file = file
            file.partition[3] = .null
            return file
        }
        #expect(read.map { comparable($0.file) } == entries.map { comparable($0.file) })
        #expect(read.map(\.sequenceNumber) == [11, 3, 3])
        #expect(read.map(\.fileSequenceNumber) == [11, 2, 2])
        #expect(manifest.length == Int64(bytes.count))
        #expect([manifest.addedFiles, manifest.existingFiles, manifest.deletedFiles] == [1, 1, 1])
        #expect([manifest.addedRows, manifest.existingRows, manifest.deletedRows] == [7, 7, 7])
        #expect(manifest.minSequenceNumber == 3)
    }

    @Test("The header names the schema, the spec, their ids, the version and the content")
    func header() throws {
        let (_, _, bytes, _) = try written()
        let header = try AvroFile(parsing: bytes).metadata.mapValues { String(decoding: $0, as: UTF8.self) }
        #expect(header["format-version"] == "2")
        #expect(header["content"] == "data")
        #expect(header["schema-id"] == "0")
        #expect(header["partition-spec-id"] == "0")
        #expect(header["schema"]?.hasPrefix("{\"type\":\"struct\",\"schema-id\":0,") == true)
        #expect(header["partition-spec"]?.hasPrefix("[{\"source-id\":1,\"field-id\":1000,") == true)
    }

    @Test("Partition summaries hold the range of each field, and whether null and NaN occur")
    func summaries() throws {
        let (_, manifest, _, _) = try written()
        #expect(manifest.partitions.count == Self.columns.count)
        #expect(manifest.partitions.allSatisfy { $0.containsNull })
        #expect(manifest.partitions[3].containsNaN == true)
        #expect(manifest.partitions[3].lowerBound == nil)
        #expect(manifest.partitions[6].lowerBound == SingleValue.encode(.date(19_000)))
        #expect(manifest.partitions[6].upperBound == SingleValue.encode(.date(19_000)))
    }

    @Test("A manifest list comes back, and gives new manifests the number of its commit")
    func list() throws {
        let (_, manifest, _, _) = try written()
        var old = manifest
        (old.location, old.sequenceNumber, old.minSequenceNumber) = ("file:///t/metadata/old.avro", 2, 1)
        let bytes = try ManifestList.encode([manifest, old], snapshotID: 42, parentID: nil, sequenceNumber: 12)
        var expected = manifest
        expected.sequenceNumber = 12
        #expect(try ManifestList.read(bytes, at: "x") == [expected, old])
        let header = try AvroFile(parsing: bytes).metadata.mapValues { String(decoding: $0, as: UTF8.self) }
        #expect(
            header == [
                "snapshot-id": "42", "parent-snapshot-id": "null", "sequence-number": "12", "format-version": "2",
            ])
    }

    @Test("A file whose partition does not fit the spec is not written")
    func misfits() throws {
        let codec = ManifestCodec(try metadata())
        var values = Self.columns.map(\.2)
        values[1] = .string("not an int")
        for partition in [values, [], [.null]] {
            let made = kind {
                _ = try codec.write([entry(.added, "a", partition)], specID: 0, snapshotID: 1, to: "file:///m")
            }
            #expect(made == .badRequest)
        }
        #expect(kind { _ = try codec.write([], specID: 5, snapshotID: 1, to: "file:///m") } == .badRequest)
    }

    @Test(
        "Ten thousand damaged manifests and lists give an error or entries, never a crash",
        arguments: [1, 2] as [UInt64])
    func damage(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (codec, written, compressed, entries) = try written()
        var manifest = written
        let list = try ManifestList.encode([manifest], snapshotID: 42, parentID: 1, sequenceNumber: 12)
        // Uncompressed, so that the damage reaches the values and not only the compression.
        let file = try AvroFile(parsing: compressed)
        let schemaText = try ManifestSchema.entries(partition: try codec.partitionTypes(specID: 0)).text
        let plain = try AvroFile.encode(
            file.values, schema: file.schema, schemaText: schemaText, metadata: [], codec: .none)
        // The damage is to reach the entries, not to stop at the length.
        manifest.length = 0
        #expect(try codec.read(plain, of: manifest).count == entries.count)
        let dataStart = plain.count * 3 / 5
        var refused = 0
        for round in 0..<5000 {
            var bytes = round % 3 == 0 ? list : round % 3 == 1 ? plain : compressed
            let from = round % 2 == 0 || round % 3 != 1 ? 0 : dataStart
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: from..<bytes.count, using: &random)
                bytes[index] = Bool.random(using: &random) ? .random(in: 0...255, using: &random) : bytes[index] ^ 1
            }
            if round % 7 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            do {
                if round % 3 == 0 {
                    _ = try ManifestList.read(bytes, at: "list")
                } else {
                    _ = try codec.read(bytes, of: manifest)
                }
            } catch {
                #expect(error is IcebergError, "\(error)")
                refused += 1
            }
        }
        #expect(refused > 2000)
    }

    private func deletes() -> [ManifestEntry] {
        [
            ManifestEntry(
                status: .added, snapshotID: 42,
                file: DataFile(
                    content: .positionDeletes, location: "file:///t/data/p", partition: Self.columns.map { _ in .null },
                    recordCount: 2, fileSizeInBytes: 9, referencedDataFile: "file:///t/data/a")),
            ManifestEntry(
                status: .existing, snapshotID: 7, sequenceNumber: 5, fileSequenceNumber: 4,
                file: DataFile(
                    content: .equalityDeletes, location: "file:///t/data/e", partition: Self.columns.map { _ in .null },
                    recordCount: 3, fileSizeInBytes: 8, sortOrderID: 1, equalityIDs: [3, 1])),
        ]
    }

    @Test("A manifest of delete files comes back with what decides which rows they delete")
    func deleteFiles() throws {
        let codec = ManifestCodec(try metadata())
        var (manifest, object) = try codec.write(
            deletes(), content: .deletes, specID: 0, snapshotID: 42, to: "file:///t/metadata/d.avro")
        #expect(manifest.content == .deletes)
        manifest.sequenceNumber = 9
        let read = try codec.read(object.bytes, of: manifest)
        #expect(read.map(\.file) == deletes().map(\.file))
        #expect(read.map(\.sequenceNumber) == [9, 5])
        #expect(read.map(\.fileSequenceNumber) == [9, 4])
        let list = try ManifestList.encode([manifest], snapshotID: 42, parentID: nil, sequenceNumber: 9)
        #expect(try ManifestList.read(list, at: "x").map(\.content) == [.deletes])
    }

    @Test("Data and deletes do not share a manifest, and a manifest is what its list says it is")
    func contentMismatch() throws {
        let (codec, manifest, bytes, entries) = try written()
        for (files, content) in [
            (entries, ManifestFile.Content.deletes), (deletes(), .data), (entries + deletes(), .deletes),
        ] {
            let made = kind {
                _ = try codec.write(files, content: content, specID: 0, snapshotID: 1, to: "file:///m")
            }
            #expect(made == .badRequest)
        }
        var nameless = deletes()
        nameless[1].file.equalityIDs = []
        #expect(
            kind { _ = try codec.write(nameless, content: .deletes, specID: 0, snapshotID: 1, to: "file:///m") }
                == .badRequest)
        var wrong = manifest
        wrong.content = .deletes
        #expect(kind { _ = try codec.read(bytes, of: wrong) } == .malformed)
        // Without a header that says so, the files themselves do.
        let file = try AvroFile(parsing: bytes)
        let schemaText = try ManifestSchema.entries(partition: try codec.partitionTypes(specID: 0)).text
        let headless = try AvroFile.encode(file.values, schema: file.schema, schemaText: schemaText, metadata: [])
        (wrong.length, wrong.content) = (Int64(headless.count), .data)
        #expect(try codec.read(headless, of: wrong).count == entries.count)
        wrong.content = .deletes
        #expect(kind { _ = try codec.read(headless, of: wrong) } == .malformed)
    }
}
