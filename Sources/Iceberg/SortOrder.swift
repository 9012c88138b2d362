/// The order that rows have inside files.
public struct SortOrder: Sendable, Hashable {
    /// Which of the table's orders it is; 0 is unsorted.
    public var orderID: Int
    /// What rows are sorted by, the most significant first.
    public var fields: [SortField]

    /// An order whose id is already chosen.
    public init(orderID: Int, fields: [SortField]) {
        self.orderID = orderID
        self.fields = fields
    }

    /// No particular order.
    public static let unsorted = SortOrder(orderID: 0, fields: [])

    /// A first order over columns of `schema`, with the id 1; unsorted when there are no parts.
    /// - Throws: ``IcebergError`` `.badRequest` when a column does not exist or the transform does not apply to it.
    public init(
        of schema: Schema,
        by parts: [(column: String, transform: Transform, direction: SortField.Direction, nulls: SortField.NullOrder)]
    ) throws {
        let fields = try parts.map { part in
            guard let column = schema.field(named: part.column), part.transform.accepts(column.type) else {
                throw IcebergError(
                    .badRequest,
                    "cannot sort by \(part.transform.name) of \(part.column): there is no such plain column, or the "
                        + "transform does not apply to it")
            }
            return SortField(
                sourceID: column.id, transform: part.transform, direction: part.direction, nullOrder: part.nulls)
        }
        self.init(orderID: fields.isEmpty ? Self.unsorted.orderID : 1, fields: fields)
    }

    /// Whether rows may have any order.
    public var isUnsorted: Bool { fields.isEmpty }
}

/// One field of a sort order.
public struct SortField: Sendable, Hashable {
    /// Which values come first.
    public enum Direction: String, Sendable, Hashable {
        case ascending = "asc"
        case descending = "desc"
    }

    /// Where nulls come.
    public enum NullOrder: String, Sendable, Hashable {
        case first = "nulls-first"
        case last = "nulls-last"
    }

    /// Id of the column.
    public var sourceID: Int
    /// What is made of the column's values before they are compared.
    public var transform: Transform
    /// Which values come first.
    public var direction: Direction
    /// Where nulls come.
    public var nullOrder: NullOrder

    /// A field of a sort order.
    public init(sourceID: Int, transform: Transform, direction: Direction, nullOrder: NullOrder) {
        self.sourceID = sourceID
        self.transform = transform
        self.direction = direction
        self.nullOrder = nullOrder
    }
}

extension SortOrder {
    /// Reads a sort order of the table metadata.
    package init(json: JSON) throws {
        let id: Int = try json.integer("order-id")
        let fields = try json.array("fields").map { field in
            guard field["source-ids"] == nil else {
                throw IcebergError(.unsupported, "sort order \(id) has a field of several columns (source-ids)")
            }
            guard let direction = SortField.Direction(rawValue: try field.string("direction")),
                let nullOrder = SortField.NullOrder(rawValue: try field.string("null-order"))
            else {
                throw IcebergError(
                    .malformed,
                    "sort order \(id) has a direction that is neither asc nor desc, or a null-order that is neither "
                        + "nulls-first nor nulls-last")
            }
            return SortField(
                sourceID: try field.integer("source-id"), transform: Transform(named: try field.string("transform")),
                direction: direction, nullOrder: nullOrder)
        }
        guard (id == Self.unsorted.orderID) == fields.isEmpty, id >= 0 else {
            throw IcebergError(
                .malformed, "sort order \(id) has \(fields.count) fields; 0 is the order without fields, and only it")
        }
        self.init(orderID: id, fields: fields)
    }

    /// Writes the order as table metadata holds it.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("order-id", orderID)
            writer.key("fields")
            writer.array { writer in
                for field in fields {
                    writer.object { writer in
                        writer.member("transform", field.transform.name)
                        writer.member("source-id", field.sourceID)
                        writer.member("direction", field.direction.rawValue)
                        writer.member("null-order", field.nullOrder.rawValue)
                    }
                }
            }
        }
    }
}
