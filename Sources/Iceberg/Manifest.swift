package import Storage

/// Reads and writes manifests of one table: lists of data files, or of delete files, with their partition values and
/// statistics.
package struct ManifestCodec: Sendable {
    private let metadata: TableMetadata

    /// For manifests of the table that `metadata` describes.
    package init(_ metadata: TableMetadata) {
        self.metadata = metadata
    }

    /// Every entry of a manifest, with sequence numbers and snapshot ids inherited where the writer left them out.
    /// - Throws: ``IcebergError`` `.malformed` when it does not follow its format or is not the manifest that the
    ///   manifest list says it is, `.unsupported`.
    package func read(_ bytes: [UInt8], of manifest: ManifestFile) throws -> [ManifestEntry] {
        try locating(manifest.location) {
            var file = try AvroReader(bytes)
            try Self.check(file.metadata, of: manifest)
            guard let spec = metadata.spec(id: manifest.specID) else {
                throw IcebergError(.malformed, "partition spec \(manifest.specID) is not in the table's metadata")
            }
            let reader = try ManifestReader(file.schema, partition: partitionTypes(of: spec), of: manifest)
            var entries: [ManifestEntry] = []
            try file.forEach { value in entries.append(try reader.entry(value)) }
            try Self.check(entries, of: manifest, bytes: bytes.count)
            return entries
        }
    }

    /// Checks that the manifest is all there. An Avro file that is cut off between two blocks is whole as such, so only
    /// the manifest list can tell that files are missing.
    private static func check(_ entries: [ManifestEntry], of manifest: ManifestFile, bytes: Int) throws {
        guard manifest.sequenceNumber > 0, let added = manifest.addedFiles, let existing = manifest.existingFiles,
            let deleted = manifest.deletedFiles
        else {
            // Version 1 writers may leave the counts out.
            guard bytes >= manifest.length else {
                throw IcebergError(
                    .malformed, "the manifest has \(bytes) bytes, its manifest list says \(manifest.length)")
            }
            return
        }
        func count(_ status: ManifestEntry.Status) -> Int { entries.count { $0.status == status } }
        guard count(.added) == added, count(.existing) == existing, count(.deleted) == deleted else {
            throw IcebergError(
                .malformed,
                "the manifest lists \(entries.count) files, its manifest list says \(added) added, \(existing) existing "
                    + "and \(deleted) deleted")
        }
    }

    /// Holds what the header says of the manifest against what the manifest list says of it: with another spec or other
    /// content, its values would be taken for something they are not.
    private static func check(_ header: [String: [UInt8]], of manifest: ManifestFile) throws {
        func text(_ key: String) -> String? { header[key].map { String(decoding: $0, as: UTF8.self) } }
        if let content = text("content"), content != manifest.content.word {
            throw IcebergError(
                .malformed,
                "the manifest says that it lists \(content.prefix(40)), its manifest list says "
                    + manifest.content.word)
        }
        if let specID = text("partition-spec-id"), Int(specID) != manifest.specID {
            throw IcebergError(
                .malformed,
                "the manifest says that it follows partition spec \(specID.prefix(40)), its manifest list says "
                    + "\(manifest.specID)")
        }
        if let version = text("format-version"), !["1", "2"].contains(version) {
            throw IcebergError(
                .unsupported, "the manifest has format version \(version.prefix(40)); versions 1 and 2 are read")
        }
    }

    /// Writes a manifest of files of one spec, all data or all deletes, for a snapshot whose sequence number is not known
    /// yet.
    /// - Throws: ``IcebergError`` `.badRequest` when a file's partition values do not fit the spec or its content does
    ///   not belong into such a manifest, `.unsupported` when the spec has a transform that is not known.
    package func write(
        _ entries: [ManifestEntry], content: ManifestFile.Content = .data, specID: Int, snapshotID: Int64,
        to location: String
    ) throws -> (manifest: ManifestFile, object: NewObject) {
        guard let spec = metadata.spec(id: specID) else {
            throw IcebergError(.badRequest, "the table has no partition spec \(specID)")
        }
        for entry in entries { try entry.file.check(in: content) }
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
                ("format-version", Array("2".utf8)), ("content", Array(content.word.utf8)),
            ])
        var manifest = ManifestFile(
            location: location, length: Int64(bytes.count), specID: specID, content: content,
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
            .int(file.content.rawValue), .string(file.location), .string(file.format.rawValue), .record(values),
            .long(file.recordCount), .long(file.fileSizeInBytes), try counts(file.columnSizes),
            try counts(file.valueCounts), try counts(file.nullValueCounts), try counts(file.nanValueCounts),
            try bounds(file.lowerBounds), try bounds(file.upperBounds), .optional(file.keyMetadata, AvroValue.bytes),
            file.splitOffsets.isEmpty ? .null : .array(file.splitOffsets.map(AvroValue.long)),
            file.equalityIDs.isEmpty ? .null : .array(try file.equalityIDs.map { .int(try Self.narrow($0)) }),
            .optional(try file.sortOrderID.map(Self.narrow), AvroValue.int),
            .optional(file.referencedDataFile, AvroValue.string),
        ])
    }

    private static func map<Value>(_ map: [Int: Value], _ make: (Value) -> AvroValue) throws -> AvroValue {
        // Empty rather than null: both are allowed, and PyIceberg's inspection stumbles over null.
        return .array(
            try map.sorted { $0.key < $1.key }.map { key, value in .record([.int(try narrow(key)), make(value)]) })
    }

    private static func narrow(_ id: Int) throws -> Int32 {
        guard let narrow = Int32(exactly: id) else {
            throw IcebergError(.badRequest, "\(id) is neither a column's id nor a sort order's")
        }
        return narrow
    }

    /// The fields of a spec with the types of their values, for writing by it and for comparing its values.
    /// - Throws: ``IcebergError`` `.malformed` when the spec or a source column is not in the metadata, `.unsupported` when
    ///   a transform is not known.
    package func partitionTypes(specID: Int) throws -> [(field: PartitionField, type: IcebergType)] {
        guard let spec = metadata.spec(id: specID) else {
            throw IcebergError(.malformed, "partition spec \(specID) is not in the table's metadata")
        }
        return try partitionTypes(of: spec).map { field, type in
            if let type { return (field, type) }
            // What is left of a dropped field is always null, whatever its type was.
            if field.transform == .void { return (field, .int) }
            if case .unknown(let name) = field.transform {
                throw IcebergError(
                    .unsupported,
                    "partition field \(field.name) has the unknown transform \"\(name)\": such partitions are read, "
                        + "not written")
            }
            throw IcebergError(
                .malformed,
                "partition field \(field.name) is made from column id \(field.sourceID), which no schema has")
        }
    }

    /// As ``partitionTypes(specID:)``; nil for the type where it cannot be known, which reading does without.
    private func partitionTypes(of spec: PartitionSpec) -> [(field: PartitionField, type: IcebergType?)] {
        spec.fields.map { field in
            if case .unknown = field.transform { return (field, nil) }
            return (field, metadata.field(id: field.sourceID).map { field.transform.resultType(of: $0.type) })
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
