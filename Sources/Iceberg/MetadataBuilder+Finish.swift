import Foundation

extension MetadataBuilder {
    /// What came of the updates, checked as a whole.
    func finished() throws -> TableMetadata {
        var result = metadata
        guard let schema = result.schemas.first(where: { $0.schemaID == result.currentSchemaID }) else {
            throw bad("the table would have no current schema: send add-schema and set-current-schema")
        }
        // What a client that creates a table may leave out.
        if result.partitionSpecs.isEmpty { result.partitionSpecs = [.unpartitioned] }
        if result.sortOrders.isEmpty { result.sortOrders = [.unsorted] }
        guard let spec = result.spec(id: result.defaultSpecID) else {
            throw bad("the table would have no default partition spec \(result.defaultSpecID)")
        }
        for field in spec.fields where field.transform != .void {
            guard let source = schema.field(id: field.sourceID), field.transform.accepts(source.type) else {
                throw bad(
                    "the table would be partitioned by \(field.name), whose column \(field.sourceID) the schema lacks")
            }
        }
        if let order = result.sortOrders.first(where: { $0.orderID == result.defaultSortOrderID }) {
            for id in order.fields.map(\.sourceID) where schema.field(id: id) == nil {
                throw bad("the table would be sorted by column \(id), which the schema lacks")
            }
        }
        let ids = Set(result.snapshots.map(\.id))
        for (name, reference) in result.references.sorted(by: { $0.key < $1.key })
        where !ids.contains(reference.snapshotID) {
            throw IcebergError(
                .conflict,
                "\(name) names snapshot \(reference.snapshotID), which was to be removed: remove or move it first")
        }
        guard !result.location.isEmpty else { throw bad("the table would have no location") }
        if result.tableUUID.isEmpty { result.tableUUID = UUID().uuidString.lowercased() }
        result.snapshotLog = log(of: result, keeping: ids)
        // The reader's checks have the last word: what it would refuse must never become the table's metadata. Snapshots
        // of the base came through them before.
        var unread = result
        let named = Set(result.references.values.map(\.snapshotID))
        unread.snapshots.removeAll { !addedSnapshots.contains($0.id) && !named.contains($0.id) }
        unread.snapshotLog = []
        do {
            _ = try TableMetadata(parsing: unread.encoded())
        } catch let error as IcebergError {
            throw bad("the table could not be read any more: \(error.message)")
        }
        return result
    }

    /// The log without the snapshots that this commit only passed through, and without what stands before a gap, which
    /// would make "current at that moment" answer wrongly.
    private func log(of result: TableMetadata, keeping ids: Set<Int64>) -> [SnapshotLogEntry] {
        let start = min(logStart, result.snapshotLog.count)
        let passing = result.snapshotLog[start...].filter {
            $0.snapshotID == result.currentSnapshotID || !addedSnapshots.contains($0.snapshotID)
        }
        var log = Array(result.snapshotLog[..<start]) + passing
        if let gap = log.lastIndex(where: { !ids.contains($0.snapshotID) }) { log.removeFirst(gap + 1) }
        return log
    }
}
