import CDuckDB

/// Reads the values of one column of a result, by its type.
struct ColumnReader {
    private let api: UnsafePointer<cartograph_duckdb_api>
    private let shape: Shape

    private indirect enum Shape {
        case bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, hugeint, float, double
        case string, blob, uuid, date, time, interval, null
        /// A timestamp whose unit is this many microseconds, or this fraction of one when negative.
        case timestamp(perUnit: Int64)
        case decimal(bytes: Int, scale: Int)
        case enumeration(bytes: Int, words: [String])
        case list(Shape)
        case structure([(name: String, shape: Shape)])
        case map(key: Shape, value: Shape)
    }

    init(
        _ api: UnsafePointer<cartograph_duckdb_api>, _ type: duckdb_logical_type?, column: String, sql: String
    ) throws {
        self.api = api
        guard let shape = Self.shape(api, type) else {
            throw EngineError(
                .statement, "column \(column) has a type that cannot be fetched: cast it to VARCHAR", sql: sql)
        }
        self.shape = shape
    }

    func value(in vector: duckdb_vector?, at row: Int) -> Value {
        value(shape, vector, row)
    }

    private func value(_ shape: Shape, _ vector: duckdb_vector?, _ row: Int) -> Value {
        if let validity = api.pointee.duckdb_vector_get_validity(vector),
            validity[row >> 6] & (1 << UInt64(row & 63)) == 0
        {
            return .null
        }
        // Structures have no data of their own, only children.
        if case .structure(let fields) = shape {
            return .structure(
                fields.enumerated().map { index, field in
                    let child = api.pointee.duckdb_struct_vector_get_child(vector, idx_t(index))
                    return Value.Field(name: field.name, value: value(field.shape, child, row))
                })
        }
        guard let data = api.pointee.duckdb_vector_get_data(vector) else { return .null }
        func load<T: BitwiseCopyable>(_: T.Type) -> T {
            data.load(fromByteOffset: row * MemoryLayout<T>.stride, as: T.self)
        }
        switch shape {
        case .null, .structure: return .null
        case .bool: return .bool(load(UInt8.self) != 0)
        case .int8: return .integer(Int64(load(Int8.self)))
        case .int16: return .integer(Int64(load(Int16.self)))
        case .int32: return .integer(Int64(load(Int32.self)))
        case .int64: return .integer(load(Int64.self))
        case .uint8: return .integer(Int64(load(UInt8.self)))
        case .uint16: return .integer(Int64(load(UInt16.self)))
        case .uint32: return .integer(Int64(load(UInt32.self)))
        case .uint64: return Self.whole(Int128(load(UInt64.self)))
        case .hugeint: return Self.whole(Self.wide(load(duckdb_hugeint.self)))
        case .float: return .double(Double(load(Float.self)))
        case .double: return .double(load(Double.self))
        case .string: return .string(String(decoding: Self.bytes(data, row), as: UTF8.self))
        case .blob: return .blob(Array(Self.bytes(data, row)))
        case .date: return .date(days: load(Int32.self))
        case .time: return .string(CalendarText.time(load(Int64.self)))
        case .interval: return .string(Self.interval(load(duckdb_interval.self)))
        case .uuid: return .string(Self.uuid(load(duckdb_hugeint.self)))
        case .timestamp(let perUnit):
            let unit = load(Int64.self)
            let isEndless = unit == Int64.max || unit == -Int64.max
            let scaled = perUnit > 0 ? unit.multipliedReportingOverflow(by: perUnit).partialValue : unit / -perUnit
            return .timestamp(microseconds: isEndless ? unit : scaled)
        case .decimal(let size, let scale):
            switch size {
            case 2: return .decimal(unscaled: Int128(load(Int16.self)), scale: scale)
            case 4: return .decimal(unscaled: Int128(load(Int32.self)), scale: scale)
            case 8: return .decimal(unscaled: Int128(load(Int64.self)), scale: scale)
            default: return .decimal(unscaled: Self.wide(load(duckdb_hugeint.self)), scale: scale)
            }
        case .enumeration(let size, let words):
            let index =
                size == 1 ? Int(load(UInt8.self)) : size == 2 ? Int(load(UInt16.self)) : Int(load(UInt32.self))
            return index < words.count ? .string(words[index]) : .null
        case .list(let element):
            let entry = load(duckdb_list_entry.self)
            let child = api.pointee.duckdb_list_vector_get_child(vector)
            return .list((0..<Int(entry.length)).map { value(element, child, Int(entry.offset) + $0) })
        case .map(let key, let element):
            let entry = load(duckdb_list_entry.self)
            let pairs = api.pointee.duckdb_list_vector_get_child(vector)
            let keys = api.pointee.duckdb_struct_vector_get_child(pairs, 0)
            let values = api.pointee.duckdb_struct_vector_get_child(pairs, 1)
            return .structure(
                (0..<Int(entry.length)).map {
                    let at = Int(entry.offset) + $0
                    return Value.Field(name: value(key, keys, at).text, value: value(element, values, at))
                })
        }
    }

