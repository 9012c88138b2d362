import Storage

extension RESTCatalog {
    /// The tables of a namespace, sorted.
    public func listTables(in namespace: String) throws -> [TableIdentifier] {
        do {
            return try list(path(namespace) + ["tables"], [], "identifiers") { try TableIdentifier(json: $0) }
                .sorted { $0.name < $1.name }
        } catch let error as IcebergError where error.kind == .notFound || error.kind == .badNamespace {
            return []
        }
    }

    /// Whether the table is there.
    public func tableExists(_ identifier: TableIdentifier) throws -> Bool {
        let hasHead = has("HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}")
        return try isThere {
            _ = try connection.send(hasHead ? "HEAD" : "GET", path(identifier), effect: .reads)
        }
    }

    /// Forgets a table. Its files stay.
    public func dropTable(_ identifier: TableIdentifier) throws {
        try drop(identifier, purge: false)
    }

    /// Forgets a table, and has the catalog delete its files.
    public func purgeTable(_ identifier: TableIdentifier) throws {
        try drop(identifier, purge: true)
    }

    private func drop(_ identifier: TableIdentifier, purge: Bool) throws {
        try asTable {
            _ = try connection.send(
                "DELETE", path(identifier), query: [("purgeRequested", purge ? "true" : "false")], effect: .changes)
        }
        files.forget(identifier)
    }

    /// Gives a table another name.
    public func renameTable(_ identifier: TableIdentifier, to name: TableIdentifier) throws {
        try name.validate()
        let body = JSONWriter.object { writer in
            writer.key("source")
            identifier.write(to: &writer)
            writer.key("destination")
            name.write(to: &writer)
        }
        _ = try connection.send("POST", ["tables", "rename"], body: body, effect: .changes)
        files.forget(identifier)
    }

    /// Takes in a table by a metadata file that is there already.
    public func registerTable(
        _ identifier: TableIdentifier, metadataLocation: String, overwrite: Bool
    ) throws -> TableVersion {
        try identifier.validate()
        let body = JSONWriter.object { writer in
            writer.member("name", identifier.name)
            writer.member("metadata-location", metadataLocation)
            if overwrite { writer.member("overwrite", true) }
        }
        let answer = try connection.send(
            "POST", path(identifier.namespace) + ["register"], body: body, effect: .changes)
        return try version(answer, of: identifier)
    }

    /// The current version.
    public func load(_ identifier: TableIdentifier) throws -> TableVersion {
        try asTable { try version(try connection.send("GET", path(identifier), effect: .reads), of: identifier) }
    }

    /// Makes an empty table.
    public func create(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec, properties: [String: String],
        location: String?
    ) throws -> TableVersion {
        let answer = try requestTable(
            identifier, schema: schema, spec: spec, properties: properties, location: location, isStaged: false)
        return try version(answer, of: identifier)
    }

    /// What the first version of a table would be, where the catalog chooses its folder; it is created by a commit with
    /// no base, alone or together with those of other tables.
    /// - Throws: ``IcebergError`` `.alreadyExists`, `.badNamespace` or `.badRequest`.
    public func stage(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec = .unpartitioned,
        properties: [String: String] = [:], location: String? = nil
    ) throws -> TableMetadata {
        let answer = try requestTable(
            identifier, schema: schema, spec: spec, properties: properties, location: location, isStaged: true)
        return try metadata(try Self.parsed(answer), of: identifier, true)
    }

    private func requestTable(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec, properties: [String: String],
        location: String?, isStaged: Bool
    ) throws -> [UInt8] {
        try identifier.validate()
        let body = JSONWriter.object { writer in
            writer.member("name", identifier.name)
            if let location { writer.member("location", location) }
            writer.key("schema")
            schema.write(to: &writer)
            writer.key("partition-spec")
            spec.write(to: &writer)
            writer.member("stage-create", isStaged)
            writer.key("properties")
            writer.strings(properties)
        }
        do {
            return try connection.send(
                "POST", path(identifier.namespace) + ["tables"], body: body, effect: .changes)
        } catch let error as IcebergError where error.kind == .notFound {
            throw IcebergError(.badNamespace, error.message)
        }
    }

