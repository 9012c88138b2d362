/// What a client tells a catalog to get a table from one version to another, and what must hold for that.
package struct MetadataDifference: Sendable, Hashable {
    /// What must still be true of the table.
    package var requirements: [TableRequirement] = []
    /// What is to be changed, in an order in which each makes sense.
    package var updates: [MetadataUpdate] = []

    /// The way from `base`, or from no table at all, to `next`.
    ///
    /// Whatever `next` changes of what another writer could have changed too is required to be as it was in `base`.
    /// Nothing is said of the logs, which a catalog keeps itself.
    package init(from base: TableMetadata?, to next: TableMetadata) {
        if let base {
            if !base.tableUUID.isEmpty { requirements.append(.tableUUID(base.tableUUID)) }
        } else {
            requirements.append(.create)
            if !next.tableUUID.isEmpty { updates.append(.assignUUID(next.tableUUID)) }
        }
        if base.map({ $0.formatVersion < 2 }) ?? true { updates.append(.upgradeFormatVersion(2)) }
        if let base, base.location == next.location {} else { updates.append(.setLocation(next.location)) }
        compareSchemas(base, next)
        compareSpecs(base, next)
        compareOrders(base, next)
        compareProperties(base?.properties ?? [:], next.properties)
        compareSnapshots(base, next)
        compareStatistics(base, next)
        let specs = Set(next.partitionSpecs.map(\.specID))
        let goneSpecs = (base?.partitionSpecs ?? []).map(\.specID).filter { !specs.contains($0) }
        if !goneSpecs.isEmpty { updates.append(.removePartitionSpecs(goneSpecs)) }
        let schemas = Set(next.schemas.map(\.schemaID))
        let goneSchemas = (base?.schemas ?? []).map(\.schemaID).filter { !schemas.contains($0) }
        if !goneSchemas.isEmpty { updates.append(.removeSchemas(goneSchemas)) }
    }

    private mutating func compareSchemas(_ base: TableMetadata?, _ next: TableMetadata) {
        let known = Set(base?.schemas.map(\.schemaID) ?? [])
        let added = next.schemas.filter { !known.contains($0.schemaID) }
        updates += added.map(MetadataUpdate.addSchema)
        if !added.isEmpty, let base { requirements.append(.lastAssignedFieldID(base.lastColumnID)) }
        guard base?.currentSchemaID != next.currentSchemaID || base == nil else { return }
        if let base { requirements.append(.currentSchemaID(base.currentSchemaID)) }
        let isLast = added.last?.schemaID == next.currentSchemaID
        updates.append(.setCurrentSchema(isLast ? -1 : next.currentSchemaID))
    }

    private mutating func compareSpecs(_ base: TableMetadata?, _ next: TableMetadata) {
        let known = Set(base?.partitionSpecs.map(\.specID) ?? [])
        let added = next.partitionSpecs.filter { !known.contains($0.specID) }
        updates += added.map { .addSpec(UnboundPartitionSpec($0)) }
        if !added.isEmpty, let base { requirements.append(.lastAssignedPartitionID(base.lastPartitionID)) }
        guard base?.defaultSpecID != next.defaultSpecID || base == nil else { return }
        if let base { requirements.append(.defaultSpecID(base.defaultSpecID)) }
        let isLast = added.last?.specID == next.defaultSpecID
        updates.append(.setDefaultSpec(isLast ? -1 : next.defaultSpecID))
    }

    private mutating func compareOrders(_ base: TableMetadata?, _ next: TableMetadata) {
        let known = Set(base?.sortOrders.map(\.orderID) ?? [])
        let added = next.sortOrders.filter { !known.contains($0.orderID) }
        updates += added.map(MetadataUpdate.addSortOrder)
        guard base?.defaultSortOrderID != next.defaultSortOrderID || base == nil else { return }
        if let base { requirements.append(.defaultSortOrderID(base.defaultSortOrderID)) }
        let isLast = added.last?.orderID == next.defaultSortOrderID
        updates.append(.setDefaultSortOrder(isLast ? -1 : next.defaultSortOrderID))
    }

    private mutating func compareProperties(_ old: [String: String], _ new: [String: String]) {
        let set = new.filter { old[$0.key] != $0.value }
        let gone = old.keys.filter { new[$0] == nil }.sorted()
        if !set.isEmpty { updates.append(.setProperties(set)) }
        if !gone.isEmpty { updates.append(.removeProperties(gone)) }
    }

    private mutating func compareSnapshots(_ base: TableMetadata?, _ next: TableMetadata) {
        let known = Set(base?.snapshots.map(\.id) ?? [])
        updates += next.snapshots.filter { !known.contains($0.id) }.map(MetadataUpdate.addSnapshot)
        let old = base?.references ?? [:]
        let kept = Set(next.snapshots.map(\.id))
        let expired = (base?.snapshots ?? []).map(\.id).filter { !kept.contains($0) }
        for name in Set(old.keys).union(next.references.keys).sorted() {
            let isChanged = old[name] != next.references[name]
            // A snapshot may only go while every name still stands where it stood when that was decided.
            if base != nil, isChanged || !expired.isEmpty {
                requirements.append(.reference(name, snapshotID: old[name]?.snapshotID))
            }
            guard isChanged else { continue }
            if let reference = next.references[name] {
                updates.append(.setSnapshotReference(name, reference))
            } else {
                updates.append(.removeSnapshotReference(name))
            }
        }
        if !expired.isEmpty { updates.append(.removeSnapshots(expired)) }
    }

    private mutating func compareStatistics(_ base: TableMetadata?, _ next: TableMetadata) {
        for kind in [MetadataUpdate.StatisticsKind.table, .partition] {
            let old = base?.statistics(kind) ?? []
            let new = next.statistics(kind)
            let kept = Set(new.compactMap { $0["snapshot-id"]?.int64 })
            for file in new where !old.contains(file) {
                if let id = file["snapshot-id"]?.int64 { updates.append(.setStatistics(kind, snapshotID: id, file)) }
            }
            for id in old.compactMap({ $0["snapshot-id"]?.int64 })
            where !kept.contains(id) && next.snapshot(id: id) != nil {
                updates.append(.removeStatistics(kind, snapshotID: id))
            }
        }
    }
}
