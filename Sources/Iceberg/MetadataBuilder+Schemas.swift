/// Schemas, and the partition specs and sort orders that are about their columns.
extension MetadataBuilder {
    mutating func add(_ schema: Schema) throws {
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

    mutating func add(_ unbound: UnboundPartitionSpec) throws {
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

    mutating func add(_ order: SortOrder) throws {
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

    mutating func removeSchemas(_ ids: Set<Int>) throws {
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
}