    /// DuckDB's string cell: a 32-bit length, then up to 12 bytes inside, or 4 bytes of prefix and a pointer.
    private static func bytes(_ data: UnsafeMutableRawPointer, _ row: Int) -> UnsafeRawBufferPointer {
        let cell = UnsafeRawPointer(data) + row * 16
        let count = Int(cell.load(as: UInt32.self))
        if count <= 12 { return UnsafeRawBufferPointer(start: cell + 4, count: count) }
        return UnsafeRawBufferPointer(start: cell.load(fromByteOffset: 8, as: UnsafeRawPointer?.self), count: count)
    }

    private static func wide(_ value: duckdb_hugeint) -> Int128 {
        Int128(value.upper) << 64 | Int128(value.lower)
    }

    private static func whole(_ value: Int128) -> Value {
        Int64(exactly: value).map { .integer($0) } ?? .decimal(unscaled: value, scale: 0)
    }

    private static func interval(_ value: duckdb_interval) -> String {
        "\(value.months) months \(value.days) days \(value.micros) microseconds"
    }

    private static func uuid(_ value: duckdb_hugeint) -> String {
        // DuckDB flips the first bit so that UUIDs sort as signed numbers.
        let digits = [UInt64(bitPattern: value.upper) ^ (1 << 63), value.lower].map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var out = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { out += "-" }
            out.append(digit)
        }
        return out
    }

    private static func shape(_ api: UnsafePointer<cartograph_duckdb_api>, _ type: duckdb_logical_type?) -> Shape? {
        let calls = api.pointee
        func child(_ make: (duckdb_logical_type?) -> duckdb_logical_type?) -> Shape? {
            var inner = make(type)
            defer { calls.duckdb_destroy_logical_type(&inner) }
            return shape(api, inner)
        }
        func size(_ type: duckdb_type) -> Int {
            switch type {
            case DUCKDB_TYPE_UTINYINT: 1
            case DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_USMALLINT: 2
            case DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_UINTEGER: 4
            case DUCKDB_TYPE_BIGINT: 8
            default: 16
            }
        }
        func word(_ text: UnsafeMutablePointer<CChar>?) -> String {
            defer { calls.duckdb_free(text) }
            return text.map { String(cString: $0) } ?? ""
        }
        switch calls.duckdb_get_type_id(type) {
        case DUCKDB_TYPE_SQLNULL: return .null
        case DUCKDB_TYPE_BOOLEAN: return .bool
        case DUCKDB_TYPE_TINYINT: return .int8
        case DUCKDB_TYPE_SMALLINT: return .int16
        case DUCKDB_TYPE_INTEGER: return .int32
        case DUCKDB_TYPE_BIGINT: return .int64
        case DUCKDB_TYPE_UTINYINT: return .uint8
        case DUCKDB_TYPE_USMALLINT: return .uint16
        case DUCKDB_TYPE_UINTEGER: return .uint32
        case DUCKDB_TYPE_UBIGINT: return .uint64
        case DUCKDB_TYPE_HUGEINT: return .hugeint
        case DUCKDB_TYPE_FLOAT: return .float
        case DUCKDB_TYPE_DOUBLE: return .double
        case DUCKDB_TYPE_VARCHAR: return .string
        case DUCKDB_TYPE_BLOB: return .blob
        case DUCKDB_TYPE_UUID: return .uuid
        case DUCKDB_TYPE_DATE: return .date
        case DUCKDB_TYPE_TIME: return .time
        case DUCKDB_TYPE_INTERVAL: return .interval
        case DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_TZ: return .timestamp(perUnit: 1)
        case DUCKDB_TYPE_TIMESTAMP_S: return .timestamp(perUnit: 1_000_000)
        case DUCKDB_TYPE_TIMESTAMP_MS: return .timestamp(perUnit: 1000)
        case DUCKDB_TYPE_TIMESTAMP_NS: return .timestamp(perUnit: -1000)
        case DUCKDB_TYPE_DECIMAL:
            return .decimal(
                bytes: size(calls.duckdb_decimal_internal_type(type)), scale: Int(calls.duckdb_decimal_scale(type)))
        case DUCKDB_TYPE_ENUM:
            let count = calls.duckdb_enum_dictionary_size(type)
            let words = (0..<count).map { word(calls.duckdb_enum_dictionary_value(type, idx_t($0))) }
            return .enumeration(bytes: size(calls.duckdb_enum_internal_type(type)), words: words)
        case DUCKDB_TYPE_LIST:
            return child { calls.duckdb_list_type_child_type($0) }.map { .list($0) }
        case DUCKDB_TYPE_MAP:
            guard let key = child({ calls.duckdb_map_type_key_type($0) }),
                let value = child({ calls.duckdb_map_type_value_type($0) })
            else { return nil }
            return .map(key: key, value: value)
        case DUCKDB_TYPE_STRUCT:
            var fields: [(name: String, shape: Shape)] = []
            for index in 0..<calls.duckdb_struct_type_child_count(type) {
                guard let field = child({ calls.duckdb_struct_type_child_type($0, index) }) else { return nil }
                fields.append((word(calls.duckdb_struct_type_child_name(type, index)), field))
            }
            return .structure(fields)
        default: return nil
        }
    }
}
