/// The Iceberg field id of a column in a Parquet file, and of what is inside it.
public struct FieldID: Sendable, Hashable {
    /// The column's name; the inside of a list is named `element`, those of a map `key` and `value`.
    public var name: String
    /// Its id.
    public var id: Int
    /// The fields inside it: of a structure, or the one `element` of a list.
    public var children: [FieldID]

    /// A column's id.
    public init(_ name: String, _ id: Int, children: [FieldID] = []) {
        self.name = name
        self.id = id
        self.children = children
    }

    fileprivate static func sql(_ fields: [FieldID]) -> String {
        fields.map { "\(SQL.identifier($0.name)): \($0.sql)" }.joined(separator: ", ")
    }

    private var sql: String {
        children.isEmpty ? String(id) : "{__duckdb_field_id: \(id), \(Self.sql(children))}"
    }
}

/// How Parquet files are written.
public struct ParquetOptions: Sendable {
    /// Column of the statement whose values go to files of their own; it is not written into them. Nil: one file.
    public var partitionColumn: String?
    /// Rows after which a next file begins; nil: one file. Rounded up to whole row groups; not for partitioned files.
    public var rowsPerFile: Int?
    /// How the names of files in a folder begin; the engine adds what makes them unique.
    public var fileName: String
    /// Zstandard level: 1 is the fastest and within some percent of the best for our columns.
    public var compressionLevel: Int
    /// Most distinct values for which a column is kept as a dictionary.
    public var dictionaryLimit: Int
    /// Rows per row group. Each column of a group is one page that writers and readers hold whole: at DuckDB's own
    /// 122,880 rows our widest column alone takes 64 MiB, at 20,480 it is as fast, as small, and takes 8.
    public var rowGroupRows: Int
    /// Bytes in memory after which a row group ends before it has its rows: what bounds the memory for long rows.
    public var rowGroupBytes: Int

    fileprivate var isFolder: Bool { partitionColumn != nil || rowsPerFile != nil }

    /// Options; the defaults are the measured ones.
    public init(
        partitionColumn: String? = nil, rowsPerFile: Int? = nil, fileName: String = "data", compressionLevel: Int = 1,
        dictionaryLimit: Int = 8192, rowGroupRows: Int = 20_480, rowGroupBytes: Int = 24 << 20
    ) {
        self.partitionColumn = partitionColumn
        self.rowsPerFile = rowsPerFile
        self.fileName = fileName
        self.compressionLevel = compressionLevel
        self.dictionaryLimit = dictionaryLimit
        self.rowGroupRows = rowGroupRows
        self.rowGroupBytes = rowGroupBytes
    }
}

/// A Parquet file that was just written.
public struct ParquetFile: Sendable {
    /// Where it is, as DuckDB names it.
    public let path: String
    /// Its rows.
    public let rowCount: Int
    /// Its size in bytes.
    public let byteCount: Int
    /// The value of the partition column as text; nil when there is none or it is NULL.
    public let partitionValue: String?
    /// What is known of its leaf columns, by their path: `["items", "element", "quantity"]`.
    public let columns: [[String]: ParquetColumn]
}

/// What a Parquet file knows of one of its columns.
public struct ParquetColumn: Sendable, Hashable {
    /// Values, nulls included; of the inside of a list, more or fewer than rows.
    public let valueCount: Int?
    /// Nulls among them.
    public let nullCount: Int?
    /// Compressed size in bytes.
    public let byteCount: Int?
    /// Smallest value as text, in DuckDB's spelling. Absent for all-null columns, for text past 256 bytes, and always for
    /// floating point, whose NaNs make bounds unreliable.
    public let minimum: String?
    /// Largest value as text, like `minimum`.
    public let maximum: String?
}

