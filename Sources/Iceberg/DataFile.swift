/// A file of rows, or of deletes of rows, that belongs to a table, with what readers need to decide whether to open it.
public struct DataFile: Sendable, Hashable {
    /// What a file's rows stand for.
    public enum Content: Int32, Sendable, Hashable {
        /// Rows of the table.
        case data = 0
        /// Positions of rows, in data files, that are deleted.
        case positionDeletes = 1
        /// Values of the columns ``DataFile/equalityIDs``; rows that have them are deleted.
        case equalityDeletes = 2
    }

    /// File formats that a table's rows may be in.
    public enum Format: String, Sendable, Hashable {
        case parquet = "PARQUET"
        case avro = "AVRO"
        case orc = "ORC"
    }

    /// Whether it holds rows or deletes of rows.
    public var content: Content
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
    /// Ids of the columns that rows are compared by; empty unless ``content`` is `.equalityDeletes`.
    public var equalityIDs: [Int]
    /// The one data file whose rows it deletes; nil when it may delete rows of several files, and for data files.
    public var referencedDataFile: String?
    /// Needed to decrypt it; kept as read.
    package var keyMetadata: [UInt8]?

    /// A Parquet file of data; what is not known may be left out.
    public init(
        content: Content = .data, location: String, format: Format = .parquet, specID: Int = 0,
        partition: [IcebergValue] = [],
        recordCount: Int64, fileSizeInBytes: Int64, columnSizes: [Int: Int64] = [:], valueCounts: [Int: Int64] = [:],
        nullValueCounts: [Int: Int64] = [:], nanValueCounts: [Int: Int64] = [:], lowerBounds: [Int: [UInt8]] = [:],
        upperBounds: [Int: [UInt8]] = [:], splitOffsets: [Int64] = [], sortOrderID: Int? = nil,
        equalityIDs: [Int] = [], referencedDataFile: String? = nil
    ) {
        self.content = content
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
        self.equalityIDs = equalityIDs
        self.referencedDataFile = referencedDataFile
    }

    /// The partition it belongs to.
    public var partitionKey: PartitionKey { PartitionKey(partition, specID: specID) }
}
