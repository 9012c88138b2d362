public import Events
public import Iceberg

/// The bronze table of a topic: the contract's fields as typed columns, the event as it came, and where the log has it.
public struct BronzeTable: Sendable {
    /// The topic whose records it holds.
    public let topic: Topic

    /// The bronze table of a topic.
    public init(_ topic: Topic) { self.topic = topic }

    /// The namespace of all of them.
    public static let namespace = "bronze"

    /// `bronze.<topic>`.
    public var identifier: TableIdentifier { TableIdentifier(BronzeTable.namespace, topic.name) }

    /// The columns as the contract has them, in order, with what each is filled with.
    var contract: [(definition: ColumnDefinition, origin: BronzeLayout.Origin)] {
        var columns: [(ColumnDefinition, BronzeLayout.Origin)] = []
        if let type = topic.eventType {
            let schema = EventSchema.of(type)
            for field in schema.columns {
                let required = schema.requiredSet & field.bit != 0
                columns.append(
                    (
                        ColumnDefinition(field.name, field.icebergType, required: required),
                        field.kind == .items ? .items([]) : .field(field)
                    ))
            }
            columns.append(
                (ColumnDefinition("raw", .string, required: true, doc: "The event's JSON exactly as it came."), .raw))
        } else {
            columns.append((ColumnDefinition("reason", .string, required: true), .reason))
            columns.append((ColumnDefinition("source", .string, required: true), .source))
            columns.append(
                (
                    ColumnDefinition("raw", .binary, required: true, doc: "The rejected bytes exactly as they came."),
                    .raw
                ))
        }
        columns.append(
            (
                ColumnDefinition("received_at", .timestamptz, required: true, doc: "When the log took the record in."),
                .receivedAt
            ))
        columns.append((ColumnDefinition("log_partition", .int, required: true), .partition))
        columns.append((ColumnDefinition("log_offset", .long, required: true), .offset))
        return columns
    }

    /// The table, made when it is not there yet, and with the columns that a newer contract has.
    func open(_ catalog: any Catalog) throws -> Table {
        guard try catalog.tableExists(identifier) else {
            try catalog.createNamespace(identifier.namespace, ifMissing: true)
            let schema = Schema(assigningIDs: contract.map(\.definition))
            return try catalog.createTable(
                identifier, schema: schema, spec: PartitionSpec(of: schema, by: [("received_at", .day)]),
                properties: TableUpkeep.properties.merging([
                    "comment": "Records of the topic \(topic.name) as they arrived."
                ]) { $1 }, location: nil)
        }
        var table = try catalog.loadTable(identifier)
        var attempts = 0
        while true {
            let columns = try BronzeLayout(self, table.metadata).missing
            if columns.isEmpty { return table }
            do {
                let version = try catalog.commit(
                    identifier, replacing: table.version, with: try adding(columns, to: table))
                table = Table(identifier, at: version, catalog: catalog)
            } catch let error as IcebergError where error.kind == .conflict && attempts < BronzeTable.attemptsMax {
                attempts += 1
                try table.refresh()
            }
        }
    }

    /// Attempts to add columns beside other writers.
    private static let attemptsMax = 16

    /// The table's metadata with more columns at the end of its schema. Rows that are there read null in them, which is
    /// why none can be required.
    private func adding(_ columns: [ColumnDefinition], to table: Table) throws -> TableMetadata {
        var metadata = table.metadata
        var schema = metadata.currentSchema
        for column in columns {
            guard case .primitive(let type) = column.type, !column.required else {
                throw LakeTableError(
                    "\(identifier) has no column \(column.name), which every event has: it is no table of ours")
            }
            metadata.lastColumnID += 1
            schema.fields.append(
                NestedField(
                    id: metadata.lastColumnID, name: column.name, required: false, type: type, doc: column.doc))
        }
        schema.schemaID = (metadata.schemas.map(\.schemaID).max() ?? 0) + 1
        metadata.schemas.append(schema)
        metadata.currentSchemaID = schema.schemaID
        return metadata
    }

    /// Sees that the table is partitioned as its files are made: by the day of `received_at`, or not at all.
    func checkPartitioning(_ table: Table) throws {
        let fields = table.spec.fields
        if fields.isEmpty { return }
        guard fields.count == 1, fields[0].transform == .day,
            let source = table.schema.field(id: fields[0].sourceID), source.type == .timestamptz,
            table.metadata.schemas.contains(where: { schema in
                schema.fields.contains { $0.id == source.id && $0.name == "received_at" }
            })
        else {
            throw LakeTableError(
                "\(identifier) is not partitioned by the day of received_at: set its partitioning back")
        }
    }
}

extension EventField {
    /// The column type in the tables.
    var icebergType: Iceberg.ColumnType {
        switch kind {
        case .id, .text, .word, .currency, .type: .string
        case .integer: self == .dwellMS ? .long : .int
        case .money: .decimal(precision: 18, scale: 4)
        case .timestamp: .timestamptz
        case .items:
            .list(
                .struct([
                    ColumnDefinition("product_id", .string, required: true),
                    ColumnDefinition("quantity", .int, required: true),
                    ColumnDefinition("unit_price", .decimal(precision: 18, scale: 4), required: true),
                ]), elementRequired: true)
        }
    }
}
