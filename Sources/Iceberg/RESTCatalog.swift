import Foundation
public import Storage

/// Any catalog that speaks the Iceberg REST API, ours included.
///
/// Every call blocks until it is answered. What changes nothing is tried several times. A commit is sent once: when its
/// answer is lost, ``IcebergError`` `.uncertain` says so, and ``Table`` and ``Transaction`` look its snapshot up.
public final class RESTCatalog: CatalogDirectory {
    /// Where the tables' files are, reached as the catalog says for each table.
    public var storage: any ObjectStorage { files }
    /// What the catalog and the settings say together: the catalog's defaults, then the settings, then its overrides.
    public let properties: [String: String]
    let connection: RESTConnection
    private let endpoints: Set<String>?
    let files: RESTStorage
    /// What the catalog says of reaching files, for all tables.
    private let defaults: [String: String]
    private let overrides: [String: String]

    /// Pages of one listing.
    static let pagesMax = 10_000
    /// Names in one listing.
    static let namesMax = 1_000_000
    /// Deepest namespace that is looked into.
    static let namespaceDepth = 16

    /// Asks the catalog for its configuration.
    ///
    /// - Parameter storage: reads and writes the tables' files of which the catalog does not say how they are reached; a
    ///   ``RESTStorage`` is taken as it is.
    /// - Throws: ``IcebergError`` `.unavailable`, `.forbidden`, or `.badRequest` for settings that cannot be.
    public init(_ settings: RESTCatalogSettings, storage: any ObjectStorage = LocalStorage()) throws {
        files = storage as? RESTStorage ?? RESTStorage(over: storage)
        connection = try RESTConnection(settings)
        let json = try Self.parsed(
            try connection.send(
                "GET", ["config"], query: settings.warehouse.map { [("warehouse", $0)] } ?? [], effect: .reads,
                isConfig: true))
        let header = "header."
        overrides = json["overrides"]?.strings ?? [:]
        defaults = json["defaults"]?.strings ?? [:]
        // Asks for keys of the tables' own; a catalog that has none to give passes over it.
        var merged = [header + "X-Iceberg-Access-Delegation": "vended-credentials"]
        var ours = Dictionary(settings.headers.map { (header + $0.key, $0.value) }) { $1 }
        ours["uri"] = settings.uri
        if let warehouse = settings.warehouse { ours["warehouse"] = warehouse }
        for given in [defaults, ours, overrides] {
            // Names of header fields are the same in capitals and without.
            let names = Set(given.keys.filter { $0.hasPrefix(header) }.map { $0.lowercased() })
            merged = merged.filter { !names.contains($0.key.lowercased()) }.merging(given) { $1 }
        }
        properties = merged
        endpoints = json["endpoints"]?.array.map { Set($0.compactMap(\.string)) }
        let headers = merged.filter { $0.key.hasPrefix(header) }
            .map { (String($0.key.dropFirst(header.count)), $0.value) }
        try connection.adopt(uri: overrides["uri"], prefix: merged["prefix"], headers: Dictionary(headers) { $1 })
        files.reload { [weak self] in _ = try self?.load($0) }
    }

    /// Whether the catalog lists an endpoint; one that lists none has those of the specification.
    func has(_ endpoint: String) -> Bool { endpoints?.contains(endpoint) ?? true }

    static func parsed(_ body: [UInt8]) throws -> JSON {
        do {
            return try JSON(parsing: body)
        } catch let error as IcebergError {
            throw IcebergError(.unavailable, "the catalog's answer is not readable: \(error.message)")
        }
    }

    /// Takes over what an answer says about reaching a table's files.
    func keepAccess(_ answer: JSON, of identifier: TableIdentifier, _ metadata: TableMetadata) throws {
        try files.keep(
            RESTAccess.Given(
                defaults: defaults, overrides: overrides, table: answer["config"]?.strings ?? [:],
                credentials: (answer["storage-credentials"]?.array ?? []).compactMap { credential in
                    guard let prefix = credential["prefix"]?.string, let config = credential["config"]?.strings else {
                        return nil
                    }
                    return (prefix, config)
                }), of: identifier, metadata)
    }

    func path(_ namespace: String) -> [String] {
        ["namespaces", TableIdentifier.levels(of: namespace).joined(separator: "\u{1F}")]
    }

    func path(_ identifier: TableIdentifier) -> [String] { path(identifier.namespace) + ["tables", identifier.name] }

