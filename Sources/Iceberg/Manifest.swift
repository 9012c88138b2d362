package import Storage

/// Reads and writes manifests of one table: lists of data files with their partition values and statistics.
package struct ManifestCodec: Sendable {
    private let metadata: TableMetadata

    /// For manifests of the table that `metadata` describes.
    package init(_ metadata: TableMetadata) {
        self.metadata = metadata
    }

    /// Every entry of a data manifest, with sequence numbers and snapshot ids inherited where the writer left them out.
    /// - Throws: ``IcebergError`` `.malformed`, `.unsupported`, or `.deleteFilesPresent` when it lists delete files.
    package func read(_ bytes: [UInt8], of manifest: ManifestFile) throws -> [ManifestEntry] {
        try locating(manifest.location) {
            let file = try AvroFile(parsing: bytes)
            let columns = try AvroColumns(file.schema)
            guard let fileColumns = try columns.inside(2), let partitionColumns = try fileColumns.inside(102) else {
                throw IcebergError(.malformed, "the manifest's schema has no data_file (2) with a partition (102)")
            }
            let partition = try partitionTypes(specID: manifest.specID)
            return try file.values.map { value in
                let row = try AvroRow(value, columns: columns)
                let dataRow = try AvroRow(row[2], columns: fileColumns)
                let partitionRow = try AvroRow(dataRow[102], columns: partitionColumns)
                let values = try partition.map { field, type in
                    try IcebergValue(avro: partitionRow[field.fieldID], as: type, field: field.name)
                }
                return try entry(row, file: try dataFile(dataRow, specID: manifest.specID, values), manifest)
            }
        }
    }

    private func entry(_ row: AvroRow, file: DataFile, _ manifest: ManifestFile) throws -> ManifestEntry {
        guard let status = ManifestEntry.Status(rawValue: try row.integer(0, "status")) else {
            throw IcebergError(.malformed, "an entry's status is neither existing, added nor deleted")
        }
        let sequence = row[3].integer
        // Only what was just added may leave its numbers to the manifest; in version 1 everything is number 0.
        guard sequence != nil || status == .added || manifest.sequenceNumber == 0 else {
            throw IcebergError(.malformed, "\(file.location) has no sequence number and was not just added")
        }
        return ManifestEntry(
            status: status, snapshotID: row[1].integer ?? manifest.addedSnapshotID,
            sequenceNumber: sequence ?? manifest.sequenceNumber,
            fileSequenceNumber: row[4].integer ?? (status == .added ? manifest.sequenceNumber : sequence),
            file: file)
    }

    private func dataFile(_ row: AvroRow, specID: Int, _ partition: [IcebergValue]) throws -> DataFile {
        let location = try row.string(100, "file_path")
        guard (row[134].integer ?? 0) == 0 else {
            throw IcebergError(.deleteFilesPresent, "\(location) is a delete file; compact the table with its writer")
        }
        guard let format = DataFile.Format(rawValue: try row.string(101, "file_format").uppercased()) else {
            throw IcebergError(.unsupported, "\(location) is neither Parquet, Avro nor ORC")
        }
        let records: Int64 = try row.integer(103, "record_count")
        let size: Int64 = try row.integer(104, "file_size_in_bytes")
        guard records >= 0, size >= 0 else { throw IcebergError(.malformed, "\(location) has a negative size") }
        var file = DataFile(
            location: location, format: format, specID: specID, partition: partition,
            recordCount: records, fileSizeInBytes: size,
            columnSizes: try row.map(108, \.integer), valueCounts: try row.map(109, \.integer),
            nullValueCounts: try row.map(110, \.integer), nanValueCounts: try row.map(137, \.integer),
            lowerBounds: try row.map(125, \.bytes), upperBounds: try row.map(128, \.bytes),
            splitOffsets: (row[132].elements ?? []).compactMap(\.integer),
            sortOrderID: row[140].integer.flatMap { Int(exactly: $0) })
        file.keyMetadata = row[131].bytes
        return file
    }

    /// Writes a data manifest of files of one spec, for a snapshot whose sequence number is not known yet.
    /// - Throws: ``IcebergError`` `.badRequest` when a file's partition values do not fit the spec.
    package func write(
        _ entries: [ManifestEntry], specID: Int, snapshotID: Int64, to location: String
    ) throws -> (manifest: ManifestFile, object: NewObject) {
        guard let spec = metadata.spec(id: specID) else {
            throw IcebergError(.badRequest, "the table has no partition spec \(specID)")
        }
        let partition = try partitionTypes(specID: specID)
        let schema = try ManifestSchema.entries(partition: partition)
        let values = try entries.map { entry in
            AvroValue.record([
                .int(entry.status.rawValue), .long(entry.snapshotID),
                .optional(entry.sequenceNumber, AvroValue.long), .optional(entry.fileSequenceNumber, AvroValue.long),
                try avroValue(entry.file, partition: partition),
            ])
        }
        var schemaText = JSONWriter()
        metadata.currentSchema.write(to: &schemaText)
        var specText = JSONWriter()
        spec.writeFields(to: &specText)
        let bytes = try AvroFile.encode(
            values, schema: schema.avro, schemaText: schema.text,
            metadata: [
                ("schema", schemaText.bytes), ("schema-id", Array(String(metadata.currentSchemaID).utf8)),
                ("partition-spec", specText.bytes), ("partition-spec-id", Array(String(specID).utf8)),
                ("format-version", Array("2".utf8)), ("content", Array("data".utf8)),
            ])
        var manifest = ManifestFile(
            location: location, length: Int64(bytes.count), specID: specID, content: .data,
            sequenceNumber: ManifestFile.unassigned, minSequenceNumber: ManifestFile.unassigned,
            addedSnapshotID: snapshotID, partitions: [])
        manifest.count(entries)
        manifest.partitions = partition.indices.map { index in
            FieldSummary(of: entries.map { entry in entry.file.partition[index] })
        }
        return (manifest, NewObject(location: location, bytes: bytes))
    }

    private func avroValue(
        _ file: DataFile, partition: [(field: PartitionField, type: IcebergType)]
    ) throws -> AvroValue {
        guard file.partition.count == partition.count else {
            throw IcebergError(
                .badRequest,
                "\(file.location) has \(file.partition.count) partition values, its spec \(partition.count)")
        }
        let values = try zip(file.partition, partition).map { value, part in
            try value.avro(as: part.type, field: part.field.name)
        }
        func counts(_ map: [Int: Int64]) throws -> AvroValue { try Self.map(map, AvroValue.long) }
        func bounds(_ map: [Int: [UInt8]]) throws -> AvroValue { try Self.map(map, AvroValue.bytes) }
        return .record([
            .int(0), .string(file.location), .string(file.format.rawValue), .record(values),
            .long(file.recordCount), .long(file.fileSizeInBytes), try counts(file.columnSizes),
            try counts(file.valueCounts), try counts(file.nullValueCounts), try counts(file.nanValueCounts),
            try bounds(file.lowerBounds), try bounds(file.upperBounds), .optional(file.keyMetadata, AvroValue.bytes),
            file.splitOffsets.isEmpty ? .null : .array(file.splitOffsets.map(AvroValue.long)), .null,
            .optional(file.sortOrderID.flatMap(Int32.init(exactly:)), AvroValue.int),
        ])
    }

    private static func map<Value>(_ map: [Int: Value], _ make: (Value) -> AvroValue) throws -> AvroValue {
        // Empty rather than null: both are allowed, and PyIceberg's inspection stumbles over null.
        return .array(
            try map.sorted { $0.key < $1.key }.map { key, value in
                guard let id = Int32(exactly: key) else { throw IcebergError(.badRequest, "\(key) is not a column id") }
                return .record([.int(id), make(value)])
            })
    }

    /// The fields of a spec with the types of their values.
    package func partitionTypes(specID: Int) throws -> [(field: PartitionField, type: IcebergType)] {
        guard let spec = metadata.spec(id: specID) else {
            throw IcebergError(.malformed, "partition spec \(specID) is not in the table's metadata")
        }
        return try spec.fields.map { field in
            guard let source = metadata.field(id: field.sourceID) else {
                throw IcebergError(
                    .malformed,
                    "partition field \(field.name) is made from column id \(field.sourceID), which no schema has")
            }
            if case .unknown(let name) = field.transform {
                throw IcebergError(.unsupported, "partition field \(field.name) has the unknown transform \"\(name)\"")
            }
            return (field, field.transform.resultType(of: source.type))
        }
    }
}

