import CDuckDB

/// Rows in our own memory that SQL can read: the engine pulls them, up to 2,048 at a time, while a statement runs.
///
/// Register it with `Connection.register(_:as:)`. It is called by one thread at a time, not always the same one, and only
/// between the start and the end of a statement that names it. A statement may scan it once; `begin` starts a scan.
public protocol RowSource: AnyObject {
    /// The columns, which stay the same as long as the source is registered.
    var columns: [Column] { get }
    /// How many rows to expect, if known: a hint to the planner.
    var rowCountEstimate: Int? { get }
    /// Starts a scan at the first row.
    func begin() throws
    /// Writes the next rows, from row 0 of the chunk on.
    ///
    /// Every cell of those rows has to be written or set to null: a chunk holds what an earlier one left.
    /// - Returns: how many rows were written, at most `chunk.capacity`; 0 ends the scan.
    /// - Throws: anything; the statement then fails with that error.
    func fill(_ chunk: inout ChunkWriter) throws -> Int
}

/// The chunk of rows that a `RowSource` is asked to fill.
public struct ChunkWriter {
    /// Most rows that fit: 2,048.
    public let capacity: Int
    private let chunk: duckdb_data_chunk?
    private let api: UnsafePointer<cartograph_duckdb_api>

    init(_ api: UnsafePointer<cartograph_duckdb_api>, _ chunk: duckdb_data_chunk?) {
        self.api = api
        self.chunk = chunk
        capacity = Int(api.pointee.duckdb_vector_size())
    }

    /// A column, by its place among the source's columns.
    public func column(_ index: Int) -> ColumnVector {
        ColumnVector(api, api.pointee.duckdb_data_chunk_get_vector(chunk, idx_t(index)))
    }
}

/// One column's cells in a chunk. Take it, and the pointers it gives, anew for every chunk.
public struct ColumnVector {
    private let api: UnsafePointer<cartograph_duckdb_api>
    private let vector: duckdb_vector?

    init(_ api: UnsafePointer<cartograph_duckdb_api>, _ vector: duckdb_vector?) {
        self.api = api
        self.vector = vector
    }

    /// The cells of a column of fixed width, as `ColumnType` says they lie.
    public func values<T: BitwiseCopyable>(as type: T.Type) -> UnsafeMutablePointer<T> {
        data().assumingMemoryBound(to: type)
    }

    /// The cells of a string or blob column.
    public var strings: StringCells { StringCells(data()) }

    /// Writes a copy of the bytes into a cell of a string or blob column, for bytes that do not outlive the call.
    public func copyString(_ row: Int, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
        bytes.withMemoryRebound(to: CChar.self, capacity: count) {
            api.pointee.duckdb_vector_assign_string_element_len(vector, idx_t(row), $0, idx_t(count))
        }
    }

    /// The column's null bits. Taking them costs a little: leave it out where nothing is null.
    public var nulls: NullCells {
        api.pointee.duckdb_vector_ensure_validity_writable(vector)
        guard let bits = api.pointee.duckdb_vector_get_validity(vector) else {
            preconditionFailure("a writable vector without null bits")
        }
        return NullCells(bits)
    }

    /// Makes room for `count` children of a list column; take the child's pointers after this.
    public func reserveChildren(_ count: Int) {
        let state = api.pointee.duckdb_list_vector_reserve(vector, idx_t(count))
        precondition(state == DuckDBSuccess, "children of a column that is not a list")
    }

    /// Says how many children the lists of this chunk have in all.
    public func setChildCount(_ count: Int) {
        let state = api.pointee.duckdb_list_vector_set_size(vector, idx_t(count))
        precondition(state == DuckDBSuccess, "children of a column that is not a list")
    }

    /// Where each row's children are.
    public var lists: UnsafeMutablePointer<ListEntry> { values(as: ListEntry.self) }

    /// The children of a list column.
    public var children: ColumnVector { ColumnVector(api, api.pointee.duckdb_list_vector_get_child(vector)) }

    /// A field of a structure column.
    public func field(_ index: Int) -> ColumnVector {
        ColumnVector(api, api.pointee.duckdb_struct_vector_get_child(vector, idx_t(index)))
    }

    private func data() -> UnsafeMutableRawPointer {
        guard let data = api.pointee.duckdb_vector_get_data(vector) else {
            preconditionFailure("a vector without cells: structures have none, only their fields do")
        }
        return data
    }
}

/// Where the children of one list are.
@frozen
public struct ListEntry: BitwiseCopyable, Sendable {
    /// Place of the first among the chunk's children.
    public var offset: UInt64
    /// How many there are.
    public var count: UInt64

    /// A list's place among the children.
    @inlinable
    public init(offset: Int, count: Int) {
        self.offset = UInt64(offset)
        self.count = UInt64(count)
    }
}
