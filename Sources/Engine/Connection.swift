import CDuckDB

/// A connection to a `DuckDB` database: runs one statement at a time, on the caller's thread.
///
/// It is not `Sendable`, which is how "one thread at a time" is enforced: the compiler lets it move to another thread or
/// actor only where no use is left behind. Only its `interrupter` may be shared.
public final class Connection {
    /// Stops the running statement from another thread.
    public let interrupter: Interrupter
    /// The database this is a connection to; it stays open as long as its connections.
    public let database: DuckDB

    /// Most rows that `query` returns unless told otherwise.
    public static let rowsMaxDefault = 100_000

    private var handle: duckdb_connection?
    private let api: UnsafePointer<cartograph_duckdb_api>
    private var registered: [String: Int64] = [:]

    init(_ api: UnsafePointer<cartograph_duckdb_api>, _ handle: duckdb_connection, database: DuckDB) {
        self.api = api
        self.handle = handle
        self.database = database
        interrupter = Interrupter(handle)
    }

    deinit {
        for id in registered.values { database.sources.remove(id) }
        interrupter.forget()
        api.pointee.duckdb_disconnect(&handle)
    }

    /// Runs one or more statements separated by semicolons, for their effect.
    /// - Returns: the rows that the last one changed or copied, when it says so; else 0.
    /// - Throws: `EngineError`, or the error that a registered `RowSource` threw.
    @discardableResult
    public func execute(_ sql: String) throws -> Int {
        try prepareObjectStore()
        return try run(sql)
    }

    private func run(_ sql: String) throws -> Int {
        var result = duckdb_result()
        defer { api.pointee.duckdb_destroy_result(&result) }
        guard api.pointee.duckdb_query(handle, sql, &result) == DuckDBSuccess else { throw failure(&result, sql) }
        return Int(clamping: api.pointee.duckdb_rows_changed(&result))
    }

    /// Runs one statement and returns its rows.
    ///
    /// Rows are fetched as they are made: when `rowsMax` is reached the statement is dropped and `isTruncated` is set.
    /// - Parameters:
    ///   - sql: one statement, with `?` or `$1` where parameters go.
    ///   - parameters: a value for each of those.
    ///   - rowsMax: most rows to return.
    public func query(
        _ sql: String, _ parameters: [Value] = [], rowsMax: Int = Connection.rowsMaxDefault
    ) throws -> ResultSet {
        var rows: [[Value]] = []
        var isTruncated = false
        let columns = try stream(sql, parameters) { row in
            guard rows.count < rowsMax else {
                isTruncated = true
                return false
            }
            rows.append(row)
            return true
        }
        return ResultSet(columns: columns, rows: rows, isTruncated: isTruncated)
    }

    /// Runs one statement and hands over its rows one by one, in constant memory.
    /// - Parameter body: returns false to stop there.
    /// - Returns: the names of the columns.
    @discardableResult
    public func stream(
        _ sql: String, _ parameters: [Value] = [], _ body: ([Value]) throws -> Bool
    ) throws -> [String] {
        try withPrepared(sql) { try stream($0, sql, parameters, body) }
    }

    private func stream(
        _ statement: duckdb_prepared_statement?, _ sql: String, _ parameters: [Value],
        _ body: ([Value]) throws -> Bool
    ) throws -> [String] {
        let wanted = Int(clamping: api.pointee.duckdb_nparams(statement))
        guard wanted == parameters.count else {
            throw EngineError(.statement, "the statement takes \(wanted) values and got \(parameters.count)", sql: sql)
        }
        for (index, value) in parameters.enumerated() {
            guard bind(value, at: idx_t(index + 1), to: statement) else {
                throw EngineError(.statement, "value \(index + 1) cannot be passed: use a plain one", sql: sql)
            }
        }
        var result = duckdb_result()
        defer { api.pointee.duckdb_destroy_result(&result) }
        guard api.pointee.duckdb_execute_prepared_streaming(statement, &result) == DuckDBSuccess else {
            throw failure(&result, sql)
        }
        return try read(&result, sql, body)
    }

    /// The columns that a SELECT would return, without running it.
    /// - Throws: `EngineError`, also for a column of a type that no table column can have (HUGEINT, say): cast it.
    public func columns(of select: String) throws -> [Column] {
        try withPrepared(select) { statement in
            try (0..<api.pointee.duckdb_prepared_statement_column_count(statement)).map { index in
                let text = api.pointee.duckdb_prepared_statement_column_name(statement, index)
                defer { api.pointee.duckdb_free(UnsafeMutableRawPointer(mutating: text)) }
                let name = text.map { String(cString: $0) } ?? ""
                var type = api.pointee.duckdb_prepared_statement_column_logical_type(statement, index)
                defer { api.pointee.duckdb_destroy_logical_type(&type) }
                guard let known = ColumnType(api, type) else {
                    throw EngineError(
                        .statement, "column \(name) has a type that tables do not have: cast it", sql: select)
                }
                return Column(name, known)
            }
        }
    }

