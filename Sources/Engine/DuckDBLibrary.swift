import CDuckDB
import Foundation

/// The DuckDB library of this process: found, opened and checked once, when the first database is opened.
///
/// It is not linked: a program without it starts, and says here what is missing.
public enum DuckDBLibrary {
    /// The release that the header, the types and the tests are for; no other is accepted.
    public static let requiredVersion = "v1.5.5"
    /// The environment variable that names the library's file and comes before every other place.
    public static let environmentVariable = "CARTOGRAPH_DUCKDB"

    /// The file that was opened.
    /// - Throws: `EngineError` of kind `libraryMissing` that says where was searched and what to install.
    public static func location() throws -> String {
        try loaded.get().path
    }

    /// Where the library is looked for, in this order.
    public static func searchPaths() -> [String] {
        if let named = ProcessInfo.processInfo.environment[environmentVariable], !named.isEmpty { return [named] }
        let executable = executableFolder()
        var paths = [executable + "/libduckdb.so", executable + "/../lib/cartograph/libduckdb.so"]
        for start in [executable, FileManager.default.currentDirectoryPath] {
            for folder in ancestors(of: start) {
                let path = (folder == "/" ? "" : folder) + "/.deps/duckdb/libduckdb.so"
                if !paths.contains(path) { paths.append(path) }
            }
        }
        return paths
    }

    /// The functions, for the rest of the room.
    static func functions() throws -> UnsafePointer<cartograph_duckdb_api> {
        try loaded.get().functions
    }

    /// The functions, for callbacks: only a loaded library calls back.
    static var functionsInCallback: UnsafePointer<cartograph_duckdb_api> {
        guard case .success(let library) = loaded else { preconditionFailure("a callback without a DuckDB library") }
        return library.functions
    }

    /// Immutable once filled, and never freed: function pointers may be called from every thread.
    private struct Loaded: @unchecked Sendable {
        let path: String
        let functions: UnsafePointer<cartograph_duckdb_api>
    }

    /// A dynamic library is a property of the process, so this is one of the few things that cannot be handed in.
    private static let loaded: Result<Loaded, EngineError> = load()

    private static let errorLengthMax = 2048

    private static func load() -> Result<Loaded, EngineError> {
        let paths = searchPaths()
        guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            let places = paths.prefix(3).joined(separator: ", ")
            return .failure(
                missing("the DuckDB library was not found (looked for \(places)\(paths.count > 3 ? " and above" : ""))")
            )
        }
        let functions = UnsafeMutablePointer<cartograph_duckdb_api>.allocate(capacity: 1)
        var reason = [CChar](repeating: 0, count: errorLengthMax)
        guard cartograph_duckdb_load(path, functions, &reason, reason.count) == 0 else {
            functions.deallocate()
            return .failure(missing("the DuckDB library could not be loaded: \(text(reason))"))
        }
        guard let version = functions.pointee.duckdb_library_version().map({ String(cString: $0) }),
            version == requiredVersion
        else {
            functions.deallocate()
            return .failure(missing("\(path) is not DuckDB \(requiredVersion)"))
        }
        return .success(Loaded(path: path, functions: UnsafePointer(functions)))
    }

    private static func missing(_ what: String) -> EngineError {
        EngineError(
            .libraryMissing,
            "\(what): run scripts/bootstrap, or set \(environmentVariable) to the file of DuckDB \(requiredVersion)")
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func executableFolder() -> String {
        let linked = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = linked ?? CommandLine.arguments.first ?? ""
        return URL(fileURLWithPath: path).deletingLastPathComponent().path
    }

    private static func ancestors(of folder: String) -> [String] {
        var url = URL(fileURLWithPath: folder).standardizedFileURL
        var found = [url.path]
        while url.path != "/" {
            url.deleteLastPathComponent()
            found.append(url.path)
        }
        return found
    }
}
