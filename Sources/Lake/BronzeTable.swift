import Engine
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

    /// The columns that say where and when the log took the record in, in every bronze table.
    static let logColumns = ["received_at", "log_partition", "log_offset"]

    /// The columns as Iceberg types, in order.
    var definitions: [ColumnDefinition] {
        var columns: [ColumnDefinition] = []
        if let type = topic.eventType {
            let schema = EventSchema.of(type)
            for field in schema.columns {
                let required = schema.requiredSet & field.bit != 0
                columns.append(ColumnDefinition(field.name, field.icebergType, required: required))
            }
            columns.append(
                ColumnDefinition("raw", .string, required: true, doc: "The event's JSON exactly as it came."))
        } else {
            columns.append(ColumnDefinition("reason", .string, required: true))
            columns.append(ColumnDefinition("source", .string, required: true))
            columns.append(
                ColumnDefinition("raw", .binary, required: true, doc: "The rejected bytes exactly as they came."))
        }
        columns.append(
            ColumnDefinition("received_at", .timestamptz, required: true, doc: "When the log took the record in."))
        columns.append(ColumnDefinition("log_partition", .int, required: true))
        columns.append(ColumnDefinition("log_offset", .long, required: true))
        return columns
    }

    /// The columns as the engine is fed with them, in the same order.
    var columns: [Column] {
        var columns: [Column] = []
        if let type = topic.eventType {
            columns = EventSchema.of(type).columns.map { Column($0.name, $0.engineType) }
            columns.append(Column("raw", .string))
        } else {
            columns = [Column("reason", .string), Column("source", .string), Column("raw", .blob)]
        }
        return columns + [
            Column("received_at", .timestamptz), Column("log_partition", .int32), Column("log_offset", .int64),
        ]
    }

    /// The table, made when it is not there yet.
    func open(_ catalog: any Catalog) throws -> Table {
        if try catalog.tableExists(identifier) { return try catalog.loadTable(identifier) }
        try catalog.createNamespace(identifier.namespace, ifMissing: true)
        let schema = Schema(assigningIDs: definitions)
        return try catalog.createTable(
            identifier, schema: schema, spec: PartitionSpec(of: schema, by: [("received_at", .day)]),
            properties: TableUpkeep.properties.merging([
                "comment": "Records of the topic \(topic.name) as they arrived."
            ]) { $1 }, location: nil)
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

    /// The column type in the engine.
    var engineType: Engine.ColumnType {
        switch kind {
        case .id, .text, .word, .currency, .type: .string
        case .integer: self == .dwellMS ? .int64 : .int32
        case .money: .decimal(width: 18, scale: 4)
        case .timestamp: .timestamptz
        case .items:
            .list(
                .structure([
                    Column("product_id", .string), Column("quantity", .int32),
                    Column("unit_price", .decimal(width: 18, scale: 4)),
                ]))
        }
    }
}
