import Foundation
import Iceberg
import Storage

extension CatalogService {
    func listTables(_ namespace: String, _ request: CatalogRequest) throws -> CatalogAnswer {
        try demand(namespace)
        let (part, next) = try page(try catalog.listTables(in: namespace), request) { $0.name }
        return .object { writer in
            writer.key("identifiers")
            writer.array { writer in for identifier in part { identifier.write(to: &writer) } }
            writer.nextPage(next)
        }
    }

    func createTable(_ namespace: String, _ request: CatalogRequest) throws -> CatalogAnswer {
        let creation = try TableCreation(json: try request.json(settings.limits))
        let identifier = TableIdentifier(namespace, creation.name)
        try identifier.validate()
        try demand(namespace)
        try shield.checkNames(identifier, what: "created")
        if try catalog.tableExists(identifier) { throw exists(identifier) }
        let location = try folder(for: identifier, asked: creation.location)
        let metadata = try creation.metadata(at: location, nowMilliseconds: now())
        let request = TableCommitRequest(identifier, requirements: [.create], updates: creation.updates)
        try shield.check(request, from: nil, to: metadata)
        try makeFolders(of: metadata)
        if creation.isStaged { return try table(nil, metadata) }
        let made = try catalog.commit([TableCommit(identifier, replacing: nil, with: metadata)])
        return try table(made[0].location, made[0].metadata)
    }

    func registerTable(_ namespace: String, _ request: CatalogRequest) throws -> CatalogAnswer {
        let json = try request.json(settings.limits)
        guard let name = json["name"]?.string, let location = json["metadata-location"]?.string else {
            throw CatalogError.badRequest("a table to be registered needs name and metadata-location")
        }
        let identifier = TableIdentifier(namespace, name)
        try identifier.validate()
        try demand(namespace)
        try shield.checkNames(identifier, what: "registered")
        try shield.checkPlace(location, "the metadata-location")
        let overwrite = json["overwrite"]?.boolean ?? false
        if !overwrite, try catalog.tableExists(identifier) { throw exists(identifier) }
        let metadata: TableMetadata
        do {
            metadata = try TableMetadata(parsing: try catalog.storage.read(location))
        } catch let error as IcebergError {
            throw CatalogError.badRequest("\(location): \(error.message)")
        } catch let error as StorageError where [.notFound, .tooLarge, .badLocation].contains(error.kind) {
            throw CatalogError.badRequest(error.description)
        }
        try shield.checkFolder(metadata.location, of: identifier)
        for snapshot in metadata.snapshots where !snapshot.manifestList.isEmpty {
            try shield.checkPlace(snapshot.manifestList, "the manifest-list")
        }
        let version = try catalog.registerTable(identifier, metadataLocation: location, overwrite: overwrite)
        return try table(version.location, version.metadata)
    }

    func loadTable(_ identifier: TableIdentifier, _ request: CatalogRequest) throws -> CatalogAnswer {
        let version = try load(identifier)
        let mode = request.query["snapshots"] ?? "all"
        guard mode == "all" || mode == "refs" else { throw CatalogError.badRequest("snapshots must be all or refs") }
        // The metadata file has a new name in each version.
        let tag = "\"\(Location.name(of: version.location))-\(mode)\""
        let known = (request.ifNoneMatch ?? "").split(separator: ",").map { $0.filter { $0 != " " } }
        // Who has the table has keys from then, which may have ended.
        if settings.tableKeys == nil, known.contains(tag) || known.contains("W/" + tag) {
            var answer = CatalogAnswer(status: 304)
            answer.entityTag = tag
            return answer
        }
        var metadata = version.metadata
        if mode == "refs" {
            let named = Set(metadata.references.values.map(\.snapshotID))
            metadata.snapshots.removeAll { !named.contains($0.id) }
        }
        var answer = try table(version.location, metadata)
        answer.entityTag = tag
        return answer
    }

    func tableExists(_ identifier: TableIdentifier) throws -> CatalogAnswer {
        guard try catalog.tableExists(identifier) else { throw try missing(identifier) }
        return .done
    }

    func dropTable(_ identifier: TableIdentifier, _ request: CatalogRequest) throws -> CatalogAnswer {
        try shield.checkNames(identifier, what: "dropped")
        guard try catalog.tableExists(identifier) else { throw try missing(identifier) }
        if request.query["purgeRequested"]?.lowercased() == "true" {
            try catalog.purgeTable(identifier)
        } else {
            try catalog.dropTable(identifier)
        }
        return .done
    }