extension Connection {
    /// Writes the rows of a statement as Parquet, streaming, with Iceberg field ids.
    ///
    /// The files are complete when this returns, but not yet forced to disk: the caller does that before it commits them.
    /// In an object store they are durable, each under its final name. A process that ends in the middle leaves whole
    /// files there, and uploads without an end, which no listing shows.
    /// - Parameters:
    ///   - select: a SELECT whose columns are named and typed as they shall be written.
    ///   - path: the file to write; with a partition column or rows per file the folder for the files, which may exist.
    ///   - fieldIDs: ids for all columns but the partition column.
    /// - Returns: the files; no file at all for a partitioned statement without rows.
    public func copyToParquet(
        select: String, to path: String, fieldIDs: [FieldID], options: ParquetOptions = ParquetOptions()
    ) throws -> [ParquetFile] {
        var words = [
            "FORMAT parquet", "COMPRESSION zstd", "COMPRESSION_LEVEL \(options.compressionLevel)",
            "WRITE_BLOOM_FILTER false", "DICTIONARY_SIZE_LIMIT \(options.dictionaryLimit)",
            "ROW_GROUP_SIZE \(options.rowGroupRows)", "ROW_GROUP_SIZE_BYTES \(options.rowGroupBytes)", "RETURN_STATS",
        ]
        if !fieldIDs.isEmpty { words.append("FIELD_IDS {\(FieldID.sql(fieldIDs))}") }
        if let column = options.partitionColumn {
            words.append("PARTITION_BY (\(SQL.identifier(column)))")
            words.append("WRITE_PARTITION_COLUMNS false")
        } else if let rows = options.rowsPerFile {
            words.append("ROW_GROUPS_PER_FILE \(max(1, (rows + options.rowGroupRows - 1) / options.rowGroupRows))")
        }
        if options.isFolder {
            words.append("FILENAME_PATTERN \(SQL.literal(options.fileName + "-{uuid}"))")
            // New files beside those that are there; never over or instead of them.
            words.append("APPEND")
        }
        let statement = "COPY (\(select)) TO \(SQL.literal(path)) (\(words.joined(separator: ", ")))"
        return try query(statement).rows.map { try Self.file($0, options, statement) }
    }

    /// Filename, count, size, footer size, statistics by column, partition values.
    private static func file(_ row: [Value], _ options: ParquetOptions, _ sql: String) throws -> ParquetFile {
        guard row.count == 6, let path = row[0].string, let rows = row[1].integer, let bytes = row[2].integer else {
            throw EngineError(
                .statement, "the engine described a written file in words that are not understood", sql: sql)
        }
        var columns: [[String]: ParquetColumn] = [:]
        if case .structure(let described) = row[4] {
            for column in described { columns[columnPath(column.name)] = statistics(column.value) }
        }
        let partition = options.partitionColumn.flatMap { row[5][$0]?.string }
        return ParquetFile(
            path: path, rowCount: Int(rows), byteCount: Int(bytes), partitionValue: partition, columns: columns)
    }

    private static func statistics(_ described: Value) -> ParquetColumn {
        func number(_ name: String) -> Int? { described[name]?.string.flatMap { Int($0) } }
        // Only floating point says whether it has NaNs.
        let isFloat = described["has_nan"] != nil
        return ParquetColumn(
            valueCount: number("num_values"), nullCount: number("null_count"), byteCount: number("column_size_bytes"),
            minimum: isFloat ? nil : described["min"]?.string,
            maximum: isFloat ? nil : described["max"]?.string)
    }

    /// `"items"."element"."quantity"`, with quotes in names doubled.
    static func columnPath(_ quoted: String) -> [String] {
        var path: [String] = []
        var name = ""
        var isInside = false
        var previousClosed = false
        for character in quoted {
            if character == "\"" {
                if !isInside && previousClosed { name.append("\"") }
                previousClosed = isInside
                isInside.toggle()
            } else if character == "." && !isInside {
                path.append(name)
                name = ""
                previousClosed = false
            } else {
                name.append(character)
                previousClosed = false
            }
        }
        return path + [name]
    }
}
