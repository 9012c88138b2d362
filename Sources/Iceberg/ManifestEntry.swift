/// What a manifest says of a file.
package struct ManifestEntry: Sendable, Hashable {
    package enum Status: Int32, Sendable {
        /// In the table since an earlier snapshot.
        case existing = 0
        /// Added by the snapshot that wrote the manifest.
        case added = 1
        /// Removed by the snapshot that wrote the manifest; kept for information.
        case deleted = 2
    }

    package var status: Status
    /// The snapshot that added the file, or removed it when it is deleted.
    package var snapshotID: Int64
    /// Age of the content, the data sequence number: an equality delete applies to files with a smaller one, a position
    /// delete to files with the same or a smaller one. Nil until the commit that adds the file, which gives it the
    /// commit's own; never nil in a live entry that ``ManifestCodec/read(_:of:)`` returns.
    package var sequenceNumber: Int64?
    /// The commit that added the file; nil until then, and where an early version 2 writer left it out.
    package var fileSequenceNumber: Int64?
    package var file: DataFile

    package init(
        status: Status, snapshotID: Int64, sequenceNumber: Int64? = nil, fileSequenceNumber: Int64? = nil,
        file: DataFile
    ) {
        self.status = status
        self.snapshotID = snapshotID
        self.sequenceNumber = sequenceNumber
        self.fileSequenceNumber = fileSequenceNumber
        self.file = file
    }

    /// Whether readers see the file.
    package var isLive: Bool { status != .deleted }
}
