/// A file of rows that belongs to a table, with what readers need to decide whether to open it.
public struct DataFile: Sendable, Hashable {
    /// File formats that a table's rows may be in.
    public enum Format: String, Sendable, Hashable {
        case parquet = "PARQUET"
        case avro = "AVRO"
        case orc = "ORC"
    }

    /// Where it is, with a scheme (`file:///…`).
    public var location: String
    /// How its rows are written.
    public var format: Format
    /// The partition spec that ``partition`` follows.
    public var specID: Int
    /// One value for each field of that spec; empty when the table is unpartitioned.
    public var partition: [IcebergValue]
    /// Rows.
    public var recordCount: Int64
    /// Size in bytes.
    public var fileSizeInBytes: Int64
    /// Bytes on disk by column id.
    public var columnSizes: [Int: Int64]
    /// Values, nulls included, by column id.
    public var valueCounts: [Int: Int64]
    /// Nulls by column id.
    public var nullValueCounts: [Int: Int64]
    /// NaNs by column id.
    public var nanValueCounts: [Int: Int64]
    /// Bounds not above any value, by column id, as ``SingleValue`` bytes.
    public var lowerBounds: [Int: [UInt8]]
    /// Bounds not below any value, by column id, as ``SingleValue`` bytes.
    public var upperBounds: [Int: [UInt8]]
    /// Where a reader may split the file: the offsets of its row groups, ascending.
    public var splitOffsets: [Int64]
    /// The sort order its rows are in, when it is known.
    public var sortOrderID: Int?
    /// Needed to decrypt it; kept as read.
    package var keyMetadata: [UInt8]?

    /// A Parquet file; what is not known may be left out.
    public init(
        location: String, format: Format = .parquet, specID: Int = 0, partition: [IcebergValue] = [],
        recordCount: Int64, fileSizeInBytes: Int64, columnSizes: [Int: Int64] = [:], valueCounts: [Int: Int64] = [:],
        nullValueCounts: [Int: Int64] = [:], nanValueCounts: [Int: Int64] = [:], lowerBounds: [Int: [UInt8]] = [:],
        upperBounds: [Int: [UInt8]] = [:], splitOffsets: [Int64] = [], sortOrderID: Int? = nil
    ) {
        self.location = location
        self.format = format
        self.specID = specID
        self.partition = partition
        self.recordCount = recordCount
        self.fileSizeInBytes = fileSizeInBytes
        self.columnSizes = columnSizes
        self.valueCounts = valueCounts
        self.nullValueCounts = nullValueCounts
        self.nanValueCounts = nanValueCounts
        self.lowerBounds = lowerBounds
        self.upperBounds = upperBounds
        self.splitOffsets = splitOffsets
        self.sortOrderID = sortOrderID
    }

    /// The partition it belongs to.
    public var partitionKey: PartitionKey { PartitionKey(partition, specID: specID) }
}

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
    /// Age of the content; nil until the commit that adds the file, which gives it the commit's own.
    package var sequenceNumber: Int64?
    /// The commit that added the file; nil until then.
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

/// What a manifest list says of a manifest.
package struct ManifestFile: Sendable, Hashable {
    package enum Content: Int32, Sendable {
        case data = 0
        case deletes = 1
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

    /// Whether readers may find a file in it. Unknown counts as yes.
    package var mayHaveLiveFiles: Bool { addedFiles != 0 || existingFiles != 0 }
}

/// The range of one partition field over a manifest.
package struct FieldSummary: Sendable, Hashable {
    package var containsNull: Bool
    package var containsNaN: Bool?
    package var lowerBound: [UInt8]?
    package var upperBound: [UInt8]?
}
