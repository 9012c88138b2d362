import CDuckDB

/// The type of a column that a `RowSource` fills, and how its cells lie in memory.
public indirect enum ColumnType: Sendable, Hashable {
    /// One byte, 0 or 1.
    case bool
    /// `Int32`.
    case int32
    /// `Int64`.
    case int64
    /// `Double`.
    case double
    /// UTF-8 that the source has checked; written through `StringCells`.
    case string
    /// Any bytes; written through `StringCells`.
    case blob
    /// `Int32`, days since 1970-01-01.
    case date
    /// `Int64`, microseconds since 1970-01-01T00:00:00Z.
    case timestamptz
    /// Up to 4 digits `Int16`, up to 9 `Int32`, up to 18 `Int64`, up to 38 `Int128`.
    case decimal(width: UInt8, scale: UInt8)
    /// `ListEntry` per row, and a child vector of this type.
    case list(ColumnType)
    /// A child vector per field.
    case structure([Column])
}

/// A named column.
public struct Column: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its type.
    public let type: ColumnType

    /// A column of this name and type.
    public init(_ name: String, _ type: ColumnType) {
        self.name = name
        self.type = type
    }
}

extension ColumnType {
    /// DuckDB's description of the type; the caller destroys it.
    func logicalType(_ api: UnsafePointer<cartograph_duckdb_api>) -> duckdb_logical_type? {
        let calls = api.pointee
        switch self {
        case .bool: return calls.duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN)
        case .int32: return calls.duckdb_create_logical_type(DUCKDB_TYPE_INTEGER)
        case .int64: return calls.duckdb_create_logical_type(DUCKDB_TYPE_BIGINT)
        case .double: return calls.duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE)
        case .string: return calls.duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR)
        case .blob: return calls.duckdb_create_logical_type(DUCKDB_TYPE_BLOB)
        case .date: return calls.duckdb_create_logical_type(DUCKDB_TYPE_DATE)
        case .timestamptz: return calls.duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP_TZ)
        case .decimal(let width, let scale): return calls.duckdb_create_decimal_type(width, scale)
        case .list(let element):
            var child = element.logicalType(api)
            defer { calls.duckdb_destroy_logical_type(&child) }
            return calls.duckdb_create_list_type(child)
        case .structure(let fields):
            var types = fields.map { $0.type.logicalType(api) }
            defer { for index in types.indices { calls.duckdb_destroy_logical_type(&types[index]) } }
            return withCStrings(fields.map(\.name)) { names in
                calls.duckdb_create_struct_type(&types, names, idx_t(fields.count))
            }
        }
    }
}

extension ColumnType {
    /// The column type that DuckDB describes; nil when tables have no such type.
    init?(_ api: UnsafePointer<cartograph_duckdb_api>, _ type: duckdb_logical_type?) {
        let calls = api.pointee
        switch calls.duckdb_get_type_id(type) {
        case DUCKDB_TYPE_BOOLEAN: self = .bool
        case DUCKDB_TYPE_TINYINT, DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_INTEGER: self = .int32
        case DUCKDB_TYPE_BIGINT: self = .int64
        case DUCKDB_TYPE_DOUBLE: self = .double
        case DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_ENUM: self = .string
        case DUCKDB_TYPE_BLOB: self = .blob
        case DUCKDB_TYPE_DATE: self = .date
        case DUCKDB_TYPE_TIMESTAMP_TZ: self = .timestamptz
        case DUCKDB_TYPE_DECIMAL:
            self = .decimal(width: calls.duckdb_decimal_width(type), scale: calls.duckdb_decimal_scale(type))
        case DUCKDB_TYPE_LIST:
            var inner = calls.duckdb_list_type_child_type(type)
            defer { calls.duckdb_destroy_logical_type(&inner) }
            guard let element = ColumnType(api, inner) else { return nil }
            self = .list(element)
        case DUCKDB_TYPE_STRUCT:
            var fields: [Column] = []
            for index in 0..<calls.duckdb_struct_type_child_count(type) {
                var inner = calls.duckdb_struct_type_child_type(type, index)
                defer { calls.duckdb_destroy_logical_type(&inner) }
                let name = calls.duckdb_struct_type_child_name(type, index)
                defer { calls.duckdb_free(name) }
                guard let name, let field = ColumnType(api, inner) else { return nil }
                fields.append(Column(String(cString: name), field))
            }
            self = .structure(fields)
        default: return nil
        }
    }
}

/// Calls `body` with an array of C strings that live for the call.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Result
) -> Result {
    let bytes = texts.map { Array($0.utf8CString) }
    func next(_ index: Int, _ pointers: inout [UnsafePointer<CChar>?]) -> Result {
        guard index < bytes.count else { return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress) } }
        return bytes[index].withUnsafeBufferPointer { buffer in
            pointers.append(buffer.baseAddress)
            return next(index + 1, &pointers)
        }
    }
    var pointers: [UnsafePointer<CChar>?] = []
    return next(0, &pointers)
}
