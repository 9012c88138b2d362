import Foundation

extension TableMetadata {
    /// This version with the updates of a commit applied, all of them or none.
    ///
    /// Every id, name and reference is checked, so that whatever a client sends, what comes out is metadata that every
    /// reader can read.
    /// - Throws: ``IcebergError`` `.badRequest` when an update makes no sense, `.conflict` when it made sense of an
    ///   older version only.
    package func applying(_ updates: [MetadataUpdate], nowMilliseconds: Int64) throws -> TableMetadata {
        var builder = MetadataBuilder(self, nowMilliseconds: nowMilliseconds)
        for update in updates { try builder.apply(update) }
        return try builder.finished()
    }

    /// The first version of a table that a commit creates by its updates.
    ///
    /// - Parameter location: where its files go, unless an update says so.
    /// - Throws: As ``applying(_:nowMilliseconds:)``, and when there is no schema among the updates.
    package static func creating(
        by updates: [MetadataUpdate], location: String, nowMilliseconds: Int64
    ) throws -> TableMetadata {
        var empty = try TableMetadata(
            location: location, schema: Schema(fields: []), spec: .unpartitioned, properties: [:],
            nowMilliseconds: nowMilliseconds)
        empty.tableUUID = ""
        empty.schemas = []
        empty.partitionSpecs = []
        empty.sortOrders = []
        var builder = MetadataBuilder(empty, nowMilliseconds: nowMilliseconds)
        for update in updates { try builder.apply(update) }
        return try builder.finished()
    }
}

/// Metadata while the updates of one commit are applied to it.
struct MetadataBuilder {
    var metadata: TableMetadata
    private let nowMilliseconds: Int64
    private var addedSchema: Int?
    private var addedSpec: Int?
    private var addedOrder: Int?
    private var addedSnapshots: Set<Int64> = []
    /// Where the log's entries of this commit begin.
    private var logStart: Int

    /// Ids of schemas, specs and orders, and column ids, are 32-bit in other implementations, the last ones reserved.
    private static let idLimit = Schema.highestAllowedFieldID
    /// Sequence numbers and times beyond this are not read back.
    private static let counterLimit = Int64(1) << 53
    /// A snapshot from further in the future than this comes from a broken clock, and would never be expired.
    static let clockSkewMilliseconds: Int64 = 86_400_000
    /// Longest name of a branch or tag, in bytes.
    static let referenceNameBytes = 255

    init(_ base: TableMetadata, nowMilliseconds: Int64) {
        metadata = base
        self.nowMilliseconds = nowMilliseconds
        logStart = base.snapshotLog.count
    }

    mutating func apply(_ update: MetadataUpdate) throws {
        switch update {
        case .assignUUID(let uuid): try assign(uuid)
        case .upgradeFormatVersion(let version): try upgrade(to: version)
        case .addSchema(let schema): try add(schema)
        case .setCurrentSchema(let id):
            let id = try resolve(id, addedSchema, "schema")
            guard metadata.schemas.contains(where: { $0.schemaID == id }) else { throw bad("there is no schema \(id)") }
            metadata.currentSchemaID = id
        case .addSpec(let spec): try add(spec)
        case .setDefaultSpec(let id):
            let id = try resolve(id, addedSpec, "partition spec")
            guard metadata.spec(id: id) != nil else { throw bad("there is no partition spec \(id)") }
            metadata.defaultSpecID = id
        case .addSortOrder(let order): try add(order)
        case .setDefaultSortOrder(let id):
            let id = try resolve(id, addedOrder, "sort order")
            guard id == 0 || metadata.sortOrders.contains(where: { $0.orderID == id }) else {
                throw bad("there is no sort order \(id)")
            }
            metadata.defaultSortOrderID = id
        case .addSnapshot(let snapshot): try add(snapshot)
        case .setSnapshotReference(let name, let reference): try set(name, reference)
        case .removeSnapshots(let ids): remove(Set(ids))
        case .removeSnapshotReference(let name): metadata.references[name] = nil
        case .setLocation(let location):
            guard !location.isEmpty else { throw bad("the location is empty") }
            metadata.location = location
        case .setProperties(let properties):
            if let version = properties["format-version"] {
                throw bad("format-version is no property (\(version) was asked for): send upgrade-format-version")
            }
            metadata.properties.merge(properties) { $1 }
        case .removeProperties(let names): for name in names { metadata.properties[name] = nil }
        case .setStatistics(let kind, let id, let file):
            guard metadata.snapshot(id: id) != nil else { throw bad("there is no snapshot \(id) for the statistics") }
            removeStatistics(kind) { $0 == id }
            metadata.setStatistics(kind, metadata.statistics(kind) + [file])
        case .removeStatistics(let kind, let id): removeStatistics(kind) { $0 == id }
        case .removePartitionSpecs(let ids):
            guard !ids.contains(metadata.defaultSpecID) else {
                throw bad("the default partition spec cannot be removed")
            }
            metadata.partitionSpecs.removeAll { ids.contains($0.specID) }
        case .removeSchemas(let ids): try removeSchemas(Set(ids))
        }
    }

