import Foundation
import Synchronization

/// How the engine reaches an object store: where it is, and with which keys.
public struct ObjectStoreAccess: Sendable, Hashable {
    /// Host and port.
    public var authority: String
    /// Whether connections are encrypted.
    public var isTLS: Bool
    /// Whether buckets are named in the path, and not in the host's name.
    public var usesPathStyle: Bool
    /// The region that requests are signed for.
    public var region: String
    /// The access key.
    public var accessKey: String
    /// Its secret.
    public var secretKey: String
    /// The token of temporary keys.
    public var sessionToken: String?
    /// A PEM file of certificate authorities to trust in place of the system's.
    public var certificateAuthorities: String?
    /// What locations begin with that are reached this way; the longest of all accesses' beginnings counts.
    public var scopes: [String]

    /// Every location in an object store.
    public static let everything = ["s3://", "s3a://", "s3n://"]

    /// Access to a store.
    public init(
        authority: String, isTLS: Bool, usesPathStyle: Bool, region: String, accessKey: String, secretKey: String,
        sessionToken: String? = nil, certificateAuthorities: String? = nil, scopes: [String] = Self.everything
    ) {
        self.authority = authority
        self.isTLS = isTLS
        self.usesPathStyle = usesPathStyle
        self.region = region
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
        self.certificateAuthorities = certificateAuthorities
        self.scopes = scopes
    }

    /// The statement that makes it known under a name; it holds secrets and must not get into messages.
    func secretSQL(_ name: String) -> String {
        var words = [
            "TYPE s3", "KEY_ID \(SQL.literal(accessKey))", "SECRET \(SQL.literal(secretKey))",
            "REGION \(SQL.literal(region))", "ENDPOINT \(SQL.literal(authority))",
            "URL_STYLE \(usesPathStyle ? "'path'" : "'vhost'")", "USE_SSL \(isTLS)",
            "SCOPE \(SQL.list(scopes))",
        ]
        if let sessionToken { words.append("SESSION_TOKEN \(SQL.literal(sessionToken))") }
        return "CREATE OR REPLACE TEMPORARY SECRET \(name) (\(words.joined(separator: ", ")))"
    }
}

/// The engine's own part for object stores: an extension beside the library, loaded by the database that needs it.
public enum ObjectStoreExtension {
    /// The environment variable that names its file and comes before the place beside the library.
    public static let environmentVariable = "CARTOGRAPH_HTTPFS"

    /// Its file.
    /// - Throws: `EngineError` of kind `libraryMissing` that says where it was looked for and what to do.
    public static func location() throws -> String {
        let named = ProcessInfo.processInfo.environment[environmentVariable].flatMap { $0.isEmpty ? nil : $0 }
        let folder = URL(fileURLWithPath: try DuckDBLibrary.location()).deletingLastPathComponent().path
        let path = named ?? folder + "/httpfs.duckdb_extension"
        guard FileManager.default.fileExists(atPath: path) else {
            throw EngineError(
                .libraryMissing,
                "the engine's extension for object stores is not at \(path): run scripts/bootstrap run, or set "
                    + "\(environmentVariable) to the file httpfs.duckdb_extension of DuckDB "
                    + DuckDBLibrary.requiredVersion)
        }
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// The largest file that can be written, in bytes; the engine makes parts of a ten-thousandth of it, and holds one
    /// or two of them for every file that is open. Its own 800 GB would take 80 MB for each.
    static let fileBytesMax = 50_000_000_000
    /// Parts of each open file that are sent while the next is filled; each takes its 5 MB of memory meanwhile.
    static let partsInFlight = 1

    /// The statements that load it and set it up.
    static func setupSQL(_ access: ObjectStoreAccess) throws -> [String] {
        var statements = [
            "LOAD \(SQL.literal(try location()))",
            "SET GLOBAL s3_uploader_max_filesize = '\(fileBytesMax)B'",
            "SET GLOBAL s3_uploader_thread_limit = \(partsInFlight)",
            // Keys are names, and neither patterns nor queries.
            "SET GLOBAL s3_url_compatibility_mode = true",
            "SET GLOBAL enable_server_cert_verification = true",
            "SET GLOBAL enable_curl_server_cert_verification = true",
        ]
        if let file = access.certificateAuthorities {
            statements.append("SET GLOBAL ca_cert_file = \(SQL.literal(file))")
        }
        return statements
    }
}

/// What a database knows of its object stores: brought up to date before each statement, since keys may end.
final class ObjectStoreState: Sendable {
    private struct Known {
        var isLoaded = false
        /// The names that accesses have in the database, by what they are for.
        var secrets: [[String]: (name: String, access: ObjectStoreAccess)] = [:]
        var named = 0
    }

    private let source: @Sendable () throws -> [ObjectStoreAccess]
    private let known = Mutex(Known())

    init(_ source: @escaping @Sendable () throws -> [ObjectStoreAccess]) { self.source = source }

    /// Runs what is needed through `run`, which must not repeat a statement in its errors.
    func prepare(_ run: (String) throws -> Void) throws {
        let wanted = try source()
        try known.withLock { known in
            if !known.isLoaded, let first = wanted.first {
                for statement in try ObjectStoreExtension.setupSQL(first) { try run(statement) }
                known.isLoaded = true
            }
            for access in wanted where known.secrets[access.scopes]?.access != access {
                // The name stays, so that statements of other connections never miss one.
                let name = known.secrets[access.scopes]?.name ?? "cartograph_\(known.named)"
                known.named += 1
                try run(access.secretSQL(name))
                known.secrets[access.scopes] = (name, access)
            }
            guard known.secrets.count > wanted.count else { return }
            let scopes = Set(wanted.map(\.scopes))
            for (scope, secret) in known.secrets where !scopes.contains(scope) {
                try run("DROP TEMPORARY SECRET IF EXISTS \(secret.name)")
                known.secrets[scope] = nil
            }
        }
    }
}

extension EngineError {
    /// The words for what an object store refused or did not answer, with what to do.
    static func objectStore(_ text: String, _ sql: String) -> EngineError {
        let told = text.split(separator: "\n").prefix(4).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && !$0.hasPrefix("LINE ") && !$0.hasPrefix("^") }.prefix(2).joined(separator: " ")
        func has(_ words: String...) -> Bool { words.contains { text.contains($0) } }
        let todo =
            if has("NoSuchBucket") {
                "create the bucket, or correct `lake:` and s3.endpoint"
            } else if has("RequestTimeTooSkewed") {
                "set this machine's clock"
            } else if has("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "HTTP 403", "HTTP code 403") {
                "check the keys (s3.access_key and s3.secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and "
                    + "what they may do in the bucket"
            } else if has("HTTP 404", "HTTP code 404") {
                "the object is gone, or was never written: check who cleans the bucket"
            } else if has("HTTP 301", "HTTP code 301", "PermanentRedirect", "AuthorizationHeaderMalformed") {
                "set s3.region to the bucket's"
            } else if has("SSL", "certificate") {
                "check s3.ca_file and whether the endpoint speaks https"
            } else {
                "check the network and the store, and try again"
            }
        return EngineError(.io, "\(told): \(todo); `cartograph doctor` looks into it", sql: sql)
    }
}
