import CDuckDB

/// A few thousand rows of a result as they lie in DuckDB's memory, for reading many rows without a value for each cell.
/// It may be used only inside of the function that was given it.
public struct ResultChunk {
    /// How many rows there are.
    public let rowCount: Int
    /// The columns, in the statement's order.
    public let columns: [ResultColumn]
}

/// One column of a ``ResultChunk``.
public struct ResultColumn {
    /// Its name.
    public let name: String
    /// Its type, which says how its cells lie in memory.
    public let type: ColumnType
    /// Its cells.
    public let cells: ResultCells

    /// Whether a cell is null.
    @inlinable
    public func isNull(_ row: Int) -> Bool { cells.isNull(row) }

    /// A cell that is not null, as ``ColumnType`` says that it lies in memory.
    @inlinable
    public func load<Cell: BitwiseCopyable>(_ row: Int, as type: Cell.Type) -> Cell { cells.load(row, as: type) }

    /// The bytes of a string or a blob that is not null.
    @inlinable
    public func bytes(_ row: Int) -> UnsafeRawBufferPointer { cells.bytes(row) }
}

/// The cells of a ``ResultColumn``, for those who look at many of them: nothing is counted when they are passed on.
public struct ResultCells: BitwiseCopyable {
    @usableFromInline let data: UnsafeRawPointer?
    @usableFromInline let validity: UnsafePointer<UInt64>?

    /// Whether a cell is null.
    @inlinable
    public func isNull(_ row: Int) -> Bool {
        guard let validity else { return false }
        return validity[row &>> 6] & (1 &<< UInt64(row & 63)) == 0
    }

    /// A cell that is not null, as ``ColumnType`` says that it lies in memory.
    @inlinable
    public func load<Cell: BitwiseCopyable>(_ row: Int, as _: Cell.Type) -> Cell {
        guard let data else { preconditionFailure("a column of this type has children and no cells of its own") }
        return data.loadUnaligned(fromByteOffset: row &* MemoryLayout<Cell>.stride, as: Cell.self)
    }

    /// The bytes of a string or a blob that is not null.
    @inlinable
    public func bytes(_ row: Int) -> UnsafeRawBufferPointer {
        guard let data else { preconditionFailure("a column of this type has children and no cells of its own") }
        let cell = data + row &* 16
        let count = Int(cell.load(as: UInt32.self))
        // Up to 12 bytes lie in the cell, longer ones elsewhere.
        if count <= 12 { return UnsafeRawBufferPointer(start: cell + 4, count: count) }
        return UnsafeRawBufferPointer(start: cell.load(fromByteOffset: 8, as: UnsafeRawPointer?.self), count: count)
    }
}

extension Connection {
    /// Runs one statement and hands over its rows in chunks as they are made, in constant memory.
    /// - Parameter body: reads a chunk, which is gone when it returns.
    /// - Throws: `EngineError`, also for a column of a type that no table column can have: cast it.
    public func streamChunks(_ sql: String, _ body: (ResultChunk) throws -> Void) throws {
        try withResult(of: sql) { api, result in
            var columns: [Column] = []
            for index in 0..<api.pointee.duckdb_column_count(&result) {
                let name = api.pointee.duckdb_column_name(&result, index).map { String(cString: $0) } ?? ""
                var type = api.pointee.duckdb_column_logical_type(&result, index)
                defer { api.pointee.duckdb_destroy_logical_type(&type) }
                guard let known = ColumnType(api, type) else {
                    throw EngineError(
                        .statement, "column \(name) has a type that tables do not have: cast it", sql: sql)
                }
                let kind = api.pointee.duckdb_get_type_id(type)
                // Their cells are smaller than those of the type that they count as.
                guard ![DUCKDB_TYPE_TINYINT, DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_ENUM].contains(kind) else {
                    throw EngineError(.statement, "column \(name) is too narrow: cast it", sql: sql)
                }
                columns.append(Column(name, known))
            }
            while true {
                var chunk = api.pointee.duckdb_fetch_chunk(result)
                guard chunk != nil else { break }
                defer { api.pointee.duckdb_destroy_data_chunk(&chunk) }
                let cells = columns.enumerated().map { index, column in
                    let vector = api.pointee.duckdb_data_chunk_get_vector(chunk, idx_t(index))
                    return ResultColumn(
                        name: column.name, type: column.type,
                        cells: ResultCells(
                            data: api.pointee.duckdb_vector_get_data(vector).map { UnsafeRawPointer($0) },
                            validity: api.pointee.duckdb_vector_get_validity(vector).map { UnsafePointer($0) }))
                }
                try body(
                    ResultChunk(rowCount: Int(api.pointee.duckdb_data_chunk_get_size(chunk)), columns: cells))
            }
        }
    }
}
