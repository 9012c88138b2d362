import Iceberg
import Storage

/// What others may not do to the catalog, whoever they are.
///
/// Files stay inside the warehouse: maintenance reads and deletes what metadata names. And tables that this process
/// feeds from its log keep the offsets that say how far: see docs/decisions/0013.
struct CatalogGuard: Sendable {
    let catalog: SQLiteCatalog
    let settings: CatalogSettings

    /// Properties that say where files go.
    private static let places = [
        TableProperty.dataPath, TableProperty.metadataPath, "write.object-storage.path", "write.folder-storage.path",
    ]

    // MARK: Places

    /// Checks where a table's files would go.
    func checkFolder(_ location: String, of identifier: TableIdentifier) throws {
        try checkPlace(location, "the location")
        if let other = try catalog.tables(sharing: location, without: identifier).first {
            throw CatalogError.forbidden(
                "the location \(location) overlaps the folder of \(other): choose another, or leave it out")
        }
    }

    /// Checks that a location is inside the warehouse.
    func checkPlace(_ location: String, _ what: String) throws {
        guard Self.isInside(location, catalog.warehouse) else {
            throw CatalogError.forbidden(
                "\(what) \(location.prefix(200)) is not inside the warehouse \(catalog.warehouse): this catalog keeps "
                    + "everything there")
        }
    }

    static func isInside(_ location: String, _ warehouse: String) -> Bool {
        if let folder = try? Location.path(of: warehouse) {
            guard location.hasPrefix("/") || location.hasPrefix("file:/"), let path = try? Location.path(of: location)
            else { return false }
            return path.hasPrefix(folder == "/" ? folder : folder + "/")
        }
        let folder = warehouse.hasSuffix("/") ? warehouse : warehouse + "/"
        guard location.hasPrefix(folder) else { return false }
        // Object stores take these as names, file systems over them do not.
        return location.dropFirst(folder.count).split(separator: "/", omittingEmptySubsequences: false)
            .allSatisfy { $0 != ".." && $0 != "." }
    }

    // MARK: Commits

    /// Checks a commit that would make `next` of `base`.
    func check(_ request: TableCommitRequest, from base: TableMetadata?, to next: TableMetadata) throws {
        if base?.location != next.location { try checkFolder(next.location, of: request.identifier) }
        for name in Self.places {
            guard let place = next.properties[name], place != base?.properties[name] else { continue }
            // Upkeep deletes in it what the metadata names, so it must be no other table's.
            try checkFolder(place, of: request.identifier)
        }
        for snapshot in request.addedSnapshots { try checkPlace(snapshot.manifestList, "the manifest-list") }
        for case .setStatistics(_, _, let file) in request.updates {
            try checkPlace(file["statistics-path"]?.string ?? "", "the statistics-path")
        }
        if isFed(request.identifier.namespace) { try checkFed(request.identifier, from: base, to: next) }
    }

    // MARK: Tables that this process feeds

    private func isFed(_ namespace: String) -> Bool {
        guard let fed = settings.fedNamespace else { return false }
        return namespace == fed || namespace.hasPrefix(fed + ".")
    }

    /// Checks that a table may be made, dropped or renamed by others.
    func checkNames(_ identifiers: TableIdentifier..., what: String) throws {
        for identifier in identifiers where isFed(identifier.namespace) {
            throw CatalogError.forbidden(
                "\(identifier) cannot be \(what): the tables of \(identifier.namespace) are made and fed from the event "
                    + "log by cartograph alone")
        }
    }

    /// Checks that a namespace may be dropped by others.
    func checkNamespace(_ namespace: String) throws {
        guard !isFed(namespace) else {
            throw CatalogError.forbidden(
                "\(namespace) cannot be dropped: cartograph keeps the event log's tables in it")
        }
    }

    private func checkFed(_ identifier: TableIdentifier, from base: TableMetadata?, to next: TableMetadata) throws {
        guard let base else { return try checkNames(identifier, what: "created") }
        func refuse(_ what: String) -> CatalogError {
            .forbidden(
                "\(identifier) is fed from the event log by cartograph alone: \(what). Others may read it, tag it, branch "
                    + "it, add optional columns and set properties")
        }
        let offsets = { (metadata: TableMetadata) in metadata.currentSnapshot?.summary[settings.offsetsKey] }
        if next.currentSnapshotID != base.currentSnapshotID {
            guard next.currentSnapshotID != nil, offsets(next) != nil, offsets(next) == offsets(base) else {
                throw refuse(
                    "a commit of data by another writer would lose or double events. A rewrite that keeps every row may "
                        + "say so by \(settings.offsetsKey)=\(offsets(base) ?? "…") in its snapshot's summary")
            }
        }
        if next.location != base.location { throw refuse("its location cannot be changed") }
        if next.defaultSpec != base.defaultSpec { throw refuse("its partitioning cannot be changed") }
        let names = Dictionary(next.currentSchema.fields.map { ($0.id, $0) }) { first, _ in first }
        for column in base.currentSchema.fields {
            guard let kept = names[column.id], kept.name == column.name, kept.type == column.type,
                kept.required == column.required
            else { throw refuse("its column \(column.name) cannot be dropped, renamed or changed") }
        }
        let known = Set(base.currentSchema.fields.map(\.id))
        if let column = next.currentSchema.fields.first(where: { !known.contains($0.id) && $0.required }) {
            throw refuse("the new column \(column.name) must be optional")
        }
    }
}
