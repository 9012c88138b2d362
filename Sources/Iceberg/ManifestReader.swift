/// Reads the entries of one manifest, by field ids.
struct ManifestReader {
    private let manifest: ManifestFile
    private let partition: [(field: PartitionField, type: IcebergType?)]
    private let columns: AvroColumns
    private let fileColumns: AvroColumns
    private let partitionColumns: AvroColumns
    private let counts: [Int: AvroColumns]

    /// The maps of column ids: the map's field id, and the ids of its keys and values.
    private static let maps: [(field: Int, key: Int, value: Int)] = [
        (108, 117, 118), (109, 119, 120), (110, 121, 122), (137, 138, 139), (125, 126, 127),
        (128, 129, 130),
    ]

    init(
        _ schema: AvroSchema, partition: [(field: PartitionField, type: IcebergType?)], of manifest: ManifestFile
    ) throws {
        self.manifest = manifest
        self.partition = partition
        columns = try AvroColumns(schema)
        guard let fileColumns = try columns.inside(2), let partitionColumns = try fileColumns.inside(102) else {
            throw IcebergError(.malformed, "the manifest's schema has no data_file (2) with a partition (102)")
        }
        self.fileColumns = fileColumns
        self.partitionColumns = partitionColumns
        // Values that a writer left out would be read as null and put files into a partition that they are not in.
        for (field, _) in partition where field.transform != .void && !partitionColumns.has(field.fieldID) {
            throw IcebergError(
                .malformed, "the manifest has no values for partition field \(field.name) (id \(field.fieldID))")
        }
        counts = try Dictionary(
            uniqueKeysWithValues: Self.maps.compactMap { id, _, _ in
                try fileColumns.inside(id).map { (id, $0) }
            })
    }

    func entry(_ value: AvroValue) throws -> ManifestEntry {
        let row = try AvroRow(value, columns: columns)
        let file = try dataFile(try AvroRow(row[2], columns: fileColumns))
        guard let status = ManifestEntry.Status(rawValue: try row.integer(0, "status")) else {
            throw IcebergError(.malformed, "an entry's status is neither existing, added nor deleted")
        }
        // Only what was just added may leave its numbers to the manifest; in version 1 everything is number 0.
        let inherited = status == .added || manifest.sequenceNumber == 0 ? manifest.sequenceNumber : nil
        let sequence: Int64? = try row.integer(ifPresent: 3, "sequence_number") ?? inherited
        guard sequence != nil || status == .deleted else {
            throw IcebergError(.malformed, "\(file.location) has no sequence number and was not just added")
        }
        let fileSequence: Int64? = try row.integer(ifPresent: 4, "file_sequence_number") ?? inherited
        for number in [sequence, fileSequence] {
            // A manifest that no commit has numbered yet gives its files the number it has.
            guard number.map({ $0 >= 0 || $0 == manifest.sequenceNumber }) ?? true else {
                throw IcebergError(.malformed, "\(file.location) has a negative sequence number")
            }
        }
        return ManifestEntry(
            status: status, snapshotID: try row.integer(ifPresent: 1, "snapshot_id") ?? manifest.addedSnapshotID,
            sequenceNumber: sequence, fileSequenceNumber: fileSequence, file: file)
    }

    private func dataFile(_ row: AvroRow) throws -> DataFile {
        let location = try row.string(100, "file_path")
        guard let content = DataFile.Content(rawValue: try row.integer(ifPresent: 134, "content") ?? 0) else {
            throw IcebergError(.malformed, "\(location) holds neither data, position deletes nor equality deletes")
        }
        let formatName = try row.string(101, "file_format").uppercased()
        guard let format = DataFile.Format(rawValue: formatName) else {
            throw IcebergError(
                .unsupported,
                formatName == "PUFFIN"
                    ? "\(location) is a deletion vector, of table format 3, which is not read: keep the table at version 2"
                    : "\(location) is neither Parquet, Avro nor ORC")
        }
        let partitionRow = try AvroRow(row[102], columns: partitionColumns)
        let values = try partition.map { field, type in
            let value = partitionRow[field.fieldID]
            guard let type else { return try IcebergValue(avro: value, field: field.name) }
            return try IcebergValue(avro: value, as: type, field: field.name)
        }
        var file = DataFile(
            content: content, location: location, format: format, specID: manifest.specID, partition: values,
            recordCount: try row.integer(103, "record_count"),
            fileSizeInBytes: try row.integer(104, "file_size_in_bytes"),
            columnSizes: try map(row, 108, \.integer), valueCounts: try map(row, 109, \.integer),
            nullValueCounts: try map(row, 110, \.integer), nanValueCounts: try map(row, 137, \.integer),
            lowerBounds: try map(row, 125, \.bytes), upperBounds: try map(row, 128, \.bytes),
            splitOffsets: try row.integers(132, "split_offsets"),
            sortOrderID: try (row.integer(ifPresent: 140, "sort_order_id") as Int32?).map { Int($0) },
            equalityIDs: try (row.integers(135, "equality_ids") as [Int32]).map { Int($0) },
            referencedDataFile: try row.string(ifPresent: 143, "referenced_data_file"))
        file.keyMetadata = try row.bytes(ifPresent: 131, "key_metadata")
        guard file.recordCount >= 0, file.fileSizeInBytes >= 0 else {
            throw IcebergError(.malformed, "\(location) has a negative row count or size")
        }
        for counts in [file.valueCounts, file.nullValueCounts, file.nanValueCounts] {
            guard counts.values.allSatisfy({ $0 >= 0 }) else {
                throw IcebergError(.malformed, "\(location) has a negative count of values")
            }
        }
        do {
            try file.check(in: manifest.content)
        } catch {
            throw IcebergError(.malformed, error.message)
        }
        return file
    }

    /// The entries of a map from column ids.
    private func map<Value>(_ row: AvroRow, _ id: Int, _ value: (AvroValue) -> Value?) throws -> [Int: Value] {
        guard let columns = counts[id], let ids = Self.maps.first(where: { $0.field == id }) else { return [:] }
        return try row.map(id, columns, key: ids.key, value: ids.value, value)
    }
}

extension DataFile {
    /// Checks that the file may stand in a manifest of this content.
    func check(in manifest: ManifestFile.Content) throws(IcebergError) {
        guard (content == .data) == (manifest == .data) else {
            throw IcebergError(
                .badRequest,
                content == .data
                    ? "\(location) holds data and does not belong into a manifest of deletes"
                    : "\(location) holds deletes and does not belong into a manifest of data")
        }
        guard content != .equalityDeletes || !equalityIDs.isEmpty else {
            throw IcebergError(.badRequest, "\(location) holds equality deletes and names no columns to compare")
        }
    }
}