    // MARK: Commits

    /// Sends the difference between each base and what it is to become, and what must hold for it.
    ///
    /// One table's commit is answered with its version; those of several go as one transaction, and the tables are
    /// loaded after it, which may show what others committed since.
    public func commit(_ commits: [TableCommit]) throws -> [TableVersion] {
        guard Set(commits.map(\.identifier)).count == commits.count else {
            throw IcebergError(.badRequest, "a table is named twice in one commit")
        }
        guard !commits.isEmpty else { return [] }
        let requests = commits.map { TableCommitRequest($0.identifier, from: $0.base?.metadata, to: $0.metadata) }
        do {
            if requests.count == 1 { return [try commit(requests[0])] }
            return try commitTransaction(requests)
        } catch let error as IcebergError where error.kind == .conflict {
            // A table that was to be created and is there is no conflict that another attempt would settle.
            for commit in commits where commit.base == nil {
                guard try !tableExists(commit.identifier) else {
                    throw IcebergError(.alreadyExists, "the table \(commit.identifier) exists already")
                }
            }
            throw error
        }
    }

    private func commit(_ request: TableCommitRequest) throws -> TableVersion {
        var writer = JSONWriter()
        request.write(to: &writer)
        let answer = try asTable {
            try connection.send("POST", path(request.identifier), body: writer.bytes, effect: .commits)
        }
        // How files are reached is in no answer to a commit.
        return try afterCommit { try version(answer, of: request.identifier, saysAccess: false) }
    }

    private func commitTransaction(_ requests: [TableCommitRequest]) throws -> [TableVersion] {
        guard has("POST /v1/{prefix}/transactions/commit") else {
            throw IcebergError(
                .unsupported, "this catalog cannot commit to several tables at once: commit to one after the other")
        }
        let body = JSONWriter.object { writer in
            writer.key("table-changes")
            writer.array { writer in for request in requests { request.write(to: &writer) } }
        }
        _ = try connection.send("POST", ["transactions", "commit"], body: body, effect: .commits)
        return try afterCommit { try requests.map { try load($0.identifier) } }
    }

    /// What fails once a commit is made does not undo it.
    private func afterCommit<Answer>(_ read: () throws -> Answer) throws -> Answer {
        do {
            return try read()
        } catch let error as IcebergError {
            throw IcebergError(.uncertain, "the commit was made, but then: \(error.message)")
        }
    }

    // MARK: Answers

    /// A missing namespace is a missing table to who asks for the table.
    private func asTable<Answer>(_ ask: () throws -> Answer) throws -> Answer {
        do {
            return try ask()
        } catch let error as IcebergError where error.kind == .badNamespace {
            throw IcebergError(.notFound, error.message)
        }
    }

    private func version(
        _ answer: [UInt8], of identifier: TableIdentifier, saysAccess: Bool = true
    ) throws -> TableVersion {
        let json = try Self.parsed(answer)
        guard let location = json["metadata-location"]?.string else {
            throw IcebergError(.unavailable, "the catalog's answer for \(identifier) has no metadata-location")
        }
        return TableVersion(location: location, metadata: try metadata(json, of: identifier, saysAccess))
    }

    private func metadata(
        _ json: JSON, of identifier: TableIdentifier, _ saysAccess: Bool
    ) throws -> TableMetadata {
        guard let metadata = json["metadata"] else {
            throw IcebergError(.unavailable, "the catalog's answer for \(identifier) has no metadata")
        }
        let table = try locating("the catalog's answer for \(identifier)") { try TableMetadata(json: metadata) }
        if saysAccess { try keepAccess(json, of: identifier, table) }
        return table
    }
}