    private func resolve(_ id: Int, _ added: Int?, _ what: String) throws -> Int {
        guard id == -1 else { return id }
        guard let added else { throw bad("-1 means the last \(what) added, and none was added in this commit") }
        return added
    }

    private func bad(_ message: String) -> IcebergError { IcebergError(.badRequest, message) }

    // MARK: Names and versions

    private mutating func assign(_ uuid: String) throws {
        guard UUID(uuidString: uuid) != nil else { throw bad("\"\(uuid.prefix(80))\" is no UUID") }
        guard metadata.tableUUID.isEmpty || metadata.tableUUID.lowercased() == uuid.lowercased() else {
            throw bad("the table has the UUID \(metadata.tableUUID), which cannot be changed to \(uuid)")
        }
        if metadata.tableUUID.isEmpty { metadata.tableUUID = uuid }
    }

    private mutating func upgrade(to version: Int) throws {
        guard version <= 2 else {
            throw bad("format version \(version) is not supported: this catalog keeps version 2 tables")
        }
        guard version >= metadata.formatVersion else {
            throw bad("a version \(metadata.formatVersion) table cannot go back to version \(version)")
        }
        metadata.formatVersion = version
    }

    // MARK: Schemas, specs and orders

    private mutating func add(_ schema: Schema) throws {
        for id in schema.identifierFieldIDs where schema.field(id: id) == nil {
            throw bad("identifier-field-ids names column \(id), which the schema lacks")
        }
        guard !schema.fields.isEmpty else { throw bad("a schema needs at least one column") }
        guard schema.highestFieldID <= Self.idLimit else { throw bad("column ids go up to \(Self.idLimit)") }
        metadata.lastColumnID = max(metadata.lastColumnID, schema.highestFieldID)
        if let same = metadata.schemas.first(where: {
            $0.fields == schema.fields && Set($0.identifierFieldIDs) == Set(schema.identifierFieldIDs)
        }) {
            addedSchema = same.schemaID
            return
        }
        var schema = schema
        schema.schemaID = try next(metadata.schemas.map(\.schemaID), after: -1, "schema")
        metadata.schemas.append(schema)
        addedSchema = schema.schemaID
    }

    /// The schema that specs and orders are about: the one in force, or the one just added to a new table.
    private func boundSchema() throws -> Schema {
        guard
            let schema = metadata.schemas.first(where: { $0.schemaID == metadata.currentSchemaID })
                ?? metadata.schemas.last
        else { throw bad("a schema must be added before partition specs and sort orders") }
        return schema
    }

    private mutating func add(_ unbound: UnboundPartitionSpec) throws {
        let schema = try boundSchema()
        let known = metadata.partitionSpecs.flatMap(\.fields)
        var lastID = max(metadata.lastPartitionID, PartitionSpec.firstFieldID - 1)
        // Ids that the client chose are taken first, so that none of the others gets them.
        lastID = unbound.fields.compactMap(\.fieldID).reduce(lastID, max)
        guard lastID < Self.idLimit else { throw bad("partition field ids go up to \(Self.idLimit)") }
        let fields = try unbound.fields.map { field in
            let recycled = known.first { $0.sourceID == field.sourceID && $0.transform == field.transform }?.fieldID
            if field.fieldID == nil && recycled == nil { lastID += 1 }
            let bound = PartitionField(
                sourceID: field.sourceID, fieldID: field.fieldID ?? recycled ?? lastID, name: field.name,
                transform: field.transform)
            try check(bound, schema, known)
            return bound
        }
        guard Set(fields.map(\.fieldID)).count == fields.count, Set(fields.map(\.name)).count == fields.count else {
            throw bad("two fields of the partition spec share an id or a name")
        }
        metadata.lastPartitionID = lastID
        if let same = metadata.partitionSpecs.first(where: { $0.fields == fields }) {
            addedSpec = same.specID
            return
        }
        let id = try next(metadata.partitionSpecs.map(\.specID), after: -1, "partition spec")
        metadata.partitionSpecs.append(PartitionSpec(specID: id, fields: fields))
        addedSpec = id
    }