    /// Makes a source readable as a relation of this name, until it is unregistered or the connection goes.
    ///
    /// The name is a temporary view of this connection; registering it again replaces what it stood for.
    public func register(_ source: any RowSource, as name: String) throws {
        let id = database.sources.add(source)
        let view = "CREATE OR REPLACE TEMP VIEW \(SQL.identifier(name)) AS SELECT * FROM \(TableFunction.name)(\(id))"
        do {
            try execute(view)
        } catch {
            database.sources.remove(id)
            throw error
        }
        if let previous = registered.updateValue(id, forKey: name) { database.sources.remove(previous) }
    }

    /// Forgets a source and its view.
    public func unregister(_ name: String) throws {
        guard let id = registered.removeValue(forKey: name) else { return }
        database.sources.remove(id)
        try execute("DROP VIEW IF EXISTS temp.\(SQL.identifier(name))")
    }
}

extension Connection {
    /// Makes the object store and its present keys known, before a statement that may need them.
    private func prepareObjectStore() throws {
        try database.objectStore?.prepare { statement in
            do {
                _ = try run(statement)
            } catch let error as EngineError {
                // Without the statement, which holds the keys.
                throw EngineError(error.kind, "the object store cannot be set up: \(error.message)")
            }
        }
    }

    func withHandle<Result>(
        _ body: (UnsafePointer<cartograph_duckdb_api>, duckdb_connection?) throws -> Result
    ) rethrows -> Result {
        try body(api, handle)
    }

    /// Runs a statement without parameters, and lets its rows be fetched as they are made.
    func withResult(
        of sql: String, _ body: (UnsafePointer<cartograph_duckdb_api>, inout duckdb_result) throws -> Void
    ) throws {
        try withPrepared(sql) { statement in
            var result = duckdb_result()
            defer { api.pointee.duckdb_destroy_result(&result) }
            guard api.pointee.duckdb_execute_prepared_streaming(statement, &result) == DuckDBSuccess else {
                throw failure(&result, sql)
            }
            try body(api, &result)
            // A streamed statement can fail after its first rows: then there is no next chunk, but an error.
            if let reason = api.pointee.duckdb_result_error(&result), reason.pointee != 0 {
                throw failure(&result, sql)
            }
        }
    }

    private func withPrepared<Result>(
        _ sql: String, _ body: (duckdb_prepared_statement?) throws -> Result
    ) throws -> Result {
        try prepareObjectStore()
        var statement: duckdb_prepared_statement?
        defer { api.pointee.duckdb_destroy_prepare(&statement) }
        guard api.pointee.duckdb_prepare(handle, sql, &statement) == DuckDBSuccess else {
            let reason = api.pointee.duckdb_prepare_error(statement).map { String(cString: $0) }
            throw failure(reason, DUCKDB_ERROR_INVALID, sql)
        }
        return try body(statement)
    }

    private func read(
        _ result: inout duckdb_result, _ sql: String, _ body: ([Value]) throws -> Bool
    ) throws -> [String] {
        let count = Int(api.pointee.duckdb_column_count(&result))
        var names: [String] = []
        var columns: [ColumnReader] = []
        for index in 0..<count {
            names.append(api.pointee.duckdb_column_name(&result, idx_t(index)).map { String(cString: $0) } ?? "")
            var type = api.pointee.duckdb_column_logical_type(&result, idx_t(index))
            defer { api.pointee.duckdb_destroy_logical_type(&type) }
            columns.append(try ColumnReader(api, type, column: names[index], sql: sql))
        }
        while true {
            var chunk = api.pointee.duckdb_fetch_chunk(result)
            guard chunk != nil else { break }
            defer { api.pointee.duckdb_destroy_data_chunk(&chunk) }
            let rows = Int(api.pointee.duckdb_data_chunk_get_size(chunk))
            let vectors = (0..<count).map { api.pointee.duckdb_data_chunk_get_vector(chunk, idx_t($0)) }
            for row in 0..<rows {
                var values: [Value] = []
                values.reserveCapacity(count)
                for index in 0..<count { values.append(columns[index].value(in: vectors[index], at: row)) }
                guard try body(values) else { return names }
            }
        }
        // A streamed statement can fail after its first rows: then there is no next chunk, but an error.
        if let reason = api.pointee.duckdb_result_error(&result), reason.pointee != 0 { throw failure(&result, sql) }
        return names
    }

