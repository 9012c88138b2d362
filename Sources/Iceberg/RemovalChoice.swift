/// Which files a change takes out of a table.
struct RemovalChoice {
    private let removal: TableChange.Removal
    /// Tells files with rows that are meant, and files with rows that are not.
    private let meant: ScanPruning?
    private let others: ScanPruning?
    /// Specs that part nothing, where others part the table: what is deleted by value there counts in all partitions.
    private let global: Set<Int>

    init(_ removal: TableChange.Removal, _ metadata: TableMetadata) throws {
        self.removal = removal
        let whole = metadata.partitionSpecs.filter(\.partsNothing)
        global = whole.count < metadata.partitionSpecs.count ? Set(whole.map(\.specID)) : []
        guard case .rows(let filter) = removal else {
            (meant, others) = (nil, nil)
            return
        }
        let bound = try filter.bound(to: metadata.currentSchema)
        meant = ScanPruning(bound, schema: metadata.currentSchema, metadata)
        others = ScanPruning(bound.complement, schema: metadata.currentSchema, metadata)
    }

    /// Whether the manifest list leaves it open that the manifest has a file to take.
    func mayTake(from manifest: ManifestFile, _ codec: ManifestCodec) throws -> Bool {
        switch removal {
        case .nothing: return false
        case .everything, .files: return true
        case .rows: return meant?.mayMatch(manifest) ?? true
        case .partitions(let keys):
            let keysOfSpec = keys.filter { $0.specID == manifest.specID }
            guard !keysOfSpec.isEmpty else { return false }
            let types = try codec.partitionTypes(specID: manifest.specID).map(\.type)
            guard manifest.partitions.count == types.count else { return true }
            return try keysOfSpec.contains { key in
                guard key.values.count == types.count else { return false }
                return try types.indices.allSatisfy { index in
                    try manifest.partitions[index].mayContain(key.values[index], type: types[index])
                }
            }
        }
    }

    /// Whether the file is taken.
    /// - Throws: ``IcebergError`` `.badRequest` when only some of its rows may be meant.
    func takes(_ file: DataFile) throws -> Bool {
        switch removal {
        case .nothing: return false
        case .everything: return true
        case .partitions(let keys):
            if file.content == .equalityDeletes, global.contains(file.specID) { return false }
            return keys.contains(file.partitionKey)
        case .files(let locations): return locations.contains(file.location)
        case .rows:
            guard let meant, let others else { return false }
            // The statistics of a delete file are of what it deletes, so only its partition speaks for it.
            let isDelete = file.content != .data
            guard meant.mayMatch(partitionOf: file), isDelete || meant.mayMatch(statisticsOf: file) else {
                return false
            }
            if !others.mayMatch(partitionOf: file) { return true }
            if isDelete { return false }
            if !others.mayMatch(statisticsOf: file) { return true }
            throw IcebergError(
                .badRequest,
                "\(file.location) may have both rows that are meant and others; rewrite it, or choose whole partitions")
        }
    }
}
