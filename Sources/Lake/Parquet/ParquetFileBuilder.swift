import Events
import Iceberg

/// Builds Parquet files in memory, one after another, from batches of rows that its columns are given.
///
/// The engine's writer costs some three times as much for the same bytes: it hashes every string, also those that never
/// repeat, and copies each several times on its way. What it can do and this cannot is not needed for events: maps,
/// nested lists, encryption, files larger than memory. The encodings are those that every reader knows: plain values,
/// dictionaries, Snappy, Zstandard, version 1 pages. Each page has a checksum.
final class ParquetFileBuilder {
    /// Rows after which a row group ends: a reader's unit of work.
    static let groupRows = 131_072
    /// Compressed bytes after which a row group ends: long rows.
    static let groupBytes = 32 << 20

    /// The leaves of the schema, in its order.
    let columns: [ParquetColumn]
    /// Rows of the file so far.
    private(set) var rows = 0

    private let schema: ParquetSchema
    private let rooms: FileRooms
    /// The file, once its first row group is closed.
    private var file: FileBytes?
    private var lastFileBytes = 0
    private var groups: [Group] = []
    private var rowsInGroup = 0

    private struct Group {
        var chunks: [ParquetColumn.Chunk]
        var rows: Int
        var offset: Int
        var compressedBytes: Int { chunks.reduce(0) { $0 + $1.compressedBytes } }
        var uncompressedBytes: Int { chunks.reduce(0) { $0 + $1.uncompressedBytes } }
    }

    private static let magic = Array("PAR1".utf8)

    /// - Parameters:
    ///   - manyValues: names of columns whose values are nearly all different.
    ///   - unbounded: names of columns whose bounds nobody needs.
    ///   - level: Zstandard's level for all columns; nil for files that are soon written anew.
    ///   - json: names of columns that are worth compressing even then.
    ///   - rooms: where files go that were written.
    init(
        _ fields: [NestedField], manyValues: Set<String>, unbounded: Set<String>, level: Int32?, json: Set<String>,
        _ rooms: FileRooms
    ) throws {
        schema = try ParquetSchema(fields)
        let compressor = try level.map { try ZstdCompressor(level: $0) }
        columns = schema.leaves.map {
            ParquetColumn(
                $0, compressor.map { .zstd($0) } ?? (json.contains($0.path[0]) ? .snappyJSON : .none),
                hasManyValues: manyValues.contains($0.path[0]),
                countsBounds: !unbounded.contains($0.path[0]) && $0.physical != .float && $0.physical != .double)
        }
        self.rooms = rooms
    }

    /// Compressed bytes of the file so far, without the pages that are being filled.
    var bytes: Int { columns.reduce(file?.count ?? 0) { $0 + $1.bytesHeld } }

    /// Says that every column was given that many rows more.
    func endBatch(rows: Int) {
        self.rows += rows
        rowsInGroup += rows
        if rowsInGroup >= ParquetFileBuilder.groupRows
            || columns.reduce(0, { $0 + $1.bytesHeld }) >= ParquetFileBuilder.groupBytes
        {
            endGroup()
        }
    }

    private func endGroup() {
        guard rowsInGroup > 0 else { return }
        let file = open()
        let offset = file.count
        groups.append(Group(chunks: columns.map { $0.endGroup(to: file) }, rows: rowsInGroup, offset: offset))
        rowsInGroup = 0
    }

    private func open() -> FileBytes {
        if let file { return file }
        let begun = FileBytes(rooms.take(lastFileBytes))
        begun.append(ParquetFileBuilder.magic)
        file = begun
        return begun
    }

    /// A file, and what is known of it.
    struct Built {
        let file: FileBytes
        let rows: Int
        /// Where each row group begins.
        let splitOffsets: [Int64]
        /// By leaf: its compressed bytes and its statistics.
        let columns: [(leaf: ParquetSchema.Leaf, bytes: Int, statistics: ParquetStatistics)]
    }

    /// Ends the file and begins the next.
    func finish() -> Built {
        endGroup()
        let file = open()
        let footer = footer()
        file.append(footer)
        withUnsafeBytes(of: UInt32(footer.count).littleEndian) { file.append($0) }
        file.append(ParquetFileBuilder.magic)
        let built = Built(
            file: file, rows: rows,
            splitOffsets: groups.map { Int64($0.offset) },
            columns: columns.map { ($0.leaf, $0.bytesInFile, $0.statistics) })
        lastFileBytes = file.count
        self.file = nil
        begin()
        for column in columns { column.endFile() }
        return built
    }

    /// Forgets the rows since the last file.
    func discard() {
        for column in columns { column.discard() }
        if let file { rooms.give(file.block) }
        file = nil
        begin()
    }

    private func begin() {
        groups = []
        rows = 0
        rowsInGroup = 0
    }

    private func footer() -> [UInt8] {
        var thrift = ThriftWriter()
        thrift.structure { thrift in
            thrift.field(1, int32: 1)
            schema.write(to: &thrift)
            thrift.field(3, int64: rows)
            thrift.field(4, structures: groups) { thrift, group in
                thrift.field(1, structures: group.chunks, Self.describe)
                thrift.field(2, int64: group.uncompressedBytes)
                thrift.field(3, int64: group.rows)
                thrift.field(5, int64: group.offset)
                thrift.field(6, int64: group.compressedBytes)
            }
            thrift.field(6, text: "cartograph")
            // Bounds follow the types' own order, without which readers must not use those of strings.
            thrift.field(7, structures: columns) { thrift, _ in thrift.field(1) { _ in } }
        }
        return thrift.bytes
    }

    private static func describe(_ thrift: inout ThriftWriter, _ chunk: ParquetColumn.Chunk) {
        thrift.field(2, int64: 0)
        thrift.field(3) { thrift in
            thrift.field(1, int32: chunk.leaf.physical.number)
            thrift.field(2, int32s: chunk.encodings)
            thrift.field(3, texts: chunk.leaf.path)
            thrift.field(4, int32: chunk.codec)
            thrift.field(5, int64: chunk.statistics.values)
            thrift.field(6, int64: chunk.uncompressedBytes)
            thrift.field(7, int64: chunk.compressedBytes)
            thrift.field(9, int64: chunk.dataOffset)
            if let offset = chunk.dictionaryOffset { thrift.field(11, int64: offset) }
            thrift.field(12) { thrift in
                thrift.field(3, int64: chunk.statistics.nulls)
                if let bounds = chunk.statistics.footerBounds(chunk.leaf.physical, chunk.leaf.type) {
                    thrift.field(5, binary: bounds.maximum)
                    thrift.field(6, binary: bounds.minimum)
                }
            }
        }
    }
}
