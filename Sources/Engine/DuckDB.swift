import CDuckDB

/// One DuckDB database in this process's memory, which spills to a folder.
///
/// Nothing is kept in it between runs: tables live in the lake, and DuckDB reads and writes their Parquet files.
///
///     let database = try DuckDB(.init(threads: 2, memoryLimitBytes: 160 << 20, temporaryFolder: "data/tmp/duckdb"))
///     let connection = try database.connect()
///     print(try connection.query("SELECT 1 + 1").rows)
///
/// A database may be shared between threads; each of them takes a `Connection` of its own. The last reference must not end
/// with a thread, as one in a `Thread`'s block does: DuckDB's own values of that thread are gone by then.
public final class DuckDB: Sendable {
    /// How much of the machine a database may use.
    public struct Settings: Sendable {
        /// Threads that one statement may use; 1 uses the caller's alone.
        public var threads: Int
        /// Memory of all statements together, in bytes; past it they spill, or fail when they cannot.
        public var memoryLimitBytes: Int
        /// Where statements spill, in a folder of the database's own; made if it does not exist. Nil means statements fail instead of spilling.
        public var temporaryFolder: String?
        /// Whether results keep the order of files and inserts. Off saves memory; ORDER BY works either way.
        public var preservesInsertionOrder: Bool
        /// How `s3://` locations are reached, asked before each statement: it should answer from memory, and with new
        /// keys before the old ones end. Nil where there is no object store; none while no location needs one.
        public var objectStore: (@Sendable () throws -> [ObjectStoreAccess])?

        /// Settings; the defaults suit a run beside a live ingest.
        public init(
            threads: Int = 1, memoryLimitBytes: Int = 160 << 20, temporaryFolder: String? = nil,
            preservesInsertionOrder: Bool = false,
            objectStore: (@Sendable () throws -> [ObjectStoreAccess])? = nil
        ) {
            self.threads = threads
            self.memoryLimitBytes = memoryLimitBytes
            self.temporaryFolder = temporaryFolder
            self.preservesInsertionOrder = preservesInsertionOrder
            self.objectStore = objectStore
        }
    }

    /// The settings it was opened with.
    public let settings: Settings

    let sources = SourceRegistry()
    let objectStore: ObjectStoreState?
    private let handle: Handle

    /// Opens an empty database.
    /// - Throws: `EngineError`: the library is missing, or a setting is refused.
    public init(_ settings: Settings = Settings()) throws {
        self.settings = settings
        objectStore = settings.objectStore.map { ObjectStoreState($0) }
        let api = try DuckDBLibrary.functions()
        handle = try Handle(api, settings, spill: settings.temporaryFolder.map { try SpillFolder(in: $0) })
        try TableFunction.register(on: connect())
    }

    /// A connection to this database, for one thread at a time.
    public func connect() throws -> sending Connection {
        let api = try DuckDBLibrary.functions()
        var connection: duckdb_connection?
        guard api.pointee.duckdb_connect(handle.database, &connection) == DuckDBSuccess, let connection else {
            throw EngineError(.outOfMemory, "the engine cannot open another connection: close some")
        }
        let made = Connection(api, connection, database: self)
        try made.execute("SET TimeZone = 'UTC'")
        return made
    }

    /// DuckDB's database object, whose functions lock inside; closed with its last owner.
    private final class Handle: @unchecked Sendable {
        private(set) var database: duckdb_database?
        private let api: UnsafePointer<cartograph_duckdb_api>

        private let spill: SpillFolder?

        init(_ api: UnsafePointer<cartograph_duckdb_api>, _ settings: Settings, spill: SpillFolder?) throws {
            self.api = api
            self.spill = spill
            var configuration: duckdb_config?
            defer { api.pointee.duckdb_destroy_config(&configuration) }
            guard api.pointee.duckdb_create_config(&configuration) == DuckDBSuccess else {
                throw EngineError(.outOfMemory, "the engine has no memory for its configuration")
            }
            for (name, value) in Self.options(settings, spill) {
                guard api.pointee.duckdb_set_config(configuration, name, value) == DuckDBSuccess else {
                    throw EngineError(.statement, "the engine refuses the setting \(name) = \(value)")
                }
            }
            var reason: UnsafeMutablePointer<CChar>?
            guard api.pointee.duckdb_open_ext(nil, &database, configuration, &reason) == DuckDBSuccess else {
                let text = reason.map { String(cString: $0) } ?? "no reason given"
                api.pointee.duckdb_free(reason)
                throw EngineError(.statement, "the engine cannot open a database: \(text)")
            }
        }

        deinit { api.pointee.duckdb_close(&database) }

        private static func options(_ settings: Settings, _ spill: SpillFolder?) -> [(String, String)] {
            [
                ("threads", String(max(1, settings.threads))),
                ("memory_limit", "\(max(1, settings.memoryLimitBytes >> 10))KiB"),
                ("temp_directory", spill?.path ?? ""),
                ("preserve_insertion_order", settings.preservesInsertionOrder ? "true" : "false"),
                // Everything needed is inside the library; nothing may be fetched from the network.
                ("autoinstall_known_extensions", "false"),
                ("allow_community_extensions", "false"),
                // The operating system caches files already, outside of our memory limit.
                ("enable_external_file_cache", "false"),
            ]
        }
    }
}
