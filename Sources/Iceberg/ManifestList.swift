package import Storage

/// The manifests of one snapshot.
package enum ManifestList {
    /// The manifests of a snapshot, from its manifest list or, in an old version 1 table, from the snapshot itself.
    /// - Throws: ``IcebergError`` `.malformed` or `.unsupported`, or what storage throws.
    package static func of(_ snapshot: Snapshot, from storage: any ObjectStorage) throws -> [ManifestFile] {
        if !snapshot.manifestList.isEmpty {
            let manifests = try read(try storage.read(snapshot.manifestList), at: snapshot.manifestList)
            try check(manifests, of: snapshot)
            return manifests
        }
        // Tables with such snapshots have one partition spec; what is not said counts as unknown.
        return try snapshot.inlineManifests.map { location in
            ManifestFile(
                location: location, length: try storage.size(of: location), specID: 0, content: .data,
                sequenceNumber: 0, minSequenceNumber: 0, addedSnapshotID: snapshot.id, partitions: [])
        }
    }

    /// Checks that no manifests are missing. A list that is cut off between two of its blocks, or after its header, is a
    /// whole Avro file; only what the snapshot counts can tell.
    private static func check(_ manifests: [ManifestFile], of snapshot: Snapshot) throws {
        for (content, total) in [(.data, "total-data-files"), (.deletes, "total-delete-files")]
            as [(ManifestFile.Content, String)]
        {
            guard let expected = snapshot.summary[total].flatMap({ Int($0) }) else { continue }
            var listed = 0
            var isCounted = true
            for manifest in manifests where manifest.content == content {
                guard let added = manifest.addedFiles, let existing = manifest.existingFiles else {
                    isCounted = false
                    break
                }
                listed += added + existing
            }
            // More may be listed than is counted: some writers forget files that others added.
            guard !isCounted || listed >= expected else {
                throw IcebergError(
                    .malformed,
                    "\(snapshot.manifestList): lists \(listed) files of \(content.word), while snapshot \(snapshot.id) "
                        + "says that it has \(expected): manifests are missing")
            }
        }
    }

    /// Reads a manifest list of format version 1 or 2.
    /// - Throws: ``IcebergError`` `.malformed` or `.unsupported`.
    package static func read(_ bytes: [UInt8], at location: String) throws -> [ManifestFile] {
        try locating(location) {
            var file = try AvroReader(bytes)
            if let version = file.metadata["format-version"],
                !["1", "2"].contains(String(decoding: version, as: UTF8.self))
            {
                throw IcebergError(.unsupported, "the manifest list is of another format version than 1 and 2")
            }
            let columns = try AvroColumns(file.schema)
            let summaryColumns = try columns.inside(507)
            var manifests: [ManifestFile] = []
            try file.forEach { value in
                let row = try AvroRow(value, columns: columns)
                guard let content = ManifestFile.Content(rawValue: try row.integer(ifPresent: 517, "content") ?? 0)
                else {
                    throw IcebergError(.malformed, "a manifest's content is neither data nor deletes")
                }
                let sequence: Int64 = try row.integer(ifPresent: 515, "sequence_number") ?? 0
                let smallest: Int64 = try row.integer(ifPresent: 516, "min_sequence_number") ?? 0
                let length: Int64 = try row.integer(501, "manifest_length")
                guard sequence >= 0, length >= 0 else {
                    throw IcebergError(.malformed, "a manifest's sequence number or length is negative")
                }
                let manifest = ManifestFile(
                    location: try row.string(500, "manifest_path"), length: length,
                    specID: Int(try row.integer(502, "partition_spec_id") as Int32), content: content,
                    sequenceNumber: sequence,
                    // It only bounds the files' numbers from below, so what is below all numbers says nothing.
                    minSequenceNumber: max(0, smallest),
                    // Version 1 calls it optional.
                    addedSnapshotID: try row.integer(ifPresent: 503, "added_snapshot_id") ?? 0,
                    addedFiles: try (row.integer(ifPresent: 504, "added_files_count") as Int32?).map { Int($0) },
                    existingFiles: try (row.integer(ifPresent: 505, "existing_files_count") as Int32?).map { Int($0) },
                    deletedFiles: try (row.integer(ifPresent: 506, "deleted_files_count") as Int32?).map { Int($0) },
                    addedRows: try row.integer(ifPresent: 512, "added_rows_count"),
                    existingRows: try row.integer(ifPresent: 513, "existing_rows_count"),
                    deletedRows: try row.integer(ifPresent: 514, "deleted_rows_count"),
                    partitions: try summaries(row[507], summaryColumns),
                    keyMetadata: try row.bytes(ifPresent: 519, "key_metadata"))
                let counts = [manifest.addedFiles, manifest.existingFiles, manifest.deletedFiles]
                guard counts.allSatisfy({ ($0 ?? 0) >= 0 }) else {
                    throw IcebergError(.malformed, "a manifest has a negative count of files")
                }
                manifests.append(manifest)
            }
            return manifests
        }
    }

    private static func summaries(_ value: AvroValue, _ columns: AvroColumns?) throws -> [FieldSummary] {
        guard let columns, value != .null else { return [] }
        guard let elements = value.elements else {
            throw IcebergError(.malformed, "the partition summaries of a manifest are not a list")
        }
        return try elements.map { element in
            let row = try AvroRow(element, columns: columns)
            guard let containsNull = row[509].boolean else {
                throw IcebergError(.malformed, "a partition summary does not say whether it contains null")
            }
            return FieldSummary(
                containsNull: containsNull, containsNaN: try row.boolean(ifPresent: 518, "contains_nan"),
                lowerBound: try row.bytes(ifPresent: 510, "lower_bound"),
                upperBound: try row.bytes(ifPresent: 511, "upper_bound"))
        }
    }

    /// Writes the list of a snapshot; manifests new in it get its sequence number.
    package static func encode(
        _ manifests: [ManifestFile], snapshotID: Int64, parentID: Int64?, sequenceNumber: Int64
    ) throws -> [UInt8] {
        let schema = try ManifestSchema.manifests()
        let values = try manifests.map { manifest in
            let number = manifest.sequenceNumber == ManifestFile.unassigned ? sequenceNumber : manifest.sequenceNumber
            let smallest = manifest.minSequenceNumber == ManifestFile.unassigned ? number : manifest.minSequenceNumber
            return AvroValue.record([
                .string(manifest.location), .long(manifest.length), .int(try narrow(manifest.specID)),
                .int(manifest.content.rawValue), .long(number), .long(smallest), .long(manifest.addedSnapshotID),
                // A count that a version 1 writer left out has to be assumed not to be zero.
                .int(try narrow(manifest.addedFiles ?? 1)), .int(try narrow(manifest.existingFiles ?? 1)),
                .int(try narrow(manifest.deletedFiles ?? 1)), .long(manifest.addedRows ?? 1),
                .long(manifest.existingRows ?? 1), .long(manifest.deletedRows ?? 1),
                .array(manifest.partitions.map(summary)), .optional(manifest.keyMetadata, AvroValue.bytes),
            ])
        }
        return try AvroFile.encode(
            values, schema: schema.avro, schemaText: schema.text,
            metadata: [
                ("snapshot-id", Array(String(snapshotID).utf8)),
                ("parent-snapshot-id", Array((parentID.map { String($0) } ?? "null").utf8)),
                ("sequence-number", Array(String(sequenceNumber).utf8)), ("format-version", Array("2".utf8)),
            ])
    }

    private static func summary(_ summary: FieldSummary) -> AvroValue {
        .record([
            .boolean(summary.containsNull), .optional(summary.containsNaN, AvroValue.boolean),
            .optional(summary.lowerBound, AvroValue.bytes), .optional(summary.upperBound, AvroValue.bytes),
        ])
    }

    private static func narrow(_ number: Int) throws -> Int32 {
        guard let narrow = Int32(exactly: number) else {
            throw IcebergError(.badRequest, "\(number) does not fit a manifest list's 32 bits")
        }
        return narrow
    }
}