    /// Every element of a listing, page by page.
    func list<Element>(
        _ path: [String], _ query: [(String, String)], _ name: String, _ read: (JSON) throws -> Element
    ) throws -> [Element] {
        var found: [Element] = []
        var token: String? = ""
        for _ in 0..<Self.pagesMax {
            guard let current = token else { return found }
            let page = try Self.parsed(
                try connection.send("GET", path, query: query + [("pageToken", current)], effect: .reads))
            found += try (page[name]?.array ?? []).map(read)
            guard found.count <= Self.namesMax else { break }
            let next = page["next-page-token"]?.string
            // A catalog that always gives the same token would be asked for ever.
            guard next != current || next == nil else { break }
            token = next.flatMap { $0.isEmpty ? nil : $0 }
        }
        guard token != nil else { return found }
        throw IcebergError(
            .unavailable, "the listing of \(name) does not end after \(found.count) names")
    }
}

// MARK: - Namespaces

extension RESTCatalog {
    /// Makes a namespace.
    public func createNamespace(_ name: String, ifMissing: Bool) throws {
        do {
            try createNamespace(name, properties: [:])
        } catch let error as IcebergError where error.kind == .alreadyExists && ifMissing {
            return
        }
    }

    /// Makes a namespace with properties.
    public func createNamespace(_ namespace: String, properties: [String: String]) throws {
        try TableIdentifier.validate(namespace: namespace)
        let body = JSONWriter.object { writer in
            writer.key("namespace")
            writer.array { writer in for level in TableIdentifier.levels(of: namespace) { writer.value(level) } }
            writer.key("properties")
            writer.strings(properties)
        }
        _ = try connection.send("POST", ["namespaces"], body: body, effect: .changes)
    }

    /// Every namespace at every depth.
    public func listNamespaces() throws -> [String] {
        var found: [String] = []
        var level = try children(of: nil)
        for _ in 0..<Self.namespaceDepth where !level.isEmpty {
            found += level
            guard found.count <= Self.namesMax else {
                throw IcebergError(.unavailable, "the catalog has more than \(Self.namesMax) namespaces")
            }
            level = try level.flatMap { parent in
                do {
                    return try children(of: parent)
                } catch let error as IcebergError where error.kind == .badNamespace || error.kind == .notFound {
                    // Dropped meanwhile.
                    return []
                }
            }
        }
        return found.sorted()
    }

    private func children(of parent: String?) throws -> [String] {
        let query = parent.map { [("parent", TableIdentifier.levels(of: $0).joined(separator: "\u{1F}"))] } ?? []
        let depth = parent.map { TableIdentifier.levels(of: $0).count } ?? 0
        return try list(["namespaces"], query, "namespaces") { json in
            try TableIdentifier.namespace(levels: json.array?.map { $0.string } ?? [])
        }.filter {
            // Some catalogs answer with the parent itself, or with all that is below.
            TableIdentifier.levels(of: $0).count == depth + 1 && (parent == nil || $0.hasPrefix((parent ?? "") + "."))
        }
    }

    /// Whether a namespace is there.
    public func namespaceExists(_ namespace: String) throws -> Bool {
        try isThere { _ = try namespaceProperties(namespace) }
    }

    /// The properties of a namespace.
    public func namespaceProperties(_ namespace: String) throws -> [String: String] {
        let json = try Self.parsed(try asNamespace { try connection.send("GET", path(namespace), effect: .reads) })
        return json["properties"]?.strings ?? [:]
    }

    /// Sets and removes properties of a namespace.
    public func updateNamespace(
        _ namespace: String, setting: [String: String], removing: [String]
    ) throws -> NamespacePropertyChanges {
        let body = JSONWriter.object { writer in
            writer.key("removals")
            writer.array { writer in for name in removing { writer.value(name) } }
            writer.key("updates")
            writer.strings(setting)
        }
        let json = try Self.parsed(
            try asNamespace {
                try connection.send("POST", path(namespace) + ["properties"], body: body, effect: .changes)
            })
        func names(_ key: String) -> [String] { json[key]?.array?.compactMap(\.string) ?? [] }
        return NamespacePropertyChanges(
            updated: names("updated"), removed: names("removed"), missing: names("missing"))
    }

    /// Forgets a namespace.
    public func dropNamespace(_ namespace: String) throws {
        do {
            _ = try asNamespace { try connection.send("DELETE", path(namespace), effect: .changes) }
        } catch let error as IcebergError where error.kind == .alreadyExists {
            // 409 has one meaning here, whatever the catalog calls it.
            throw IcebergError(.namespaceNotEmpty, error.message)
        }
    }

    /// A namespace that is not there is told by 404 alone by some catalogs.
    private func asNamespace<Answer>(_ ask: () throws -> Answer) throws -> Answer {
        do {
            return try ask()
        } catch let error as IcebergError where error.kind == .notFound {
            throw IcebergError(.badNamespace, error.message)
        }
    }

    func isThere(_ ask: () throws -> Void) throws -> Bool {
        do {
            try ask()
            return true
        } catch let error as IcebergError where error.kind == .notFound || error.kind == .badNamespace {
            return false
        }
    }
}