    private func check(_ field: PartitionField, _ schema: Schema, _ known: [PartitionField]) throws {
        guard field.fieldID >= 1 else { throw bad("the partition field \(field.name) has the id \(field.fieldID)") }
        guard let source = schema.field(id: field.sourceID), source.type.isPrimitive else {
            throw bad("the partition field \(field.name) is made from column \(field.sourceID), which is not there")
        }
        guard field.transform.accepts(source.type) else {
            throw bad(
                "the transform \(field.transform.name) does not apply to the column \(source.name) (\(source.type))")
        }
        if let other = known.first(where: { $0.fieldID == field.fieldID }),
            other.sourceID != field.sourceID || other.transform != field.transform
        {
            throw bad("the partition field id \(field.fieldID) belongs to \(other.name) already")
        }
        guard !field.name.isEmpty else { throw bad("a partition field has no name") }
        if let column = schema.fields.first(where: { $0.name == field.name }) {
            let isOwn = column.id == field.sourceID && (field.transform == .identity || field.transform == .void)
            guard isOwn else { throw bad("the partition field \(field.name) has the name of a column") }
        }
    }

    private mutating func add(_ order: SortOrder) throws {
        if order.fields.isEmpty {
            if !metadata.sortOrders.contains(.unsorted) { metadata.sortOrders.append(.unsorted) }
            addedOrder = SortOrder.unsorted.orderID
            return
        }
        let schema = try boundSchema()
        for id in order.fields.map(\.sourceID) where schema.field(id: id) == nil {
            throw bad("the sort order is by column \(id), which is not there")
        }
        if let same = metadata.sortOrders.first(where: { $0.fields == order.fields }) {
            addedOrder = same.orderID
            return
        }
        // 0 always means unsorted.
        let id = try next(metadata.sortOrders.map(\.orderID), after: 0, "sort order")
        var order = order
        order.orderID = id
        metadata.sortOrders.append(order)
        addedOrder = id
    }

    private func next(_ ids: [Int], after first: Int, _ what: String) throws -> Int {
        let last = ids.reduce(first, max)
        guard last < Self.idLimit else { throw bad("the table has no room for another \(what)") }
        return last + 1
    }

    private mutating func removeSchemas(_ ids: Set<Int>) throws {
        guard !ids.contains(metadata.currentSchemaID) else { throw bad("the current schema cannot be removed") }
        if let user = metadata.snapshots.first(where: { $0.schemaID.map(ids.contains) ?? false }) {
            throw bad(
                "the schema \(user.schemaID ?? 0) is that of snapshot \(user.id), and cannot be removed before it")
        }
        metadata.schemas.removeAll { ids.contains($0.schemaID) }
        // Values of a spec's partitions have the type of their column, which only an old schema may still tell.
        for spec in metadata.partitionSpecs {
            for field in spec.fields where field.transform != .void && metadata.field(id: field.sourceID) == nil {
                throw bad(
                    "partition spec \(spec.specID) is made from column \(field.sourceID), which only a schema to be removed "
                        + "has: remove the spec first")
            }
        }
    }

    // MARK: Snapshots