    func renameTable(_ request: CatalogRequest) throws -> CatalogAnswer {
        let json = try request.json(settings.limits)
        guard let source = json["source"], let destination = json["destination"] else {
            throw CatalogError.badRequest("a table to be renamed needs source and destination")
        }
        let (old, new) = (try TableIdentifier(json: source), try TableIdentifier(json: destination))
        try shield.checkNames(old, new, what: "renamed, nor can a table get that name")
        guard try catalog.tableExists(old) else { throw try missing(old) }
        try catalog.renameTable(old, to: new)
        return .done
    }

    func reportMetrics(_ identifier: TableIdentifier, _ request: CatalogRequest) throws -> CatalogAnswer {
        let type = try request.json(settings.limits)["report-type"]?.string
        guard let type, ["scan-report", "commit-report"].contains(type) else {
            throw CatalogError.badRequest("a report needs the report-type scan-report or commit-report")
        }
        metrics.reported(type)
        return .done
    }

    // MARK: Parts

    /// The current version, or why there is none.
    func load(_ identifier: TableIdentifier) throws -> TableVersion {
        do {
            return try catalog.load(identifier)
        } catch let error as IcebergError where error.kind == .notFound {
            throw try missing(identifier)
        }
    }

    /// It is the table that is not found, also where the namespace is not: Java asks for the metadata table `a.b.snapshots`
    /// as a table of the namespace `a.b`, and only that answer makes it look at the table `a.b`.
    private func missing(_ identifier: TableIdentifier) throws -> IcebergError {
        let hasNamespace = try catalog.namespaceExists(identifier.namespace)
        return IcebergError(
            .notFound,
            "there is no table \(identifier)" + (hasNamespace ? "" : ", and no namespace \(identifier.namespace)"))
    }

    private func exists(_ identifier: TableIdentifier) -> IcebergError {
        IcebergError(.alreadyExists, "the table \(identifier) exists already")
    }

    /// Where a new table's files go: where it was asked, or into a folder of its name that no other table has.
    func folder(for identifier: TableIdentifier, asked: String?) throws -> String {
        if var asked {
            while asked.count > 1, asked.hasSuffix("/") { asked.removeLast() }
            try shield.checkFolder(asked, of: identifier)
            // Both spellings of a local place become one.
            return (try? Location.url(forPath: asked)) ?? asked
        }
        let base =
            try catalog.namespaceProperties(identifier.namespace)["location"]
            ?? Location.join(catalog.warehouse, identifier.namespace)
        let usual = Location.join(base, identifier.name)
        // A table that was renamed away keeps its folder.
        let isTaken = try !catalog.tables(sharing: usual, without: identifier).isEmpty
        return isTaken ? usual + "-" + UUID().uuidString.prefix(8).lowercased() : usual
    }

    /// Makes the folders of a local table: some engines write files and expect the folder to be there.
    func makeFolders(of metadata: TableMetadata) throws {
        guard let path = try? Location.path(of: metadata.location) else { return }
        for folder in ["metadata", "data"] {
            do {
                try FileManager.default.createDirectory(
                    atPath: path + "/" + folder, withIntermediateDirectories: true)
            } catch {
                throw CatalogError(
                    503, "ServiceUnavailableException",
                    "the table's folder \(path) cannot be made: "
                        + error.localizedDescription, retryAfterSeconds: 5)
            }
        }
    }

    /// The answer that describes a table, with the keys to its files where they are given; a staged one has no metadata
    /// file.
    func table(_ location: String?, _ metadata: TableMetadata) throws -> CatalogAnswer {
        described(location, metadata, keys: try settings.tableKeys?() ?? [:])
    }

    /// The answer that describes a table.
    func described(_ location: String?, _ metadata: TableMetadata, keys: [String: String] = [:]) -> CatalogAnswer {
        var bytes = JSONWriter.object { writer in
            if let location { writer.member("metadata-location", location) }
            writer.key("config")
            writer.strings(settings.tableConfiguration.merging(keys) { $1 })
        }
        // The metadata is an object that is encoded already: it goes in as it is, before the last brace.
        bytes.removeLast()
        bytes += Array(",\"metadata\":".utf8)
        bytes += metadata.encoded()
        bytes.append(UInt8(ascii: "}"))
        return CatalogAnswer(status: 200, body: bytes)
    }
}
