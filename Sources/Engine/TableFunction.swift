import CDuckDB
import Synchronization

/// The sources registered with a database, by number.
final class SourceRegistry: Sendable {
    /// What a statement needs of a source. DuckDB calls one source from one thread at a time, which makes it safe to hand
    /// over; the flag refuses a second scan of it at the same time.
    final class Entry: @unchecked Sendable {
        let source: any RowSource
        let isScanned = Atomic<Bool>(false)
        let failure = Mutex<(any Error)?>(nil)
        init(_ source: any RowSource) { self.source = source }
    }

    private let state = Mutex<(next: Int64, entries: [Int64: Entry])>((1, [:]))

    func add(_ source: any RowSource) -> Int64 {
        let entry = Entry(source)
        return state.withLock { state in
            defer { state.next += 1 }
            state.entries[state.next] = entry
            return state.next
        }
    }

    func remove(_ id: Int64) {
        _ = state.withLock { $0.entries.removeValue(forKey: id) }
    }

    func entry(_ id: Int64) -> Entry? {
        state.withLock { $0.entries[id] }
    }

    /// The error that a source threw since the last call.
    func takeFailure(of id: Int64) -> (any Error)? {
        entry(id)?.failure.withLock { failure in
            defer { failure = nil }
            return failure
        }
    }
}

/// The one table function behind every registered source: `cartograph_source(number)`.
enum TableFunction {
    static let name = "cartograph_source"

    static func register(on connection: Connection) throws {
        try connection.registerTableFunction(name, sources: connection.database.sources)
    }

    /// One scan of a source: lives as long as the statement's scan.
    private final class Scan {
        let entry: SourceRegistry.Entry
        init(_ entry: SourceRegistry.Entry) { self.entry = entry }
        deinit { entry.isScanned.store(false, ordering: .releasing) }
    }

    static func make(_ api: UnsafePointer<cartograph_duckdb_api>, _ sources: SourceRegistry) -> duckdb_table_function? {
        let calls = api.pointee
        let function = calls.duckdb_create_table_function()
        calls.duckdb_table_function_set_name(function, name)
        var number = ColumnType.int64.logicalType(api)
        calls.duckdb_table_function_add_parameter(function, number)
        calls.duckdb_destroy_logical_type(&number)
        calls.duckdb_table_function_set_extra_info(
            function, Unmanaged.passRetained(sources).toOpaque(),
            { if let pointer = $0 { Unmanaged<SourceRegistry>.fromOpaque(pointer).release() } })
        calls.duckdb_table_function_set_bind(function, { TableFunction.bind($0) })
        calls.duckdb_table_function_set_init(function, { TableFunction.begin($0) })
        calls.duckdb_table_function_set_function(function, { TableFunction.fill($0, $1) })
        return function
    }

    private static func bind(_ info: duckdb_bind_info?) {
        let api = DuckDBLibrary.functionsInCallback
        var parameter = api.pointee.duckdb_bind_get_parameter(info, 0)
        let id = api.pointee.duckdb_get_int64(parameter)
        api.pointee.duckdb_destroy_value(&parameter)
        guard let extra = api.pointee.duckdb_bind_get_extra_info(info),
            let entry = Unmanaged<SourceRegistry>.fromOpaque(extra).takeUnretainedValue().entry(id)
        else {
            api.pointee.duckdb_bind_set_error(info, "this source is not registered any more")
            return
        }
        for column in entry.source.columns {
            var type = column.type.logicalType(api)
            api.pointee.duckdb_bind_add_result_column(info, column.name, type)
            api.pointee.duckdb_destroy_logical_type(&type)
        }
        if let rows = entry.source.rowCountEstimate {
            api.pointee.duckdb_bind_set_cardinality(info, idx_t(max(0, rows)), false)
        }
        api.pointee.duckdb_bind_set_bind_data(
            info, Unmanaged.passRetained(entry).toOpaque(),
            { if let pointer = $0 { Unmanaged<SourceRegistry.Entry>.fromOpaque(pointer).release() } })
    }

    private static func begin(_ info: duckdb_init_info?) {
        let api = DuckDBLibrary.functionsInCallback
        guard let data = api.pointee.duckdb_init_get_bind_data(info) else {
            api.pointee.duckdb_init_set_error(info, "a scan without a source")
            return
        }
        let entry = Unmanaged<SourceRegistry.Entry>.fromOpaque(data).takeUnretainedValue()
        api.pointee.duckdb_init_set_max_threads(info, 1)
        guard !entry.isScanned.exchange(true, ordering: .acquiringAndReleasing) else {
            api.pointee.duckdb_init_set_error(info, "a registered source can be scanned once in a statement")
            return
        }
        api.pointee.duckdb_init_set_init_data(
            info, Unmanaged.passRetained(Scan(entry)).toOpaque(),
            { if let pointer = $0 { Unmanaged<Scan>.fromOpaque(pointer).release() } })
        do {
            try entry.source.begin()
        } catch {
            entry.failure.withLock { $0 = error }
            api.pointee.duckdb_init_set_error(info, String(describing: error))
        }
    }

    private static func fill(_ info: duckdb_function_info?, _ chunk: duckdb_data_chunk?) {
        let api = DuckDBLibrary.functionsInCallback
        guard let data = api.pointee.duckdb_function_get_init_data(info) else {
            api.pointee.duckdb_function_set_error(info, "a scan without a source")
            return
        }
        let entry = Unmanaged<Scan>.fromOpaque(data).takeUnretainedValue().entry
        var writer = ChunkWriter(api, chunk)
        do {
            let rows = try entry.source.fill(&writer)
            precondition(rows >= 0 && rows <= writer.capacity, "a source wrote \(rows) rows into a chunk")
            api.pointee.duckdb_data_chunk_set_size(chunk, idx_t(rows))
        } catch {
            entry.failure.withLock { $0 = error }
            api.pointee.duckdb_function_set_error(info, String(describing: error))
        }
    }
}

extension Connection {
    fileprivate func registerTableFunction(_ name: String, sources: SourceRegistry) throws {
        try withHandle { api, handle in
            var function = TableFunction.make(api, sources)
            defer { api.pointee.duckdb_destroy_table_function(&function) }
            guard api.pointee.duckdb_register_table_function(handle, function) == DuckDBSuccess else {
                throw EngineError(.statement, "the engine refuses the table function \(name)")
            }
        }
    }
}