extension ManifestFile {
    /// Stands for a sequence number that the commit will give.
    package static let unassigned: Int64 = -1

    fileprivate mutating func count(_ entries: [ManifestEntry]) {
        (addedFiles, existingFiles, deletedFiles) = (0, 0, 0)
        (addedRows, existingRows, deletedRows) = (0, 0, 0)
        for entry in entries {
            switch entry.status {
            case .added: (addedFiles, addedRows) = ((addedFiles ?? 0) + 1, (addedRows ?? 0) &+ entry.file.recordCount)
            case .existing:
                (existingFiles, existingRows) = (
                    (existingFiles ?? 0) + 1, (existingRows ?? 0) &+ entry.file.recordCount
                )
            case .deleted:
                (deletedFiles, deletedRows) = ((deletedFiles ?? 0) + 1, (deletedRows ?? 0) &+ entry.file.recordCount)
            }
        }
        // What was just added gets the commit's number, which is above all others.
        minSequenceNumber = entries.filter(\.isLive).compactMap(\.sequenceNumber).min() ?? Self.unassigned
    }
}

extension FieldSummary {
    init(of values: [IcebergValue]) {
        var isNaN = false
        var lowest: IcebergValue?
        var highest: IcebergValue?
        for value in values where value != .null {
            switch value {
            case .float(let number) where number.isNaN: isNaN = true
            case .double(let number) where number.isNaN: isNaN = true
            default:
                if lowest.map({ value.isLess(than: $0) == true }) ?? true { lowest = value }
                if highest.map({ $0.isLess(than: value) == true }) ?? true { highest = value }
            }
        }
        self.init(
            containsNull: values.contains(.null), containsNaN: isNaN, lowerBound: lowest.flatMap(SingleValue.encode),
            upperBound: highest.flatMap(SingleValue.encode))
    }

    /// Whether the value may occur; true when the summary does not say.
    func mayContain(_ value: IcebergValue, type: IcebergType) throws -> Bool {
        if value == .null { return containsNull }
        guard let lowerBound, let upperBound else { return true }
        let lower = try SingleValue.decode(lowerBound, as: type)
        let upper = try SingleValue.decode(upperBound, as: type)
        return value.isLess(than: lower) != true && upper.isLess(than: value) != true
    }
}
