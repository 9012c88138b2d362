/// What a manifest list says of a manifest.
package struct ManifestFile: Sendable, Hashable {
    package enum Content: Int32, Sendable {
        case data = 0
        case deletes = 1

        /// As a manifest's header spells it.
        var word: String { self == .data ? "data" : "deletes" }
    }

    package var location: String
    /// In bytes.
    package var length: Int64
    package var specID: Int
    package var content: Content
    /// Of the commit that added the manifest.
    package var sequenceNumber: Int64
    /// Smallest of its live files.
    package var minSequenceNumber: Int64
    /// The snapshot that added the manifest.
    package var addedSnapshotID: Int64
    /// Counts are nil where a version 1 writer left them out.
    package var addedFiles: Int?
    package var existingFiles: Int?
    package var deletedFiles: Int?
    package var addedRows: Int64?
    package var existingRows: Int64?
    package var deletedRows: Int64?
    /// One for each partition field; empty when the writer left them out.
    package var partitions: [FieldSummary]
    package var keyMetadata: [UInt8]?

    package init(
        location: String, length: Int64, specID: Int, content: Content, sequenceNumber: Int64, minSequenceNumber: Int64,
        addedSnapshotID: Int64, addedFiles: Int? = nil, existingFiles: Int? = nil, deletedFiles: Int? = nil,
        addedRows: Int64? = nil, existingRows: Int64? = nil, deletedRows: Int64? = nil,
        partitions: [FieldSummary], keyMetadata: [UInt8]? = nil
    ) {
        self.location = location
        self.length = length
        self.specID = specID
        self.content = content
        self.sequenceNumber = sequenceNumber
        self.minSequenceNumber = minSequenceNumber
        self.addedSnapshotID = addedSnapshotID
        self.addedFiles = addedFiles
        self.existingFiles = existingFiles
        self.deletedFiles = deletedFiles
        self.addedRows = addedRows
        self.existingRows = existingRows
        self.deletedRows = deletedRows
        self.partitions = partitions
        self.keyMetadata = keyMetadata
    }

    /// Whether readers may find a file in it. Unknown counts as yes.
    package var mayHaveLiveFiles: Bool { addedFiles != 0 || existingFiles != 0 }
}
