import Storage

/// Reads the manifest lists and manifests of one table.
struct SnapshotReader: Sendable {
    /// How the table's manifests are read and written.
    let codec: ManifestCodec
    private let storage: any ObjectStorage
    /// Files of a commit that is being made, which are not in the storage yet.
    private let unwritten: [String: [UInt8]]

    /// Of the table that `metadata` describes.
    init(_ metadata: TableMetadata, _ storage: any ObjectStorage, unwritten: [NewObject] = []) {
        codec = ManifestCodec(metadata)
        self.storage = storage
        self.unwritten = Dictionary(unwritten.map { ($0.location, $0.bytes) }) { first, _ in first }
    }

    /// The manifests of a snapshot.
    func manifests(of snapshot: Snapshot) throws -> [ManifestFile] {
        guard let bytes = unwritten[snapshot.manifestList] else { return try ManifestList.of(snapshot, from: storage) }
        return try ManifestList.read(bytes, at: snapshot.manifestList)
    }

    /// Every entry of a manifest.
    func entries(of manifest: ManifestFile) throws -> [ManifestEntry] {
        try codec.read(try bytes(of: manifest.location), of: manifest)
    }

    private func bytes(of location: String) throws -> [UInt8] {
        try unwritten[location] ?? storage.read(location)
    }
}