    private mutating func add(_ snapshot: Snapshot) throws {
        guard !metadata.schemas.isEmpty else { throw bad("a snapshot cannot be added before a schema") }
        guard snapshot.id > 0 else { throw bad("the snapshot id \(snapshot.id) is not positive") }
        guard metadata.snapshot(id: snapshot.id) == nil else { throw bad("the snapshot \(snapshot.id) exists already") }
        guard !snapshot.manifestList.isEmpty else { throw bad("the snapshot \(snapshot.id) has no manifest-list") }
        guard snapshot.operation != nil else {
            throw bad("the summary of snapshot \(snapshot.id) needs the operation append, replace, overwrite or delete")
        }
        if let id = snapshot.schemaID, !metadata.schemas.contains(where: { $0.schemaID == id }) {
            throw bad("the snapshot \(snapshot.id) names schema \(id), which is not there")
        }
        guard (0...nowMilliseconds + Self.clockSkewMilliseconds).contains(snapshot.timestampMilliseconds) else {
            throw bad(
                "the snapshot \(snapshot.id) is from \(snapshot.timestampMilliseconds) ms, and it is \(nowMilliseconds) "
                    + "ms now: set the writer's clock")
        }
        guard snapshot.sequenceNumber <= Self.counterLimit else {
            throw bad("the sequence number \(snapshot.sequenceNumber) is too large")
        }
        if metadata.formatVersion > 1, snapshot.sequenceNumber <= metadata.lastSequenceNumber {
            throw IcebergError(
                .conflict,
                "the snapshot \(snapshot.id) has the sequence number \(snapshot.sequenceNumber), and the table is at "
                    + "\(metadata.lastSequenceNumber): refresh the table and commit again")
        }
        if let parent = snapshot.parentID, metadata.snapshot(id: parent) == nil {
            throw IcebergError(
                .conflict,
                "the parent \(parent) of snapshot \(snapshot.id) is not in the table (any more): refresh and commit again"
            )
        }
        metadata.lastSequenceNumber = max(metadata.lastSequenceNumber, snapshot.sequenceNumber)
        metadata.snapshots.append(snapshot)
        addedSnapshots.insert(snapshot.id)
    }

    private mutating func set(_ name: String, _ reference: SnapshotReference) throws {
        guard !name.isEmpty, name.utf8.count <= Self.referenceNameBytes else {
            throw bad("a branch or tag needs a name of up to \(Self.referenceNameBytes) bytes")
        }
        guard let snapshot = metadata.snapshot(id: reference.snapshotID) else {
            throw bad("\(name) cannot name snapshot \(reference.snapshotID), which is not there")
        }
        for member in reference.others {
            let isCount = ["max-ref-age-ms", "max-snapshot-age-ms", "min-snapshots-to-keep"].contains(member.name)
            guard !isCount || member.value == .null || (member.value.int64 ?? 0) > 0 else {
                throw bad("\(member.name) of \(name) must be a positive number")
            }
        }
        if name == SnapshotReference.mainBranch {
            guard reference.isBranch else { throw bad("main is a branch and cannot become a tag") }
            if metadata.currentSnapshotID != reference.snapshotID {
                let isNew = addedSnapshots.contains(snapshot.id)
                let last = metadata.snapshotLog.last?.timestampMilliseconds ?? 0
                metadata.snapshotLog.append(
                    SnapshotLogEntry(
                        snapshotID: snapshot.id,
                        timestampMilliseconds: max(isNew ? snapshot.timestampMilliseconds : nowMilliseconds, last)))
            }
        }
        metadata.references[name] = reference
    }

    private mutating func remove(_ ids: Set<Int64>) {
        metadata.snapshots.removeAll { ids.contains($0.id) }
        for kind in [MetadataUpdate.StatisticsKind.table, .partition] { removeStatistics(kind) { ids.contains($0) } }
    }

    private mutating func removeStatistics(_ kind: MetadataUpdate.StatisticsKind, _ isGone: (Int64) -> Bool) {
        let files = metadata.statistics(kind)
        let kept = files.filter { file in file["snapshot-id"]?.int64.map { !isGone($0) } ?? true }
        if kept.count != files.count { metadata.setStatistics(kind, kept) }
    }

    // MARK: The end

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

extension TableMetadata {
    /// The statistics files of one kind.
    package func statistics(_ kind: MetadataUpdate.StatisticsKind) -> [JSON] {
        others.first { $0.name == kind.rawValue }?.value.array ?? []
    }

    fileprivate mutating func setStatistics(_ kind: MetadataUpdate.StatisticsKind, _ files: [JSON]) {
        others.removeAll { $0.name == kind.rawValue }
        if !files.isEmpty { others.append(JSONMember(name: kind.rawValue, value: .array(files))) }
    }
}
