import Storage

/// The delete files of a snapshot, by what they apply to ("Scan planning" in the specification).
struct DeleteIndex {
    private var byFile: [ObjectName: [ScanDelete]] = [:]
    private var positions: [PartitionKey: [ScanDelete]] = [:]
    private var equality: [PartitionKey: [ScanDelete]] = [:]
    /// Equality deletes of an unpartitioned spec: they apply to every partition of every spec.
    private var global: [ScanDelete] = []

    /// Column id of the paths in files of position deletes.
    private static let filePathID = 2_147_483_546

    init(_ entries: [ManifestEntry], _ metadata: TableMetadata) {
        let whole = Set(metadata.partitionSpecs.filter(\.partsNothing).map(\.specID))
        for entry in entries {
            let delete = ScanDelete(file: entry.file, sequenceNumber: entry.sequenceNumber ?? 0)
            switch entry.file.content {
            case .data: continue
            case .positionDeletes:
                if let target = Self.target(of: entry.file) {
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

    /// The one data file that a file of position deletes names, in its own words or by bounds of its paths that are alike.
    private static func target(of file: DataFile) -> String? {
        if let target = file.referencedDataFile { return target }
        guard let lower = file.lowerBounds[filePathID], lower == file.upperBounds[filePathID] else { return nil }
        return String(validating: lower, as: UTF8.self)
    }

    /// What applies to a data file whose rows are of `sequence`. Positions count in what the same commit added;
    /// equality only in what was there before.
    func files(for file: DataFile, _ sequence: Int64) -> [ScanDelete] {
        let key = file.partitionKey
        let named = byFile.isEmpty ? [] : byFile[ObjectName(file.location)] ?? []
        let byPosition = named + (positions[key] ?? [])
        let byValue = (equality[key] ?? []) + global
        return byPosition.filter { $0.sequenceNumber >= sequence } + byValue.filter { $0.sequenceNumber > sequence }
    }
}
