import Storage

/// How a REST catalog says that a table's files in an object store are reached, for the locations below a prefix.
///
/// The names are those of the REST API's `LoadTableResult` (`s3.access-key-id`, `client.region` and so on), and those
/// that Java's and Python's libraries know beside them (`s3.endpoint`, `s3.path-style-access`, `s3.region`,
/// `s3.session-token-expires-at-ms`).
struct RESTAccess: Sendable {
    /// What locations begin with; empty for all of the table's.
    let prefix: String
    /// With the keys that the catalog gave; without any they are looked up as if it had said nothing.
    let settings: S3Settings
    /// When the keys end, in seconds since 1970 UTC; nil for keys that stay.
    let expiresAt: Double?

    /// The keys that the catalog gave.
    var keys: S3Credentials? {
        guard let accessKey = settings.accessKey, let secretKey = settings.secretKey, isGiven else { return nil }
        return S3Credentials(
            accessKey: accessKey, secretKey: secretKey, sessionToken: settings.sessionToken, expiresAt: expiresAt,
            origin: "the catalog")
    }
    private let isGiven: Bool

    /// The one with the longest prefix that a location begins with (REST API, `StorageCredential`).
    static func best(of accesses: [RESTAccess], for name: ObjectName) -> RESTAccess? {
        // A folder may be written with a slash at its end or without.
        let text = name.text + "/"
        return accesses.filter { text.utf8.starts(with: $0.prefix.utf8) }
            .max { $0.prefix.utf8.count < $1.prefix.utf8.count }
    }
}

extension RESTAccess {
    /// What a catalog says about one table, as it says it. Values may be secrets: they get into no message.
    struct Given: Sendable {
        /// What it says for every table where the settings say nothing.
        var defaults: [String: String] = [:]
        /// What it says for every table.
        var overrides: [String: String] = [:]
        /// `config` of the table's answer.
        var table: [String: String] = [:]
        /// `storage-credentials` of the table's answer.
        var credentials: [(prefix: String, config: [String: String])] = []
    }

    private static let accessKey = "s3.access-key-id"
    private static let secretKey = "s3.secret-access-key"
    private static let sessionToken = "s3.session-token"
    private static let expiry = "s3.session-token-expires-at-ms"
    private static let endpoint = "s3.endpoint"
    private static let pathStyle = "s3.path-style-access"
    private static let regions = ["client.region", "s3.region"]
    private static let keyNames = [accessKey, secretKey, sessionToken, expiry]
    private static let names = Set(keyNames + regions + [endpoint, pathStyle])

    /// Credentials of one answer that are looked at.
    static let credentialsMax = 100

    fileprivate init(
        _ prefix: String, _ given: [String: String], defaults: [String: String], over own: S3Settings,
        of identifier: TableIdentifier
    ) throws {
        func style(_ values: [String: String]) throws -> S3Settings.Style? {
            switch values[Self.pathStyle]?.lowercased() {
            case nil: nil
            case "true": .path
            case "false": .virtual
            default:
                throw IcebergError(
                    .unavailable,
                    "the catalog's answer for \(identifier) says neither true nor false for "
                        + Self.pathStyle)
            }
        }
        func region(_ values: [String: String]) -> String? { Self.regions.lazy.compactMap { values[$0] }.first }
        var settings = own
        settings.endpoint = given[Self.endpoint] ?? own.endpoint ?? defaults[Self.endpoint]
        settings.region = region(given) ?? own.region ?? region(defaults)
        settings.style = try style(given) ?? own.style ?? style(defaults)
        let keys =
            given[Self.accessKey] != nil || own.accessKey != nil ? given : given.merging(defaults) { said, _ in said }
        guard (keys[Self.accessKey] == nil) == (keys[Self.secretKey] == nil) else {
            throw IcebergError(
                .unavailable,
                "the catalog's answer for \(identifier) has one of \(Self.accessKey) and "
                    + "\(Self.secretKey) without the other")
        }
        isGiven = keys[Self.accessKey] != nil
        if isGiven {
            settings.accessKey = keys[Self.accessKey]
            settings.secretKey = keys[Self.secretKey]
            settings.sessionToken = keys[Self.sessionToken]
        }
        self.prefix = prefix
        self.settings = settings
        expiresAt = isGiven ? keys[Self.expiry].flatMap { Double($0) }.map { $0 / 1_000 } : nil
    }
}

extension RESTAccess.Given {
    /// The accesses that come of it: one for the whole table, and one for each of its credentials. None where it says
    /// nothing of an object store.
    ///
    /// Credentials come before `config` (REST API, `LoadTableResult`), and what is said of the table before what is said
    /// of all. Keys are never put together from two places.
    /// - Parameter own: what the settings say.
    /// - Throws: ``IcebergError`` `.unavailable` that names what cannot be used, without its value.
    func accesses(over own: S3Settings, of identifier: TableIdentifier) throws -> [RESTAccess] {
        guard credentials.count <= RESTAccess.credentialsMax else {
            throw IcebergError(
                .unavailable,
                "the catalog gives \(credentials.count) credentials for \(identifier); up to "
                    + "\(RESTAccess.credentialsMax) are looked at")
        }
        let whole = RESTAccess.layered(overrides, table)
        var found: [RESTAccess] = []
        func add(_ prefix: String, _ values: [String: String]) throws {
            guard !RESTAccess.isSilent(values) || !RESTAccess.isSilent(defaults) else { return }
            found.append(try RESTAccess(prefix, values, defaults: defaults, over: own, of: identifier))
        }
        try add("", whole)
        for (prefix, config) in credentials {
            guard let prefix = RESTAccess.plain(prefix) else { continue }
            try add(prefix, RESTAccess.layered(whole, config))
        }
        return found
    }
}

extension RESTAccess {
    /// Whether nothing is said of an object store that speaks S3.
    fileprivate static func isSilent(_ values: [String: String]) -> Bool {
        values.keys.allSatisfy { !names.contains($0) }
    }

    /// Values over others. Keys come all from one of them: a session token is of no use to other keys.
    fileprivate static func layered(_ under: [String: String], _ over: [String: String]) -> [String: String] {
        var kept = under
        if over[accessKey] != nil || over[secretKey] != nil { for name in keyNames { kept[name] = nil } }
        return kept.merging(over) { $1 }
    }

    /// A prefix in the spelling of ``ObjectName``; nil for one of another kind of store. `s3` alone means all.
    fileprivate static func plain(_ prefix: String) -> String? {
        if prefix == "s3" || prefix == "s3a" || prefix == "s3n" { return "s3://" }
        for scheme in ["s3://", "s3a://", "s3n://"] where prefix.hasPrefix(scheme) {
            return "s3://" + prefix.dropFirst(scheme.count)
        }
        return nil
    }
}