    private func bind(_ value: Value, at index: idx_t, to statement: duckdb_prepared_statement?) -> Bool {
        switch value {
        case .null: api.pointee.duckdb_bind_null(statement, index) == DuckDBSuccess
        case .bool(let value): api.pointee.duckdb_bind_boolean(statement, index, value) == DuckDBSuccess
        case .integer(let value): api.pointee.duckdb_bind_int64(statement, index, value) == DuckDBSuccess
        case .double(let value): api.pointee.duckdb_bind_double(statement, index, value) == DuckDBSuccess
        case .date(let days):
            api.pointee.duckdb_bind_date(statement, index, duckdb_date(days: days)) == DuckDBSuccess
        case .timestamp(let microseconds):
            api.pointee.duckdb_bind_timestamp_tz(statement, index, duckdb_timestamp(micros: microseconds))
                == DuckDBSuccess
        case .decimal(let unscaled, let scale):
            api.pointee.duckdb_bind_decimal(
                statement, index,
                duckdb_decimal(
                    width: 38, scale: UInt8(clamping: scale),
                    value: duckdb_hugeint(
                        lower: UInt64(truncatingIfNeeded: unscaled), upper: Int64(truncatingIfNeeded: unscaled >> 64))))
                == DuckDBSuccess
        case .string(let text):
            text.utf8CString.withUnsafeBufferPointer {
                api.pointee.duckdb_bind_varchar_length(statement, index, $0.baseAddress, idx_t($0.count - 1))
                    == DuckDBSuccess
            }
        case .blob(let bytes):
            bytes.withUnsafeBytes {
                api.pointee.duckdb_bind_blob(statement, index, $0.baseAddress, idx_t($0.count)) == DuckDBSuccess
            }
        case .list, .structure: false
        }
    }

    private func failure(_ result: inout duckdb_result, _ sql: String) -> any Error {
        let reason = api.pointee.duckdb_result_error(&result).map { String(cString: $0) }
        return failure(reason, api.pointee.duckdb_result_error_type(&result), sql)
    }

    /// The first line of a reason. It may repeat bytes of a damaged file: characters that a terminal acts on are spelled.
    private static func oneLine(_ reason: String) -> String {
        let line =
            reason.unicodeScalars.split(separator: "\n").first.map { Array($0) }
            ?? Array("no reason given".unicodeScalars)
        return line.reduce(into: "") { text, scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    private func failure(_ reason: String?, _ type: duckdb_error_type, _ sql: String) -> any Error {
        // What a source threw says more than DuckDB's wrapping of its text.
        for id in registered.values {
            if let thrown = database.sources.takeFailure(of: id) { return thrown }
        }
        if type == DUCKDB_ERROR_HTTP || reason?.hasPrefix("HTTP Error") ?? false
            || (database.objectStore != nil && reason?.contains(" to 'http") ?? false)
        {
            return EngineError.objectStore(reason ?? "", sql)
        }
        let text = Self.oneLine(reason ?? "")
        switch type {
        case DUCKDB_ERROR_INTERRUPT:
            return EngineError(.interrupted, "the statement was interrupted", sql: sql)
        case DUCKDB_ERROR_OUT_OF_MEMORY:
            return EngineError(
                .outOfMemory,
                "\(text): the statement needs more than the engine's \(database.settings.memoryLimitBytes >> 20) MiB",
                sql: sql)
        case DUCKDB_ERROR_IO, DUCKDB_ERROR_PERMISSION:
            return EngineError(
                .io, "\(text): check that the file exists, is readable and the disk is not full", sql: sql)
        case DUCKDB_ERROR_PARSER, DUCKDB_ERROR_SYNTAX, DUCKDB_ERROR_BINDER, DUCKDB_ERROR_CATALOG:
            return EngineError(.statement, text, sql: sql)
        case DUCKDB_ERROR_INVALID:
            return EngineError(Self.kind(ofText: text), text, sql: sql)
        case DUCKDB_ERROR_INTERNAL, DUCKDB_ERROR_FATAL, DUCKDB_ERROR_SERIALIZATION, DUCKDB_ERROR_UNKNOWN_TYPE:
            return EngineError(.fault, text, sql: sql)
        default:
            return EngineError(text.hasPrefix("IO Error") ? .io : .data, text, sql: sql)
        }
    }

    /// The kind of a failure without a type. That of a statement that cannot be prepared stands at the beginning of the
    /// text; what has none there either came from below the engine.
    private static func kind(ofText text: String) -> EngineError.Kind {
        let words = text.prefix { $0 != ":" }
        guard words.hasSuffix(" Error") else { return .fault }
        switch words.dropLast(" Error".count) {
        case "Parser", "Syntax", "Binder", "Catalog": return .statement
        case "IO": return .io
        case "Invalid", "INTERNAL", "FATAL", "Serialization": return .fault
        default: return .data
        }
    }
}
