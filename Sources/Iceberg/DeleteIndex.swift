import Storage

/// The delete files of a snapshot, by what they apply to ("Scan planning" in the specification).
struct DeleteIndex {
    private var byFile: [ObjectName: [ScanDelete]] = [:]
    private var positions: [PartitionKey: [ScanDelete]] = [:]
    private var equality: [PartitionKey: [ScanDelete]] = [:]
    /// Equality deletes of an unpartitioned spec: they apply to every partition of every spec.
    private var global: [ScanDelete] = []

    init(_ entries: [ManifestEntry], _ metadata: TableMetadata) {
        let whole = Set(metadata.partitionSpecs.filter(\.partsNothing).map(\.specID))
        for entry in entries {
            let delete = ScanDelete(file: entry.file, sequenceNumber: entry.sequenceNumber ?? 0)
            switch entry.file.content {
            case .data: continue
            case .positionDeletes:
                if let target = entry.file.namedDataFile {
                    byFile[ObjectName(target), default: []].append(delete)
                } else {
                    positions[entry.file.partitionKey, default: []].append(delete)
                }
            case .equalityDeletes:
                if whole.contains(entry.file.specID) {
                    global.append(delete)
                } else {
                    equality[entry.file.partitionKey, default: []].append(delete)
                }
            }
        }
    }

    var isEmpty: Bool { byFile.isEmpty && positions.isEmpty && equality.isEmpty && global.isEmpty }

    /// What applies to a data file whose rows are of `sequence`. Positions count in what the same commit added;
    /// equality only in what was there before.
    /// - Throws: ``IcebergError`` `.malformed` when positions name the file and stand in another partition. The
    ///   specification has them apply to nothing, while their writer surely meant the file's rows.
    func files(for file: DataFile, _ sequence: Int64) throws -> [ScanDelete] {
        let key = file.partitionKey
        let named = byFile.isEmpty ? [] : (byFile[ObjectName(file.location)] ?? []).filter { $0.isFor(sequence) }
        if let stray = named.first(where: { $0.file.partitionKey != key }) {
            throw IcebergError(
                .malformed,
                "\(stray.file.location) deletes rows of \(file.location), which is in another partition "
                    + "(\(stray.file.partitionText), not \(file.partitionText)): rewrite the table's position deletes "
                    + "with the engine that wrote them, or read the table as it was before")
        }
        let byPosition = named + (positions[key] ?? []).filter { $0.isFor(sequence) }
        let byValue = (equality[key] ?? []) + global
        return byPosition + byValue.filter { $0.sequenceNumber > sequence }
    }
}

extension ScanDelete {
    /// Whether positions of this age hold for rows of `sequence`.
    fileprivate func isFor(_ sequence: Int64) -> Bool { sequenceNumber >= sequence }
}

extension DataFile {
    /// Column id of the paths in files of position deletes.
    private static let filePathID = 2_147_483_546

    /// The one data file that a file of position deletes names, in its own words or by bounds of its paths that are alike.
    package var namedDataFile: String? {
        if let referencedDataFile { return referencedDataFile }
        guard let lower = lowerBounds[Self.filePathID], lower == upperBounds[Self.filePathID] else { return nil }
        return String(validating: lower, as: UTF8.self)
    }

    /// Its partition for people.
    fileprivate var partitionText: String {
        "(\(partition.map(\.description).joined(separator: ", "))) of spec \(specID)"
    }
}
